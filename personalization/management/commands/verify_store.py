"""manage verify_store [TENANT...]"""

from django.core.management.base import BaseCommand, CommandError

from accounts.management.words import find_tenant
from accounts.models import Tenant
from config.tenancy import tenant_context
from personalization import store


class Command(BaseCommand):
    """Read everything in the settings store and hold it against its SHA-256."""

    help = (
        "Check every stored snapshot and blob of the organisations named, or of all; exit code 1 where one is damaged."
    )

    def add_arguments(self, parser):
        parser.add_argument("tenants", nargs="*", metavar="TENANT", help="short names (all)")

    def handle(self, *, tenants, **options):
        is_damaged = False
        for tenant in [find_tenant(slug) for slug in tenants] or Tenant.objects.order_by("slug"):
            with tenant_context(tenant.pk):
                found = store.verify(tenant_id=tenant.pk)
            self.stdout.write(f"{tenant.slug}: {found.snapshots} snapshots and {found.blobs} blobs are intact.")
            for kind, digest in found.damaged:
                is_damaged = True
                self.stdout.write(f"{tenant.slug}: {kind} {digest.hex()} is damaged.")
        if is_damaged:
            raise CommandError("Restore the damaged rows from a backup of the database.")
