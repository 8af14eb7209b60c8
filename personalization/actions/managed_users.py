"""The verb that makes a managed user who has not logged on yet."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from audit.actions import Actor, record
from config.errors import Conflict, Refused
from config.identifiers import text_key
from personalization.models import ManagedUser, PersonalizationGroup

_LONGEST_SID = 190  # of the column
_UNKNOWN = "unknown:"


def new_managed_user(
    *, tenant_id: UUID, domain: str, name: str, group: PersonalizationGroup, display_name: str = ""
) -> ManagedUser:
    """Return the row, not saved yet, of somebody who has not logged on, so that settings can wait there.

    The security identifier is not known yet; a mark made of the account stands for it until an endpoint reports it.
    Raises `Refused` for an account that Windows would not allow.
    """
    domain, name = domain.strip(), name.strip()
    if not 0 < len(domain) <= 60 or not 0 < len(name) <= 104 or not (domain + name).isprintable():
        raise Refused(_("An account is written DOMAIN\\name."), field="name", code="account")
    return ManagedUser(
        tenant_id=tenant_id,
        sid=_made_up_sid(f"{text_key(domain)}\\{text_key(name)}"),
        domain=domain,
        name=name,
        display_name=display_name or name,
        group=group,
    )


def _made_up_sid(account: str) -> str:
    """The mark of an account. A key can be many times as long as its name, so a long one ends in its SHA-256."""
    sid = f"{_UNKNOWN}{account}"
    if len(sid) <= _LONGEST_SID:
        return sid
    digest = hashlib.sha256(account.encode()).hexdigest()
    return f"{sid[: _LONGEST_SID - len(digest)]}{digest}"


@transaction.atomic
def create_managed_user(*, managed_user: ManagedUser, by: Actor) -> ManagedUser:
    """Save a row of `new_managed_user`. Raises `Conflict` where the account exists."""
    keys = {"domain_key": text_key(managed_user.domain), "name_key": text_key(managed_user.name)}
    if ManagedUser.objects.filter(tenant_id=managed_user.tenant_id, **keys).exists():
        raise Conflict(_("%(user)s exists already.") % {"user": managed_user}, field="name", code="user-exists")
    managed_user.save(force_insert=True)
    record(
        "manageduser.created",
        tenant_id=managed_user.tenant_id,
        by=by,
        subject=managed_user,
        group_id=managed_user.group_id,
        labels={"user": str(managed_user), "group": managed_user.group.name},
    )
    return managed_user
