"""Addresses that the shell of every page names, kept because every page asks for them; and where a page can be reopened."""

import posixpath
from functools import cache, lru_cache

from django.templatetags import static as staticfiles
from django.urls import Resolver404, resolve, reverse


@lru_cache(maxsize=4096)
def address_of(name, slug=None):
    """Return the address of a page of a tenant, or of one outside every tenant. Only for pages without a key of a row."""
    return reverse(name, args=[slug] if slug else None)


@cache
def static(name):
    """Return the address of a static file of ours, with its hash; the names stand in code and templates."""
    return staticfiles.static(name)


def _opens(match):
    """Tell whether a page can be opened at a resolved address."""
    policy = getattr(match.func, "policy", None)
    return policy is None or "GET" in policy.methods


def above(path):
    """Return the address of the nearest page above one that can be opened; "/" where there is none."""
    while path != "/":
        path = f"{posixpath.dirname(path.rstrip('/')).rstrip('/')}/"
        try:
            if _opens(resolve(path)):
                break
        except Resolver404:
            continue
    return path


def reopened(request):
    """Return the address at which the page of an answer can be opened again: one that only takes posts shows nothing."""
    match = request.resolver_match
    return request.get_full_path() if match is None or _opens(match) else above(request.path)
