"""Backup and restore of a whole Roamkeep, with real databases on both sides."""

import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
from pathlib import Path

import psycopg
import pytest

from launcher import archive, project, stack
from launcher.folders import PYTHON, ROOT, DataFolder
from launcher.roles import OWNER
from launcher.service import LauncherError, running
from tests.launcher.conftest import bare, closed, eventually

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("archive")]

# A sealed event, a session and a blob that is not readable as text.
FILL = """
import hashlib
from datetime import timedelta
import zstandard
from django.utils import timezone
from accounts.models import Session, Tenant
from audit.models import Event
from audit.tasks import seal_events
from config.tenancy import tenant_context
from personalization.models import Blob
tenant = Tenant.objects.get(slug="acme")
with tenant_context(tenant.pk):
    content = bytes(range(256)) * 40
    Blob.objects.create(
        tenant=tenant, digest=hashlib.sha256(content).digest(), size=len(content),
        stored=zstandard.compress(content), last_wanted_at=timezone.now(),
    )
    assert Event.objects.filter(tenant_id=tenant.pk).exists(), "creating the organisation left no event"
seal_events()
Session.objects.create(session_key="s" * 32, session_data="", expire_date=timezone.now() + timedelta(days=1))
"""
READ = """
import hashlib
import zstandard
from accounts.models import Tenant
from config.tenancy import tenant_context
from personalization.models import Blob
tenant = Tenant.objects.get(slug="acme")
with tenant_context(tenant.pk):
    blob = Blob.objects.get(tenant=tenant)
    print(hashlib.sha256(zstandard.decompress(bytes(blob.stored))).digest() == bytes(blob.digest))
"""


