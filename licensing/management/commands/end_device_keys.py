"""manage end_device_keys TENANT, or manage end_device_keys --all"""

from django.core.management.base import BaseCommand, CommandError

from accounts.management.words import SERVER, find_tenant
from accounts.models import Tenant
from config.tenancy import tenant_context
from licensing.actions.devices import end_keys


class Command(BaseCommand):
    help = "End the keys of all devices at once; each device then needs a new key from an Admin of its license group."

    def add_arguments(self, parser):
        parser.add_argument("tenant", nargs="?", help="short name of the organisation")
        parser.add_argument("--all", action="store_true", help="the devices of every organisation")

    def handle(self, *, tenant, **options):
        if bool(tenant) == options["all"]:
            raise CommandError("Name an organisation, or --all for every one.")
        ended = 0
        for row in [find_tenant(tenant)] if tenant else Tenant.objects.order_by("id"):
            with tenant_context(row.pk):
                ended += end_keys(tenant_id=row.pk, by=SERVER)
        self.stdout.write(f"Device keys ended: {ended}.")
