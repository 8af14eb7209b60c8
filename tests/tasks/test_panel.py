"""The panel at the foot of every page (spec 4.7): what runs with its buttons, how many are ready and deferred."""

import datetime
import re

import pytest
from django.utils import timezone

from personalization.actions import tasks as actions
from personalization.models import Task
from tests import factories
from tests.tasks.work import read, run, submit

pytestmark = [pytest.mark.django_db, pytest.mark.spec("AC-TSK-10")]

PANEL = {"HX-Request": "true", "HX-Target": "task-list"}


@pytest.fixture
def erin(acme):
    """Administrator of Finance."""
    return factories.member(acme, "Erin Egger", "erin", role="persops.admin", groups=[acme.finance])


@pytest.fixture
def queue(acme, alice, people):
    """A running task, one that is ready and one that is deferred, all of Alice."""
    running, ready, later = (submit(acme, alice, name=name) for name in ("Now", "Next", "Later"))
    with acme.context():
        Task.objects.filter(pk=running.pk).update(state="running", started_at=timezone.now(), done=4)
        run_after = timezone.now() + datetime.timedelta(hours=3)
        actions.defer_task(task=later, run_after=run_after, by=factories.actor(alice))
    return running, ready, later


def panel(world, browser):
    return browser.get(world.url("tasks/panel/"), headers=PANEL).text


def part(text, name):
    return re.search(rf'<(\w+)[^>]* id="{name}"[^>]*>(.*?)</\1>', text, re.DOTALL)[2]


def collapsed(text):
    return text.partition('id="task-now"')[2].partition("</div>")[0]


def test_collapsed_it_shows_the_current_task_its_buttons_and_the_number_ready_and_deferred(acme, alice, queue, sign_in):
    text = panel(acme, sign_in(alice))
    assert part(text, "task-summary") == "1 running · 1 ready · 1 deferred"
    assert part(text, "task-count") == "1"
    now = collapsed(text)
    assert "#1 Now" in now
    assert 'value="4"' in now
    assert 'aria-label="Pause task #1"' in now
    assert 'aria-label="Cancel task #1"' in now
    assert "Next" not in now


def test_one_deferred_task_is_counted_and_none_is_current(acme, alice, people, sign_in):
    task = submit(acme, alice)
    with acme.context():
        run_after = timezone.now() + datetime.timedelta(hours=3)
        actions.defer_task(task=task, run_after=run_after, by=factories.actor(alice))
    text = panel(acme, sign_in(alice))
    assert part(text, "task-summary") == "1 deferred"
    assert "Roll-out" not in collapsed(text)


def test_expanded_it_shows_the_queue_and_the_deferred_tasks_apart(acme, alice, queue, sign_in):
    text = panel(acme, sign_in(alice))
    waiting, _, deferred = text.partition("Execution queue")[2].partition("Deferred tasks")
    assert waiting.index("#1 Now") < waiting.index("#2 Next")
    assert "#3 Later" not in waiting
    assert "#3 Later" in deferred.partition("task-now")[0]


def test_only_who_may_steer_a_task_gets_its_buttons(acme, erin, queue, sign_in):
    own = submit(acme, erin, name="Own")
    text = panel(acme, sign_in(erin))
    assert "#1 Now" in text
    assert set(re.findall(r"(?:Pause|Cancel) task #(\d+)", text)) == {str(own.number)}


def test_its_forms_work_without_a_script_and_stay_on_the_page_with_one(acme, alice, queue, sign_in):
    browser, (running, ready, _later) = sign_in(alice), queue
    page = browser.get(acme.url("tasks/panel/")).text
    assert f'action="{acme.url(f"tasks/{running.pk}/pause/")}"' in page
    answer = browser.post(acme.url(f"tasks/{running.pk}/pause/"), {"version": 1, "state": "running"})
    assert (answer.status_code, answer.headers["Location"]) == (303, acme.url(f"tasks/{running.pk}/"))
    assert "Resume task #1" in panel(acme, browser)
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{acme.url('users/')}"}
    answer = browser.post(acme.url(f"tasks/{ready.pk}/pause/"), {"version": 1, "state": "runnable"}, headers=headers)
    assert answer.status_code == 204
    assert "tasks-changed" in answer.headers["HX-Trigger"]
    answer = browser.post(acme.url(f"tasks/{ready.pk}/cancel/"), {"version": 2, "confirmed": "yes"}, headers=headers)
    assert answer.status_code == 204
    assert read(acme, ready).state == "canceled"


def test_on_the_page_of_the_task_itself_the_buttons_renew_that_page(acme, alice, queue, sign_in):
    address = acme.url(f"tasks/{queue[0].pk}/")
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{address}?state=1"}
    answer = sign_in(alice).post(f"{address}pause/", {"version": 1, "state": "running"}, headers=headers)
    assert answer.headers["HX-Redirect"] == address


def test_its_number_of_queries_is_small_and_the_same_for_few_and_many(acme, alice, people, sign_in, query_count):
    browser = sign_in(alice)
    counts = [query_count(lambda: panel(acme, browser))]
    for state in ("running", "runnable", "paused", "waiting", "completed", "canceled"):
        for _ in range(7 if state != "running" else 1):
            task = submit(acme, alice)
            with acme.context():
                Task.objects.filter(pk=task.pk).update(state=state)
        counts.append(query_count(lambda: panel(acme, browser)))
    assert set(counts) == {counts[0]}
    assert counts[0] <= 14


def test_what_has_ended_stays_in_sight_without_buttons(acme, alice, people, sign_in):
    submit(acme, alice)
    run(acme)
    text = panel(acme, sign_in(alice))
    assert "Ended lately" in text
    assert "Pause task" not in text
    assert part(text, "task-summary") == ""
