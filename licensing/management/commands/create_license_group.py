"""manage create_license_group TENANT OWNER --seats 50 --plan Standard [--billing term] [--expires 2027-12-31]"""

from datetime import UTC, datetime

from django.core.management.base import BaseCommand, CommandError

from accounts.management.words import SERVER, find_tenant, told
from config.errors import Refused
from config.tenancy import tenant_context
from licensing.access import find_owner
from licensing.actions.operator import Purchase, create_group
from licensing.models import Billing


class Command(BaseCommand):
    help = "Create the license group of a purchase; its owner is an active member of the organisation."

    def add_arguments(self, parser):
        parser.add_argument("tenant", help="short name of the organisation")
        parser.add_argument("owner", help="proven mail address or login of the owner")
        parser.add_argument("--seats", type=int, default=50, help="number of licences (default: 50)")
        parser.add_argument("--plan", default="Standard", help="name of the plan (default: Standard)")
        parser.add_argument("--billing", choices=Billing.values, default=Billing.SUBSCRIPTION.value)
        parser.add_argument("--frequency", choices=["monthly", "yearly"], default="yearly")
        parser.add_argument(
            "--expires", help="last day, such as 2027-12-31, or a time with its offset (default: never)"
        )
        parser.add_argument("--name", default="", help="default: the domain of the owner's address")

    def handle(self, *, tenant, owner, seats, plan, billing, frequency, expires, name, **options):
        tenant = find_tenant(tenant)
        purchase = Purchase(plan, billing, frequency, seats, _read_end(expires))
        try:
            with tenant_context(tenant.pk):
                member, address = find_owner(tenant.pk, owner)
            group = create_group(
                tenant_id=tenant.pk, owner=member, address=address, purchase=purchase, name=name, by=SERVER
            )
        except Refused as refused:
            raise told(refused) from None
        self.stdout.write(f"Created {group.name} in {tenant.name}: {seats} licences, owned by {address[0]}.")
        self.stdout.write(f"License Group ID: {group.pk}")


def _read_end(text):
    """Return the moment at which a licence ends: a day ends with it, in UTC."""
    if not text:
        return None
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no day such as 2027-12-31.") from None
    if len(text) == len("2027-12-31"):
        end = end.replace(hour=23, minute=59, second=59)
    return end if end.tzinfo else end.replace(tzinfo=UTC)
