"""What a task shall do, to whom, and how much that would touch."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from config.errors import Refused
from config.identifiers import uuid_array
from personalization.models import EARLIEST, SettingsGroup, Verb
from personalization.moves import AGES, AS_KEPT, HAS_SETTINGS, NEWEST, OLD
from personalization.statistics import learn_tenant

TYPED_ABOVE = 50
"""Users: a task for more needs the count typed (spec 4.4.2)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One step for every target user. `kinds` = all settings groups of these kinds; `settings_groups` = only these."""

    verb: str
    kinds: tuple[str, ...] = ()
    settings_groups: tuple[UUID, ...] = ()
    not_later_than: datetime | None = None
    age_days: int | None = None
    include_protected: bool = False


@dataclass(frozen=True, slots=True)
class Targets:
    """Whom a task touches: the union of personalization groups, reported directory groups and named users (ids)."""

    groups: tuple[UUID, ...] = ()
    reported_groups: tuple[UUID, ...] = ()
    users: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Touched:
    """What one step would touch now: users and profiles with at least one change, backups written or deleted."""

    users: int
    profiles: int
    backups: int


@dataclass(frozen=True, slots=True)
class Preview:
    """Exact numbers of what a task would do now. Each step is counted as if it were the only one.

    `users` are the targets inside the person's groups, `outside` those left out because they are in other groups.
    """

    users: int
    outside: int
    steps: tuple[Touched, ...]

    @property
    def touched(self):
        """One number per step: backups where the step deletes some, else profiles."""
        return tuple(step.backups or step.profiles for step in self.steps)


TARGETS = """
    FROM personalization_manageduser u
    WHERE u.tenant_id = %(tenant)s
      AND (%(everywhere)s OR u.group_id = ANY(%(administered)s::uuid[]))
      AND (u.group_id = ANY(%(groups)s::uuid[]) OR u.id = ANY(%(users)s::uuid[]) OR u.id IN (
            SELECT m.managed_user_id FROM personalization_reportedmembership m
            WHERE m.tenant_id = %(tenant)s AND m.reported_group_id = ANY(%(reported)s::uuid[])))
"""

_PROFILES = """
    SELECT p.id, p.managed_user_id, p.snapshot_id FROM personalization_settingsprofile p
    JOIN chosen ON chosen.id = p.managed_user_id
    WHERE p.tenant_id = %(tenant)s AND p.settings_group_id = ANY(%(scope)s::uuid[])
"""
_CREATE = f"""
    SELECT count(DISTINCT managed_user_id), count(*), count(*) FROM ({_PROFILES}) p WHERE {HAS_SETTINGS}
"""
_RESTORE = f"""
    SELECT count(DISTINCT p.managed_user_id), count(*), 0 FROM ({_PROFILES}) p
    CROSS JOIN LATERAL ({NEWEST.format(profile="p.id")}) newest
    WHERE {AS_KEPT} IS DISTINCT FROM newest.snapshot_id
"""
_DELETE = f"""
    SELECT count(DISTINCT p.managed_user_id), count(DISTINCT p.id), count(*)
    FROM ({AGES.format(profiles=f"profile_id IN (SELECT id FROM ({_PROFILES}) p)")}) b
    JOIN ({_PROFILES}) p ON p.id = b.profile_id
    WHERE {OLD}
"""
_TOUCHED = {
    Verb.CREATE_BACKUPS: _CREATE,
    Verb.RESTORE_LATEST: _RESTORE,
    Verb.RESTORE_NOT_LATER: _RESTORE,
    Verb.DELETE_OLDER: _DELETE,
}


def scope_of(tenant_id, operation):
    """Return the ids of the settings groups that an operation covers, and whether these are all there are."""
    there = SettingsGroup.objects.filter(tenant_id=tenant_id).values_list("pk", "kind")
    kinds, named = set(operation.kinds), set(operation.settings_groups)
    chosen = frozenset(pk for pk, kind in there if kind in kinds or pk in named)
    return chosen, len(chosen) == len(there)


def target_parameters(tenant_id, targets, by):
    """Return the parameters of `TARGETS` for a person."""
    return {
        "tenant": tenant_id,
        "everywhere": by.rights.is_primary,
        "administered": uuid_array(by.rights.admin_groups),
        "groups": uuid_array(targets.groups),
        "users": uuid_array(targets.users),
        "reported": uuid_array(targets.reported_groups),
    }


def check(operations, targets, by):
    """Refuse a plan that says too little, or that aims at groups which the person does not administer."""
    if not by.rights or not by.rights.may("tasks.submit"):
        raise PermissionDenied("tasks.submit")
    if not operations:
        raise Refused(_("Choose what to do."), field="verb", code="no-operation")
    if not (targets.groups or targets.reported_groups or targets.users):
        raise Refused(_("Choose at least one group or user."), field="groups", code="no-target")
    if not by.rights.is_primary and not set(targets.groups) <= by.rights.admin_groups:
        raise PermissionDenied("tasks.submit")
    for operation in operations:
        if operation.verb not in _TOUCHED:
            raise Refused(_("Choose what to do."), field="verb", code="no-operation")
        if not operation.kinds and not operation.settings_groups:
            raise Refused(_("Choose at least one kind or settings group."), field="kinds", code="no-settings-group")
        if operation.verb == Verb.RESTORE_NOT_LATER and operation.not_later_than is None:
            raise Refused(_("Say up to which time."), field="not_later_than", code="no-time")
        if operation.not_later_than is not None and not EARLIEST <= operation.not_later_than <= timezone.now():
            raise Refused(
                _("Choose a time between the year 2000 and now."), field="not_later_than", code="time-out-of-range"
            )
        if operation.verb == Verb.DELETE_OLDER and not operation.age_days:
            raise Refused(_("Say how old."), field="age_days", code="no-age")


def preview(*, tenant_id, operations, targets, by):
    """Return the Preview of a task, restricted to the groups that `by` administers; no data is changed."""
    check(operations, targets, by)
    learn_tenant(tenant_id)
    parameters = target_parameters(tenant_id, targets, by)
    steps = []
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {TARGETS}", parameters)
        (users,) = cursor.fetchone()
        cursor.execute(f"SELECT count(*) {TARGETS}", parameters | {"everywhere": True})
        (everywhere,) = cursor.fetchone()
        for operation in operations:
            cursor.execute(
                f"WITH chosen AS MATERIALIZED (SELECT u.id {TARGETS}) {_TOUCHED[operation.verb]}",
                parameters
                | {
                    "scope": uuid_array(scope_of(tenant_id, operation)[0]),
                    "until": operation.not_later_than,
                    "days": operation.age_days,
                    "protected": operation.include_protected,
                },
            )
            steps.append(Touched(*cursor.fetchone()))
    return Preview(users, everywhere - users, tuple(steps))
