"""When the figures are counted: by the beat, after the nightly run, and when somebody presses Count now."""

import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.utils import timezone

from accounts.models import Tenant
from audit.actions import record
from audit.models import Event
from config import bell
from personalization import summary
from personalization.actions.summary import request_count
from personalization.models import (
    SummaryCount,
)
from personalization.tasks.nightly import run_nightly
from personalization.tasks.summary import count_summaries, count_summary
from tests import factories
from tests.summary.page import counted, crowd, press, tiles

pytestmark = pytest.mark.django_db

# --- when it is counted -----------------------------------------------------------------------------------------------


def due(world):
    return summary.is_due(world.pk)


def test_the_nightly_run_ends_with_a_count(acme, globex, alice, sign_in, monkeypatch):
    crowd(acme)
    monkeypatch.setattr("personalization.tasks.nightly.day_due", lambda tenant, now: now.date())
    run_nightly()
    backups = 15 + 5  # those of the crowd, and one per profile whose current settings were in none
    assert tiles(sign_in(alice), acme)["Backups"][0] == str(backups)


def test_figures_are_due_when_there_are_none_or_somebody_asks_or_something_happened_or_a_day_passed(
    acme, globex, alice
):
    assert due(acme)
    counted(acme)
    assert not due(acme)
    assert due(globex)  # of its own
    now = timezone.now()
    counted(acme, at=now - timedelta(hours=2))
    assert not due(acme)  # nothing has happened
    with acme.context():
        record("backup.created", tenant_id=acme.pk, by=factories.actor(alice))
    assert due(acme)
    counted(acme, at=now - timedelta(minutes=5))
    assert not due(acme)  # fresh
    with acme.context():
        SummaryCount.objects.update(asked_at=now)
    assert due(acme)
    counted(acme)
    assert not due(acme)
    counted(globex, at=now - timedelta(hours=25))
    assert due(globex)


def test_the_beat_rings_for_tenants_that_are_due_and_active(acme, globex, heard):
    Tenant.objects.create(slug="idle", name="Idle", status=Tenant.Status.SUSPENDED)
    counted(globex)
    count_summaries()
    assert heard == [("personalization.count_summary", acme.pk)]


def test_the_beat_rings_both_tasks_by_name():
    from config.celery import app

    app.loader.import_default_modules()
    entry = app.conf.beat_schedule["count-summaries"]
    assert (entry["task"], entry["schedule"]) == (count_summaries.name, 900)
    assert count_summary.name == "personalization.count_summary"
    assert {count_summaries.name, count_summary.name} <= set(app.tasks)


def test_a_suspended_tenant_is_not_counted(acme, globex):
    Tenant.objects.filter(pk=acme.pk).update(status=Tenant.Status.SUSPENDED)
    for world in (acme, globex):
        count_summary(str(world.pk))
    with acme.context():
        assert not SummaryCount.objects.exists()
    with globex.context():
        assert SummaryCount.objects.exists()


@pytest.mark.django_db(databases=["default", "operator"], transaction=True)
def test_two_workers_do_not_count_the_same_tenant_at_once(acme, globex):
    with connections["operator"].cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"summary {acme.pk}"])
        assert summary.count(acme.pk) is None
        assert summary.count(globex.pk) is not None
        cursor.execute("ROLLBACK")
    assert summary.count(acme.pk) is not None


def test_who_asks_while_a_worker_counts_is_served_by_that_worker(acme, globex, monkeypatch):
    real, calls = summary.count, []

    def asked_meanwhile(tenant_id):
        moment = real(tenant_id)
        calls.append(moment)
        if len(calls) == 1:
            with acme.context():
                SummaryCount.objects.update(asked_at=timezone.now() + timedelta(milliseconds=1))
        return moment

    monkeypatch.setattr("personalization.tasks.summary.count", asked_meanwhile)
    count_summary(str(acme.pk))
    assert len(calls) >= 2
    assert not due(acme)


# --- Count now --------------------------------------------------------------------------------------------------------


