"""Testing a connection, and what its base bounds, against both servers."""

from dataclasses import replace

import pytest

from accounts.directory import Directory, DirectoryUnavailable, Outage, Refusal
from launcher.demo_people import DEMO_PASSWORD
from tests.directory.conftest import names, refusal


def test_a_connection_test_names_the_server_and_sees_people(directory):
    check = directory.check()
    assert check.has_people
    assert ("Samba" in check.server) == directory.config.is_ad


def test_a_connection_test_says_when_the_base_is_not_there(config):
    with pytest.raises(DirectoryUnavailable) as outage:
        Directory(replace(config, base_dn="ou=Nowhere,dc=acme,dc=test")).check()
    assert outage.value.reason is Outage.MISCONFIGURED


def test_a_base_below_the_top_bounds_everything(config):
    narrow = Directory(replace(config, base_dn="ou=IT,dc=acme,dc=test"))
    assert narrow.authenticate(login="bob", password=DEMO_PASSWORD).entry.name == "Bob Brandt"
    assert refusal(narrow, "alice", DEMO_PASSWORD) is Refusal.UNKNOWN
    assert narrow.find(prefix="alice") == []
    assert names(narrow.children().entries) == ["Helpdesk", "Operations"]
    assert narrow.children(parent_dn="dc=acme,dc=test").entries == ()
