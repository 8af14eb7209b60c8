"""manage set_operator TENANT LOGIN [--off]"""

from django.core.management.base import BaseCommand

from accounts.actions import set_operator
from accounts.management.words import SERVER, find_member, find_tenant
from config.tenancy import tenant_context


class Command(BaseCommand):
    help = "Make the account of a member a platform operator, who opens /operator/ and sees every organisation there."

    def add_arguments(self, parser):
        parser.add_argument("tenant", help="short name of the organisation in which the person signs in")
        parser.add_argument("login")
        parser.add_argument("--off", action="store_true", help="end it")

    def handle(self, *, tenant, login, off, **options):
        tenant = find_tenant(tenant)
        with tenant_context(tenant.pk):
            member = find_member(tenant, login)
        changed = set_operator(membership=member, is_operator=not off, by=SERVER)
        state = "is no platform operator" if off else "is a platform operator"
        self.stdout.write(f"{member.name} {state}{' now' if changed else ' already'}.")
