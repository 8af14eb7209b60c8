"""Who can be added to User Roles: people and groups of Roamkeep itself and of its directories.

A page names a candidate by a token; what stands behind it is read again before anything is written, so that a forged
token finds nothing. Directories are asked with no transaction open.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from django.utils.translation import gettext as _

from accounts.connections import active_connections, directory_of
from accounts.directory import Entry, Person
from accounts.models import DirectoryConnection, Membership, Source, UserGroup
from accounts.people import find_or_create_member
from config.errors import Refused
from config.identifiers import text_key
from roles.access import beginning_with, get_person, get_user_group, visible_people, visible_user_groups
from roles.models import RoleAssignment

LARGEST_ANSWER = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who can be added. `kind` is "person" or "group"; `entry_id` the entry that the subject has already.

    `row` is the Membership or UserGroup, or None for a directory's `found` entry behind `connection`.
    """

    token: str
    kind: str
    name: str
    detail: str
    is_enabled: bool = True
    row: Membership | UserGroup | None = None
    connection: DirectoryConnection | None = None
    found: Entry | None = None
    entry_id: UUID | None = None


def of_row(row):
    """Return the candidate of a Membership or UserGroup."""
    if isinstance(row, UserGroup):
        return Candidate(f"group:{row.pk}", "group", row.name, _("Local group"), row=row)
    return Candidate(f"person:{row.pk}", "person", row.name, row.login, row.is_active, row=row)


def of_found(connection, found):
    """Return the candidate of a person or group of a directory."""
    is_group = found.kind == "group"
    account = f"{found.domain}\\{found.account}" if found.account and found.domain else found.account
    return Candidate(
        f"directory:{connection.pk}:{found.id}",
        "group" if is_group else "person",
        found.name,
        account or found.dn,
        found.enabled,
        connection=connection,
        found=found,
    )


def local_candidates(rights, tenant_id, text):
    """Return the local people and groups that begin with the text, people by sign-in name too."""
    key = text_key(text)
    if not key:
        return []
    people = beginning_with(visible_people(rights, tenant_id), text).filter(source=Source.LOCAL, is_active=True)
    groups = visible_user_groups(rights, tenant_id).filter(source=Source.LOCAL, name_key__prefix=key)
    rows = [*people.order_by("name_key")[:LARGEST_ANSWER], *groups.order_by("name_key")[:LARGEST_ANSWER]]
    return [of_row(row) for row in sorted(rows, key=lambda row: row.name_key)]


def mark_listed(tenant_id, candidates):
    """Return the candidates with the entry of those who are on User Roles already. One query."""
    ids = {candidate.row.pk for candidate in candidates if candidate.row}
    uids = {candidate.found.id for candidate in candidates if candidate.found}
    if not ids and not uids:
        return list(candidates)
    entries = RoleAssignment.objects.filter(tenant_id=tenant_id).filter(
        Q(membership_id__in=ids)
        | Q(group_id__in=ids)
        | Q(membership__directory_uid__in=uids)
        | Q(group__directory_uid__in=uids)
    )
    columns = ("membership_id", "membership__directory_id", "membership__directory_uid")
    columns += ("group_id", "group__directory_id", "group__directory_uid")
    listed = {}
    for pk, person, person_directory, person_uid, group, group_directory, group_uid in entries.values_list(
        "pk", *columns
    ):
        listed |= {person: pk, group: pk, (person_directory, person_uid): pk, (group_directory, group_uid): pk}
    return [
        replace(
            candidate,
            entry_id=listed.get(candidate.row.pk if candidate.row else (candidate.connection.pk, candidate.found.id)),
        )
        for candidate in candidates
    ]


def read_token(rights, tenant_id, token):
    """Return (candidate, None) for somebody of Roamkeep, (None, (connection, id)) for a directory; else Http404."""
    kind, *rest = token.split(":")
    try:
        if kind == "person" and len(rest) == 1:
            return of_row(get_person(rights, tenant_id, UUID(rest[0]))), None
        if kind == "group" and len(rest) == 1:
            return of_row(get_user_group(rights, tenant_id, UUID(rest[0]))), None
        if kind == "directory" and len(rest) == 2:
            connection = active_connections(tenant_id).filter(pk=UUID(rest[0])).first()
            if connection:
                return None, (connection, str(UUID(rest[1])))
    except ValueError:
        pass
    raise Http404


def ask(connection, uid):
    """Return the candidate of a directory's id, or Http404 where it is gone; raises DirectoryUnavailable."""
    found = directory_of(connection).entry(uid)
    if found is None:
        raise Http404
    return of_found(connection, found)


def admit(*, tenant_id, candidate, by):
    """Return the Membership or UserGroup of a candidate, made where the directory's was unknown so far.

    Raises Refused for somebody who is disabled in the directory.
    """
    if candidate.row:
        return candidate.row
    if not candidate.is_enabled:
        raise Refused(
            _("%(name)s is disabled in the directory.") % {"name": candidate.name}, field="subject", code="subject-left"
        )
    if candidate.kind == "person":
        person = Person(candidate.found, ())
        return find_or_create_member(tenant_id=tenant_id, directory_id=candidate.connection.pk, person=person, by=by)
    identity = {"tenant_id": tenant_id, "directory_id": candidate.connection.pk, "directory_uid": candidate.found.id}
    details = {"name": candidate.found.name, "distinguished_name": candidate.found.dn, "is_resolved": True}
    group, _is_new = UserGroup.objects.update_or_create(**identity, defaults={"source": Source.DIRECTORY, **details})
    return group
