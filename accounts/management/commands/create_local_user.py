"""manage create_local_user TENANT LOGIN NAME [--password-file FILE]"""

from django.core.management.base import BaseCommand

from accounts.actions import create_local_user
from accounts.management.words import SERVER, find_tenant, read_secret, told
from config.errors import Refused
from config.tenancy import tenant_context


class Command(BaseCommand):
    help = "Create a person who signs in with a password of Roamkeep's own, such as for when the directory is away."

    def add_arguments(self, parser):
        parser.add_argument("tenant", help="short name of the organisation")
        parser.add_argument("login")
        parser.add_argument("name", help="first and last name")
        parser.add_argument("--password-file", help="file with the password in its first line (default: ask)")

    def handle(self, *, tenant, login, name, password_file, **options):
        tenant = find_tenant(tenant)
        password = read_secret(password_file, "Password")
        try:
            with tenant_context(tenant.pk):
                member = create_local_user(tenant_id=tenant.pk, login=login, name=name, password=password, by=SERVER)
        except Refused as refused:
            raise told(refused) from None
        self.stdout.write(f"Created {member.name}, who signs in as {member.login} at /t/{tenant.slug}/sign-in/.")
