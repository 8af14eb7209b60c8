"""Plans become tasks: whom they reach, what the preview says, who may steer them."""

import datetime
import time

import pytest
from celery import Celery
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from config import bell
from config.errors import Conflict, Refused
from personalization.actions import tasks as actions
from personalization.actions.tasks import Operation, Targets, preview
from personalization.models import ReportedGroup, ReportedMembership, Task, TaskItem, TaskState, Verb
from tests import factories
from tests.ledger.crowd import crowd, events, fresh, items, operation, run, settings_groups, submit

pytestmark = pytest.mark.django_db


def reported(world, name, users=()):
    with world.context():
        group = ReportedGroup.objects.create(tenant=world.tenant, name=name)
        for user in users:
            ReportedMembership.objects.create(tenant=world.tenant, reported_group=group, managed_user_id=user)
    return group.pk


def chosen(world, task):
    return {item.managed_user_id for item in items(world, task)}


# --- targets ----------------------------------------------------------------------------------------------------------


def test_groups_directory_groups_and_named_users_are_united_and_each_user_comes_once(acme, alice):
    finance = crowd(acme, 3, prefix="f").users
    sales = crowd(acme, 3, prefix="s", group=acme.sales).users
    team = reported(acme, "Team", [finance[0], sales[0]])
    task = submit(acme, alice, groups=[acme.finance], reported=[team], users=[sales[0], sales[2]])
    assert chosen(acme, task) == {*finance, sales[0], sales[2]}
    assert task.selected == 5
    assert task.scope_groups == sorted([str(acme.finance), str(acme.sales)])
    assert task.scope == {"groups": ["Finance"], "reported_groups": ["Team"], "named_users": 2}


def test_an_administrator_reaches_only_users_of_own_groups(acme, adam):
    finance = crowd(acme, 2, prefix="f").users
    sales = crowd(acme, 2, prefix="s", group=acme.sales).users
    team = reported(acme, "Team", [finance[0], sales[0]])
    by = factories.actor(adam)
    with acme.context():
        seen = preview(
            tenant_id=acme.pk,
            operations=[operation(Verb.CREATE_BACKUPS)],
            targets=Targets(reported_groups=(team,), users=(sales[1],)),
            by=by,
        )
    assert (seen.users, seen.outside) == (1, 2)
    assert chosen(acme, submit(acme, adam, reported=[team], users=[sales[1]])) == {finance[0]}


def test_a_group_that_is_not_ones_own_is_refused(acme, adam):
    crowd(acme, 1)
    with pytest.raises(PermissionDenied):
        submit(acme, adam, groups=[acme.finance, acme.sales])


def test_support_desk_submits_nothing(acme, bob):
    crowd(acme, 1)
    with pytest.raises(PermissionDenied):
        submit(acme, bob)


@pytest.mark.spec("AC-MBK-6")
def test_a_directory_group_without_known_members_is_explained(acme, alice):
    empty = reported(acme, "Nobody yet")
    with pytest.raises(Refused) as refused:
        submit(acme, alice, reported=[empty])
    assert (refused.value.field, refused.value.code) == ("reported_groups", "no-known-members")
    assert "last logon" in refused.value.message
    with acme.context():
        assert not Task.objects.exists()


# --- preview ----------------------------------------------------------------------------------------------------------

PLANS = {
    "create": [operation(Verb.CREATE_BACKUPS)],
    "create-one-kind": [operation(Verb.CREATE_BACKUPS, kinds=("windows",))],
    "restore": [operation(Verb.RESTORE_LATEST)],
    "restore-not-later": [
        operation(Verb.RESTORE_NOT_LATER, not_later_than=timezone.now() - datetime.timedelta(days=15))
    ],
    "delete": [operation(Verb.DELETE_OLDER, age_days=5)],
    "delete-protected": [operation(Verb.DELETE_OLDER, age_days=5, include_protected=True)],
}


@pytest.mark.parametrize("plan", PLANS)
def test_the_preview_says_exactly_what_the_task_then_does(acme, alice, plan):
    from personalization.models import Backup, SettingsProfile

    people = crowd(acme, 6, groups=3, backups=3).users
    with acme.context():  # some who have less
        SettingsProfile.objects.filter(managed_user_id=people[0]).update(snapshot=None)
        Backup.objects.filter(profile__managed_user_id=people[1]).update(deleted_at=timezone.now())
        one = SettingsProfile.objects.filter(managed_user_id=people[2]).first()
        newest = one_backup(one)
        SettingsProfile.objects.filter(pk=one.pk).update(snapshot_id=newest.snapshot_id)
        tomorrow = timezone.now() + datetime.timedelta(days=1)
        Backup.objects.filter(profile__managed_user_id=people[3]).update(protected_until=tomorrow)
        seen = preview(
            tenant_id=acme.pk,
            operations=PLANS[plan],
            targets=Targets(groups=(acme.finance,)),
            by=factories.actor(alice),
        )
    task = submit(acme, alice, *PLANS[plan])
    run(acme)
    ended = fresh(acme, task)
    assert seen.users == ended.selected == 6
    [step] = seen.steps
    assert seen.touched == (ended.changed,)
    assert step.users == sum(item.changed > 0 for item in items(acme, task))
    assert ended.changed > 0


