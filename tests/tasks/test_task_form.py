"""What the first and the last step of a task accept: times, long lines, the typed count."""

import datetime
import uuid

import pytest
from django.utils import timezone

from config.errors import Refused
from personalization.actions import tasks as actions
from personalization.actions.backups import create_backups
from personalization.forms import TaskForm
from personalization.models import (
    ManagedUser,
    PersonalizationGroup,
    ReportedGroup,
    SettingsGroup,
    SettingsProfile,
    Task,
    TaskOperation,
)
from tests import factories
from tests.tasks.work import run, submit

pytestmark = pytest.mark.django_db

BETWEEN = "Choose a time between the year 2000 and now."
NO_SUCH_TIME = "There is no such time: the clocks go forward then."


@pytest.fixture
def erin(acme):
    """Administrator of Finance; her clock is Berlin's."""
    return factories.member(acme, "Erin Egger", "erin", role="persops.admin", groups=[acme.finance])


@pytest.fixture
def page_of_erin(erin, sign_in):
    return sign_in(erin)


def plan(acme, **more):
    return {"verb": "restore-not-later", "kinds": ["application"], "groups": [str(acme.finance)], **more}


@pytest.mark.parametrize("path", ["tasks/new/", "tasks/submit/"])
@pytest.mark.parametrize("time", ["0001-01-01T00:00", "1999-12-31T12:00", "2999-01-01T00:00", "9999-12-31T23:59"])
def test_a_time_out_of_bounds_is_answered_beside_the_field_and_queues_nothing(acme, page_of_erin, people, path, time):
    data = plan(acme, not_later_than=time, name="Roll-out", delay="0", expected="10", submission=str(uuid.uuid4()))
    answer = page_of_erin.post(acme.url(path), data)
    assert answer.status_code == 422
    assert BETWEEN in answer.content.decode()
    assert time in answer.content.decode()
    with acme.context():
        assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"not_later_than": "2999-01-01T00:00"}, {"not_later_than": [BETWEEN]}),
        ({"not_later_than": "soon"}, {"not_later_than": ["Enter a valid date/time."]}),
        ({"not_later_than": ""}, {"not_later_than": ["Say up to which time."]}),
        (
            {"verb": "delete-older", "age_days": "0"},
            {"age_days": ["Ensure this value is greater than or equal to 1."]},
        ),
        ({"verb": "delete-older"}, {"age_days": ["Say how old."]}),
        ({"kinds": ["hats"]}, {"kinds": ["Select a valid choice. hats is not one of the available choices."]}),
        ({"kinds": []}, {"kinds": ["Choose at least one kind or settings group."]}),
        ({"groups": ["hats"]}, {"groups": ["“hats” is not a valid UUID."]}),
        ({"groups": []}, {"groups": ["Choose at least one group or user."]}),
        ({"groups": [], "users": "nobody"}, {"users": ["1 line names no user in your groups: nobody"]}),
    ],
)
def test_what_is_wrong_is_never_said_to_be_missing_too(acme, people, wrong, said):
    with acme.context():
        form = TaskForm(
            plan(acme, **{"not_later_than": "2026-01-01T00:00"} | wrong),
            settings_groups=SettingsGroup.objects.all(),
            groups=PersonalizationGroup.objects.all(),
            reported_groups=ReportedGroup.objects.all(),
            users=ManagedUser.objects.all(),
        )
        assert form.errors == said


@pytest.mark.parametrize(
    "until",
    [datetime.datetime(1999, 12, 31, tzinfo=datetime.UTC), datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC)],
)
def test_the_action_refuses_such_times_too(acme, erin, people, until):
    with acme.context(), pytest.raises(Refused) as refused:
        actions.submit_task(
            tenant_id=acme.pk,
            name="Roll-out",
            operations=[actions.Operation("restore-not-later", ("application",), not_later_than=until)],
            targets=actions.Targets(groups=(acme.finance,)),
            by=factories.actor(erin),
        )
    assert refused.value.field == "not_later_than"


def test_a_task_is_not_put_off_for_more_than_a_year(acme, erin, people):
    task, by = submit(acme, erin), factories.actor(erin)
    far = timezone.now() + actions.LONGEST_DEFERRAL + datetime.timedelta(days=1)
    with acme.context(), pytest.raises(Refused):
        actions.defer_task(task=task, run_after=far, by=by)
    with acme.context(), pytest.raises(Refused):
        actions.submit_task(
            tenant_id=acme.pk,
            name="Roll-out",
            operations=[actions.Operation("restore-latest", ("application",))],
            targets=actions.Targets(groups=(acme.finance,)),
            run_after=far,
            by=by,
        )


