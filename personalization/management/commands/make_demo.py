"""manage make_demo --users N --groups M --backups K [--tenant SLUG] [--changed PERCENT]"""

import time

from django.core.management.base import BaseCommand, CommandError

from accounts.actions import create_tenant
from accounts.management.words import SERVER, told
from accounts.models import Tenant
from config.errors import Refused
from personalization.demo.crowd import Size, analyze, fill


class Command(BaseCommand):
    """Fill a new tenant with as many users as wanted."""

    help = "Make a large fixture: N users with M settings groups each and K nightly backups of each."

    def add_arguments(self, parser):
        parser.add_argument("--users", type=int, required=True)
        parser.add_argument("--groups", type=int, required=True, help="settings groups per user")
        parser.add_argument("--backups", type=int, required=True, help="nightly backups per profile")
        parser.add_argument("--tenant", default="large", help="short name; made if there is none (large)")
        parser.add_argument(
            "--changed",
            type=int,
            default=5,
            metavar="PERCENT",
            help="profiles that changed since their newest backup (5)",
        )

    def handle(self, *, users, groups, backups, tenant, changed, **options):
        if not (users > 0 and 0 < groups <= 200 and 0 < backups <= 100 and 0 <= changed <= 100):
            raise CommandError("At least one user; 1 to 200 groups; 1 to 100 backups; 0 to 100 percent.")
        started = time.monotonic()
        try:
            row = Tenant.objects.filter(slug=tenant).first() or create_tenant(
                slug=tenant, name=f"Large {tenant}", time_zone="Europe/Berlin", by=SERVER
            )
            fill(row, Size(users, groups, backups, changed), say=self.stdout.write)
        except Refused as refused:
            raise told(refused) from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        seconds = time.monotonic() - started
        self.stdout.write(
            f"{users:,} users, {users * groups:,} profiles, {users * groups * backups:,} backups in {seconds:.0f} s."
        )
        if not analyze():
            self.stdout.write(
                "DATABASE_OWNER_URL is not set: let the owner of the tables run ANALYZE before measuring."
            )
