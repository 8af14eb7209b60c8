"""Rights travel as a value: `request.rights`, `request.actor` and the navigation, resolved once per request."""

from dataclasses import dataclass

from django.utils.functional import SimpleLazyObject

from audit.actions import Actor
from roles.catalogue import Role
from roles.navigation import navigation
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


class RightsMiddleware:
    """Set the lazy values; they are first read inside the tenant's context, by `console_view`."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.rights = SimpleLazyObject(lambda: resolve(request))
        request.actor = SimpleLazyObject(lambda: actor_of(request))
        return self.get_response(request)
