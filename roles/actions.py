"""Verbs of User Roles: give, change and take roles. One at a time per tenant, each with its event."""

from contextlib import contextmanager
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from accounts.models import Membership, UserGroup
from audit.actions import event, record, record_many
from audit.models import Channel, Event
from config.errors import Conflict, Refused
from roles.access import counting_primaries, entry_of, get_scope_ids
from roles.catalogue import SCOPED_ROLES, Role
from roles.grants import granted_ids, replace_grants, scope_objects
from roles.models import RoleAssignment
from roles.rights import rights_of

ALL_GROUPS = gettext_noop("all groups")  # what events say of a Primary Administrator
MOST_TOLD = 20  # changed entries that a conflict lists


@dataclass(frozen=True, slots=True)
class _State:
    """Role and groups of one entry at one moment, as an event tells them: in the language of the source."""

    role: str
    group_ids: frozenset
    groups: tuple[str, ...]

    @property
    def role_name(self):
        with translation.override(None):
            return str(Role(self.role).label)

    @property
    def group_names(self):
        return list(self.groups) if self.role in SCOPED_ROLES else [ALL_GROUPS]


@transaction.atomic
def set_entry(*, tenant_id, subject, role, groups=(), version=None, giving_up=False, by):
    """Add the entry of a subject, or change it where `version` is that of the entry the person saw.

    subject: a Membership or UserGroup of the tenant; role: a Role; groups: ids of personalization groups, at least one
    for Administrator and Support Desk, none for Primary Administrator (decision 3). Returns the RoleAssignment.
    Raises Refused (role and groups do not fit), Conflict (stale, already listed, last Primary Administrator: decision
    30), and Refused with code "own-rights" where `by` would lose the role that allows this and `giving_up` is not set
    (decision 20). An edit that changes nothing writes nothing.
    """
    with _changing(tenant_id, by=by, giving_up=giving_up):
        role, group_ids = _checked(tenant_id, role, groups)
        entry = entry_of(subject)
        if version is None:
            return _add(tenant_id, subject, entry, role, group_ids, by)
        if entry is None:
            raise Conflict(
                _("%(name)s was removed in the meantime. Nothing was changed.") % {"name": subject.name},
                code="entry-removed",
            )
        if entry.version != version:
            raise Conflict(
                _("This entry was changed after you opened it. Nothing was saved; look at it and decide again."),
                code="stale",
                changes=_changes_since(entry, subject, version),
            )
        told = _change(entry, subject, role, group_ids, by)
        if told:
            record_many([told])
        return entry


@transaction.atomic
def set_entries(*, entries, role, groups=(), versions=None, giving_up=False, by):
    """Give several entries the same role and groups, all or none; one event per changed entry and one above them.

    entries: RoleAssignment rows of one tenant; versions: {entry id: version} that the person saw, None where nobody saw
    any. Returns how many have changed. Raises as `set_entry`, with the Conflict naming every entry that has changed.
    """
    entries = list(entries)
    if not entries:
        return 0
    tenant_id = entries[0].tenant_id
    with _changing(tenant_id, by=by, giving_up=giving_up):
        role, group_ids = _checked(tenant_id, role, groups)
        told = []
        for entry in _current(tenant_id, entries, versions):
            told.append(_change(entry, entry.subject, role, group_ids, by))
        told = [row for row in told if row]
        after = _State(role, group_ids, _names(tenant_id, group_ids))
        _record_all("userroles.changed", told, by, {"role": after.role_name, "groups": after.group_names})
        return len(told)


@transaction.atomic
def remove_entries(*, entries, versions=None, giving_up=False, by):
    """Remove entries with their grants, all or none; one event per entry, and one above them where there are several.

    entries, versions: as in `set_entries`. Returns how many were removed. Raises Conflict where one is gone already or
    has changed, or no Primary Administrator would remain (decision 30), and Refused "own-rights" as `set_entry`.
    """
    entries = list(entries)
    if not entries:
        return 0
    tenant_id = entries[0].tenant_id
    with _changing(tenant_id, by=by, giving_up=giving_up):
        told = []
        for entry in _current(tenant_id, entries, versions):
            before = _state(entry, entry.subject)
            replace_grants(entry.subject, Role.PRIMARY_ADMIN, ())
            told.append(_told("userrole.removed", entry.subject, by, before=before))
            if entry.group_id:
                UserGroup.objects.filter(tenant_id=tenant_id, pk=entry.group_id).update(is_listed=False)
        RoleAssignment.objects.filter(tenant_id=tenant_id, pk__in=[entry.pk for entry in entries]).delete()
        _record_all("userroles.removed", told, by, {})
        return len(told)


