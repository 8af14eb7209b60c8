"""`manage verify_audit [TENANT]`: check every event against the chain of seals."""

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from audit.seals import verify
from config.tenancy import operator_context, tenant_context

SENTENCES = {
    "changed": "event {event} of seal {seal} was changed after it was sealed",
    "missing": "{count} event(s) of seal {seal} are gone",
    "chain": "seal {seal} does not follow from the one before it",
    "gap": "{count} seal(s) from number {seal} on are gone",
    "redacted": "event {event} of seal {seal}: labels erased on purpose",
}


class Command(BaseCommand):
    """Ends with 1 where anything but a redaction was found, and names it."""

    help = "Check the audit trail of one tenant or of all; names each event that was tampered with."

    def add_arguments(self, parser):
        parser.add_argument("tenant", nargs="?", help="short name of the tenant; all when left out")

    def handle(self, *args, tenant=None, **options):
        with operator_context() as alias:
            tenants = apps.get_model("accounts", "Tenant").objects.using(alias).order_by("slug")
            wanted = list(tenants.filter(slug=tenant) if tenant else tenants)
        if tenant and not wanted:
            raise CommandError(f"There is no tenant {tenant!r}.")
        broken = 0
        for row in wanted:
            problems = 0
            with tenant_context(row.pk):
                for finding in verify(row.pk):
                    sentence = SENTENCES[finding.what].format(
                        event=finding.event_id, seal=finding.seal_number, count=finding.count
                    )
                    self.stdout.write(f"{row.slug}: {sentence}")
                    problems += finding.what != "redacted"
            self.stdout.write(f"{row.slug}: {'the chain holds' if not problems else f'{problems} problem(s)'}")
            broken += problems
        if broken:
            raise CommandError(f"{broken} problem(s) found.")
