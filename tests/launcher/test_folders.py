import os
import stat

import pytest

from launcher.archive import backup, restore
from launcher.down import down
from launcher.folders import DataFolder, write_private
from launcher.project import manage_running
from launcher.service import LauncherError
from tests.launcher.conftest import closed, lives


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_data_folder_and_its_secrets_are_closed_to_others(folder):
    folder.secrets()
    folder.write_running({"SECRET_KEY": "x"})
    assert mode(folder.path) == 0o700
    assert mode(folder.path / "secrets.json") == mode(folder.path / "running.json") == 0o600


def test_secrets_are_generated_once_and_differ_between_folders(folder, tmp_path):
    first = folder.secrets()
    assert DataFolder(folder.path).secrets() == first
    other = DataFolder(tmp_path / "other")
    other.create()
    assert not set(other.secrets().values()) & set(first.values())
    assert min(map(len, first.values())) >= 48


def test_a_private_file_never_exists_half_written_or_readable(tmp_path):
    os.umask(before := os.umask(0))
    try:
        os.umask(0)
        write_private(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_second_run_on_the_same_folder_is_refused_with_a_sentence(folder):
    with folder.lock():
        with pytest.raises(LauncherError, match=rf"already runs on {folder.path} \(process {os.getpid()}\)"):
            DataFolder(folder.path).lock()
        assert folder.supervisor() == os.getpid()
    assert folder.supervisor() is None
    folder.lock().close()


def test_a_lock_whose_holder_died_is_awaited(folder):
    with folder.lock():
        (folder.path / "lock").write_text("999999999\n")
        assert not lives(999999999)
        with pytest.raises(LauncherError, match="already runs on"):
            DataFolder(folder.path).lock(patience=0.3)


def test_the_variables_of_a_stack_that_does_not_run_are_refused_with_a_sentence(folder):
    folder.write_running({"DATABASE_URL": "left behind by kill -9"})
    with pytest.raises(LauncherError, match="does not run on .*: start it with ./roamkeep up first"):
        folder.running()
    with folder.lock():
        assert folder.running() == {"DATABASE_URL": "left behind by kill -9"}


def test_socket_paths_are_short_and_lower_case_however_long_the_data_folder_is(tmp_path):
    folder = DataFolder(tmp_path / ("Long" * 40))
    socket = f"{folder.sockets}/postgres/.s.PGSQL.5432"
    assert len(socket) < 107
    assert str(folder.sockets) == str(folder.sockets).lower()
    assert folder.sockets != DataFolder(tmp_path).sockets


def test_a_socket_folder_that_is_a_link_is_refused(folder, tmp_path):
    folder.sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(LauncherError, match="belongs to someone else"):
            folder.create_sockets()
    finally:
        folder.sockets.unlink()


def test_a_socket_folder_that_was_open_is_closed(folder):
    folder.create_sockets().chmod(0o777)
    assert mode(folder.create_sockets()) == 0o700


def test_choices_are_remembered_side_by_side(folder):
    folder.remember("demo", False)
    folder.remember("migrated", "abc")
    assert (folder.state("demo"), folder.state("migrated"), folder.state("other")) == (False, "abc", None)


def test_a_data_folder_that_cannot_be_made_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LauncherError, match="cannot be used: Not a directory"):
        DataFolder(tmp_path / "file" / "data").create()


@pytest.mark.parametrize(
    "command",
    [
        lambda data: down(data=data),
        lambda data: manage_running(["check"], data=data),
        lambda data: backup(data / "file", data=data),
        lambda data: restore(data / "file", data=data, keep_tokens=False),
        lambda data: DataFolder(data).create(),
        lambda data: DataFolder(data).lock(),
    ],
    ids=["down", "manage", "backup", "restore", "create", "lock"],
)
def test_the_data_folder_of_another_account_is_told_as_such(folder, command):
    with closed(folder.path), pytest.raises(LauncherError) as refusal:
        command(folder.path)
    assert str(refusal.value) == (
        f"The data folder {folder.path} cannot be used: Permission denied; "
        "it belongs to somebody else or is closed to this account."
    )


def test_what_another_account_runs_is_not_stopped_and_that_is_told(folder, monkeypatch):
    def refuse(pid, number):
        raise PermissionError(1, "Operation not permitted")

    with folder.lock():
        monkeypatch.setattr(os, "kill", refuse)
        with pytest.raises(LauncherError, match="cannot be used: Operation not permitted; it belongs to somebody else"):
            down(data=folder.path)


def test_a_command_to_paste_holds_the_folder_as_one_word(tmp_path):
    folder = DataFolder(tmp_path / "a b")
    folder.create()
    with folder.lock(), pytest.raises(LauncherError, match=rf"roamkeep down --data '{folder.path}',"):
        DataFolder(folder.path).lock()