@contextmanager
def _changing(tenant_id, *, by, giving_up):
    """Surround a change of entries in a tenant: one at a time, by somebody entitled, and with a holder left.

    Only a Primary Administrator (who holds everything of the family) or the server itself gets in, so nobody can raise
    their own rights, directly or through a group (decision 20); that is asked again once no other change can come
    between.
    """
    is_server = by.id is None and by.channel == Channel.COMMAND
    if not is_server and not (by.rights and by.rights.may("userroles.change")):
        raise PermissionDenied("userroles.change")
    _lock(tenant_id)
    if not is_server and not _may_change(tenant_id, by):
        raise Conflict(_("Your own role was changed in the meantime. Nothing was done."), code="role-lost")
    had_holder = counting_primaries(tenant_id).exists()
    yield
    if had_holder and not counting_primaries(tenant_id).exists():
        raise Conflict(
            _(
                "Nobody would be left who may give roles. Make another person or group Primary Administrator "
                "first; a group counts once one of its members has signed in."
            ),
            code="last-primary",
        )
    if not (giving_up or is_server or _may_change(tenant_id, by)):
        raise Refused(_("With this you take the role of Primary Administrator from yourself."), code="own-rights")


def _may_change(tenant_id, by):
    own = Membership.objects.select_related("user").filter(tenant_id=tenant_id, pk=by.id).first()
    return rights_of(own).may("userroles.change")


def _lock(tenant_id):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"user-roles {tenant_id}"])


def _checked(tenant_id, role, groups):
    """Return role and group ids that fit each other, or raise Refused at the field that is wrong."""
    if role not in Role.values:
        raise Refused(_("Choose one of the roles."), field="role", code="role")
    role, wanted = Role(role), frozenset(groups)
    if role not in SCOPED_ROLES and wanted:
        raise Refused(
            _("A Primary Administrator has every group; leave the groups empty."),
            field="groups",
            code="groups-not-fitting",
        )
    if role in SCOPED_ROLES and not wanted:
        raise Refused(_("Choose at least one group for this role."), field="groups", code="groups-missing")
    if wanted and get_scope_ids(tenant_id, wanted) != wanted:
        raise Refused(_("One of the groups does not exist any more."), field="groups", code="groups-unknown")
    return role, wanted


def _names(tenant_id, group_ids):
    if not group_ids:
        return ()
    return tuple(scope_objects(tenant_id).filter(pk__in=group_ids).values_list("name", flat=True))


def _state(entry, subject):
    ids = granted_ids(subject)
    return _State(entry.role, ids, _names(entry.tenant_id, ids))


def _current(tenant_id, entries, versions):
    """Return the entries as they are now, or raise Conflict where one is gone or not at the version that was shown."""
    wanted = {entry.pk for entry in entries}
    found = RoleAssignment.objects.filter(tenant_id=tenant_id, pk__in=wanted)
    rows = list(found.select_related("membership", "group").order_by("subject_key", "pk"))
    if len(rows) != len(wanted):
        raise Conflict(
            _("Some of these entries were removed in the meantime. Nothing was done; select again."),
            code="entry-removed",
        )
    if versions is not None:
        _check_versions(rows, versions)
    return rows


def _check_versions(rows, versions):
    stale = [entry for entry in rows if versions.get(entry.pk) != entry.version]
    if not stale:
        return
    changes = []
    for entry in stale[:MOST_TOLD]:
        told = _changes_since(entry, entry.subject, versions.get(entry.pk, 0))
        changes += [(f"{entry.subject_name}: {what}", before, now) for what, before, now in told] or [
            (entry.subject_name, None, str(Role(entry.role).label))
        ]
    raise Conflict(
        ngettext(
            "%(count)s of these entries was changed after you opened this. Nothing was done; look at it and decide again.",
            "%(count)s of these entries were changed after you opened this. "
            "Nothing was done; look at them and decide again.",
            len(stale),
        )
        % {"count": len(stale)},
        code="stale",
        changes=changes,
    )


