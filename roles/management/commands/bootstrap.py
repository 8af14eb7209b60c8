"""manage bootstrap TENANT --login LOGIN | --group NAME: the first Primary Administrator, and the audited way back."""

from django.core.management.base import BaseCommand, CommandError

from accounts.actions import activate, unlock
from accounts.connections import active_connections, directory_of
from accounts.directory import DirectoryUnavailable, Person
from accounts.management.words import SERVER, find_members, find_tenant, refuse_blanks, told
from accounts.models import Source, UserGroup
from accounts.people import find_or_create_member
from config.errors import Refused
from config.identifiers import text_key
from config.tenancy import tenant_context
from roles.access import entry_of
from roles.actions import set_entry
from roles.catalogue import Role


class Command(BaseCommand):
    help = "Make a person or group Primary Administrator; a locked or deactivated person is let in again."

    def add_arguments(self, parser):
        parser.add_argument("tenant", help="short name of the organisation")
        subject = parser.add_mutually_exclusive_group(required=True)
        subject.add_argument("--login", help="a person: account, or DOMAIN\\account")
        subject.add_argument("--group", help="a group of the directory or of Roamkeep")
        parser.add_argument(
            "--local", action="store_true", help="the person has a password of Roamkeep, no directory's"
        )

    def handle(self, *, tenant, login, group, local, **options):
        refuse_blanks(**{"--login": login, "--group": group})
        if local and not login:
            raise CommandError("--local goes with --login.")
        tenant = find_tenant(tenant)
        members = self._members(tenant, login, local) if login else []
        entry = None
        if not members and not (group and self._is_known(tenant, group)):
            if local:
                raise CommandError(f"There is no local person with the login {login!r} in {tenant.slug}.")
            entry = self._ask_directories(tenant, login, group)
        try:
            with tenant_context(tenant.pk):
                subject = self._person(tenant, members, entry) if login else self._group(tenant, group, entry)
                if login:
                    activate(membership=subject, reason="manage bootstrap", by=SERVER)
                    unlock(membership=subject, by=SERVER)
                    subject.user.refresh_from_db()
                    if not subject.user.is_active:
                        raise CommandError(f"The account of {subject.name} is switched off for the whole platform.")
                held = entry_of(subject)
                set_entry(
                    tenant_id=tenant.pk,
                    subject=subject,
                    role=Role.PRIMARY_ADMIN,
                    version=held.version if held else None,
                    by=SERVER,
                )
        except Refused as refused:
            raise told(refused) from None
        self.stdout.write(f"{subject.name} is Primary Administrator of {tenant.name}.")
        if group:
            self.stdout.write("The group counts once one of its members has signed in.")

    def _members(self, tenant, login, is_local):
        """Return the one membership with this login in a list, an empty one where nobody is known by it."""
        with tenant_context(tenant.pk):
            members = find_members(tenant, login, is_local=is_local)
        if len(members) > 1:
            names = "; ".join(f"{row.name}, {row.directory or 'local'}" for row in members)
            raise CommandError(
                f"{login!r} is the login of several people: {names}. Write DOMAIN\\{login} for the one of a directory, "
                "or add --local."
            )
        return members

    def _is_known(self, tenant, group):
        with tenant_context(tenant.pk):
            return bool(self._groups(tenant, group))

    def _groups(self, tenant, name):
        rows = UserGroup.objects.filter(tenant=tenant, name_key=text_key(name), is_resolved=True)
        return list(rows.order_by("id"))

    def _ask_directories(self, tenant, login, group):
        """Return (connection, entry) of the one person or group of this name in the tenant's directories."""
        with tenant_context(tenant.pk):
            connections = list(active_connections(tenant.pk))
        wanted = login or group
        found = []
        for connection in connections:
            kinds = ("user",) if login else ("group",)
            try:
                entries = directory_of(connection).find(prefix=wanted, kinds=kinds, limit=200)
            except DirectoryUnavailable as outage:
                raise CommandError(f"{connection.name}: {outage.reason.sentence} Nothing was changed.") from None
            account = text_key(wanted).rpartition("\\")[2]
            names = {account, text_key(wanted)}
            found += [
                (connection, entry)
                for entry in entries
                if text_key(entry.account) in names or (group and text_key(entry.name) in names)
            ]
        what = "person with the login" if login else "group named"
        if not found:
            raise CommandError(
                f"There is no {what} {wanted!r} in {tenant.slug}"
                + (" or its directories." if connections else ", and no directory is set up (manage set_directory).")
            )
        if len(found) > 1:
            raise CommandError(f"Several match {wanted!r}: " + "; ".join(entry.dn for _, entry in found))
        return found[0]

    def _person(self, tenant, members, found):
        if found:
            connection, entry = found
            if not entry.enabled:
                raise CommandError(f"{entry.name} is disabled in {connection.name}: enable the account there first.")
            person = Person(entry, ())
            return find_or_create_member(tenant_id=tenant.pk, directory_id=connection.pk, person=person, by=SERVER)
        return members[0]

    def _group(self, tenant, name, found):
        if found:
            connection, entry = found
            row, _created = UserGroup.objects.get_or_create(
                tenant=tenant,
                directory=connection,
                directory_uid=entry.id,
                defaults={"source": Source.DIRECTORY, "name": entry.name, "distinguished_name": entry.dn},
            )
            return row
        groups = self._groups(tenant, name)
        if len(groups) > 1:
            raise CommandError(
                f"Several groups are named {name!r}: " + "; ".join(row.distinguished_name or row.name for row in groups)
            )
        return groups[0]
