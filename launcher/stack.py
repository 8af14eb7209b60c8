"""What one Roamkeep consists of: the services behind Django and the variables they hand to it.

A service is left out when its variable is already set in the calling environment: then that server is used.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from launcher.folders import ROOT, STATIC, TEMPORARY, TOOLS, DataFolder
from launcher.mail import MailCatcher
from launcher.postgres import SHARED, Postgres
from launcher.roles import weaknesses
from launcher.service import LauncherError, Service
from launcher.supervisor import Supervisor
from launcher.valkey import Valkey
from launcher.watchman import Watchman

DATABASE_VARIABLES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_OPERATOR_URL")
# Of the caller's environment these too belong to the stack: `./roamkeep manage` must see them from another terminal.
CALLER_VARIABLES = (*DATABASE_VARIABLES, "BROKER_URL", "CACHE_URL", "EMAIL_URL", "SECRET_KEY", "PUBLIC_URL")
DIRECTORY_PREFIXES = ("DEMO_DIRECTORY_", "GLOBEX_DIRECTORY_")


def uses_own_database() -> bool:
    """Say whether PostgreSQL is ours to start.

    Raises LauncherError when only part of a foreign one is named, or in a way that cannot be read.
    """
    given = [name for name in DATABASE_VARIABLES if os.environ.get(name)]
    if given and len(given) < len(DATABASE_VARIABLES):
        absent = ", ".join(name for name in DATABASE_VARIABLES if name not in given)
        raise LauncherError(
            f"{given[0]} is set, so that server is used; set {absent} as well (one URL for each of the three roles; "
            "python -m launcher.roles makes them)."
        )
    for name in given:
        try:
            conninfo_to_dict(os.environ[name])
        except ProgrammingError:  # its words may hold the password
            raise LauncherError(f"{name} cannot be read as the URL of a PostgreSQL database.") from None
    return not given


def refuse_weak_key() -> None:
    """Refuse a SECRET_KEY of the caller that is easy to guess, as `launcher.roles` does where others run the stack."""
    given = os.environ.get("SECRET_KEY")
    if given and (found := weaknesses({"SECRET_KEY": given})):
        raise LauncherError("\n".join(found))


def uses_own_directory() -> bool:
    """Say whether the demo directory is ours to start."""
    return not os.environ.get("DEMO_DIRECTORY_URL")


def postgres(folder: DataFolder, *, durable: bool = True) -> Postgres:
    """Return the PostgreSQL of this data folder."""
    return Postgres(folder.path / "postgres", folder.create_sockets(), folder.secrets(), durable=durable)


def valkey(folder: DataFolder, *, durable: bool = True) -> Valkey:
    """Return the Valkey of this data folder."""
    return Valkey(folder.path / "valkey", folder.create_sockets(), durable=durable)


def services_behind(folder: DataFolder, *, demo_directory: bool) -> list[Service]:
    """Return what `up` starts before Django: those that the calling environment does not replace."""
    services: list[Service] = []
    if uses_own_database():
        services.append(postgres(folder))
    if not os.environ.get("BROKER_URL"):
        services.append(valkey(folder))
    if not os.environ.get("EMAIL_URL"):
        services.append(MailCatcher(folder.mail))
    if demo_directory and uses_own_directory():
        from launcher.openldap import OpenLdap

        services.append(OpenLdap(folder.path / "openldap", TOOLS))
    return services


def variables(folder: DataFolder, services: list[Service], *, address: str) -> dict[str, str]:
    """Return every variable of the stack: generated, handed over by services, or given by the caller, who wins."""
    ours = {
        "SECRET_KEY": folder.secrets()["SECRET_KEY"],
        "PUBLIC_URL": address,
        "DATA_DIR": str(folder.path),
        "STATIC_ROOT": str(STATIC),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    for service in services:
        ours |= service.environment()
    for name, value in os.environ.items():
        if value and (name in CALLER_VARIABLES or name.startswith(DIRECTORY_PREFIXES)):
            ours[name] = value
    return ours


def process_environment(values: dict[str, str]) -> dict[str, str]:
    """Return the whole environment of a Django process: the caller's, and over it the stack's."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **values}


@contextlib.contextmanager
def throw_away(
    say: Callable[[str], None], *, durable: bool, place: Path = TEMPORARY
) -> Iterator[tuple[DataFolder, dict[str, str]]]:
    """Run PostgreSQL and Valkey in a new folder under `place` for the length of a `with` block, then remove it all.

    Yields the folder and the variables for Django. `durable=False` is for tests: nothing is synced to disk. There is
    no CACHE_URL, so that tests that run side by side do not empty each other's cache.
    """
    place.mkdir(parents=True, exist_ok=True)
    folder = DataFolder(Path(tempfile.mkdtemp(prefix="roamkeep-", dir=place)))
    folder.create()
    with folder.lock() as lock:
        watchman = Watchman(lock, remove=[folder.sockets, folder.path, SHARED / folder.sockets.name])
        database, queue = postgres(folder, durable=durable), valkey(folder, durable=durable)
        try:
            with Supervisor(folder.logs, say, watchman) as supervisor:
                supervisor.start(database, queue)
                values = variables(folder, [database, queue], address="http://127.0.0.1:7771")
                values.pop("CACHE_URL", None)
                yield folder, values | database.environment() | {"BROKER_URL": queue.environment()["BROKER_URL"]}
        finally:
            watchman.dismiss()
