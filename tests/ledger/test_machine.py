"""Whatever happens in whatever order: totals add up, what has ended stays ended, each effect is there exactly once."""

import datetime
from collections import Counter
from contextlib import suppress

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from audit.models import Event
from config.errors import Refused
from config.identifiers import uuid7
from personalization import moves
from personalization.actions import tasks as actions
from personalization.formats import compression, manifest
from personalization.models import (
    Backup,
    ItemState,
    ManagedUser,
    Origin,
    SettingsProfile,
    Task,
    TaskItem,
    TaskState,
    Verb,
)
from personalization.outcomes import Outcome
from personalization.runner import run_batch, steps
from personalization.store import put_snapshot
from tests import factories
from tests.conftest import DEEP
from tests.ledger.crowd import crowd, fresh, let_pauses_pass, operation, outcomes, run, submit

PEOPLE = 6
NOTHING = compression.digest(manifest.encode([]))
broken_users = set()
STEPS = {
    "create": lambda: [operation(Verb.CREATE_BACKUPS)],
    "restore": lambda: [operation(Verb.RESTORE_LATEST)],
    "restore older": lambda: [
        operation(Verb.RESTORE_NOT_LATER, not_later_than=timezone.now() - datetime.timedelta(days=15))
    ],
    "delete": lambda: [operation(Verb.DELETE_OLDER, age_days=5)],
    "create, restore older": lambda: [
        operation(Verb.CREATE_BACKUPS, kinds=("windows",)),
        operation(Verb.RESTORE_NOT_LATER, not_later_than=timezone.now() - datetime.timedelta(days=15)),
    ],
}


class Crash(Exception):
    """The worker dies before its commit."""


