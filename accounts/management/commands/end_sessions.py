"""manage end_sessions TENANT [--login LOGIN], or manage end_sessions --all"""

from django.core.management.base import BaseCommand, CommandError

from accounts.actions import end_sessions, end_sessions_of_tenant
from accounts.management.words import SERVER, find_member, find_tenant, refuse_blanks
from accounts.models import Session, Tenant
from config.tenancy import tenant_context


class Command(BaseCommand):
    help = "Sign people out at once: one person, everybody of an organisation, or everybody."

    def add_arguments(self, parser):
        parser.add_argument("tenant", nargs="?", help="short name of the organisation")
        parser.add_argument("--login", help="only this person")
        parser.add_argument("--all", action="store_true", help="everybody of every organisation")

    def handle(self, *, tenant, login, **options):
        everybody = options["all"]
        refuse_blanks(**{"tenant": tenant, "--login": login})  # an empty name must not mean everybody
        if bool(tenant) == everybody or (login and everybody):
            raise CommandError("Name an organisation (with --login for one person), or --all for everybody.")
        if everybody:
            ended = 0
            for row in Tenant.objects.order_by("id"):
                with tenant_context(row.pk):
                    ended += end_sessions_of_tenant(tenant=row, by=SERVER)
            Session.objects.all().delete()
        else:
            row = find_tenant(tenant)
            with tenant_context(row.pk):
                if login:
                    ended = end_sessions(membership=find_member(row, login), by=SERVER)
                else:
                    ended = end_sessions_of_tenant(tenant=row, by=SERVER)
        self.stdout.write(f"Sessions ended: {ended}.")
