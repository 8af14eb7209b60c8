"""The wizard, the task's page and the panel, through HTTP."""

import re
import uuid

import pytest
from django.db import IntegrityError

from personalization.models import Task, TaskOperation
from tests import factories
from tests.tasks.work import read, run, submit

pytestmark = pytest.mark.django_db


@pytest.fixture
def erin(acme):
    """Administrator of Finance."""
    return factories.member(acme, "Erin Egger", "erin", role="persops.admin", groups=[acme.finance])


@pytest.fixture
def page_of_erin(erin, sign_in):
    return sign_in(erin)


def plan(acme, **more):
    return {"verb": "restore-latest", "kinds": ["application"], "groups": [str(acme.finance)], **more}


def figures(answer):
    return re.findall(r'<strong class="tabular">([^<]+)</strong>', answer.content.decode())


@pytest.mark.spec("P7")
def test_the_preview_shows_exact_counts_and_the_submitted_task_has_them(acme, page_of_erin, people):
    seen = page_of_erin.post(acme.url("tasks/new/"), plan(acme))
    assert figures(seen) == ["10", "10"]
    answer = page_of_erin.post(
        acme.url("tasks/submit/"), plan(acme, name="Roll-out", delay="0", expected="10", submission=str(uuid.uuid4()))
    )
    assert answer.status_code == 303
    with acme.context():
        task = Task.objects.get()
    assert (task.name, task.selected, task.scope["groups"]) == ("Roll-out", 10, ["Finance"])
    run(acme)
    page = page_of_erin.get(answer.headers["Location"]).content.decode()
    assert "Completed" in page
    assert "FINANCE\\user03" in page


