import pytest

from launcher import project
from launcher.folders import DataFolder
from launcher.service import LauncherError

VALUES = {"DATABASE_URL": "postgres://app", "DATABASE_OWNER_URL": "postgres://owner"}


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create()
    return folder


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A small checkout in place of the real one."""
    for name in ("accounts/migrations/0001_first.py", "static/page.css", "config/ui/icons.py", "config/settings.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("first")
    monkeypatch.setattr(project, "ROOT", tmp_path)
    monkeypatch.setattr(project, "VAR", tmp_path)
    monkeypatch.setattr(project, "STATIC", tmp_path / "static")
    return tmp_path


@pytest.fixture
def ran(monkeypatch):
    """Collect the management commands that would run."""
    commands = []
    monkeypatch.setattr(project, "manage", lambda values, command, *arguments: commands.append(command))
    return commands


def test_migrations_run_once_and_again_when_one_is_added(folder, sources, ran):
    project.migrate(folder, VALUES, own_database=True)
    project.migrate(folder, VALUES, own_database=True)
    assert ran == ["migrate"]
    (sources / "accounts/migrations/0002_second.py").write_text("second")
    project.migrate(folder, VALUES, own_database=True)
    assert ran == ["migrate", "migrate"]


def test_a_database_of_others_is_asked_each_time(folder, sources, ran):
    project.migrate(folder, VALUES, own_database=False)
    project.migrate(folder, VALUES, own_database=False)
    assert ran == ["migrate", "migrate"]


def test_a_migration_that_failed_is_tried_again(folder, sources, monkeypatch):
    def fail(*_):
        raise LauncherError("manage.py migrate failed")

    monkeypatch.setattr(project, "manage", fail)
    for _ in range(2):
        with pytest.raises(LauncherError):
            project.migrate(folder, VALUES, own_database=True)


@pytest.mark.parametrize("changed", ["static/page.css", "config/ui/icons.py", "config/settings.py"])
def test_static_files_are_collected_again_only_when_a_source_changed(sources, ran, changed):
    project.collect_static(VALUES)
    project.collect_static(VALUES)
    assert ran == ["collectstatic"]
    (sources / changed).write_text("second")
    project.collect_static(VALUES)
    assert ran == ["collectstatic", "collectstatic"]


@pytest.mark.parametrize("change", ["migration", "static file", "collected files", "directory", "choice"])
def test_a_start_is_prepared_until_something_changes(folder, sources, ran, change):
    values = VALUES | {"DEMO_DIRECTORY_URL": "ldap://127.0.0.1:1"}
    assert not project.is_prepared(folder, values, demo=True)
    project.migrate(folder, values, own_database=True)
    project.collect_static(values)
    project.load_demo(folder, values, wanted=True)
    assert project.is_prepared(folder, values, demo=True)
    if change == "migration":
        (sources / "accounts/migrations/0002_second.py").write_text("second")
    elif change == "static file":
        (sources / "static/page.css").write_text("second")
    elif change == "collected files":
        (sources / "static.stamp").unlink()
    elif change == "directory":
        values |= {"DEMO_DIRECTORY_URL": "ldap://127.0.0.1:2"}
    assert not project.is_prepared(folder, values, demo=change != "choice")


def test_the_demo_is_loaded_at_the_first_run_only(folder, ran):
    assert project.load_demo(folder, VALUES, wanted=True)
    assert project.load_demo(folder, VALUES, wanted=True)
    assert ran == ["load_demo"]


def test_the_demo_is_told_when_its_directory_moved(folder, ran):
    project.load_demo(folder, VALUES | {"DEMO_DIRECTORY_URL": "ldap://127.0.0.1:1"}, wanted=True)
    for _ in range(2):
        project.load_demo(folder, VALUES | {"DEMO_DIRECTORY_URL": "ldap://127.0.0.1:2"}, wanted=True)
    assert ran == ["load_demo", "load_demo"]


def test_a_folder_that_began_without_the_demo_never_gets_it_by_accident(folder, ran):
    assert not project.load_demo(folder, VALUES, wanted=False)
    assert not project.load_demo(folder, VALUES, wanted=True)
    assert ran == []


def test_migrations_run_as_the_owner_of_the_tables_and_everything_else_as_the_application():
    assert project.manage_environment("migrate", VALUES)["DATABASE_URL"] == "postgres://owner"
    assert project.manage_environment("shell", VALUES)["DATABASE_URL"] == "postgres://app"
