"""Which tenant an address speaks of, and who the person is in it."""

import zoneinfo
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.db import connection
from django.shortcuts import get_object_or_404
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject

from accounts.backends import request_session
from accounts.models import Membership, Source, Tenant
from accounts.origins import origin_of, remember_browser

# Asked in every request: Django takes twice as long to make it as PostgreSQL to answer it.
_FIELDS = Membership._meta.concrete_fields
_NAMES = [field.attname for field in _FIELDS]
_MEMBERSHIP = f"""
SELECT {", ".join(f'"{field.column}"' for field in _FIELDS)} FROM {Membership._meta.db_table}
WHERE tenant_id = %s AND user_id = %s AND is_active
"""


def membership_of(request):
    """Return the active membership of the signed-in account in the request's tenant, or None. One query.

    A session counts in the tenant where it was opened; only one opened with the global local password counts in others,
    and there for a local membership (decision 26). A directory person whose groups could not be read for
    DIRECTORY_STALE_SECONDS must sign in again (decision 4).
    """
    if not request.user.is_authenticated:
        return None
    is_at_home = request.session.get("tenant_id") == str(request.tenant.pk)
    if not is_at_home and request.session.get("opened_by") != Source.LOCAL:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERSHIP, [request.tenant.pk, request.user.pk])
        found = cursor.fetchone()
    membership = found and Membership.from_db(connection.alias, _NAMES, found)
    if membership is None or (not is_at_home and membership.source != Source.LOCAL) or _is_stale(membership):
        return None
    membership.user = request.user
    return membership


def _is_stale(membership):
    if membership.source != Source.DIRECTORY:
        return False
    limit = timezone.now() - timedelta(seconds=settings.DIRECTORY_STALE_SECONDS)
    return membership.groups_read_at is None or membership.groups_read_at < limit


def tenant_of(request, slug):
    """Return the active tenant of an address, or raise Http404; no query where it is the one of the session."""
    home = request.session.tenant if request.user.is_authenticated else None
    if home and home.slug == slug and home.status == Tenant.Status.ACTIVE:
        return home
    return get_object_or_404(Tenant, slug=slug, status=Tenant.Status.ACTIVE)


class AccountMiddleware(AuthenticationMiddleware):
    """Django's `request.user`; the account comes with the session, so that nobody asks for it again."""

    def __call__(self, request):
        token = request_session.set(request.session)
        try:
            return super().__call__(request)
        finally:
            request_session.reset(token)


class TenantMiddleware:
    """Find the tenant of `/t/<slug>/…` before the view; the view's decorator opens its context.

    `request.origin` tells where the request comes from, to `audit` too, which may not import accounts.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.tenant = request.membership = None
        request.origin = SimpleLazyObject(lambda: origin_of(request))
        try:
            response = self.get_response(request)
        finally:
            timezone.deactivate()
        if hasattr(request, "browser_name"):  # a session was opened by this request, whichever stage it was
            remember_browser(request, response)
        return response

    def process_view(self, request, view, args, kwargs):
        slug = kwargs.get("tenant")
        if slug is None:
            return
        request.tenant = tenant_of(request, slug)
        zone = getattr(request.user, "time_zone", "") or request.tenant.time_zone
        timezone.activate(zoneinfo.ZoneInfo(zone))
        if language := getattr(request.user, "language", ""):  # a person's choice outlives browser and session
            translation.activate(language)
            request.LANGUAGE_CODE = language
        request.membership = SimpleLazyObject(lambda: membership_of(request))
        return