def test_results_are_sorted_by_the_user_as_it_is_shown(acme, erin, page_of_erin):
    for domain, name in (("WEST", "anna"), ("east", "zoe"), ("EAST", "bert")):
        factories.managed_user(acme, name, domain=domain)
    task = submit(acme, erin, "create-backups")
    for query, expected in (
        ("", ["EAST\\bert", "east\\zoe", "WEST\\anna"]),
        ("?sort=-user_label", ["WEST\\anna", "east\\zoe"]),
    ):
        page = page_of_erin.get(acme.url(f"tasks/{task.pk}/{query}")).content.decode()
        assert re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', page)[: len(expected)] == expected


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"verb": "restore-not-later"}, "Say up to which time."),
        ({"verb": "delete-older"}, "Say how old."),
        ({"kinds": []}, "Choose at least one kind or settings group."),
        ({"groups": []}, "Choose at least one group or user."),
        (
            {"users": "FINANCE\\user01\nFINANCE\\ghost\nnonsense"},
            "name no user in your groups: nonsense, FINANCE\\ghost",
        ),
        ({"users": "FINANCE\\user11"}, "names no user in your groups: FINANCE\\user11"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays(acme, page_of_erin, people, change, sentence):
    answer = page_of_erin.post(acme.url("tasks/new/"), plan(acme, **change))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in text
    for line in change.get("users", "").splitlines():
        assert line in text


def test_groups_of_others_are_not_offered_and_refused_when_forged(acme, page_of_erin, people):
    assert str(acme.sales) not in page_of_erin.get(acme.url("tasks/new/")).content.decode()
    assert page_of_erin.post(acme.url("tasks/new/"), plan(acme, groups=[str(acme.sales)])).status_code == 422


def test_above_fifty_users_the_number_is_typed(acme, page_of_erin, mail):
    for number in range(51):
        factories.managed_user(acme, f"many{number}")
    data = plan(acme, name="Many", delay="0", expected="51", submission=str(uuid.uuid4()))
    assert page_of_erin.post(acme.url("tasks/submit/"), data).status_code == 422
    assert page_of_erin.post(acme.url("tasks/submit/"), data | {"typed": "50"}).status_code == 422
    assert page_of_erin.post(acme.url("tasks/submit/"), data | {"typed": "51"}).status_code == 303


def test_a_stale_count_is_answered_with_409_and_queues_nothing(acme, page_of_erin, people):
    data = plan(acme, name="Roll-out", delay="0", expected="9", submission=str(uuid.uuid4()))
    assert page_of_erin.post(acme.url("tasks/submit/"), data).status_code == 409
    with acme.context():
        assert not Task.objects.exists()


@pytest.mark.spec("AC-API-4")
def test_the_same_submission_twice_makes_one_task(acme, page_of_erin, people):
    data = plan(acme, name="Roll-out", delay="0", expected="10", submission=str(uuid.uuid4()))
    answers = [page_of_erin.post(acme.url("tasks/submit/"), data) for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    with acme.context():
        assert Task.objects.count() == 1


def test_a_task_is_paused_resumed_canceled_and_undone_from_its_page(acme, erin, page_of_erin, people):
    task = submit(acme, erin)
    address = f"tasks/{task.pk}/"
    assert page_of_erin.post(acme.url(address + "pause/"), {"version": 1}).status_code == 303
    assert read(acme, task).state == "paused"
    assert page_of_erin.post(acme.url(address + "resume/"), {"version": read(acme, task).version}).status_code == 303
    run(acme)
    assert "Undo the task" in page_of_erin.get(acme.url(address)).content.decode()
    data = {"confirmed": "yes", "submission": str(uuid.uuid4()), "version": read(acme, task).version}
    answer = page_of_erin.post(acme.url(address + "undo/"), data)
    assert answer.status_code == 303
    run(acme)
    with acme.context():
        assert Task.objects.get(undo_of_id=task.pk).succeeded == 10
    other = submit(acme, erin)
    assert (
        page_of_erin.post(acme.url(f"tasks/{other.pk}/cancel/"), {"confirmed": "yes", "version": 1}).status_code == 303
    )
    assert read(acme, other).state == "canceled"


def test_a_stale_task_page_is_answered_with_409(acme, erin, page_of_erin, people):
    task = submit(acme, erin)
    page_of_erin.post(acme.url(f"tasks/{task.pk}/pause/"), {"version": 1})
    assert page_of_erin.post(acme.url(f"tasks/{task.pk}/resume/"), {"version": 1}).status_code == 409


def test_an_administrator_of_another_group_sees_state_and_progress_but_not_whom(acme, erin, people, sign_in):
    sam = factories.member(acme, "Sam Stone", "sam", role="persops.admin", groups=[acme.sales])
    task = submit(acme, erin)
    page = sign_in(sam).get(acme.url(f"tasks/{task.pk}/")).content.decode()
    assert "Roll-out" in page
    assert "user03" not in page
    assert "Pause" not in page


@pytest.mark.spec("AC-TSK-10")
def test_the_panel_polls_while_something_is_open_and_stops_afterwards(acme, erin, page_of_erin, people):
    task = submit(acme, erin)
    panel = page_of_erin.get(acme.url("tasks/panel/"), headers={"HX-Request": "true"}).content.decode()
    assert "every 2s" in panel
    assert f"#{task.number} Roll-out" in panel
    run(acme)
    panel = page_of_erin.get(acme.url("tasks/panel/"), headers={"HX-Request": "true"}).content.decode()
    assert "every" not in panel
    assert "Completed" in panel


@pytest.mark.parametrize("path", ["tasks/", "tasks/{task}/", "tasks/panel/"])
def test_pages_ask_the_same_number_of_queries_for_few_and_many(acme, alice, people, path, sign_in, query_count):
    browser_of_alice, counts = sign_in(alice), []
    for _ in range(2):
        task = submit(acme, alice, groups=[acme.finance, acme.sales] if counts else [acme.sales])
        counts.append(query_count(lambda task=task: browser_of_alice.get(acme.url(path.format(task=task.pk)))))
    assert counts[0] == counts[1]


def test_the_database_refuses_a_time_that_nobody_could_read_back(acme, alice, people):
    task = submit(acme, alice)
    with pytest.raises(IntegrityError, match="taskoperation_time"), acme.context():
        TaskOperation.objects.filter(task_id=task.pk).update(not_later_than="1999-12-31T23:59:59Z")
