"""`manage verify_audit [TENANT] [--heads FILE]`: check every event against the chain of seals."""

import json
from pathlib import Path

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from audit.seals import head_of, verify
from config.tenancy import operator_context, tenant_context

SENTENCES = {
    "changed": "event {event} of seal {seal} was changed after it was sealed",
    "missing": "{count} event(s) of seal {seal} are gone",
    "chain": "seal {seal} does not follow from the one before it",
    "gap": "{count} seal(s) from number {seal} on are gone",
    "head": "seal {seal}, the newest when its hash was kept, is gone or another one",
    "redacted": "event {event} of seal {seal}: labels erased on purpose",
}


class Command(BaseCommand):
    """Ends with 1 where anything but a redaction was found, and names it.

    The newest seals can be deleted together with their events, and the chain before them still holds. So the heads of
    the chains are kept in a file, where the owner of the database does not write: {tenant's id: [number, hash]}.
    """

    help = "Check the audit trail of one tenant or of all; names each event that was tampered with."

    def add_arguments(self, parser):
        parser.add_argument("tenant", nargs="?", help="short name of the tenant; all when left out")
        parser.add_argument(
            "--heads",
            type=Path,
            metavar="FILE",
            help="check also that the newest seals of the last run are there; then keep today's in FILE, elsewhere",
        )

    def handle(self, *args, tenant=None, heads=None, **options):
        with operator_context() as alias:
            tenants = apps.get_model("accounts", "Tenant").objects.using(alias).order_by("slug")
            wanted = list(tenants if tenant is None else tenants.filter(slug=tenant))
        if tenant is not None and not wanted:
            raise CommandError(f"There is no tenant {tenant!r}.")
        kept = _read(heads) if heads else {}
        found = {row: self._check(row, kept.get(str(row.pk), (0, ""))) for row in wanted}
        broken = sum(problems for problems, _head in found.values())
        if tenant is None:
            for gone in sorted(kept.keys() - {str(row.pk) for row in wanted}):
                self.stdout.write(f"{gone}: this tenant is gone, with all its events")
                broken += 1
        if broken:
            raise CommandError(f"{broken} problem(s) found.")
        if heads:
            _write(heads, kept | {str(row.pk): head for row, (_problems, head) in found.items()})

    def _check(self, tenant, kept):
        """Say what does not fit in a tenant's chain; return (problems, its newest seal as `head_of` has it)."""
        problems = 0
        with tenant_context(tenant.pk):
            for finding in verify(tenant.pk, kept):
                sentence = SENTENCES[finding.what].format(
                    event=finding.event_id, seal=finding.seal_number, count=finding.count
                )
                self.stdout.write(f"{tenant.slug}: {sentence}")
                problems += finding.what != "redacted"
            head = head_of(tenant.pk)
        held = "the chain holds, up to seal {} ({})".format(*head) if head[0] else "nothing is sealed yet"
        self.stdout.write(f"{tenant.slug}: {f'{problems} problem(s)' if problems else held}")
        return problems, head


def _read(path):
    """Return what `_write` has kept; nothing where there is no file yet."""
    try:
        kept = json.loads(path.read_text(encoding="ascii"))
        return {tenant: (int(number), bytes.fromhex(sealed).hex()) for tenant, (number, sealed) in kept.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CommandError(f"{path} holds no heads of chains: {error}.") from None


def _write(path, heads):
    try:
        path.write_text(json.dumps(heads, indent=1) + "\n", encoding="ascii")
    except OSError as error:
        raise CommandError(f"The heads cannot be kept in {path}: {error.strerror}.") from None