@pytest.mark.parametrize("time", ["2026-03-29T02:30", "2026-03-29T02:00"])
def test_a_time_that_the_clocks_leave_out_gets_a_sentence_of_its_own(acme, page_of_erin, people, time):
    answer = page_of_erin.post(acme.url("tasks/new/"), plan(acme, not_later_than=time))
    assert answer.status_code == 422
    assert NO_SUCH_TIME in answer.content.decode()


@pytest.mark.parametrize(
    ("time", "meant"),
    [
        ("2026-10-25T02:30", datetime.datetime(2026, 10, 25, 0, 30, tzinfo=datetime.UTC)),
        ("2026-10-25T03:00", datetime.datetime(2026, 10, 25, 2, 0, tzinfo=datetime.UTC)),
        ("2026-03-29T03:00", datetime.datetime(2026, 3, 29, 1, 0, tzinfo=datetime.UTC)),
    ],
)
def test_an_hour_that_comes_twice_is_the_first_one(acme, page_of_erin, people, time, meant):
    data = plan(acme, not_later_than=time, name="Roll-out", delay="0", expected="10", submission=str(uuid.uuid4()))
    assert page_of_erin.post(acme.url("tasks/submit/"), data).status_code == 303
    with acme.context():
        assert TaskOperation.objects.get().not_later_than == meant
    run(acme)


def test_an_error_repeats_a_hundred_characters_of_a_line(acme, page_of_erin, people):
    line = "FINANCE\\" + "x" * 199_000
    text = page_of_erin.post(acme.url("tasks/new/"), plan(acme, verb="restore-latest", users=line)).content.decode()
    assert f"names no user in your groups: {line[:100]}…" in text
    assert text.count(line[:101]) == 1  # in the field itself


@pytest.fixture
def many(acme, people):
    """1,234 users in Finance."""
    with acme.context():
        ManagedUser.objects.bulk_create(
            ManagedUser(
                tenant=acme.tenant, sid=f"S-1-{n}", domain="FINANCE", name=f"many{n}", name_key=f"many{n}",
                domain_key="finance", group_id=acme.finance,
            )
            for n in range(1224)
        )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ("1,234", 303), ("1234", 303), ("1.234", 303), ("1 234", 303), ("1\u202f234", 303), ("1\u00a0234", 303),
        ("1\u2019234", 303), (" 1234 ", 303), ("1,233", 422), ("12,34", 422), ("1,234,", 422), ("-1234", 422),
        ("1234.0", 422), ("", 422), ("x", 422), ("\u0661234", 422),
    ],
)  # fmt: skip
def test_the_number_is_typed_as_the_page_shows_it_or_bare(acme, page_of_erin, many, typed, status):
    data = plan(acme, verb="restore-latest", name="Many", delay="0", expected="1234", submission=str(uuid.uuid4()))
    answer = page_of_erin.post(acme.url("tasks/submit/"), data | {"typed": typed})
    assert answer.status_code == status
    if status == 422:
        assert "This touches 1,234 users." in answer.content.decode()


HIDDEN = "Roll\u202e-out"
INVISIBLE = "Character 5 (U+202E) cannot be seen."


def test_a_task_and_its_backups_get_no_name_with_something_invisible_in_it(acme, erin, page_of_erin, people):
    data = {"verb": "create-backups", "kinds": ["application"], "groups": [str(acme.finance)]}
    data |= {"name": HIDDEN, "delay": "0", "expected": "10", "submission": str(uuid.uuid4())}
    answer = page_of_erin.post(acme.url("tasks/submit/"), data)
    assert answer.status_code == 422
    assert INVISIBLE in answer.text
    with acme.context():
        assert not Task.objects.exists()
    task, by = submit(acme, erin), factories.actor(erin)
    with acme.context():
        finance = SettingsProfile.objects.filter(managed_user__group_id=acme.finance)
        for call in (
            lambda: actions.rename_task(task=task, name=HIDDEN, by=by),
            lambda: create_backups(profiles=finance, name=HIDDEN, by=by),
        ):
            with pytest.raises(Refused) as refused:
                call()
            assert (refused.value.field, refused.value.code) == ("name", "name-invisible")


def test_a_task_whose_name_is_older_than_this_rule_can_be_undone(acme, erin, people):
    task, by = submit(acme, erin), factories.actor(erin)
    run(acme)
    with acme.context():
        Task.objects.filter(pk=task.pk).update(name=HIDDEN)
        undo = actions.undo_task(task=Task.objects.get(pk=task.pk), by=by)
    assert HIDDEN in undo.name
