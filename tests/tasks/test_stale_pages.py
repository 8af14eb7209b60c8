"""Pages of a task that was changed after they were opened: refused, with who changed what."""

import datetime
import re
import uuid

import pytest
from django.utils import timezone

from personalization.actions import tasks as actions
from personalization.models import Backup, Task, TaskItem, Verb
from tests import factories
from tests.tasks.work import read, run, submit

pytestmark = pytest.mark.django_db

VERBS = ["pause", "resume", "start", "retry", "cancel", "undo"]


@pytest.fixture
def erin(acme):
    """Administrator of Finance."""
    return factories.member(acme, "Erin Egger", "erin", role="persops.admin", groups=[acme.finance])


@pytest.fixture
def page_of_erin(erin, sign_in):
    return sign_in(erin)


def steer(browser, world, task, verb, **data):
    data = {"confirmed": "yes", "submission": str(uuid.uuid4()), **data}
    return browser.post(world.url(f"tasks/{task.pk}/{verb}/"), data)


def ready_for(world, member, verb):
    """Return a task on which the verb is possible."""
    task = submit(world, member)
    if verb == "resume":
        with world.context():
            actions.pause_task(task=task, by=factories.actor(member))
    if verb == "start":
        with world.context():
            later = timezone.now() + datetime.timedelta(hours=3)
            actions.defer_task(task=task, run_after=later, by=factories.actor(member))
    if verb in ("retry", "undo"):
        run(world)
    if verb == "retry":
        with world.context():
            TaskItem.objects.filter(task_id=task.pk).update(state=3)
    return read(world, task)


@pytest.mark.parametrize("version", [None, "", "x"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_post_without_a_version_that_can_be_read_is_no_form_of_ours(acme, erin, page_of_erin, people, verb, version):
    task = ready_for(acme, erin, verb)
    data = {} if version is None else {"version": version}
    assert steer(page_of_erin, acme, task, verb, **data).status_code == 400
    assert read(acme, task).version == task.version
    with acme.context():
        assert Task.objects.count() == 1


@pytest.mark.parametrize("verb", VERBS)
def test_a_version_that_is_not_current_is_refused_and_the_current_one_is_not(acme, erin, page_of_erin, people, verb):
    task = ready_for(acme, erin, verb)
    assert steer(page_of_erin, acme, task, verb, version=task.version + 1).status_code == 409
    assert steer(page_of_erin, acme, task, verb, version=task.version).status_code == 303


def test_a_conflict_names_the_state_that_was_shown_the_state_now_and_who_changed_it(acme, erin, page_of_erin, people):
    task = submit(acme, erin)
    page = page_of_erin.get(acme.url(f"tasks/{task.pk}/")).content.decode()
    shown = dict(re.findall(r'<input type="hidden" name="(version|state)" value="([^"]*)">', page))
    with acme.context():
        later = timezone.now() + datetime.timedelta(hours=3)
        actions.defer_task(task=task, run_after=later, by=factories.actor(erin))
    for verb in ("pause", "cancel"):
        answer = steer(page_of_erin, acme, task, verb, **shown)
        assert answer.status_code == 409
        text = answer.content.decode()
        rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td><strong>(.*?)</strong>', text)
        assert rows[0] == ("State", "Ready", "Deferred")
        assert rows[1][0] == "Last change"
        assert re.match(r"\d+ \w+ \d{4}, \d\d:\d\d: Erin Egger changed the deferral of task #1", rows[1][2])


@pytest.mark.parametrize(
    ("verb", "sentence"),
    [
        (Verb.CREATE_BACKUPS, "The backups that this task made are deleted; those protected since stay."),
        (Verb.RESTORE_LATEST, "settings from before the task come back"),
        (Verb.DELETE_OLDER, "The backups that this task deleted come back."),
    ],
)
def test_the_question_before_an_undo_says_what_undoing_this_verb_does(acme, erin, page_of_erin, people, verb, sentence):
    old = timezone.now() - datetime.timedelta(days=40)
    factories.backup(acme, people["user01"][1], factories.settings(theme="blue"), created_at=old, origin="manual")
    with acme.context():
        task = actions.submit_task(
            tenant_id=acme.pk,
            name="Roll-out",
            operations=[actions.Operation(verb, ("application",), age_days=30)],
            targets=actions.Targets(groups=(acme.finance,)),
            by=factories.actor(erin),
        )
    run(acme)
    text = page_of_erin.get(acme.url(f"tasks/{task.pk}/undo/")).content.decode()
    assert sentence in text
    others = {"made are deleted", "before the task come back", "deleted come back"}
    assert sum(part in text for part in others) == 1


def test_undoing_created_backups_deletes_them_and_leaves_protected_ones(acme, erin, page_of_erin, people):
    task = submit(acme, erin, Verb.CREATE_BACKUPS)
    run(acme)
    with acme.context():
        kept = Backup.objects.filter(task_id=task.pk).first()
        Backup.objects.filter(pk=kept.pk).update(protected_until=timezone.now() + datetime.timedelta(days=9))
    assert steer(page_of_erin, acme, task, "undo", version=read(acme, task).version).status_code == 303
    run(acme)
    with acme.context():
        assert list(Backup.objects.filter(task_id=task.pk, deleted_at=None)) == [kept]


def test_a_user_tried_once_has_one_try(acme, erin, page_of_erin, people):
    task = submit(acme, erin)
    waiting = page_of_erin.get(acme.url(f"tasks/{task.pk}/")).content.decode()
    run(acme)
    with acme.context():
        first = TaskItem.objects.filter(task_id=task.pk).order_by("id").first()
        TaskItem.objects.filter(pk=first.pk).update(state=3, attempts=3)
    ended = page_of_erin.get(acme.url(f"tasks/{task.pk}/")).content.decode()

    def tries(text):
        rows = re.findall(r"<tr>.*?</tr>", text[text.rindex("<tbody>") :], re.DOTALL)
        return [re.findall(r'<td class="num">(.*?)</td>', row)[-1] for row in rows]

    assert tries(waiting) == ["0"] * 10
    assert tries(ended) == ["3", *["1"] * 9]


@pytest.mark.parametrize(("hours", "shape"), [(1, r"starts 11:00"), (24, r"starts 15 Nov 2026, 10:00")])
def test_a_deferred_task_says_the_day_where_it_is_not_today(
    acme, erin, page_of_erin, people, hours, shape, monkeypatch
):
    now = datetime.datetime(2026, 11, 14, 9, tzinfo=datetime.UTC)  # 10:00 in Berlin
    task = submit(acme, erin)
    with acme.context():
        Task.objects.filter(pk=task.pk).update(state="waiting", run_after=now + datetime.timedelta(hours=hours))
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert shape in page_of_erin.get(acme.url(f"tasks/{task.pk}/")).content.decode()
