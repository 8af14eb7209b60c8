"""Gates of accounts: which organisations, people and sessions a person may see."""

from accounts.models import Membership, Tenant
from accounts.sessions import handle_of, live_sessions
from config.tenancy import tenant_context


def tenants_of(user):
    """Return the active organisations of an account, by name; read through its own rows (decision 27)."""
    with tenant_context(None, user.pk):
        own = Membership.objects.filter(user=user, is_active=True, tenant__status=Tenant.Status.ACTIVE)
        return [row.tenant for row in own.select_related("tenant").order_by("tenant__name", "tenant__slug")]


def find_tenant(slug):
    """Return the active organisation of a typed short name, or None for every other text."""
    slug = slug.strip().lower()
    if not slug or "\0" in slug:
        return None
    return Tenant.objects.filter(slug=slug, status=Tenant.Status.ACTIVE).first()


def own_sessions(user):
    """Return the live sessions of an account, the newest use first, each with `handle` and `data`."""
    rows = list(live_sessions().filter(user_id=user.pk).order_by("-seen_at"))
    for row in rows:
        row.handle, row.data = handle_of(row.session_key), row.get_decoded()
    return rows


def get_own_session(user, handle):
    """Return the live session with this handle, or None: another person's is as if it did not exist."""
    return next((row for row in own_sessions(user) if row.handle == handle), None)
