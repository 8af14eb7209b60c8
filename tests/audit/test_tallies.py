"""Equal refusals of one origin within a minute are one event with a count (decision 31)."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from audit import tallies
from audit.actions import event
from audit.models import Event, Outcome, Tally
from audit.tasks import seal_events, write_tallies
from config.celery import app
from tests import factories
from tests.accounts.conftest import at_once

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FORBIDDEN = "user-roles/"  # nothing that Support Desk may open


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def refuse(browser, world, path=FORBIDDEN, times=1, **more):
    for _ in range(times):
        assert browser.get(world.url(path), **more).status_code == 403


def written(world):
    """Return the refusals that are events by now, the oldest first."""
    with world.context():
        return list(Event.objects.filter(tenant_id=world.pk, verb="access.refused").order_by("id"))


def counts(world):
    return [row.count for row in written(world)]


def a_minute_later(clock):
    clock.shift(timedelta(seconds=61))
    write_tallies()


@pytest.mark.spec("UM-60")
def test_a_hundred_equal_refusals_of_ten_seconds_are_one_event_with_a_count(acme, bob, sign_in, clock):
    browser = sign_in(bob)
    for _ in range(100):
        refuse(browser, acme)
        clock.shift(timedelta(milliseconds=100))
    write_tallies()
    assert written(acme) == []
    a_minute_later(clock)
    (told,) = written(acme)
    assert (told.count, told.at, told.outcome, told.actor_id) == (100, NOON, "refused", bob.pk)
    assert told.labels["first"] == "2026-03-02T12:00:00+00:00"
    assert told.labels["last"] == "2026-03-02T12:00:09+00:00"
    assert told.labels["path"] == acme.url(FORBIDDEN)
    a_minute_later(clock)
    assert counts(acme) == [100]


def test_a_single_refusal_is_told_when_its_minute_is_over_and_is_sealed_as_it_is(acme, bob, sign_in, clock):
    refuse(sign_in(bob), acme)
    a_minute_later(clock)
    assert counts(acme) == [1]
    seal_events()
    assert written(acme)[0].seal_id


def test_refusals_of_another_minute_are_another_event_even_if_nothing_wrote_the_first_one(acme, bob, sign_in, clock):
    browser = sign_in(bob)
    refuse(browser, acme, times=2)
    clock.shift(timedelta(seconds=60))
    refuse(browser, acme, times=3)
    assert counts(acme) == [2]
    a_minute_later(clock)
    assert counts(acme) == [2, 3]


def test_what_differs_in_anything_that_the_event_tells_is_another_event(acme, bob, sign_in, clock):
    carl = factories.member(acme, "Carl Coy", "carl", role="persops.support_desk", groups=[acme.finance])
    browser = sign_in(bob)
    refuse(browser, acme)
    refuse(sign_in(carl), acme)
    refuse(browser, acme, "tasks/")
    refuse(browser, acme, REMOTE_ADDR="198.51.100.7")
    assert browser.post(acme.url("user-roles/edit/")).status_code == 403
    a_minute_later(clock)
    assert counts(acme) == [1, 1, 1, 1, 1]


def test_two_people_who_may_read_different_events_are_never_counted_together(acme, bob, clock):
    by = factories.actor(bob)
    with acme.context():
        for group in (acme.finance, acme.sales, acme.finance):
            row = event("access.refused", tenant_id=acme.pk, by=by, outcome=Outcome.REFUSED, group_id=group)
            tallies.add(row, origin="desk")
    a_minute_later(clock)
    assert [(row.group_id, row.count) for row in written(acme)] == [(acme.finance, 2), (acme.sales, 1)]


def test_refusals_of_two_organisations_never_mix(acme, globex, bob, sign_in, clock):
    gina = factories.member(globex, "Gina Groll", "gina", role="persops.support_desk", groups=[globex.finance])
    refuse(sign_in(bob), acme, times=2)
    refuse(sign_in(gina), globex, times=3)
    with acme.context():
        assert list(Tally.objects.values_list("tenant_id", "count")) == [(acme.pk, 2)]
        tallies.write_open(globex.pk)
    assert not Tally.objects.exists()  # outside any context
    a_minute_later(clock)
    assert (counts(acme), counts(globex)) == ([2], [3])


@pytest.mark.django_db(transaction=True)
def test_refusals_at_once_are_all_counted_also_while_others_write_them_out(acme, bob, sign_in):
    browsers = [sign_in(bob) for _ in range(6)]

    def work(number):
        if number < 6:
            refuse(browsers[number], acme, times=3)
            return
        for _ in range(10):
            with acme.context():
                tallies.write_open(acme.pk)

    at_once(8, work)
    with acme.context():
        tallies.write_open(acme.pk)
    assert sum(counts(acme)) == 18


@pytest.mark.django_db(transaction=True)
def test_equal_refusals_at_once_are_one_event(acme, bob, sign_in):
    browsers = [sign_in(bob) for _ in range(8)]
    at_once(8, lambda number: refuse(browsers[number], acme))
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        at_once(2, lambda number: write_tallies())
    assert counts(acme) == [8]


@pytest.mark.django_db(transaction=True)
def test_equal_refusals_at_once_after_the_minute_write_the_event_of_it_once(acme, bob, sign_in):
    browsers = [sign_in(bob) for _ in range(4)]
    refuse(browsers[0], acme)
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        at_once(4, lambda number: refuse(browsers[number], acme))
        assert counts(acme) == [1]
        with acme.context():
            assert list(Tally.objects.values_list("count", flat=True)) == [4]


@pytest.mark.spec("AC-AUD-3")
def test_whoever_opens_the_list_within_the_minute_sees_the_refusals_and_their_count(acme, alice, bob, sign_in, clock):
    refuse(sign_in(bob), acme, times=3)
    page = sign_in(alice).get(acme.url("audit/?outcome=refused&actor=bob")).text
    assert f"was refused GET {acme.url(FORBIDDEN)}: userroles.view (3 times)" in page
    refuse(sign_in(bob), acme)  # an event is never changed: this one is another
    a_minute_later(clock)
    assert counts(acme) == [3, 1]
    shown = sign_in(alice).get(acme.url(f"audit/{written(acme)[0].pk}/")).text
    assert "(3 times)" in shown


def test_the_export_within_the_minute_holds_the_refusals_and_their_count(acme, alice, bob, sign_in, clock):
    refuse(sign_in(bob), acme, times=2)
    answer = sign_in(alice).get(acme.url("audit/export.csv?verb=access.refused"))
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [row[5].endswith("(2 times)") for row in rows[1:]] == [True]


def test_a_refused_request_costs_the_same_few_queries_however_many_tallies_are_open(
    acme, bob, sign_in, clock, query_count
):
    browser = sign_in(bob)
    refuse(browser, acme)
    alone = query_count(lambda: refuse(browser, acme))
    for number in range(30):
        refuse(browser, acme, REMOTE_ADDR=f"198.51.{number}.7")
    assert query_count(lambda: refuse(browser, acme)) == alone
    clock.shift(timedelta(seconds=61))
    refuse(browser, acme)
    assert counts(acme) == [3]
    with acme.context():  # its own tally has become an event; the thirty others are left to the bell
        assert Tally.objects.count() == 31


def test_the_events_of_finished_minutes_are_rung_for_several_times_a_minute():
    entry = app.conf.beat_schedule["write-tallies"]
    assert app.tasks[entry["task"]].name == write_tallies.name
    assert entry["schedule"] <= 10
