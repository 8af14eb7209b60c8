"""The verb of history: `record` writes the event of a change inside the change's own transaction."""

import json
import os
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit.models import Channel, Event, Outcome
from config.identifiers import text_key, uuid_array


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: what every action takes as `by`. Built from a request, a task's creator or a server command.

    `id` is the membership (None for the server itself); `role` and `groups` are those at the time, for R7 and R8.
    """

    id: UUID | None
    name: str
    channel: str = Channel.WEB
    user_id: UUID | None = None
    role: str = ""
    groups: tuple[UUID, ...] = ()
    request_id: UUID | None = None
    rights: Any = field(default=None, compare=False, repr=False)  # the Rights value of roles, which audit does not know


def event(
    verb, *, tenant_id, by, subject=None, subject_type="", subject_id=None, outcome=Outcome.OK, labels=None, **more
):
    """Return an unsaved Event: `labels` holds names and before/after values, never a secret (UM-52).

    `subject` is a model row (its `_meta.label_lower` and pk are stored); `more` are further columns of Event.
    """
    if subject is not None:
        subject_type, subject_id = subject._meta.model_name, subject.pk
    return Event(
        tenant_id=tenant_id,
        at=timezone.now(),
        verb=verb,
        outcome=outcome,
        channel=by.channel,
        actor_id=by.id,
        actor_role=by.role,
        actor_groups=list(by.groups),
        subject_type=subject_type,
        subject_id=subject_id,
        request_id=by.request_id,
        labels={"actor": by.name, **(labels or {})},
        actor_key=text_key(by.name)[:200],
        salt=os.urandom(16),
        **more,
    )


def record(verb, *, tenant_id, by, using=None, **columns):
    """Write one event; call it inside the action's transaction, so that "cannot be told" means "did not happen".

    `using` is the database connection of an action that is not the application's role's.
    """
    row = event(verb, tenant_id=tenant_id, by=by, **columns)
    row.save(using=using, force_insert=True)
    return row


def record_many(events, *, using=None):
    """Write the events of one action in one statement; `using` as in `record`."""
    return Event.objects.using(using).bulk_create(events)


def record_rows(
    verb, *, tenant_id, by, rows, subject_type, task_id=None, license_group_id=None, parent_id=None, labels=None
):
    """Write one event per row in one statement, for work on hundreds of subjects.

    `rows`: (subject_id, group_id, labels of its own); `labels`: what all share; the ids are those of all. The keys, salts and
    JSON are made by the database, so that the cost per row stays that of the row.
    """
    if not rows:
        return
    subjects, groups, own = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO audit_event
                (id, tenant_id, at, verb, outcome, channel, actor_id, actor_role, actor_groups, actor_key, subject_type,
                 subject_id, group_id, license_group_id, task_id, parent_id, request_id, count, labels, salt)
            SELECT roamkeep_uuid7(), %(tenant)s, statement_timestamp(), %(verb)s, 'ok', %(channel)s, %(actor)s, %(role)s,
                   %(groups_of_actor)s::uuid[], %(key)s, %(type)s, row.subject, row.grp, %(license_group)s, %(task)s,
                   %(parent)s, %(request)s, 1,
                   %(shared)s::jsonb || row.own, uuid_send(gen_random_uuid())
            FROM ROWS FROM (unnest(%(subjects)s::uuid[], %(groups)s::uuid[]), jsonb_array_elements(%(own)s::jsonb))
                 AS row (subject, grp, own)
            """,
            {
                "tenant": tenant_id,
                "verb": verb,
                "channel": by.channel,
                "actor": by.id,
                "role": by.role,
                "groups_of_actor": list(by.groups),
                "key": text_key(by.name)[:200],
                "type": subject_type,
                "task": task_id,
                "license_group": license_group_id,
                "parent": parent_id,
                "request": by.request_id,
                "shared": json.dumps({"actor": by.name, **(labels or {})}),
                "subjects": uuid_array(subjects),
                "groups": uuid_array(groups),
                "own": json.dumps(own),
            },
        )
