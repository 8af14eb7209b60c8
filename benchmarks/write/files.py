"""The peers that keep files: restic and borg, on the same settings written out as one file per user and settings group.

Both in their fastest reasonable shape: restic with a version 2 repository, borg without encryption and with zstd 3.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from uuid import UUID

from django.db import connection

from accounts.models import Tenant
from config.tenancy import tenant_context
from personalization import store
from personalization.formats import manifest
from personalization.models import Snapshot
from personalization.store.reading import read_manifest_bytes

PROGRAMS = ("restic", "borg")


class Tree:
    """A folder per user with a file per settings group; the changed profiles can be turned to and fro."""

    def __init__(self, tenant: Tenant, root: Path) -> None:
        self.root = root
        with tenant_context(tenant.pk):
            contents = {row.pk: _contents(tenant.pk, row) for row in Snapshot.objects.filter(tenant=tenant)}
            with connection.cursor() as cursor:
                cursor.execute(
                    """
                    SELECT p.managed_user_id, p.settings_group_id, p.snapshot_id, b.snapshot_id
                    FROM personalization_settingsprofile p CROSS JOIN LATERAL (
                        SELECT snapshot_id FROM personalization_backup
                        WHERE tenant_id = %(tenant)s AND profile_id = p.id AND deleted_at IS NULL
                        ORDER BY created_at DESC, id DESC LIMIT 1) b
                    WHERE p.tenant_id = %(tenant)s
                    """,
                    {"tenant": tenant.pk},
                )
                rows = cursor.fetchall()
        self.changed: list[tuple[Path, bytes, bytes]] = []
        self.bytes = 0
        for user, group, current, newest in rows:
            path = root / str(user) / str(group)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents[newest])
            self.bytes += len(contents[newest])
            if current != newest:
                self.changed.append((path, contents[newest], contents[current]))
        self.files, self.is_current = len(rows), False

    def turn(self) -> None:
        """Write the changed files: what is current now, what was backed up the next time."""
        self.is_current = not self.is_current
        for path, newest, current in self.changed:
            path.write_bytes(current if self.is_current else newest)


def _contents(tenant_id: UUID, snapshot: Snapshot) -> bytes:
    whole = read_manifest_bytes(snapshot)
    digests = sorted(manifest.blob_digests(whole))
    return whole + b"".join(store.read_blob(tenant_id=tenant_id, digest=digest) for digest in digests)


class Repository:
    """A repository of one of the programs beside a Tree."""

    def __init__(self, program: str, tree: Tree, place: Path) -> None:
        self.program, self.tree, self.path, self._number = program, tree, place / program, 0
        self._environment = {
            **os.environ,
            "RESTIC_PASSWORD": "benchmark",
            "RESTIC_CACHE_DIR": str(place / "restic-cache"),
            "BORG_BASE_DIR": str(place / "borg-base"),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }
        if program == "restic":
            self._run("init", "--repository-version", "2")
        else:
            self._run("init", "-e", "none", str(self.path))

    def back_up(self) -> None:
        """Back up the whole tree once more."""
        self._number += 1
        if self.program == "restic":
            self._run("backup", "--quiet", str(self.tree.root))
        else:
            self._run("create", "-C", "zstd,3", f"{self.path}::{self._number}", str(self.tree.root))

    def restore_user(self, user: UUID, target: Path) -> None:
        """Write the files of one user from the newest backup to a new folder."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        folder = str(self.tree.root / str(user))
        if self.program == "restic":
            self._run("restore", "latest", "--quiet", "--target", str(target), "--include", folder)
        else:
            self._run("extract", f"{self.path}::{self._number}", folder.lstrip("/"), cwd=target)

    def _run(self, *words: str, cwd: Path | None = None) -> None:
        line = [self.program, *(["-r", str(self.path)] if self.program == "restic" else []), *words]
        done = subprocess.run(line, env=self._environment, cwd=cwd, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{self.program} {words[0]}: {done.stderr[-300:]}")


def installed() -> list[str]:
    """Return the programs that are on this machine."""
    return [program for program in PROGRAMS if shutil.which(program)]


def absent_note() -> str:
    """Say which programs are not there, "" if all are."""
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    return f"{' and '.join(absent)}: not installed." if absent else ""
