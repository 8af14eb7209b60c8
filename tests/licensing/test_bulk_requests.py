"""Thousands of selected rows in one request: what is done to them, with as many statements as for sixty."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from licensing.models import LicenseGroupMember
from tests.conftest import DEEP
from tests.licensing import people
from tests.licensing.pages import at, carried

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
FEW, MANY = 60, 5000 if DEEP else 600


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    """The tenants whose mails were rung for."""
    calls = []
    monkeypatch.setattr("licensing.views.members.ring_mails_on_commit", calls.append)
    return calls


def crowd(world, anna, count, fill):
    group = people.license_group(world, anna, seats=count - count % 5 + 5, name=f"Crowd of {count}")
    fill(world, group, count)
    return group


def carry_out(world, group, browser, path, count, **more):
    """Select all rows that a search finds, answer the question and return how many statements that took."""
    path = at(world, group, path)
    question = browser.post(path, {"all": "1", "query": "q=bulk"})
    assert question.status_code == 200
    with CaptureQueriesContext(connection) as captured:
        answer = browser.post(path, carried(question) | {"typed": str(count)} | more)
    assert answer.status_code == 303
    return len(captured)


def states(world, group):
    """Return {(status, User, Admin, end reason): number} of the crowd, and how many of its events there are."""
    with world.context():
        rows = LicenseGroupMember.objects.filter(group_id=group.pk, is_owner=False)
        found = list(rows.values_list("status", "is_user", "is_admin", "end_reason"))
        events = Event.objects.filter(license_group_id=group.pk, parent_id__isnull=False).count()
    return {state: found.count(state) for state in set(found)}, events


def parts(count):
    """Return how many of a crowd are Admin too, and how many are User alone."""
    both = (count + 2) // 3
    return both, count - both


def removed(count):
    both, alone = parts(count)
    return {("ended", True, True, "removed"): both, ("ended", True, False, "removed"): alone}, count


def edited(count):
    return {("active", False, True, ""): count}, count


def blocked(count):
    both, alone = parts(count)
    return {("active", False, True, ""): both, ("ended", True, False, "blocked"): alone}, count


def sent_again(count):
    return {("pending", False, True, ""): count}, count


STEPS = {
    "edit": ("users/edit/", {"is_user": "no", "is_admin": "yes"}, people.many_members, edited),
    "remove": ("users/remove/", {}, people.many_members, removed),
    "block": ("users/block/", {}, people.many_members, blocked),
    "resend": ("users/resend/", {}, people.many_invited, sent_again),
}


@pytest.mark.spec("LG-78", "LG-93", "LG-112", "LG-47")
@pytest.mark.parametrize("step", STEPS)
def test_thousands_of_selected_rows_take_one_request_and_as_many_statements_as_sixty(
    acme, globex, anna, charlie, sign_in, step
):
    path, more, fill, expected = STEPS[step]
    elsewhere = crowd(globex, charlie, FEW, fill)
    untouched = states(globex, elsewhere)
    browser, taken = sign_in(anna), []
    browser.get(acme.url("licensing/groups/"))
    for count in (FEW, MANY):
        group = crowd(acme, anna, count, fill)
        taken.append(carry_out(acme, group, browser, path, count, **more))
        assert states(acme, group) == expected(count)
        assert len(people.blocks(acme, group)) == (count if step == "block" else 0)
        assert people.used(acme, group) == 0
    assert taken[0] == taken[1] <= 40
    assert states(globex, elsewhere) == untouched
