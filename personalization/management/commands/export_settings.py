r"""manage export_settings TENANT 'DOMAIN\name' OUT [--group NAME] [--format folder|zip]"""

import shutil
import tempfile
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from accounts.management.words import SERVER, find_tenant
from audit.actions import record
from config.tenancy import tenant_context
from personalization import store
from personalization.formats import manifest
from personalization.formats.bundle import write_folder, write_zip
from personalization.formats.errors import ExportRefused, ImportRejected, shown
from personalization.management.words import find_settings_group, find_user, told
from personalization.models import SettingsProfile


class Command(BaseCommand):
    """Write the current settings of one user, item for item as they came in."""

    help = "Export the current settings of one user to a new folder or ZIP archive that import_settings reads back."

    def add_arguments(self, parser):
        parser.add_argument("tenant", help="short name of the organisation")
        parser.add_argument("user", help=r"the account, 'DOMAIN\name'")
        parser.add_argument("out", type=Path, help="folder or file to make")
        parser.add_argument("--group", metavar="NAME", help="this settings group alone (all)")
        parser.add_argument("--format", choices=("folder", "zip"), help="folder, or zip where OUT ends with .zip")

    def handle(self, *, tenant, user, out, group, format, **options):
        tenant = find_tenant(tenant)
        with tenant_context(tenant.pk):
            known = find_user(tenant, user)
            if known is None:
                raise CommandError(f"{tenant.slug} has no managed user {user}.")
            profiles = SettingsProfile.objects.filter(tenant=tenant, managed_user=known, snapshot__isnull=False)
            if group:
                profiles = profiles.filter(settings_group=find_settings_group(tenant, group))
            profiles = list(profiles.select_related("snapshot", "settings_group").order_by("settings_group__name_key"))
            if not profiles:
                raise CommandError(f"{known} has no settings" + (f" of {group}." if group else "."))
            items = [item for profile in profiles for item in store.read_manifest(profile.snapshot)]

        def fetch(digest):
            with tenant_context(tenant.pk):  # short ones: a long export must not hold a transaction open
                return store.read_blob(tenant_id=tenant.pk, digest=digest)

        whole = manifest.with_contents(items, fetch)
        try:
            if (format or ("zip" if out.suffix.lower() == ".zip" else "folder")) == "zip":
                _write_archive(whole, out)
            else:
                write_folder(whole, out)
        except store.StoreDamaged as damage:
            raise told(damage) from None
        except (ImportRejected, ExportRefused) as refusal:
            hint = "" if group else " Two settings groups may hold the same setting: export one with --group."
            raise CommandError(f"{told(refusal)}{hint}") from None
        except OSError as error:
            # The error may name a temporary file of ours.
            raise CommandError(f"{out}: {error.strerror}.") from None
        try:
            with tenant_context(tenant.pk):
                self._record(known, profiles)
        except BaseException:  # nothing is exported that no event tells of
            if out.is_dir():
                shutil.rmtree(out)
            else:
                out.unlink(missing_ok=True)
            raise
        self.stdout.write(f"Wrote {len(items)} items of {len(profiles)} settings groups to {shown(str(out))}.")

    def _record(self, known, profiles):
        record(
            "settings.exported",
            tenant_id=known.tenant_id,
            by=SERVER,
            subject=known,
            group_id=known.group_id,
            labels={"user": str(known), "groups": [profile.settings_group.name for profile in profiles]},
        )


def _write_archive(items, out):
    """Write the archive beside its place and move it there when it is whole."""
    if out.exists():
        raise CommandError(f"{out} exists already.")
    with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}-", delete=False) as file:
        try:
            write_zip(items, file)
            file.flush()
            Path(file.name).replace(out)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
