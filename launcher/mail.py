"""Mail catcher: takes every message on a loopback port and keeps it as a file instead of sending it."""

from pathlib import Path

from launcher.folders import PYTHON
from launcher.ports import LOOPBACK, answers, free_port
from launcher.service import Service


class MailCatcher(Service):
    """An SMTP server whose messages become files in the Maildir `directory`."""

    name = "mail"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()

    def command(self) -> list[str]:
        handler = ["-c", "aiosmtpd.handlers.Mailbox", str(self.directory)]
        return [str(PYTHON), "-m", "aiosmtpd", "-n", "-l", f"{LOOPBACK}:{self.port}", *handler]

    def is_ready(self) -> bool:
        return answers((LOOPBACK, self.port))

    def environment(self) -> dict[str, str]:
        return {"EMAIL_URL": f"smtp://{LOOPBACK}:{self.port}"}
