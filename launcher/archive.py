"""`./roamkeep backup` and `restore`: the whole of a Roamkeep in one file, back only into an empty data folder.

The file is a tar with `manifest.json` (format, time, SHA-256 and size of the others), `database.dump` (pg_dump custom
format, blobs and audit included) and `folder.json` (the secret key that signs and seals, and the demo choice). It holds
everything a thief needs: it is written readable by its owner only.
"""

import hashlib
import io
import json
import os
import shlex
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfileobj, rmtree
from typing import Any
from urllib.parse import unquote, urlsplit

from launcher import project, stack
from launcher.folders import DataFolder, chosen_folder
from launcher.postgres import find_binaries
from launcher.service import LauncherError, plain_environment
from launcher.supervisor import Supervisor, stop_signals
from launcher.terminal import say
from launcher.watchman import Watchman

FORMAT = "roamkeep-backup-1"
MANIFEST, DUMP, FOLDER = "manifest.json", "database.dump", "folder.json"


def backup(file: Path, *, data: Path | None) -> int:
    """Write the running stack on the data folder to a new file; nothing is left behind when that fails."""
    folder = chosen_folder(data)
    values = folder.running()
    with stop_signals(), _writable(file) as work:
        _run_tool("pg_dump", _superuser_url(folder, values), "--format=custom", f"--file={work / DUMP}")
        kept = {"SECRET_KEY": values["SECRET_KEY"], "demo": folder.state("demo")}
        (work / FOLDER).write_text(json.dumps(kept))
        _pack(work).rename(file)
    say(f"Backup written to {file} ({file.stat().st_size / 2**20:.1f} MiB). It contains every secret: keep it safe.")
    return 0


@contextmanager
def _writable(file: Path) -> Iterator[Path]:
    """Yield a folder to make a new file in; what the system refuses becomes one sentence, and the folder goes."""
    try:
        if file.exists() or file.is_symlink():  # a link that leads nowhere is there, too
            raise LauncherError(f"{file} exists already; choose another name or remove it first.")
        if not file.parent.is_dir():
            raise LauncherError(f"There is no folder {file.parent.resolve()}.")
        with tempfile.TemporaryDirectory(prefix=".roamkeep-backup-", dir=file.parent) as work:  # made with mode 0700
            yield Path(work)
    except OSError as error:
        raise LauncherError(f"{file} cannot be written: {error.strerror or error}.") from error


def _pack(work: Path) -> Path:
    """Put what lies in the folder into one tar behind its manifest; return it, safely on the disk."""
    manifest = {
        "format": FORMAT,
        "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "files": {name: _fingerprint(work / name) for name in (FOLDER, DUMP)},
    }
    draft = work / "draft.tar"
    with tarfile.open(draft, "w") as archive:
        head = json.dumps(manifest, indent=1).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size, entry.mode = len(head), 0o600
        archive.addfile(entry, io.BytesIO(head))
        for name in (FOLDER, DUMP):
            archive.add(work / name, arcname=name)
    draft.chmod(0o600)
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    return draft


def restore(file: Path, *, data: Path | None, keep_tokens: bool) -> int:
    """Fill an empty data folder from a backup; sessions and access tokens end unless `keep_tokens`.

    The file is checked whole before anything is made, and a restore that fails leaves the folder as empty as it was.
    """
    folder = chosen_folder(data)
    if not folder.is_empty():
        raise LauncherError(f"{folder.path} is not empty: a backup is restored into an empty or new data folder only.")
    if not stack.uses_own_database():
        raise LauncherError("restore fills a data folder of our own; unset DATABASE_URL.")
    with stop_signals(), _left_empty_on_failure(folder):
        folder.create()
        with tempfile.TemporaryDirectory(prefix="restore-", dir=folder.path) as work:
            kept = _unpack(file, Path(work))
            _fill(folder, Path(work), kept, keep_tokens=keep_tokens)
    ended = "Sessions and tokens were kept." if keep_tokens else "Sessions and tokens were ended."
    start = f"./roamkeep up --data {shlex.quote(str(folder.path))}"
    say(f"Restored into {folder.path}. {ended} Start it with {start}")
    return 0