def one_backup(profile):
    from personalization.models import Backup

    return Backup.objects.filter(profile=profile).order_by("-created_at").first()


def test_the_preview_changes_nothing(acme, alice):
    crowd(acme, 2)
    with acme.context():
        preview(
            tenant_id=acme.pk,
            operations=[operation(Verb.RESTORE_LATEST)],
            targets=Targets(groups=(acme.finance,)),
            by=factories.actor(alice),
        )
        assert not Task.objects.exists()
        assert not TaskItem.objects.exists()
    assert not events(acme, "task.submitted")


# --- checks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "field"),
    [
        ([], "verb"),
        ([Operation(verb=Verb.UNDO, kinds=("windows",))], "verb"),
        ([Operation(verb=Verb.CREATE_BACKUPS)], "kinds"),
        ([operation(Verb.RESTORE_NOT_LATER)], "not_later_than"),
        ([operation(Verb.DELETE_OLDER)], "age_days"),
        ([operation(Verb.DELETE_OLDER, age_days=0)], "age_days"),
    ],
)
def test_a_plan_that_says_too_little_is_refused_beside_its_field(acme, alice, steps, field):
    with acme.context(), pytest.raises(Refused) as refused:
        actions.submit_task(
            tenant_id=acme.pk,
            name="x",
            operations=steps,
            targets=Targets(groups=(acme.finance,)),
            by=factories.actor(alice),
        )
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_name_has_1_to_100_characters(acme, alice, name):
    crowd(acme, 1)
    with pytest.raises(Refused) as refused:
        submit(acme, alice, name=name)
    assert refused.value.field == "name"


def test_more_than_50_users_need_the_count_and_a_wrong_count_is_a_conflict(acme, alice):
    crowd(acme, 51)
    plan = {
        "tenant_id": acme.pk,
        "name": "x",
        "operations": [operation(Verb.CREATE_BACKUPS)],
        "targets": Targets(groups=(acme.finance,)),
        "by": factories.actor(alice),
    }
    with acme.context():
        with pytest.raises(Refused) as refused:
            actions.submit_task(**plan)
        assert refused.value.field == "typed"
        with pytest.raises(Conflict) as conflict:
            actions.submit_task(**plan, expected_users=50)
        assert conflict.value.changes[0][1:] == (50, 51)
        assert not Task.objects.exists()
        assert actions.submit_task(**plan, expected_users=51).selected == 51


def test_50_users_need_no_count(acme, alice):
    crowd(acme, 50)
    with acme.context():
        actions.submit_task(
            tenant_id=acme.pk,
            name="x",
            operations=[operation(Verb.CREATE_BACKUPS)],
            targets=Targets(groups=(acme.finance,)),
            by=factories.actor(alice),
        )


# --- steering ---------------------------------------------------------------------------------------------------------

STEER = {
    "pause": lambda **by: actions.pause_task(**by),
    "cancel": lambda **by: actions.cancel_task(**by),
    "rename": lambda **by: actions.rename_task(name="Other", **by),
    "defer": lambda **by: actions.defer_task(run_after=timezone.now() + datetime.timedelta(hours=1), **by),
}


@pytest.mark.spec("AC-TSK-7")
@pytest.mark.parametrize("verb", STEER)
def test_an_administrator_steers_own_tasks_and_a_primary_administrator_all(acme, adam, sara, alice, verb):
    crowd(acme, 1)
    task = submit(acme, adam)
    other = factories.member(acme, "Otto", "otto", role="persops.admin", groups=[acme.finance])
    for stranger in (sara, other):
        with acme.context(), pytest.raises(PermissionDenied):
            STEER[verb](task=task, by=factories.actor(stranger))
    assert fresh(acme, task).version == 1
    with acme.context():
        STEER[verb](task=task, by=factories.actor(adam))
    second = submit(acme, adam)
    with acme.context():
        STEER[verb](task=second, by=factories.actor(alice))


