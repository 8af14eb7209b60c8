"""Tasks of a creator who has lost a group: rows of the present groups only, and no button that would be refused."""

import datetime
import re
import uuid

import pytest
from django.utils import timezone

from personalization.actions import tasks as actions
from personalization.models import TaskItem
from roles.actions import set_entry
from tests import factories
from tests.tasks.work import run, submit

pytestmark = [pytest.mark.django_db, pytest.mark.spec("R11", "AC-TSK-7")]

BUTTONS = ("Pause", "Resume", "Start now", "Retry failed", "Undo the task", "/cancel/")


@pytest.fixture
def frida(acme):
    """Administrator of Finance and Sales, until `narrow`."""
    return factories.member(acme, "Frida Fuchs", "frida", role="persops.admin", groups=[acme.finance, acme.sales])


@pytest.fixture
def tasks(acme, frida, people):
    """(task that has run, deferred task) of Finance and Sales, after Frida has lost Sales."""
    ended, later = (submit(acme, frida, groups=[acme.finance, acme.sales]) for _ in range(2))
    run_after = timezone.now() + datetime.timedelta(hours=3)
    with acme.context():
        actions.defer_task(task=later, run_after=run_after, by=factories.actor(frida))
    run(acme)
    return ended, later


def narrow(world, alice, frida):
    with world.context():
        set_entry(
            tenant_id=world.pk, subject=frida, role="persops.admin", groups=[world.finance], version=1,
            by=factories.actor(alice),
        )  # fmt: skip


def main_part(answer):
    return answer.text.partition('<main id="main"')[2].partition("</main>")[0]


def test_only_users_of_present_groups_are_listed_and_counted(acme, alice, frida, tasks, sign_in):
    browser = sign_in(frida)
    assert "SALES" in main_part(browser.get(acme.url(f"tasks/{tasks[0].pk}/"))).upper()
    narrow(acme, alice, frida)
    for task in tasks:
        for query in ("", "?state=1", "?state=0"):
            text = main_part(browser.get(acme.url(f"tasks/{task.pk}/{query}")))
            assert "user10" not in text
            assert "user11" not in text
            assert "Sales" not in text
    text = main_part(browser.get(acme.url(f"tasks/{tasks[0].pk}/")))
    assert "user03" in text
    assert re.search(r'<p class="list-count">10 users</p>', text)
    assert "/ 12</span>" in text  # progress of the whole task is for every administrator
    assert "user10" in main_part(sign_in(alice).get(acme.url(f"tasks/{tasks[0].pk}/")))


def test_no_button_is_shown_that_would_be_refused(acme, alice, frida, tasks, sign_in):
    browser = sign_in(frida)
    ended, later = (acme.url(f"tasks/{task.pk}/") for task in tasks)
    assert "Undo the task" in main_part(browser.get(ended))
    assert all(button in main_part(browser.get(later)) for button in ("Pause", "Start now", "/cancel/"))
    narrow(acme, alice, frida)
    with acme.context():
        TaskItem.objects.filter(task_id=tasks[0].pk).update(state=3)
    for address in (ended, later):
        assert [button for button in BUTTONS if button in main_part(browser.get(address))] == []
    panel = browser.get(acme.url("tasks/panel/"), headers={"HX-Request": "true"}).text
    assert "Roll-out" in panel
    assert "/pause/" not in panel
    for address in (f"{later}cancel/", f"{ended}undo/"):
        assert browser.get(address).status_code == 403
        assert browser.post(address, {"version": 1, "submission": str(uuid.uuid4())}).status_code == 403
    for verb in ("pause", "resume", "start", "retry"):
        assert browser.post(f"{later}{verb}/", {"version": 1}).status_code == 403


def test_a_task_wholly_outside_the_present_groups_keeps_no_details_for_its_creator(acme, alice, frida, people, sign_in):
    task = submit(acme, frida, groups=[acme.sales])
    narrow(acme, alice, frida)
    text = main_part(sign_in(frida).get(acme.url(f"tasks/{task.pk}/")))
    assert "user10" not in text
    assert "Roll-out" in text


def test_the_page_asks_as_many_queries_for_few_rows_as_for_many(acme, alice, frida, people, sign_in, query_count):
    task = submit(acme, frida, groups=[acme.finance, acme.sales])
    narrow(acme, alice, frida)
    browser = sign_in(frida)

    def count():
        return query_count(lambda: browser.get(acme.url(f"tasks/{task.pk}/")))

    many = count()
    with acme.context():
        TaskItem.objects.filter(task_id=task.pk, user_label__gt="FINANCE\\user01").delete()
    assert "user05" not in main_part(browser.get(acme.url(f"tasks/{task.pk}/")))
    assert count() == many