@contextmanager
def _left_empty_on_failure(folder: DataFolder) -> Iterator[None]:
    made = [path for path in (folder.path, *folder.path.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in folder.path.iterdir() if folder.path.exists() else ():
            rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        with suppress(OSError):  # never made, or by now in use by others
            for path in made:
                path.rmdir()
        raise


def _fill(folder: DataFolder, work: Path, kept: dict[str, Any], *, keep_tokens: bool) -> None:
    folder.store_secrets(secret_key=kept["SECRET_KEY"])
    with folder.lock() as lock:
        watchman = Watchman(lock, remove=[folder.create_sockets()])
        database, queue = stack.postgres(folder), stack.valkey(folder)
        try:
            with Supervisor(folder.logs, say, watchman) as supervisor:
                supervisor.start(database, queue)
                url = database.url("postgres")
                _run_tool("pg_restore", url, "--exit-on-error", "--single-transaction", str(work / DUMP))
                values = stack.variables(folder, [database, queue], address="http://127.0.0.1:7771")
                project.migrate(folder, values, own_database=True)
                if not keep_tokens:
                    project.manage(values, "end_sessions", "--all")
                    project.manage(values, "end_device_keys", "--all")
                folder.remember("demo", kept["demo"])
        finally:
            watchman.dismiss()


def _unpack(file: Path, target: Path) -> dict[str, Any]:
    """Unpack a backup, check every file against the manifest and return what was kept of the data folder.

    Raises LauncherError naming what is wrong.
    """
    with _readable(file) as archive:
        names = archive.getnames()
        if not names or names[0] != MANIFEST:
            raise LauncherError(f"{file} is not a backup of Roamkeep: it does not begin with {MANIFEST}.")
        manifest = _mapping(json.loads(_member(archive, MANIFEST).read()))
        if manifest.get("format") != FORMAT:
            raise LauncherError(f"{file} has the format {manifest.get('format')!r}; this version reads {FORMAT}.")
        for name in (FOLDER, DUMP):
            with (target / name).open("wb") as unpacked:
                copyfileobj(_member(archive, name), unpacked)
            if _fingerprint(target / name) != _mapping(manifest["files"])[name]:
                raise LauncherError(f"{file} is damaged: {name} is not what was backed up.")
        kept = _mapping(json.loads((target / FOLDER).read_text()))
        if not (isinstance(kept["SECRET_KEY"], str) and kept["SECRET_KEY"] and kept["demo"] in (True, False, None)):
            raise ValueError(FOLDER)
        return kept


@contextmanager
def _readable(file: Path) -> Iterator[tarfile.TarFile]:
    """Open a backup; whatever is wrong with its outer form becomes one sentence."""
    try:
        with tarfile.open(file, "r:") as archive:
            yield archive
    except OSError as error:
        raise LauncherError(f"{file} cannot be read: {error.strerror or error}.") from error
    except (tarfile.TarError, ValueError, KeyError, EOFError) as error:
        raise LauncherError(f"{file} is not a whole backup of Roamkeep.") from error


def _member(archive: tarfile.TarFile, name: str) -> Any:
    member = archive.extractfile(name)
    if member is None:
        raise KeyError(name)
    return member


def _mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object as it is; we never wrote anything else in its place."""
    if not isinstance(value, dict):
        raise ValueError(value)
    return value


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": path.stat().st_size}


def _superuser_url(folder: DataFolder, values: dict[str, str]) -> str:
    """Return the URL of a role that row-level security does not hide anything from."""
    database = stack.postgres(folder)
    if values["DATABASE_URL"] == database.environment()["DATABASE_URL"]:
        return database.url("postgres")
    if url := os.environ.get("DATABASE_BACKUP_URL"):
        return url
    raise LauncherError(
        "The running stack uses a database server of yours. Set DATABASE_BACKUP_URL to a role with BYPASSRLS there: "
        "any other would silently leave rows out."
    )


def _run_tool(name: str, url: str, *arguments: str) -> None:
    """Run pg_dump or pg_restore on a database, its password in the environment instead of the process list."""
    parts = urlsplit(url)
    line = [str(find_binaries() / name), f"--dbname={url.replace(f':{parts.password}@', '@')}", *arguments]
    environment = {**plain_environment(), "PGPASSWORD": unquote(parts.password or "")}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise LauncherError(f"{name} failed:\n{done.stderr.strip()}")
