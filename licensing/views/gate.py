"""How a page of a license group begins: the group, or where an expired licence sends its Admins (LG-28)."""

from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from licensing.access import get_license_group, is_expired
from licensing.actions.rules import check_license
from licensing.models import LicenseGroup


def find_group(request, pk: UUID) -> LicenseGroup:
    """Return the license group of the address for an Admin of it; what the request is refused is told of this group."""
    found = get_license_group(request.rights, request.tenant.pk, pk)
    request.refusal.about = about(found)
    return found


def about(group: LicenseGroup) -> dict:
    """Return what the event of a refusal says of the group that the refused page belongs to."""
    return {"subject": group, "license_group_id": group.pk}


def with_group(view):
    """Hand the view the license group of the address; it stands under `console_view`.

    With an expired licence everything but Settings (Admin) leads there with a notice; a post is refused (LG-28).
    """

    @wraps(view)
    def of_group(request, *, group, **kwargs):
        found = find_group(request, group)
        if is_expired(found):
            if request.method not in ("GET", "HEAD"):
                check_license(found)
            messages.warning(
                request, _("The licence has expired: until it is renewed, only these settings can be read.")
            )
            url = reverse("licensing:settings", args=[request.tenant.slug, found.pk])
            return HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url, status=303)
        return view(request, group=found, **kwargs)

    return of_group
