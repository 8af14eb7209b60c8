"""The command set_directory: it stores a connection that signs people in, and refuses one that does not."""

import pytest
from django.core.management import CommandError

from accounts.connections import config_of
from accounts.models import DirectoryConnection
from launcher.demo_people import DEMO_PASSWORD
from tests.accounts.conftest import config_of_server, events, sign_in_as

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]


def _directory_words(config, path):
    path.write_text(config.bind_password)
    words = ["--kind", config.kind, "--url", config.url, "--base-dn", config.base_dn, "--bind-dn", config.bind_dn]
    return [*words, "--ca-file", config.ca_file, "--password-file", str(path)]


def test_set_directory_stores_a_sealed_connection_that_signs_people_in(acme, run, changeable, tmp_path, browse):
    config = config_of_server(changeable)
    words = _directory_words(config, tmp_path / "bind")
    assert "signs people in" in run("set_directory", "acme", *words, "--domain", "ACME")
    with acme.context():
        connection = DirectoryConnection.objects.get()
    assert config.bind_password not in connection.bind_password
    assert config_of(connection).bind_password == config.bind_password
    assert sign_in_as(browse(), acme, "bob", DEMO_PASSWORD).status_code == 302
    told = str([event.labels for event in events(acme, "directory.changed")])
    assert config.bind_password not in told
    assert connection.bind_password not in told


def test_set_directory_changes_the_connection_of_that_name(acme, run, changeable, tmp_path):
    words = _directory_words(config_of_server(changeable), tmp_path / "bind")
    run("set_directory", "acme", *words)
    run("set_directory", "acme", *words, "--domain", "ACME")
    with acme.context():
        assert DirectoryConnection.objects.get().domain == "ACME"
    assert "domain:  → ACME" in events(acme, "directory.changed")[-1].labels["changes"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--url", "http://example.org"), "ldap://"),
        (("--base-dn", "nonsense"), "distinguished name"),
        (("--url", "ldap://127.0.0.1:1"), "Nothing was changed"),
        (("--ca-file", "/nowhere/ca.pem"), "PEM"),
        (("--user-filter", "(uid=*"), "filter"),
        (("--name", " "), "--name: this is empty"),
        (("--url", ""), "--url: this is empty"),
        (("--base-dn", ""), "--base-dn: this is empty"),
        (("--bind-dn", " "), "--bind-dn: this is empty"),
    ],
)
def test_set_directory_refuses_what_does_not_work_and_keeps_what_does(acme, run, changeable, tmp_path, change, told):
    words = _directory_words(config_of_server(changeable), tmp_path / "bind")
    run("set_directory", "acme", *words)
    with pytest.raises(CommandError, match=told):
        run("set_directory", "acme", *words, *change)
    with acme.context():
        assert DirectoryConnection.objects.get().url == config_of_server(changeable).url


def test_set_directory_refuses_a_wrong_service_password_without_telling_it(acme, run, changeable, tmp_path):
    words = _directory_words(config_of_server(changeable), tmp_path / "bind")
    (tmp_path / "bind").write_text("certainly wrong")
    with pytest.raises(CommandError, match="service account") as error:
        run("set_directory", "acme", *words)
    assert "certainly wrong" not in str(error.value)
    with acme.context():
        assert not DirectoryConnection.objects.exists()
