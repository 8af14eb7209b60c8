"""The demo tenants: directories, groups, entries of User Roles, managed users and their settings. Safe to run again."""

from __future__ import annotations

import os
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.actions import create_local_user, create_tenant, set_directory, set_operator
from accounts.connections import directory_of
from accounts.directory import Person
from accounts.directory.errors import DirectoryUnavailable
from accounts.models import DirectoryConnection, Membership, Source, Tenant
from accounts.people import find_or_create_member
from accounts.secrets import SealBroken, unseal
from audit.actions import Actor, event, record_many
from audit.models import Channel
from config.tenancy import tenant_context
from launcher.demo_people import DEMO_PASSWORD, OPERATOR, ORGANISATIONS, Organisation, local_sign_ins
from licensing import demo as licences
from personalization.demo import nights
from personalization.demo.desks import Desk, desks
from personalization.demo.nights import ERP_STORY, EVERYTHING, histories, last_logon, working_nights
from personalization.models import (
    ManagedUser,
    PersonalizationGroup,
    ReportedGroup,
    ReportedMembership,
    SettingsGroup,
)
from personalization.store import plan_references_once
from roles import subjects
from roles.access import entry_of
from roles.actions import set_entry
from roles.catalogue import Role

SERVER = Actor(id=None, name="Demo", channel=Channel.COMMAND)
GROUPS = ("Finance", "Sales", "Engineering")  # besides Default Users, which every organisation has
ENTRIES = {  # directory group -> role and personalization groups, for the sign-ins that `up` prints
    "acme": {
        "Roamkeep Primary Administrators": (Role.PRIMARY_ADMIN, ()),
        "Roamkeep Administrators": (Role.ADMIN, ("Finance", "Sales", "Engineering")),
        "Helpdesk Finance": (Role.SUPPORT_DESK, ("Finance",)),
        "Helpdesk Sales": (Role.SUPPORT_DESK, ("Sales",)),
    },
    "globex": {"Roamkeep Primary Administrators": (Role.PRIMARY_ADMIN, ())},
}
LICENSED = {"acme": ("alice", "bob", "diana"), "globex": ("charlie",)}  # sign-ins with places in license groups


def load(say=lambda line: None, organisations=ORGANISATIONS) -> None:
    """Make or complete the demo tenants; what is there already stays as it is."""
    for organisation in organisations:
        tenant = Tenant.objects.filter(slug=organisation.slug).first() or create_tenant(
            slug=organisation.slug, name=organisation.name, time_zone="Europe/Berlin", by=SERVER
        )
        with tenant_context(tenant.pk):
            groups = _personalization_groups(tenant)
            users = ManagedUser.objects.filter(tenant=tenant).count()
            connection = _directory(tenant, organisation)
        users = users or _people(tenant, organisation, groups)
        say(f"{tenant.name}: {users} managed users.")
        if connection:
            _entries(tenant, connection, groups, say)
            _license_groups(tenant, organisation, connection, say)


def _personalization_groups(tenant: Tenant) -> dict[str, PersonalizationGroup]:
    for position, name in enumerate(GROUPS):
        PersonalizationGroup.objects.get_or_create(tenant=tenant, name=name, defaults={"position": position})
    return {group.name: group for group in PersonalizationGroup.objects.filter(tenant=tenant)}


def _directory(tenant: Tenant, organisation: Organisation) -> DirectoryConnection | None:
    """Return the connection to the directory that the environment names: its address may differ from run to run."""
    prefix = "DEMO_DIRECTORY_" if organisation.slug == "acme" else f"{organisation.slug.upper()}_DIRECTORY_"
    url, password = os.environ.get(f"{prefix}URL", ""), os.environ.get(f"{prefix}BIND_PASSWORD", "")
    if not url:
        return None
    name = f"{organisation.name} directory"
    wanted = {
        "kind": os.environ.get(f"{prefix}KIND") or DirectoryConnection.Kind.OPENLDAP.value,
        "url": url,
        "start_tls": not url.startswith("ldaps:"),
        "ca_file": os.environ.get(f"{prefix}CA_FILE", ""),
        "bind_dn": os.environ.get(f"{prefix}BIND_DN", ""),
        "base_dn": os.environ.get(f"{prefix}BASE_DN") or organisation.base_dn,
        "domain": organisation.domain,
    }
    found = DirectoryConnection.objects.filter(tenant=tenant, name=name).first()
    if found and all(getattr(found, field) == value for field, value in wanted.items()) and _opens(found, password):
        return found
    return set_directory(tenant_id=tenant.pk, name=name, settings=wanted, bind_password=password, by=SERVER)


def _opens(connection: DirectoryConnection, password: str) -> bool:
    try:
        return unseal(connection.bind_password) == password
    except SealBroken:
        return False


def _people(tenant: Tenant, organisation: Organisation, groups: dict[str, PersonalizationGroup]) -> int:
    now = timezone.now()
    everyone = desks(organisation)
    past = working_nights(now, ZoneInfo(tenant.time_zone))
    found = [history for desk in everyone for history in histories(desk, now, past)]
    packed = nights.pack(found)
    with tenant_context(tenant.pk):
        plan_references_once()
        users = {desk.account: _managed_user(tenant, desk, groups, now) for desk in everyone}
        ManagedUser.objects.bulk_create(users.values())
        _reported_groups(tenant, organisation, everyone, users)
        nights.store(tenant.pk, found, packed, users, _settings_groups(tenant), now)
        _events(tenant, users, groups, now)
    return len(users)


