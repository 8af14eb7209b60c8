"""manage create_tenant SLUG NAME [--time-zone Europe/Berlin]"""

from django.core.management.base import BaseCommand

from accounts.actions import create_tenant
from accounts.management.words import SERVER, told
from config.errors import Refused


class Command(BaseCommand):
    help = "Create an organisation (tenant)."

    def add_arguments(self, parser):
        parser.add_argument("slug", help="short name in addresses: small letters, digits, hyphens")
        parser.add_argument("name", help="the name that people read")
        parser.add_argument("--time-zone", default="UTC", help="such as Europe/Berlin (default: UTC)")

    def handle(self, *, slug, name, time_zone, **options):
        try:
            tenant = create_tenant(slug=slug, name=name, time_zone=time_zone, by=SERVER)
        except Refused as refused:
            raise told(refused) from None
        self.stdout.write(f"Created {tenant.name}. People sign in at /t/{tenant.slug}/sign-in/.")
        self.stdout.write("Next: manage set_directory or manage create_local_user, then manage bootstrap.")
