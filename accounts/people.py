"""What a directory says about people becomes accounts, groups and memberships (decisions 4 and 26), as sets.

Reading happens elsewhere, with no transaction open; everything here runs inside the tenant's transaction. `Person` and
`Entry` are those of `accounts.directory`.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import GroupMembership, Membership, Source, User, UserGroup
from audit.actions import Actor, event, record, record_many


@dataclass(frozen=True, slots=True)
class Reading:
    """What the directory said about one member at a time."""

    membership: Membership
    person: object
    read_at: datetime


def person_actor(membership, *, channel="web", request_id=None):
    """Return the person as the one who acts, before any rights are known: in sign-in, sign-out and own sessions."""
    return Actor(
        id=membership.pk,
        name=f"{membership.name} ({membership.login})",
        channel=channel,
        user_id=membership.user_id,
        request_id=request_id,
    )


def find_or_create_member(*, tenant_id, directory_id, person, by=None):
    """Return the locked Membership of a directory person, by (tenant, directory, immutable id) and nothing else.

    A mail attribute or an equal login never finds another account (decision 26). A new person gets an account of their
    own, with a password that opens nothing. `by` None: the person comes in through sign-in.
    """
    entry = person.entry
    mine = Membership.objects.select_related("user").filter(
        tenant_id=tenant_id, directory_id=directory_id, directory_uid=entry.id
    )
    found = mine.select_for_update(of=["self"]).first()
    if found is None:
        try:
            with transaction.atomic():
                _create_member(tenant_id, directory_id, entry, by)
        except IntegrityError:  # the same person signs in twice at once, for the first time
            pass
        found = mine.select_for_update(of=["self"]).get()
    return found


def _create_member(tenant_id, directory_id, entry, by):
    user = User(display_name=entry.name)
    user.set_unusable_password()
    user.save(force_insert=True)
    membership = Membership(
        tenant_id=tenant_id,
        user=user,
        source=Source.DIRECTORY,
        directory_id=directory_id,
        directory_uid=entry.id,
        **_details(entry),
    )
    membership.save(force_insert=True)
    labels = {"person": f"{membership.name} ({membership.login})", "source": Source.DIRECTORY.value}
    actor = by or person_actor(membership)
    record("membership.created", tenant_id=tenant_id, by=actor, subject=membership, labels=labels)


def store_readings(*, tenant_id, directory_id, readings, by):
    """Make stored groups and details of members equal to what the directory said; returns those whose groups changed.

    The memberships are locked by the caller. A constant number of statements whatever the number of people: groups are
    created (not listed) or renamed, group memberships are replaced as a set, one event per person whose groups changed.
    """
    if not readings:
        return []
    entries = {entry.id: entry for reading in readings for entry in reading.person.groups}
    groups = store_groups(tenant_id=tenant_id, directory_id=directory_id, entries=entries)
    _store_details(tenant_id, readings)
    return _store_group_memberships(tenant_id, readings, groups, by)


def store_groups(*, tenant_id, directory_id, entries):
    """Return {directory id: UserGroup} of {directory id: Entry}; rows that already say the same are not written."""
    if not entries:
        return {}
    rows = UserGroup.objects.filter(tenant_id=tenant_id, directory_id=directory_id, directory_uid__in=entries)
    found = {row.directory_uid: row for row in rows}
    missing = [entries[uid] for uid in sorted(entries.keys() - found.keys())]
    if missing:
        UserGroup.objects.bulk_create(
            [
                UserGroup(
                    tenant_id=tenant_id,
                    source=Source.DIRECTORY,
                    directory_id=directory_id,
                    directory_uid=entry.id,
                    name=entry.name,
                    distinguished_name=entry.dn,
                )
                for entry in missing
            ],
            ignore_conflicts=True,
        )
        found = {row.directory_uid: row for row in rows.all()}
    changed = []
    for uid in sorted(found):
        row, entry = found[uid], entries[uid]
        if (row.name, row.distinguished_name, row.is_resolved) != (entry.name, entry.dn, True):
            row.name, row.distinguished_name, row.is_resolved = entry.name, entry.dn, True
            row.name_key = UserGroup._meta.get_field("name_key").pre_save(row, add=False)
            changed.append(row)
    if changed:
        fields = ["name", "name_key", "distinguished_name", "is_resolved"]
        UserGroup.objects.filter(tenant_id=tenant_id).bulk_update(changed, fields)
    return found


def _store_details(tenant_id, readings):
    memberships, users = [], []
    for reading in readings:
        row, details = reading.membership, _details(reading.person.entry)
        for name, value in (details | {"groups_read_at": reading.read_at}).items():
            setattr(row, name, value)
        for name in ("login_key", "name_key"):
            Membership._meta.get_field(name).pre_save(row, add=False)
        memberships.append(row)
        if row.user.display_name != row.name:
            row.user.display_name = row.name
            users.append(row.user)
    fields = ["login", "login_key", "name", "name_key", "contact_email", "groups_read_at"]
    Membership.objects.filter(tenant_id=tenant_id).bulk_update(memberships, fields)
    User.objects.bulk_update(users, ["display_name"])


def _store_group_memberships(tenant_id, readings, groups, by):
    wanted = {
        (reading.membership.user_id, groups[entry.id].pk) for reading in readings for entry in reading.person.groups
    }
    people = {reading.membership.user_id: reading for reading in readings}
    rows = GroupMembership.objects.filter(tenant_id=tenant_id, user_id__in=people, source=Source.DIRECTORY)
    held = {(user_id, group_id): pk for pk, user_id, group_id in rows.values_list("pk", "user_id", "group_id")}
    gone, new = held.keys() - wanted, wanted - held.keys()
    if gone:
        GroupMembership.objects.filter(tenant_id=tenant_id, pk__in=[held[pair] for pair in gone]).delete()
    if new:
        GroupMembership.objects.bulk_create(
            [
                GroupMembership(tenant_id=tenant_id, user_id=user_id, group_id=group_id, source=Source.DIRECTORY)
                for user_id, group_id in sorted(new, key=str)
            ],
            ignore_conflicts=True,
        )
    if not (gone or new):
        return []
    left_ids = {group_id for _, group_id in gone}
    names = dict(UserGroup.objects.filter(tenant_id=tenant_id, pk__in=left_ids).values_list("pk", "name"))
    names |= {group.pk: group.name for group in groups.values()}
    told = defaultdict(lambda: {"added": [], "removed": []})
    for word, pairs in (("added", new), ("removed", gone)):
        for user_id, group_id in pairs:
            told[user_id][word].append(names.get(group_id, ""))
    changed = [people[user_id].membership for user_id in sorted(told, key=str)]
    record_many(_groups_changed(membership, told[membership.user_id], by) for membership in changed)
    return changed


def _groups_changed(membership, names, by):
    labels = {"person": f"{membership.name} ({membership.login})", **{word: sorted(names[word]) for word in names}}
    actor = by or person_actor(membership)
    return event(
        "membership.groups_changed", tenant_id=membership.tenant_id, by=actor, subject=membership, labels=labels
    )


def _details(entry):
    return {"login": entry.account, "name": entry.name, "contact_email": entry.mail or ""}