def test_before_the_first_count_the_page_says_so_and_offers_it(acme, globex, erin, sign_in):
    counted(globex)
    page = sign_in(erin).get(acme.url("summary/")).content.decode()
    assert "Not counted yet" in page
    assert f'action="{acme.url("summary/count/")}"' in page
    seen = tiles(sign_in(erin), acme)
    assert "Managed users" not in seen
    assert seen["Personalization groups"][0] == "1"


def test_count_now_rings_a_worker_once_leaves_one_event_and_shows_that_it_is_under_way(
    acme, globex, erin, sign_in, heard, django_capture_on_commit_callbacks
):
    crowd(acme)
    browser, submission = sign_in(erin), uuid.uuid4()
    with django_capture_on_commit_callbacks(execute=True):
        answers = [press(browser, acme, submission) for _ in range(2)]
    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [(303, acme.url("summary/"))] * 2
    assert heard == [("personalization.count_summary", acme.pk)]
    with acme.context():
        event = Event.objects.get()
    assert (event.verb, event.actor_id) == ("summary.count-requested", erin.pk)
    page = browser.get(acme.url("summary/")).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "Not counted yet" not in page
    assert "summary/count/" not in page
    count_summary(str(acme.pk))
    page = browser.get(acme.url("summary/")).content.decode()
    assert 'hx-trigger="every 2s"' not in page.partition('id="task-list"')[0]
    assert tiles(browser, acme)["Managed users"][0] == "3"
    with globex.context():
        assert not Event.objects.exists()


def test_a_second_person_joins_the_count_that_is_under_way(
    acme, globex, alice, erin, sign_in, heard, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        for member in (alice, erin):
            assert press(sign_in(member), acme).status_code == 303
    assert len(heard) == 1
    with acme.context():
        assert Event.objects.count() == 1


def test_a_count_that_no_worker_takes_up_is_told_and_can_be_asked_for_again(
    acme, globex, erin, sign_in, heard, django_capture_on_commit_callbacks
):
    counted(acme, at=timezone.now() - timedelta(hours=1))
    with acme.context():
        SummaryCount.objects.update(asked_at=timezone.now() - timedelta(minutes=3))
    browser = sign_in(erin)
    page = browser.get(acme.url("summary/")).content.decode()
    assert "The count has not begun yet" in page
    assert f'action="{acme.url("summary/count/")}"' in page
    with django_capture_on_commit_callbacks(execute=True):
        press(browser, acme)
    assert len(heard) == 1


def test_a_broker_that_is_away_does_not_break_the_button(
    acme, globex, erin, sign_in, monkeypatch, django_capture_on_commit_callbacks
):
    def away(*args, **kwargs):
        raise ConnectionError

    monkeypatch.setattr(bell.app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        assert press(sign_in(erin), acme).status_code == 303
    assert due(acme)  # the beat will see it


def test_whoever_waits_gets_the_line_of_the_count_and_then_the_whole_page_anew(acme, globex, erin, sign_in):
    browser, headers = sign_in(erin), {"HX-Request": "true", "HX-Target": "summary-count"}
    press(browser, acme)
    answer = browser.get(acme.url("summary/"), headers=headers)
    assert answer.content.decode().strip().startswith('<div class="stack" id="summary-count"')
    assert "HX-Refresh" not in answer.headers
    counted(acme)
    assert browser.get(acme.url("summary/"), headers=headers).headers["HX-Refresh"] == "true"


def test_a_post_without_a_submission_id_counts_nothing(acme, globex, erin, sign_in):
    assert sign_in(erin).post(acme.url("summary/count/")).status_code == 400
    with acme.context():
        assert not SummaryCount.objects.exists()


def test_an_action_without_the_right_is_refused_whoever_calls_it(acme, globex, bob):
    with pytest.raises(PermissionDenied), acme.context():
        request_count(tenant_id=acme.pk, by=factories.actor(bob))
    with acme.context():
        assert not Event.objects.exists()
