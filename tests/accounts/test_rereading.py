"""Reading the directory again while people are signed in (decision 4)."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.directory import Directory, DirectoryUnavailable, Outage
from accounts.models import GroupMembership, Membership, Session, UserGroup
from accounts.rereading import reread_all
from accounts.tasks import reread_directories
from launcher.demo_people import DEMO_PASSWORD
from tests import factories
from tests.accounts.conftest import connect, dn_of, events, group_dn_of, is_signed_in, sign_in_as

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def bobs_browser(acme, directory, browse, clock):
    browser = browse()
    assert sign_in_as(browser, acme, "bob", DEMO_PASSWORD).status_code == 302
    return browser


def _bob(world):
    with world.context():
        return Membership.objects.get(tenant=world.tenant, login="bob")


def _groups(world):
    with world.context():
        return sorted(GroupMembership.objects.values_list("group__name", flat=True))


def _stay(browser, world, clock, minutes):
    """Let time pass with the person using the console now and then."""
    for _ in range(minutes // 15):
        clock.shift(timedelta(minutes=15))
        browser.get(world.url("account/"))


def test_a_changed_group_counts_without_signing_in_again(acme, bobs_browser, edit, clock):
    edit(group_dn_of("Helpdesk Sales"), member=[dn_of("bob")])
    clock.shift(timedelta(minutes=15))
    reread_directories()
    assert "Helpdesk Sales" in _groups(acme)
    event = events(acme, "membership.groups_changed")[-1]
    assert (event.labels["added"], event.channel, event.actor_id) == (["Helpdesk Sales"], "worker", None)
    assert is_signed_in(bobs_browser, acme)


def test_a_right_from_a_group_that_was_left_is_gone(acme, bobs_browser, edit, clock):
    with acme.context():
        group = UserGroup.objects.get(name="Helpdesk Finance")
    factories.entry(acme, group, "persops.support_desk", [acme.finance])
    assert bobs_browser.get(acme.url("users/")).status_code == 200
    edit(group_dn_of("Helpdesk Finance"), member=[dn_of("carla.mendes")])
    edit(group_dn_of("Helpdesk All"), member=[dn_of("bob")])
    clock.shift(timedelta(minutes=15))
    reread_all()
    assert bobs_browser.get(acme.url("users/")).status_code == 403


def test_nobody_is_read_before_it_is_due(acme, bobs_browser, clock, monkeypatch):
    asked = []
    monkeypatch.setattr(Directory, "read_many", lambda self, ids: asked.append(list(ids)) or {})
    clock.shift(timedelta(minutes=14, seconds=59))
    reread_all()
    assert asked == []


def test_a_person_without_a_session_is_read_once_a_day(acme, bobs_browser, edit, clock):
    bobs_browser.post("/sign-out/")
    edit(group_dn_of("Helpdesk Sales"), member=[dn_of("bob")])
    clock.shift(timedelta(hours=23))
    reread_all()
    assert "Helpdesk Sales" not in _groups(acme)
    clock.shift(timedelta(hours=1, seconds=1))
    reread_all()
    assert "Helpdesk Sales" in _groups(acme)


def test_a_person_disabled_in_the_directory_is_out(acme, bobs_browser, edit, clock):
    edit(dn_of("bob"), userAccountControl=["514"])
    clock.shift(timedelta(minutes=15))
    reread_all()
    assert not is_signed_in(bobs_browser, acme)
    bob = _bob(acme)
    assert (bob.is_active, bob.inactive_by_directory) == (False, True)
    assert not Session.objects.filter(user_id=bob.user_id).exists()
    (event,) = events(acme, "membership.deactivated")
    assert event.labels["reason"] == "disabled in the directory"
    assert sign_in_as(bobs_browser, acme, "bob", DEMO_PASSWORD).status_code == 422


def test_a_person_gone_from_the_directory_is_out_and_not_deleted(acme, bobs_browser, edit, clock):
    edit.remove(dn_of("bob"))
    clock.shift(timedelta(minutes=15))
    reread_all()
    assert not is_signed_in(bobs_browser, acme)
    assert not _bob(acme).is_active
    assert events(acme, "membership.deactivated")[0].labels["reason"] == "gone from the directory"


def test_a_failed_read_changes_nothing(acme, bobs_browser, edit, clock, monkeypatch):
    before, groups, told = _bob(acme), _groups(acme), len(events(acme))

    def fails(self, ids):
        raise DirectoryUnavailable(Outage.DOWN)

    monkeypatch.setattr(Directory, "read_many", fails)
    clock.shift(timedelta(minutes=15))
    reread_all()
    after = _bob(acme)
    assert (after.groups_read_at, after.is_active) == (before.groups_read_at, True)
    assert _groups(acme) == groups
    assert len(events(acme)) == told
    assert is_signed_in(bobs_browser, acme)


def test_four_hours_without_a_good_read_ask_for_a_new_sign_in(acme, bobs_browser, clock):
    _stay(bobs_browser, acme, clock, 225)
    assert is_signed_in(bobs_browser, acme)
    clock.shift(timedelta(minutes=15, seconds=1))
    answer = bobs_browser.get(acme.url("account/"))
    assert answer.status_code == 302
    assert "/sign-in/" in answer["Location"]
    assert sign_in_as(bobs_browser, acme, "bob", DEMO_PASSWORD).status_code == 302
    assert is_signed_in(bobs_browser, acme)


def test_good_reads_keep_the_session_open(acme, bobs_browser, clock):
    for _ in range(20):
        _stay(bobs_browser, acme, clock, 15)
        reread_all()
    assert is_signed_in(bobs_browser, acme)


def test_a_local_session_never_waits_for_a_directory(acme, anna, browse, clock):
    browser = browse()
    sign_in_as(browser, acme, "anna")
    _stay(browser, acme, clock, 270)
    assert is_signed_in(browser, acme)


def test_a_sign_in_during_the_read_is_not_overwritten_by_it(acme, bobs_browser, edit, clock, monkeypatch, browse):
    original = Directory.read_many

    def slow(self, ids):
        found = original(self, ids)
        edit(group_dn_of("Helpdesk Sales"), member=[dn_of("bob")])
        clock.shift(timedelta(seconds=5))
        sign_in_as(browse(), acme, "bob", DEMO_PASSWORD)
        return found

    monkeypatch.setattr(Directory, "read_many", slow)
    clock.shift(timedelta(minutes=15))
    reread_all()
    assert "Helpdesk Sales" in _groups(acme)


def test_one_failing_directory_does_not_stop_the_other_tenant(
    acme, globex, directory, directory_of_globex, bobs_browser, browse, edit, clock
):
    charlies = browse()
    sign_in_as(charlies, globex, "charlie", DEMO_PASSWORD)
    with acme.context():
        directory.url = "ldap://127.0.0.1:1"
        directory.save()
    clock.shift(timedelta(minutes=15))
    reread_all()
    with globex.context():
        read_at = Membership.objects.get(login="charlie").groups_read_at
    assert read_at == timezone.now()
    assert _bob(acme).groups_read_at < timezone.now()


def _statements(clock):
    clock.shift(timedelta(minutes=15))
    with CaptureQueriesContext(connection) as queries:
        reread_all()
    return len(queries)


def test_many_people_are_written_with_as_many_statements_as_few(acme, directory, browse, edit, clock):
    logins = ["bob", "carla.mendes", "ivan.horvat", "kim.nguyen", "paula.reyes", "stefan.wolf", "alice", "diana"]
    browsers = [browse(f"10.0.{number}.1") for number in range(len(logins))]
    for browser, login in zip(browsers[:2], logins, strict=False):
        assert sign_in_as(browser, acme, login, DEMO_PASSWORD).status_code == 302
    edit(group_dn_of("Helpdesk Sales"), member=[dn_of(login) for login in logins[:2]])
    few = _statements(clock)
    for browser, login in zip(browsers, logins, strict=True):
        assert sign_in_as(browser, acme, login, DEMO_PASSWORD).status_code == 302
    edit(group_dn_of("Helpdesk Engineering"), member=[dn_of(login) for login in logins])
    assert _statements(clock) <= few
    with acme.context():
        assert GroupMembership.objects.filter(group__name="Helpdesk Engineering").count() == len(logins)


def test_a_listed_group_that_was_renamed_or_is_gone_is_noticed(acme, directory, bobs_browser, edit, clock):
    with acme.context():
        UserGroup.objects.filter(name__in=["Helpdesk Finance", "Helpdesk All"]).update(is_listed=True)
    edit.rename(group_dn_of("Helpdesk Finance"), "Money Desk")
    edit.remove(group_dn_of("Helpdesk All"))
    clock.shift(timedelta(minutes=15))
    reread_all()
    with acme.context():
        listed = dict(UserGroup.objects.filter(is_listed=True).values_list("name", "is_resolved"))
    assert listed == {"Money Desk": True, "Helpdesk All": False}


@pytest.mark.ad
@pytest.mark.xdist_group("samba")
def test_active_directory_is_read_again(acme, samba_ad, browse, clock):
    connect(acme, samba_ad)
    browser = browse()
    sign_in_as(browser, acme, "bob", DEMO_PASSWORD)
    with acme.context():
        GroupMembership.objects.all().delete()
    clock.shift(timedelta(minutes=15))
    reread_all()
    assert "IT Everyone" in _groups(acme)
    assert is_signed_in(browser, acme)
