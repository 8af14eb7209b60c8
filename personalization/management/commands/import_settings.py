r"""manage import_settings TENANT 'DOMAIN\name' PATH [--group NAME | --by-templates] [--create-user …]"""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from accounts.management.words import SERVER, find_tenant
from config.errors import Refused
from config.tenancy import tenant_context
from personalization import store
from personalization.actions.managed_users import new_managed_user
from personalization.actions.settings import import_settings
from personalization.formats.bundle import SourceKind, open_source
from personalization.formats.errors import ImportRejected, shown
from personalization.history import item_name
from personalization.management.words import (
    find_personalization_group,
    find_settings_group,
    find_user,
    split_account,
    told,
)

SHOWN = 5


class Command(BaseCommand):
    """Read a source of settings and give one user what it holds."""

    help = (
        "Import settings of one user from a folder, a ZIP archive, a .reg export or an NTUSER.DAT (a dirty one with "
        "its .LOG1/.LOG2 beside it). A .reg file changes what is there, as it does in Windows; the others replace the "
        "settings groups they hold something of. What they replace stays as a backup."
    )

    def add_arguments(self, parser):
        parser.add_argument("tenant", help="short name of the organisation")
        parser.add_argument("user", help=r"the account, 'DOMAIN\name'")
        parser.add_argument("path", type=Path)
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--group", metavar="NAME", help="settings group that gets everything")
        where.add_argument("--by-templates", action="store_true", help="sort by the settings location templates")
        parser.add_argument("--create-user", action="store_true", help="make the managed user if there is none")
        parser.add_argument("--personalization-group", metavar="NAME", help="of a user made by --create-user")
        parser.add_argument("--ansi", default="cp1252", help="code page of a REGEDIT4 file (cp1252)")
        parser.add_argument("--allow-dirty", action="store_true", help="take a dirty hive without its logs")

    def handle(self, *, tenant, user, path, group, create_user, personalization_group, **options):
        tenant = find_tenant(tenant)
        if create_user and not personalization_group:
            raise CommandError("--create-user needs --personalization-group NAME.")
        try:
            with tenant_context(tenant.pk):
                settings_group = find_settings_group(tenant, group) if group else None
                known = find_user(tenant, user) or (create_user and self._new_user(tenant, user, personalization_group))
            if not known:
                raise CommandError(f"{tenant.slug} has no managed user {user}. Add --create-user to make one.")
            with open_source(path, allow_dirty=options["allow_dirty"], ansi=options["ansi"]) as source:
                done = import_settings(
                    managed_user=known,
                    changes=source.changes,
                    settings_group=settings_group,
                    merge=source.kind is SourceKind.REG_EXPORT,
                    source=shown(path.name),
                    by=SERVER,
                )
                self._report(done, source)
        except (ImportRejected, Refused, store.StoreDamaged) as refusal:
            raise told(refusal) from None
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}.") from None

    def _new_user(self, tenant, user, personalization_group):
        domain, name = split_account(user)
        group = find_personalization_group(tenant, personalization_group)
        return new_managed_user(tenant_id=tenant.pk, domain=domain, name=name, group=group)

    def _report(self, done, source):
        for group in done.changed:
            self.stdout.write(f"Imported: {group.name}")
        for group in done.unchanged:
            self.stdout.write(f"Unchanged: {group.name}")
        if not done.changed and not done.unchanged:
            self.stdout.write("Nothing to change.")
        for what, names in (
            ("no template wants them", [item_name(item) for item in done.unclaimed]),
            ("not settings", source.ignored),
        ):
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                self.stdout.write(f"Left out, {what}: {', '.join(map(shown, names[:SHOWN]))}{more}")