def test_a_creator_who_lost_a_group_of_the_task_does_not_steer_it(acme):
    both = factories.member(acme, "Both", "both", role="persops.admin", groups=[acme.finance, acme.sales])
    crowd(acme, 1, prefix="f")
    crowd(acme, 1, prefix="s", group=acme.sales)
    task = submit(acme, both, groups=[acme.finance, acme.sales])
    from personalization.models import PersonalizationGroupUserGrant

    with acme.context():
        PersonalizationGroupUserGrant.objects.filter(user=both.user, content_object_id=acme.sales).delete()
    with acme.context(), pytest.raises(PermissionDenied):
        actions.pause_task(task=task, by=factories.actor(both))


def test_a_stale_page_is_answered_with_a_conflict_but_progress_makes_no_page_stale(acme, adam):
    crowd(acme, 1)
    task = submit(acme, adam, run_after=timezone.now() + datetime.timedelta(hours=1))
    by = factories.actor(adam)
    with acme.context():
        actions.pause_task(task=task, version=1, by=by)
        with pytest.raises(Conflict):
            actions.resume_task(task=task, version=1, by=by)
        assert actions.resume_task(task=task, version=2, by=by).state == TaskState.WAITING
        actions.start_now(task=task, version=3, by=by)
    run(acme)
    assert (fresh(acme, task).state, fresh(acme, task).version) == ("completed", 4)


def test_a_deferral_is_changed_and_taken_away_and_told(acme, adam):
    crowd(acme, 1)
    by = factories.actor(adam)
    task = submit(acme, adam)
    later = timezone.now() + datetime.timedelta(hours=3)
    with acme.context():
        assert actions.defer_task(task=task, run_after=later, by=by).state == TaskState.WAITING
        with pytest.raises(Refused):
            actions.defer_task(task=task, run_after=timezone.now(), by=by)
    run(acme)
    assert fresh(acme, task).state == TaskState.WAITING
    with acme.context():
        actions.start_now(task=task, by=by)
    run(acme)
    assert fresh(acme, task).state == TaskState.COMPLETED
    assert len(events(acme, "task.deferral-changed")) == 2


def test_a_renamed_task_tells_both_names(acme, adam):
    crowd(acme, 1)
    task = submit(acme, adam, name="Old")
    with acme.context():
        actions.rename_task(task=task, name=" New ", by=factories.actor(adam))
    [event] = events(acme, "task.renamed")
    assert (event.labels["before"], event.labels["after"], fresh(acme, task).name) == ("Old", "New", "New")


def test_numbers_rise_by_one_within_the_tenant(acme, globex, adam, charlie):
    crowd(acme, 1)
    crowd(globex, 1)
    assert [submit(acme, adam).number for _ in range(3)] == [1, 2, 3]
    assert submit(globex, charlie).number == 1


def test_settings_groups_of_another_tenant_are_not_in_scope(acme, globex, alice):
    crowd(acme, 1)
    crowd(globex, 1)
    foreign = settings_groups(globex)[0].pk
    with acme.context():
        assert (
            actions.scope_of(acme.pk, operation(Verb.CREATE_BACKUPS, kinds=(), settings_groups=(foreign,)))[0]
            == frozenset()
        )


# --- the bell ---------------------------------------------------------------------------------------------------------


def test_the_bell_rings_after_the_commit(acme, adam, rings, django_capture_on_commit_callbacks):
    crowd(acme, 1)
    with django_capture_on_commit_callbacks(execute=True):
        submit(acme, adam)
        assert not rings
    assert rings == [(str(acme.pk), 0)]


def test_a_broker_that_is_down_does_not_fail_the_submission(
    acme, adam, monkeypatch, django_capture_on_commit_callbacks, tmp_path
):
    crowd(acme, 1)
    dead = Celery(broker=f"redis+socket://{tmp_path}/nobody.sock")
    dead.conf.update(task_publish_retry=False, broker_transport_options=bell.app.conf.broker_transport_options)
    monkeypatch.setattr(bell, "app", dead)
    started = time.monotonic()
    with django_capture_on_commit_callbacks(execute=True):
        task = submit(acme, adam)
    assert time.monotonic() - started < 5
    assert fresh(acme, task).state == TaskState.RUNNABLE


def test_the_reaper_rings_for_runnable_work_and_for_nothing_else(acme, globex, adam, charlie, rings):
    from personalization.tasks.ledger import ring_runnable_tasks

    crowd(acme, 1)
    crowd(globex, 1)
    task = submit(acme, adam)
    waiting = submit(globex, charlie, run_after=timezone.now() + datetime.timedelta(hours=1))
    ring_runnable_tasks()
    assert rings == [(str(acme.pk), 0)]
    run(acme)
    rings.clear()
    ring_runnable_tasks()
    assert rings == []
    assert (fresh(acme, task).state, fresh(globex, waiting).state) == ("completed", "waiting")