def _add(tenant_id, subject, entry, role, group_ids, by):
    if entry is not None:
        raise Conflict(
            _("%(name)s is in the list already. Edit that entry instead.") % {"name": subject.name},
            field="subject",
            code="already-listed",
        )
    is_group = isinstance(subject, UserGroup)
    if not is_group and not subject.is_active:
        raise Refused(_("%(name)s has left.") % {"name": subject.name}, field="subject", code="subject-left")
    entry = RoleAssignment(
        tenant_id=tenant_id,
        membership=None if is_group else subject,
        group=subject if is_group else None,
        role=role,
        subject_name=subject.name,
        subject_key=subject.name_key,
        granted_by=by.name[:200],
        granted_at=timezone.now(),
    )
    entry.save(force_insert=True)
    replace_grants(subject, role, group_ids)
    if is_group:
        UserGroup.objects.filter(tenant_id=tenant_id, pk=subject.pk).update(is_listed=True)
    after = _State(role, group_ids, _names(tenant_id, group_ids))
    _told("userrole.added", subject, by, after=after, version=entry.version).save(force_insert=True)
    return entry


def _change(entry, subject, role, group_ids, by):
    """Write a changed entry and return its unsaved event, or None where nothing differs."""
    before = _state(entry, subject)
    if (before.role, before.group_ids) == (role, group_ids):
        return None
    changed = {
        "role": role,
        "version": entry.version + 1,
        "granted_by": by.name[:200],
        "granted_at": timezone.now(),
    }
    RoleAssignment.objects.filter(tenant_id=entry.tenant_id, pk=entry.pk).update(**changed)
    for name, value in changed.items():
        setattr(entry, name, value)
    replace_grants(subject, role, group_ids)
    after = _State(role, group_ids, _names(entry.tenant_id, group_ids))
    return _told("userrole.changed", subject, by, before=before, after=after, version=entry.version)


def _told(verb, subject, by, *, before=None, after=None, version=None):
    labels = {"subject": subject.name, "kind": "group" if isinstance(subject, UserGroup) else "person"}
    if before:
        labels |= {"role_before": before.role_name, "groups_before": before.group_names}
    if after:
        labels |= {"role": after.role_name, "groups": after.group_names}
    if version:
        labels["version"] = version
    return event(verb, tenant_id=subject.tenant_id, by=by, subject=subject, labels=labels)


def _record_all(verb, told, by, labels):
    """Write the events of several entries, below one that names them all."""
    if len(told) > 1:
        subjects = [row.labels["subject"] for row in told]
        labels = labels | {"count": len(told), "subjects": subjects}
        parent = record(verb, tenant_id=told[0].tenant_id, by=by, count=len(told), labels=labels)
        for row in told:
            row.parent_id = parent.pk
    record_many(told)


def _changes_since(entry, subject, version):
    """Return (what, when opened, now) of an entry since a version, from the events of its changes."""
    now = _state(entry, subject)
    told = Event.objects.filter(tenant_id=entry.tenant_id, subject_id=subject.pk, verb="userrole.changed")
    later = [row for row in told.order_by("-id")[:50] if row.labels.get("version", 0) > version]
    shown = later[-1].labels if later else {}
    role_before = shown.get("role_before")
    changes = [
        (_("Role"), role_before and _(role_before), str(Role(now.role).label)),
        (_("Groups"), _listed(shown.get("groups_before", ())), _listed(now.group_names)),
    ]
    changes = [change for change in changes if change[1] != change[2]]
    if later:
        changes.append((_("Changed by"), None, later[0].labels.get("actor")))
    return changes


def _listed(names):
    """Return the group names of an event as one text, or None where it tells none."""
    return ", ".join(_(name) if name == ALL_GROUPS else name for name in names) or None
