"""manage load_demo: the two demo tenants."""

from django.core.management.base import BaseCommand

from personalization.demo.tenants import load


class Command(BaseCommand):
    """Make the demo tenants acme and globex, or complete them."""

    help = "Make the demo tenants acme and globex with believable people and settings. Safe to run again."

    def handle(self, *args, **options):
        load(say=self.stdout.write)
