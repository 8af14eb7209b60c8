"""Rights travel as a value: `request.rights`, `request.actor` and the navigation, resolved once per request."""

import zoneinfo
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db import connection
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject

from audit.actions import Actor
from roles.catalogue import Role
from roles.navigation import account_navigation, navigation
from roles.rights import rights_of


def actor_of(request):
    """Return who acts: the person with role and groups at this moment."""
    membership, rights = request.membership, request.rights
    return Actor(
        id=membership.pk,
        name=f"{membership.name} ({membership.login})",
        user_id=membership.user_id,
        role=rights.role or "",
        groups=tuple(sorted(rights.groups, key=str)),
        request_id=request.id,
        rights=rights,
    )


@dataclass(frozen=True, slots=True)
class ShellPerson:
    """Who is signed in, as the shell of a page shows it."""

    name: str
    role: object
    may: object


def resolve(request):
    """Return the rights of the person in the request's tenant and prepare what the shell shows of them."""
    rights = rights_of(request.membership if request.tenant else None)
    request.navigation = navigation(request, rights)
    if rights.is_member:
        label = Role(rights.role).label if rights.role else None
        request.shell_person = ShellPerson(request.membership.name, label, rights.may)
    return rights


# The place belongs to licensing; roles knows its table's name only. The organisation is the one of the session.
_ACCOUNT_SQL = """
SELECT EXISTS (SELECT 1 FROM licensing_licenceplace WHERE user_id = %(user)s), t.slug, t.name, t.time_zone
FROM (SELECT) one LEFT JOIN accounts_tenant t ON t.id = %(tenant)s AND t.status = 'active'
"""


def enter_account(request):
    """Prepare the shell, time zone and language of a page of the account outside every tenant. One query."""
    person = request.user
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNT_SQL, {"user": person.pk, "tenant": request.session.get("tenant_id")})
        has_place, slug, name, zone = cursor.fetchone()
    timezone.activate(zoneinfo.ZoneInfo(person.time_zone or zone or settings.TIME_ZONE))
    if person.language:
        translation.activate(person.language)
        request.LANGUAGE_CODE = person.language
    home = (name, slug) if slug else None
    request.navigation = account_navigation(request, home, has_place=has_place, is_operator=person.is_operator)
    request.shell_person = ShellPerson(person.display_name, None, lambda permission: False)
    request.account_tenant = slug


class RightsMiddleware:
    """Set the lazy values; they are first read inside the tenant's context, by `console_view`.

    `request.enter_account()` is for pages outside every tenant.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.rights = SimpleLazyObject(lambda: resolve(request))
        request.actor = SimpleLazyObject(lambda: actor_of(request))
        request.enter_account = partial(enter_account, request)
        return self.get_response(request)
