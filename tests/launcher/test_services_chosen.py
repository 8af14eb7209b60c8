import pytest

from launcher import stack
from launcher.folders import DataFolder
from launcher.roles import weaknesses
from launcher.service import LauncherError
from launcher.up import up

SERVER = "postgres://{}:secret@db.example.test/roamkeep"
DATABASE = {
    "DATABASE_URL": SERVER.format("app"),
    "DATABASE_OWNER_URL": SERVER.format("owner"),
    "DATABASE_OPERATOR_URL": SERVER.format("operator"),
}


def names(folder, *, demo_directory=True):
    return [service.name for service in stack.services_behind(folder, demo_directory=demo_directory)]


def test_everything_is_ours_unless_the_environment_names_a_server(folder):
    assert names(folder) == ["postgres", "valkey", "mail", "openldap"]


def test_without_the_demo_there_is_no_directory(folder):
    assert names(folder, demo_directory=False) == ["postgres", "valkey", "mail"]


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (DATABASE, ["valkey", "mail", "openldap"]),
        ({"BROKER_URL": "redis://queue.example.test"}, ["postgres", "mail", "openldap"]),
        ({"EMAIL_URL": "smtp://mail.example.test"}, ["postgres", "valkey", "openldap"]),
        ({"DEMO_DIRECTORY_URL": "ldaps://dc1.example.test"}, ["postgres", "valkey", "mail"]),
    ],
    ids=["database", "broker", "mail", "directory"],
)
def test_a_server_named_in_the_environment_replaces_ours(folder, monkeypatch, given, left):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert names(folder) == left
    values = stack.variables(folder, [], address="http://127.0.0.1:7771")
    assert given.items() <= values.items()


def test_a_foreign_database_needs_a_url_for_each_role(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", DATABASE["DATABASE_URL"])
    with pytest.raises(LauncherError, match="set DATABASE_OWNER_URL, DATABASE_OPERATOR_URL as well"):
        stack.uses_own_database()


def test_django_gets_every_variable_it_insists_on(folder):
    services = stack.services_behind(folder, demo_directory=False)
    values = stack.variables(folder, services, address="http://127.0.0.1:7771")
    assert values["PUBLIC_URL"] == "http://127.0.0.1:7771"
    assert values["DATA_DIR"] == str(folder.path)
    assert {"SECRET_KEY", "STATIC_ROOT", "BROKER_URL", "CACHE_URL", "EMAIL_URL", *DATABASE} <= values.keys()


def test_a_public_address_of_the_caller_wins(folder, monkeypatch):
    monkeypatch.setenv("PUBLIC_URL", "https://roamkeep.example.test")
    assert stack.variables(folder, [], address="http://127.0.0.1:7771")["PUBLIC_URL"] == "https://roamkeep.example.test"


@pytest.mark.parametrize("name", DATABASE)
@pytest.mark.parametrize("value", ["rubbish", "postgres://app:geheim@[db/roamkeep"])
def test_the_url_of_a_foreign_database_that_cannot_be_read_is_told_by_its_name(monkeypatch, name, value):
    for each, url in (DATABASE | {name: value}).items():
        monkeypatch.setenv(each, url)
    with pytest.raises(LauncherError) as refusal:
        stack.uses_own_database()
    assert str(refusal.value) == f"{name} cannot be read as the URL of a PostgreSQL database."


@pytest.mark.parametrize("key", ["short", "a" * 64])
def test_up_refuses_a_given_secret_key_that_compose_would_refuse(tmp_path, monkeypatch, key):
    def go_on(_folder):
        raise AssertionError("it was accepted")

    monkeypatch.setattr(DataFolder, "create", go_on)
    monkeypatch.setenv("SECRET_KEY", key)
    with pytest.raises(LauncherError) as refusal:
        up(port=23009, data=tmp_path / "data", demo=False)
    assert [str(refusal.value)] == weaknesses({"SECRET_KEY": key})