def _settings_groups(tenant: Tenant) -> dict[str, SettingsGroup]:
    rows = [
        SettingsGroup(
            tenant=tenant,
            kind=program.kind,
            name=program.name,
            description=program.description,
            programs=list(program.executables),
        )
        for program in EVERYTHING
    ]
    return {row.name: row for row in SettingsGroup.objects.bulk_create(rows)}


def _managed_user(tenant, desk: Desk, groups, now) -> ManagedUser:
    logon = last_logon(desk, now)
    return ManagedUser(
        tenant=tenant,
        sid=desk.sid,
        domain=desk.domain,
        name=desk.account,
        display_name=desk.name,
        group=groups[desk.group],
        last_logon_at=logon,
        last_endpoint=desk.endpoint if logon else "",
        is_logged_on=logon is not None and logon > now - timedelta(hours=2),
    )


def _reported_groups(tenant, organisation: Organisation, everyone: list[Desk], rows: dict[str, ManagedUser]) -> None:
    """What endpoints reported: the directory groups of those who have logged on since (AC-MBK-6)."""
    names = sorted({name for desk in everyone for name in desk.directory_groups})
    groups = {name: ReportedGroup(tenant=tenant, name=f"{organisation.domain}\\{name}") for name in names}
    ReportedGroup.objects.bulk_create(groups.values())
    ReportedMembership.objects.bulk_create(
        ReportedMembership(tenant=tenant, reported_group=groups[name], managed_user=rows[desk.account])
        for desk in everyone
        if rows[desk.account].last_logon_at
        for name in desk.directory_groups
    )


def _events(tenant, rows: dict[str, ManagedUser], groups, now) -> None:
    """A little history, oldest first: what the help desk did in the last days."""
    finance = (groups["Finance"].pk,)
    bob = Actor(id=None, name="Bob Brandt (bob)", role=Role.SUPPORT_DESK, groups=finance)
    alice = Actor(id=None, name="Alice Adler (alice)", role=Role.PRIMARY_ADMIN)
    told = [
        (6 * 24, "backup.created", bob, "joan.abbott", "Mail client"),
        (5 * 24 + 3, "backup.restored", bob, "joan.abbott", "Mail client"),
        (4 * 24, "backup.protected", alice, "johan.beck", "ERP client"),
        (2 * 24 + 5, "backup.restored", bob, "wanda.nowak", "Web browser"),
        (2 * 24 + 4, "change.undone", bob, "wanda.nowak", "Web browser"),
        (20, "backup.created", bob, ERP_STORY, "Spreadsheet"),
    ]
    events = []
    for hours, verb, by, account, group in told:
        if user := rows.get(account):
            at = now - timedelta(hours=hours)
            labels = {"user": str(user), "group": group, "at": at.isoformat(timespec="seconds")}
            labels |= {"after": "protected for ever"} if verb == "backup.protected" else {}
            row = event(verb, tenant_id=tenant.pk, by=by, subject=user, group_id=user.group_id, labels=labels)
            row.at = at
            events.append(row)
    record_many(events)


def _entries(tenant, connection: DirectoryConnection, groups: dict[str, PersonalizationGroup], say) -> None:
    """Put the directory groups of the demo on User Roles, those that are not there yet."""
    for name, (role, scopes) in ENTRIES[tenant.slug].items():
        try:
            found = directory_of(connection).find(prefix=name, kinds=("group",))
        except DirectoryUnavailable as error:
            say(f"{tenant.name}: the directory does not answer ({error}); run load_demo again for User Roles.")
            return
        for entry in found:
            if entry.name == name:
                with tenant_context(tenant.pk):
                    candidate = subjects.of_found(connection, entry)
                    group = subjects.admit(tenant_id=tenant.pk, candidate=candidate, by=SERVER)
                    if entry_of(group) is None:
                        ids = [groups[scope].pk for scope in scopes]
                        set_entry(tenant_id=tenant.pk, subject=group, role=role, groups=ids, by=SERVER)


def _license_groups(tenant: Tenant, organisation: Organisation, connection: DirectoryConnection, say) -> None:
    """License groups of some demo sign-ins, and of colleagues whom the directory does not know."""
    people = {}
    for account in LICENSED[tenant.slug]:
        try:
            found = directory_of(connection).find(prefix=account, kinds=("user",))
        except DirectoryUnavailable as error:
            say(f"{tenant.name}: the directory does not answer ({error}); run load_demo again for license groups.")
            return
        with tenant_context(tenant.pk):
            for entry in found:
                if entry.account == account:
                    people[account] = find_or_create_member(
                        tenant_id=tenant.pk, directory_id=connection.pk, person=Person(entry, ()), by=SERVER
                    )
    _operator(tenant)
    made = licences.load(tenant, people, desks(organisation)[len(organisation.people) :])
    if made:
        say(f"{tenant.name}: {made} license groups.")


def _operator(tenant: Tenant) -> None:
    """The platform operator: a local account of the first demo organisation, without a role there."""
    login, name = OPERATOR
    if tenant.slug != local_sign_ins()[0][0]:
        return
    with tenant_context(tenant.pk):
        member = Membership.objects.filter(tenant=tenant, login=login, source=Source.LOCAL).first()
        if member is None:
            member = create_local_user(tenant_id=tenant.pk, login=login, name=name, password=DEMO_PASSWORD, by=SERVER)
    set_operator(membership=member, is_operator=True, by=SERVER)
