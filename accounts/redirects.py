"""Where a sign-in may lead: pages of the same tenant on this host, and nowhere else."""

import posixpath
from urllib.parse import unquote, urlsplit

from django.urls import reverse


def home_of(tenant):
    """Return the address of a tenant's first page."""
    return reverse("personalization:home", args=[tenant.slug])


def safe_next(tenant, wanted):
    """Return `wanted` where it is a path of this tenant, else the tenant's first page.

    Only a path that begins with the tenant's own prefix, stays below it once decoded and normalised, and is not the
    sign-in page itself; so no scheme, host, backslash, control character or double slash gets through.
    """
    home, prefix = home_of(tenant), f"/t/{tenant.slug}/"
    if not wanted.startswith(prefix) or not wanted.isprintable() or "\\" in wanted:
        return home
    path = unquote(urlsplit(wanted).path)
    if "\\" in path or "//" in path or not path.isprintable():
        return home
    is_sign_in = path.startswith(reverse("accounts:sign-in", args=[tenant.slug]))
    if is_sign_in or not f"{posixpath.normpath(path)}/".startswith(prefix):
        return home
    return wanted
