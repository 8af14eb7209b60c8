"""Reading people and groups again by identity, against both servers: who is the same, disabled or gone."""

import uuid

import pytest

from launcher.demo_people import DEMO_PASSWORD
from tests.directory.conftest import names


def test_groups_are_read_again_by_identity(directory):
    signed_in = directory.authenticate(login="bob", password=DEMO_PASSWORD)
    assert directory.groups_of(signed_in.entry.id) == (True, signed_in.groups)
    assert directory.entry(signed_in.entry.id) == signed_in.entry


def test_many_people_are_read_at_once_with_those_who_left_and_those_who_are_disabled(directory):
    found = {entry.account: entry.id for entry in directory.find(prefix="o", kinds=("user",))}
    (disabled,) = directory.find(prefix="dora.d")
    gone = str(uuid.uuid4())
    people = directory.read_many([found["olga"], disabled.id, gone, "not an id", found["olga"].upper()])
    assert people[gone] is None
    assert people["not an id"] is None
    assert people[disabled.id].entry.enabled is False
    assert "Loop B" in names(people[found["olga"]].groups)
    assert people[found["olga"].upper()] == people[found["olga"]]
    assert directory.groups_of(gone) == (False, ())
    assert directory.read_many([]) == {}


@pytest.mark.parametrize("entry_id", ["", "*", "*)(objectClass=*", "\0", str(uuid.UUID(int=0))])
def test_an_identity_that_nobody_has_is_gone(directory, entry_id):
    assert directory.entry(entry_id) is None
    assert directory.groups_of(entry_id) == (False, ())


def test_more_people_than_one_filter_holds_are_all_read(directory, monkeypatch):
    monkeypatch.setattr("accounts.directory.client.IDS_AT_ONCE", 3)
    ids = [entry.id for entry in directory.find(prefix="Person 0000", kinds=("user",))]
    assert len(ids) == 10
    people = directory.read_many(ids)
    assert [person.entry.id for person in people.values()] == ids
