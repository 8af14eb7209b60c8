"""What a task will do and has done is told with all that was chosen: preview, page, event, counts, undo."""

import datetime
import re
import uuid

import pytest
from django.utils import timezone

from audit.models import Event
from audit.texts import describe, description
from personalization.actions import tasks as actions
from personalization.models import Task, Verb
from tests import factories
from tests.tasks.work import read, run, submit

pytestmark = pytest.mark.django_db


@pytest.fixture
def pages(alice, sign_in):
    return sign_in(alice)


def main_part(answer):
    return answer.text.partition('<main id="main"')[2].partition("</main>")[0]


def facts(text):
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text, re.DOTALL)
    return {name: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", value)).strip() for name, value in found}


def plan(world, **more):
    return {"verb": "delete-older", "age_days": "1", "kinds": ["application"], "groups": [str(world.finance)], **more}


def submitted(world):
    with world.context():
        return description(Event.objects.filter(tenant_id=world.pk, verb="task.submitted").latest("id"))


@pytest.mark.spec("AC-MBK-2", "P7")
def test_the_check_names_age_protection_settings_groups_and_targets(acme, pages, people, mail):
    text = main_part(
        pages.post(
            acme.url("tasks/new/"),
            plan(acme, include_protected="on", settings_groups=[str(mail.pk)], users="FINANCE\\user01"),
        )
    )
    told = facts(text)
    assert told["What to do"] == "Delete backups older than 1 day, protected ones too"
    assert told["Older than"] == "1 day"
    assert told["Protected backups"] == "are deleted too"
    assert told["Settings groups"] == "Application: all Mail client"
    assert told["Personalization groups"] == "Finance"
    assert told["Named users"] == "FINANCE\\user01"
    kept = facts(main_part(pages.post(acme.url("tasks/new/"), plan(acme, age_days="1200"))))
    assert kept["Older than"] == "1,200 days"
    assert kept["Protected backups"] == "are kept"


def test_the_check_names_the_time_and_a_refused_step_names_it_again(acme, pages, people):
    data = plan(acme, verb="restore-not-later", age_days="", not_later_than="2026-11-14T10:30")
    assert facts(main_part(pages.post(acme.url("tasks/new/"), data)))["Not later than"] == "14 Nov 2026, 10:30"
    answer = pages.post(
        acme.url("tasks/submit/"), data | {"name": "", "expected": "10", "submission": str(uuid.uuid4())}
    )
    assert answer.status_code == 422
    assert facts(main_part(answer))["Not later than"] == "14 Nov 2026, 10:30"


def test_the_page_of_a_task_says_the_time_and_not_how_long_ago_it_was(acme, alice, pages, people):
    until = datetime.datetime(2026, 11, 14, 9, 30, tzinfo=datetime.UTC)  # 10:30 in Berlin
    with acme.context():
        task = actions.submit_task(
            tenant_id=acme.pk,
            name="Back",
            operations=[actions.Operation(Verb.RESTORE_NOT_LATER, ("application",), not_later_than=until)],
            targets=actions.Targets(groups=(acme.finance,)),
            by=factories.actor(alice),
        )
    text = main_part(pages.get(acme.url(f"tasks/{task.pk}/")))
    assert "Restore the newest backup not later than 14 Nov 2026, 10:30" in text
    assert "Application: all" in text


@pytest.mark.spec("AC-MBK-2")
def test_the_event_of_a_submitted_task_tells_its_parameters(acme, alice, pages, people, mail):
    data = plan(acme, include_protected="on", kinds=[], settings_groups=[str(mail.pk)])
    data |= {"name": "Tidy", "delay": "0", "expected": "10", "submission": str(uuid.uuid4())}
    assert pages.post(acme.url("tasks/submit/"), data).status_code == 303
    told = "Delete backups older than 1 day, protected ones too (Mail client)"
    assert submitted(acme) == f"submitted task #1 Tidy for 10 users: {told}"
    assert told in pages.get(acme.url("audit/")).text
    run(acme)
    with acme.context():
        Task.objects.update(changed=1)
        actions.undo_task(task=Task.objects.get(), by=factories.actor(alice))
    assert submitted(acme).endswith(": Undo task #1")


def test_an_event_written_before_parameters_were_told_stays_readable(acme):
    labels = {"number": 3, "task": "Tidy", "selected": 1, "operations": ["Create backups", "Delete old ones"]}
    event = Event(tenant_id=acme.pk, verb="task.submitted", labels=labels, count=1)
    assert description(event) == "submitted task #3 Tidy for 1 user: Create backups; Delete old ones"


def legend(text):
    rows = re.findall(r'</span>([^<]+)</th><td class="num">([^<]+)</td><td class="num">([^<]+)</td>', text)
    return {name: (value, share) for name, value, share in rows}


@pytest.mark.spec("AC-TSK-5")
def test_whom_a_canceled_task_never_reached_is_canceled_and_not_waiting(acme, alice, pages, people):
    task = submit(acme, alice)
    assert legend(main_part(pages.get(acme.url(f"tasks/{task.pk}/"))))["Waiting"] == ("10", "100 %")
    with acme.context():
        actions.cancel_task(task=task, by=factories.actor(alice))
    text = main_part(pages.get(acme.url(f"tasks/{task.pk}/")))
    assert legend(text)["Canceled"] == ("10", "100 %")
    assert legend(text)["Waiting"] == ("0", "0 %")


def test_a_task_that_has_ended_otherwise_has_no_row_of_canceled_users(acme, alice, pages, people):
    task = submit(acme, alice)
    run(acme)
    assert "Canceled" not in legend(main_part(pages.get(acme.url(f"tasks/{task.pk}/"))))


def test_an_undone_task_says_so_on_its_page_in_the_list_and_in_the_panel(acme, alice, pages, people):
    task = submit(acme, alice)
    run(acme)
    with acme.context():
        undo = actions.undo_task(task=read_in(task), by=factories.actor(alice))
    address = acme.url(f"tasks/{undo.pk}/")
    page = main_part(pages.get(acme.url(f"tasks/{task.pk}/")))
    assert f'Being undone by <a href="{address}">task #2</a>' in page
    assert "Undone by" not in main_part(pages.get(acme.url("tasks/")))
    run(acme)
    with acme.context():
        Task.objects.filter(pk=task.pk).update(failed=1)
    page = main_part(pages.get(acme.url(f"tasks/{task.pk}/")))
    assert "Retry failed" not in page
    assert f'Undone by <a href="{address}">task #2</a>' in page
    assert main_part(pages.get(acme.url("tasks/"))).count("Undone by #2") == 1
    assert "Undone by #2" in pages.get(acme.url("tasks/panel/"), headers={"HX-Request": "true"}).text
    assert f'Undo of <a href="{acme.url(f"tasks/{task.pk}/")}">task #1</a>' in main_part(pages.get(address))


def read_in(task):
    return Task.objects.get(pk=task.pk)


@pytest.mark.parametrize("state", ["completed", "warning", "failed", "canceled"])
def test_the_question_before_canceling_a_task_that_has_ended_is_refused_like_its_answer(
    acme, alice, pages, people, state
):
    task = submit(acme, alice)
    with acme.context():
        Task.objects.filter(pk=task.pk).update(state=state)
    address = acme.url(f"tasks/{task.pk}/")
    asked = pages.get(f"{address}cancel/")
    answered = pages.post(f"{address}cancel/", {"confirmed": "yes", "version": read(acme, task).version})
    assert asked.status_code == answered.status_code == 409
    assert "That is not possible any more: the task is" in asked.text
    assert "Cancel the task" not in main_part(asked)
    assert f'href="{address}">Show what is there now' in asked.text


def test_the_question_before_an_undo_that_is_not_possible_is_refused_with_the_reason(acme, alice, pages, people):
    task, idle = submit(acme, alice), submit(acme, alice)
    by = factories.actor(alice)

    def asked(row):
        answer = pages.get(acme.url(f"tasks/{row.pk}/undo/"))
        assert answer.status_code == 409
        return main_part(answer)

    assert "Only a task that has ended can be undone." in asked(task)
    with acme.context():
        actions.cancel_task(task=idle, by=by)
    assert "This task has changed nothing: there is nothing to undo." in asked(idle)
    run(acme)
    assert pages.get(acme.url(f"tasks/{task.pk}/undo/")).status_code == 200
    with acme.context():
        undo = actions.undo_task(task=read_in(task), by=by)
    assert "Task #3 undoes this task already." in asked(task)
    run(acme)
    assert "An undo cannot be undone. Submit a new task instead." in asked(undo)


def test_large_numbers_are_grouped_in_the_questions_and_one_user_is_one(acme, alice, pages, people):
    task = submit(acme, alice)
    address = acme.url(f"tasks/{task.pk}/")
    with acme.context():
        Task.objects.filter(pk=task.pk).update(selected=1534, done=1533)
    text = main_part(pages.get(f"{address}cancel/"))
    assert "1,533 users are finished" in text
    assert "1 user is left alone" in text
    with acme.context():
        Task.objects.filter(pk=task.pk).update(state="completed", changed=1533)
    assert "1,533 changes" in main_part(pages.get(f"{address}undo/"))


def test_an_export_says_the_time_of_a_step_as_machines_read_it():
    until = timezone.now().replace(microsecond=0)
    told = {"verb": "restore-not-later", "not_later_than": until.isoformat(), "kinds": ["windows"]}
    labels = {"number": 1, "task": "Back", "selected": 2, "operations": [told]}
    assert until.isoformat() in describe("task.submitted", labels, plain=True)
