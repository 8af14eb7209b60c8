"""manage unlock TENANT LOGIN"""

from django.core.management.base import BaseCommand

from accounts.actions import unlock
from accounts.management.words import SERVER, find_member, find_tenant
from config.tenancy import tenant_context


class Command(BaseCommand):
    help = "Let a locked-out person sign in again and forget the failed attempts."

    def add_arguments(self, parser):
        parser.add_argument("tenant", help="short name of the organisation")
        parser.add_argument("login")

    def handle(self, *, tenant, login, **options):
        tenant = find_tenant(tenant)
        with tenant_context(tenant.pk):
            member = find_member(tenant, login)
            was_locked = unlock(membership=member, by=SERVER)
        self.stdout.write(f"{member.name} {'can sign in again' if was_locked else 'was not locked'}.")