class Ledger(RuleBasedStateMachine):
    """A tenant with a few users, its administrator, and everything that can happen to the queue."""

    @initialize()
    def begin(self):
        broken_users.clear()
        self.world = factories.world(f"t{uuid7().hex[-12:]}", "Machine")
        self.member = factories.member(
            self.world, "Adam", "adam", role="persops.admin", groups=[self.world.finance, self.world.engineering]
        )
        self.by = factories.actor(self.member)
        self.people = crowd(self.world, PEOPLE, groups=2, backups=3).users
        self.ended_items, self.ended_tasks, self.other_changes = {}, {}, Counter()

    # --- what people do

    @rule(
        plan=st.sampled_from(sorted(STEPS)), chosen=st.sets(st.integers(0, PEOPLE - 1), min_size=1), late=st.booleans()
    )
    def submit(self, plan, chosen, late):
        run_after = timezone.now() + datetime.timedelta(hours=1) if late else None
        submit(self.world, self.member, *STEPS[plan](), users=[self.people[n] for n in chosen], run_after=run_after)

    def _some_task(self, number):
        tasks = list(Task.objects.filter(tenant_id=self.world.pk).order_by("number"))
        return tasks[number % len(tasks)] if tasks else None

    @rule(
        verb=st.sampled_from(
            [actions.pause_task, actions.resume_task, actions.cancel_task, actions.retry_failed, actions.undo_task]
            + [actions.start_now]
        ),
        number=st.integers(0, 9),
    )
    def steer(self, verb, number):
        with self.world.context(), suppress(Refused):
            task = self._some_task(number)
            if task:
                if verb is actions.retry_failed:
                    self._forget(task)
                with transaction.atomic():
                    verb(task=task, by=self.by)

    def _forget(self, task):
        """A retry is the one way out of failed and partial."""
        again = TaskItem.objects.filter(task_id=task.pk, state__in=[ItemState.FAILED, ItemState.PARTIAL])
        for pk in again.values_list("pk", flat=True):
            self.ended_items.pop(pk, None)
        if task.state != TaskState.CANCELED:
            self.ended_tasks.pop(task.pk, None)

    @rule(person=st.integers(0, PEOPLE - 1))
    def somebody_changes_a_user(self, person):
        with self.world.context():
            rows = SettingsProfile.objects.filter(managed_user_id=self.people[person])
            for row in moves.clear(tenant_id=self.world.pk, profile_ids=[rows[0].pk], created_by="bob"):
                self.other_changes[row.profile_id] += 1

    @rule(person=st.integers(0, PEOPLE - 1), night_falls=st.booleans())
    def a_registry_file_empties_a_profile(self, person, night_falls):
        """An import that deletes all there is has left the snapshot without items, and backups of it."""
        with self.world.context():
            profile = SettingsProfile.objects.filter(managed_user_id=self.people[person]).order_by("pk")[0]
            nothing = put_snapshot(tenant_id=self.world.pk, items=[])
            common = {"tenant": self.world.tenant, "profile": profile, "created_at": timezone.now()}
            if profile.snapshot_id not in (None, nothing.pk):
                profile.version += 1
                Backup.objects.create(
                    snapshot_id=profile.snapshot_id, origin=Origin.BEFORE_CHANGE, made_version=profile.version, **common
                )
                profile.snapshot = nothing
                profile.save()
                self.other_changes[profile.pk] += 1
            if night_falls:
                Backup.objects.create(snapshot=nothing, origin=Origin.NIGHTLY, **common)

    @rule(person=st.integers(0, PEOPLE - 1), group=st.sampled_from(["finance", "sales", "engineering"]))
    def a_user_moves(self, person, group):
        with self.world.context():
            ManagedUser.objects.filter(pk=self.people[person]).update(group_id=getattr(self.world, group))

    @rule(person=st.integers(0, PEOPLE - 1))
    def a_user_breaks_or_is_mended(self, person):
        broken_users.symmetric_difference_update({self.people[person]})

    # --- what the worker does

    @rule(size=st.integers(1, PEOPLE))
    def a_batch_runs(self, size):
        run_batch(self.world.pk, size)

    @rule(size=st.integers(1, PEOPLE))
    def a_batch_is_lost(self, size):
        before = self._everything()
        with suppress(Crash), transaction.atomic():
            run_batch(self.world.pk, size)
            raise Crash
        assert self._everything() == before

    @rule()
    def time_passes(self):
        let_pauses_pass(self.world)
        with self.world.context():
            Task.objects.filter(tenant_id=self.world.pk, state=TaskState.WAITING).update(run_after=timezone.now())

    @rule()
    @precondition(lambda self: hasattr(self, "world"))
    def the_queue_is_worked_off(self):
        for _ in range(40):
            run_batch(self.world.pk, 100)
            let_pauses_pass(self.world)
        with self.world.context():
            left = Task.objects.filter(tenant_id=self.world.pk, state__in=[TaskState.RUNNABLE, TaskState.RUNNING])
            assert not left.exists()

    @rule(person=st.integers(0, PEOPLE - 1), emptied=st.sampled_from(["no", "today", "yesterday"]))
    def what_is_announced_is_done_and_undone(self, person, emptied):
        run(self.world)
        if emptied != "no":
            self.a_registry_file_empties_a_profile(person, night_falls=emptied == "yesterday")
        if self.people[person] not in broken_users:
            for plan in ("create", "restore", "restore older", "delete"):
                self._announce_do_and_undo(self.people[person], STEPS[plan]())

    def _announce_do_and_undo(self, user, steps):
        targets, before = actions.Targets(users=(user,)), self._stored(user)
        with self.world.context():
            seen = actions.preview(tenant_id=self.world.pk, operations=steps, targets=targets, by=self.by)
        if not seen.users:
            return
        task = submit(self.world, self.member, *steps, users=[user])
        run(self.world)
        task = fresh(self.world, task)
        assert (task.changed,) == seen.touched
        if task.changed:
            with self.world.context():
                inverse = actions.undo_task(task=task, by=self.by)
            run(self.world)
            assert outcomes(self.world, inverse) == [Outcome.UNDONE]
        assert self._stored(user) == before

    def _stored(self, user):
        """Return what is stored of a user, and the backups of it that count; nothing is the same in either form."""
        with self.world.context():
            rows = SettingsProfile.objects.filter(managed_user_id=user).order_by("pk")
            digests = [bytes(digest or NOTHING) for digest in rows.values_list("snapshot__digest", flat=True)]
            kept = Backup.objects.filter(profile__in=rows, deleted_at=None).exclude(origin=Origin.BEFORE_CHANGE)
            return digests, set(kept.values_list("pk", flat=True))

    def _everything(self):
        with self.world.context():
            return [
                list(model.objects.filter(tenant_id=self.world.pk).order_by("pk").values_list())
                for model in (Task, TaskItem, Backup, SettingsProfile, Event)
            ]

    # --- what always holds

    @invariant()
    def totals_add_up(self):
        with self.world.context():
            for task in Task.objects.filter(tenant_id=self.world.pk):
                rows = list(TaskItem.objects.filter(task_id=task.pk))
                tally = Counter(row.state for row in rows)
                assert task.selected == len(rows)
                assert task.done == len(rows) - tally[ItemState.PENDING] - tally[ItemState.CANCELED]
                assert (task.succeeded, task.partial, task.failed, task.denied) == tuple(
                    tally[state]
                    for state in (ItemState.SUCCEEDED, ItemState.PARTIAL, ItemState.FAILED, ItemState.DENIED)
                )
                assert task.changed == sum(row.changed for row in rows)
                assert bool(tally[ItemState.CANCELED]) <= (task.state == TaskState.CANCELED)
                if task.state in actions.steering.FINAL_STATES:
                    assert not tally[ItemState.PENDING]
                told = Event.objects.filter(task_id=task.pk, verb="user.changed").values_list("labels", flat=True)
                assert sum(labels["changed"] for labels in told) == task.changed

    @invariant()
    def what_has_ended_stays_ended(self):
        with self.world.context():
            now_items = dict(TaskItem.objects.filter(tenant_id=self.world.pk).values_list("pk", "state"))
            now_tasks = dict(Task.objects.filter(tenant_id=self.world.pk).values_list("pk", "state"))
        for seen, now in ((self.ended_items, now_items), (self.ended_tasks, now_tasks)):
            assert {pk: now[pk] for pk in seen} == seen
        self.ended_items |= {pk: state for pk, state in now_items.items() if state != ItemState.PENDING}
        self.ended_tasks |= {pk: s for pk, s in now_tasks.items() if s in actions.steering.FINAL_STATES}

    @invariant()
    def each_effect_is_there_exactly_once(self):
        with self.world.context():
            rows = Backup.objects.filter(tenant_id=self.world.pk, origin="before-change")
            kept = Counter(rows.values_list("profile_id", flat=True))
            made_versions = list(rows.values_list("profile_id", "made_version"))
            assert len(made_versions) == len(set(made_versions))
            for profile in SettingsProfile.objects.filter(tenant_id=self.world.pk):
                assert profile.version == 1 + kept[profile.pk]
            of_others = rows.filter(task_id=None)
            assert Counter(of_others.values_list("profile_id", flat=True)) == +self.other_changes
            undone = set(Task.objects.filter(tenant_id=self.world.pk).values_list("undo_of_id", flat=True))
            for task in Task.objects.filter(tenant_id=self.world.pk, undo_of_id=None).exclude(pk__in=undone - {None}):
                written = Backup.objects.filter(task_id=task.pk).count()
                deleted = Backup.objects.filter(deleted_task_id=task.pk).count()
                assert written + deleted == task.changed

    @invariant()
    def one_task_runs_at_a_time(self):
        with self.world.context():
            assert Task.objects.filter(tenant_id=self.world.pk, state=TaskState.RUNNING).count() <= 1


@pytest.mark.django_db
@pytest.mark.spec("AC-TSK-4", "AC-TSK-6", "AC-MCS-4")
def test_the_ledger_holds_whatever_happens(monkeypatch):
    def breakable(step):
        def run(what):
            if what.operation.verb != Verb.CREATE_BACKUPS and broken_users & set(what.held):
                raise ValueError("broken")
            return step(what)

        return run

    for verb, step in list(steps.STEPS.items()):
        monkeypatch.setitem(steps.STEPS, verb, breakable(step))
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=150 if DEEP else 8,
            stateful_step_count=40 if DEEP else 16,
            deadline=None,
            derandomize=not DEEP,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