def manage(values, *words):
    environment = project.manage_environment(words[0], values)
    done = subprocess.run(project.manage_line(*words), cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def original():
    """A Roamkeep with the organisation acme that counts as running, without its web server."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - bare(os.environ).keys():
            patch.delenv(name)
        with stack.throw_away(print, durable=False) as (folder, values):
            project.migrate(folder, values, own_database=True)
            manage(values, "create_tenant", "acme", "Acme Industries")
            manage(values, "shell", "--no-imports", "-c", FILL)
            folder.remember("demo", False)
            folder.write_running(values)
            yield folder, values


@pytest.fixture(scope="module")
def file(original, tmp_path_factory):
    folder, _values = original
    file = tmp_path_factory.mktemp("backup") / "roamkeep.backup"
    archive.backup(file, data=folder.path)
    return file


def contents(url):
    """Return a digest of the rows of every table."""
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {
            name: connection.execute(
                f"SELECT count(*), md5(string_agg(row::text, '|' ORDER BY row::text)) FROM {name} AS row"
            ).fetchone()
            for (name,) in names
        }


def superuser(folder):
    return stack.postgres(folder).url("postgres")


def test_a_restored_roamkeep_holds_every_row_and_keeps_sessions_when_asked(original, file, tmp_path):
    folder, values = original
    archive.restore(file, data=tmp_path / "new", keep_tokens=True)
    restored = DataFolder(tmp_path / "new")
    with running(stack.postgres(restored), restored.logs):
        assert contents(superuser(restored)) == contents(superuser(folder))
    assert restored.secrets()["SECRET_KEY"] == values["SECRET_KEY"]
    assert restored.secrets()["roamkeep_app"] != folder.secrets()["roamkeep_app"]
    assert restored.state("demo") is False


def test_audit_and_blobs_verify_after_a_restore_and_sessions_are_ended(original, file, tmp_path):
    folder, values = original
    archive.restore(file, data=tmp_path / "new", keep_tokens=False)
    restored = DataFolder(tmp_path / "new")
    with running(stack.postgres(restored), restored.logs) as database:
        there = values | database.environment() | {"SECRET_KEY": restored.secrets()["SECRET_KEY"]}
        assert "acme" in manage(there, "verify_audit")
        assert manage(there, "shell", "--no-imports", "-c", READ).split()[-1] == "True"
        rows = contents(superuser(restored))
    assert rows["accounts_session"][0] == 0
    before = contents(superuser(folder))
    assert before["accounts_session"][0] == 1
    assert {name for name in rows if rows[name] != before[name]} <= {"accounts_session", "audit_event"}


def test_the_backup_is_readable_by_its_owner_only_and_nothing_else_is_left(file):
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_backup_never_overwrites_a_file(original, file):
    with pytest.raises(LauncherError, match="exists already"):
        archive.backup(file, data=original[0].path)


def test_a_backup_never_replaces_a_link_that_leads_nowhere(original, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "none")
    with pytest.raises(LauncherError, match="exists already"):
        archive.backup(link, data=original[0].path)
    assert os.readlink(link) == str(tmp_path / "none")


@pytest.mark.parametrize("place", ["/proc", "/sys"])
def test_a_file_that_cannot_be_written_is_told(original, place):
    with pytest.raises(LauncherError, match=f"^{place}/roamkeep.backup cannot be written: [A-Z][a-z ]+[.]$"):
        archive.backup(Path(place, "roamkeep.backup"), data=original[0].path)


def test_a_folder_closed_to_the_one_who_backs_up_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(DataFolder, "running", lambda _: {})
    with closed(tmp_path), pytest.raises(LauncherError, match="file cannot be written: Permission denied"):
        archive.backup(tmp_path / "file", data=Path("/data"))
    assert list(tmp_path.iterdir()) == []


def test_a_backup_that_fails_leaves_nothing(original, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_superuser_url", lambda *_: stack.postgres(original[0]).url(OWNER))
    # The owner's policies count for it, and pg_dump refuses to write what row-level security may have filtered.
    with pytest.raises(LauncherError, match="(?s)pg_dump failed:.*row-level security"):
        archive.backup(tmp_path / "file", data=original[0].path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_of_others_is_not_dumped_through_row_level_security(original, tmp_path):
    folder, values = original
    folder.write_running(values | {"DATABASE_URL": "postgres://app:x@db.example.test/roamkeep"})
    try:
        with pytest.raises(LauncherError, match="Set DATABASE_BACKUP_URL to a role with BYPASSRLS"):
            archive.backup(tmp_path / "file", data=folder.path)
    finally:
        folder.write_running(values)


def test_only_an_empty_folder_is_filled(file, tmp_path):
    (tmp_path / "note").write_text("mine")
    with pytest.raises(LauncherError, match="is not empty"):
        archive.restore(file, data=tmp_path, keep_tokens=False)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def rewritten(file, target, change):
    """Copy a backup with each member passed through `change(name, content)`; None leaves it out."""
    with tarfile.open(file) as source, tarfile.open(target, "w") as copy:
        for name in source.getnames():
            content = change(name, source.extractfile(name).read())
            if content is not None:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                copy.addfile(entry, io.BytesIO(content))
    return target


def flipped(name, content):
    return content[:-1] + bytes([content[-1] ^ 1]) if name == archive.DUMP else content


def of_the_future(name, content):
    return (
        json.dumps(json.loads(content) | {"format": "roamkeep-backup-9"}).encode()
        if name == archive.MANIFEST
        else content
    )


def put(changed, text):
    """Return a change that puts this text into a member, and its hash into the manifest."""

    def change(name, content):
        if name == changed:
            return text.encode()
        if name == archive.MANIFEST:
            manifest = json.loads(content)
            manifest["files"][changed] = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "size": len(text)}
            return json.dumps(manifest).encode()
        return content

    return change


FILES_IN_A_LIST = json.dumps({"format": archive.FORMAT, "files": []})
KEY_5 = json.dumps({"SECRET_KEY": 5, "demo": True})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (flipped, "is damaged: database.dump is not what was backed up"),
        (of_the_future, "has the format 'roamkeep-backup-9'; this version reads roamkeep-backup-1"),
        (lambda name, content: None if name == archive.DUMP else content, "is not a whole backup"),
        (lambda name, content: None if name == archive.MANIFEST else content, "does not begin with manifest.json"),
        *((put(archive.MANIFEST, text), "is not a whole backup") for text in ("{", "[1,2]", FILES_IN_A_LIST)),
        *(
            (put(archive.FOLDER, text), "is not a whole backup")
            for text in ("{}", "no JSON", "[]", '{"demo":true}', KEY_5)
        ),
    ],
    ids=[
        "flipped bit",
        "newer format",
        "no dump",
        "no manifest",
        "broken manifest",
        "list as manifest",
        "list of files",
    ]
    + ["empty folder.json", "folder.json without JSON", "list as folder.json", "no secret key", "number as secret key"],
)
def test_a_bad_backup_is_refused_and_leaves_the_folder_as_it_was(file, tmp_path, change, sentence):
    bad = rewritten(file, tmp_path / "bad", change)
    with pytest.raises(LauncherError, match=sentence):
        archive.restore(bad, data=tmp_path / "new", keep_tokens=False)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("length", [0, 100, 5000], ids=["empty", "torn head", "torn dump"])
def test_a_torn_backup_is_refused(file, tmp_path, length):
    torn = tmp_path / "torn"
    torn.write_bytes(file.read_bytes()[:length])
    with pytest.raises(LauncherError, match="is not a"):
        archive.restore(torn, data=tmp_path / "new", keep_tokens=False)
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(LauncherError, match="cannot be read: No such file"):
        archive.restore(tmp_path / "none", data=tmp_path / "new", keep_tokens=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_restore_that_is_stopped_ends_with_a_sentence_and_leaves_nothing(file, tmp_path, number):
    target = tmp_path / "not" / "there"
    line = [PYTHON, ROOT / "roamkeep", "restore", file, "--data", target]

    def hear():
        signal.signal(number, signal.SIG_DFL)  # tests in the background of a shell inherit that SIGINT is ignored

    with subprocess.Popen(line, env=bare(os.environ), stderr=subprocess.PIPE, text=True, preexec_fn=hear) as process:
        eventually(target.exists)
        process.send_signal(number)
        told = process.stderr.read()
    assert (process.returncode, told) == (
        128 + number,
        f"[roamkeep] restore was stopped by {number.name} before it was done.\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(file):
    with pytest.raises(LauncherError, match="^The data folder /sys/roamkeep/data cannot be used: "):
        archive.restore(file, data=Path("/sys/roamkeep/data"), keep_tokens=False)


def test_a_restore_names_the_next_command_with_the_folder_as_one_word(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(archive, "_fill", lambda *_, **__: None)
    archive.restore(file, data=tmp_path / "a b", keep_tokens=False)
    assert capsys.readouterr().out.endswith(f"./roamkeep up --data '{tmp_path}/a b'\n")
