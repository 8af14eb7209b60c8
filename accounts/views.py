"""Pages before and around the session: start, sign-in, sign-out, the own account, and the one without an entry."""

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponseRedirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts import signin
from accounts.access import find_tenant, get_own_session, own_sessions, tenants_of
from accounts.actions import change_own_account, end_session, end_sessions
from accounts.agents import describe_agent
from accounts.forms import AccountForm, SignInForm
from accounts.models import Tenant
from accounts.origins import origin_of
from accounts.people import person_actor
from accounts.redirects import home_of, safe_next
from audit.actions import record
from audit.models import Outcome
from config.policy import console_view, public_view, request_context
from config.tenancy import tenant_context
from config.ui.responses import done, page

LAST_TENANT = "organisation"  # cookie: the short name to offer first, nothing secret
YEAR = 365 * 86_400


@public_view()
def start(request):
    """List the organisations of whoever is signed in; everybody else types the short name of theirs."""
    typed = request.GET.get("organisation", "")
    if typed and (tenant := find_tenant(typed)):
        return HttpResponseRedirect(reverse("accounts:sign-in", args=[tenant.slug]), status=303)
    tenants = tenants_of(request.user) if request.user.is_authenticated else []
    context = {
        "tenants": [{"name": tenant.name, "slug": tenant.slug, "url": home_of(tenant)} for tenant in tenants],
        "typed": typed[:40] if typed or tenants else request.COOKIES.get(LAST_TENANT, "")[:40],
        "is_unknown": bool(typed),
        "signed_out": "signed-out" in request.GET,
    }
    return page(request, "accounts/start.html", context, status=422 if typed else 200)


@sensitive_post_parameters("password")
@public_view(methods=("GET", "POST"))
@sensitive_variables("password", "form")
def sign_in(request):
    """Ask for login and password, and sign in. The directory is asked with no transaction open."""
    tenant = request.tenant
    if request.method != "POST":
        wanted = request.GET.get("next", "")
        with request_context(request):
            if request.membership:
                return HttpResponseRedirect(safe_next(tenant, wanted), status=303)
        return _sign_in_page(request, SignInForm(initial={"next": wanted}), signed_out="signed-out" in request.GET)
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _sign_in_page(request, form, status=422)

    def enter(membership, proof, attempt):
        signin.stash(request=request, membership=membership, proof=proof, attempt=attempt)
        target = safe_next(tenant, form.cleaned_data["next"])
        login = Login(user=membership.user, redirect_url=target)
        return perform_password_login(request, {}, login), membership.user.language

    try:
        response, own_language = signin.sign_in(
            tenant=tenant,
            login=form.cleaned_data["login"],
            password=form.cleaned_data["password"],
            origin=origin_of(request),
            enter=enter,
            user_id=request.user.pk,
        )
    except signin.SignInFailed as failed:
        return _sign_in_page(
            request, form, status=failed.status, problem=failed.message, retry_after=failed.retry_after
        )
    _set_cookie(response, LAST_TENANT, tenant.slug)
    if own_language:
        _set_cookie(response, settings.LANGUAGE_COOKIE_NAME, own_language)
    return response


def _sign_in_page(request, form, *, status=200, problem=None, retry_after=None, signed_out=False):
    context = {"form": form, "problem": problem, "signed_out": signed_out}
    response = page(request, "accounts/sign_in.html", context, status=status)
    if retry_after:
        response["Retry-After"] = str(retry_after)
    return response


@public_view(methods=("POST",))
def sign_out(request):
    """End the session of this browser on the server and clear what the browser kept of it."""
    tenant = Tenant.objects.filter(pk=request.session.get("tenant_id")).first()
    if tenant and request.user.is_authenticated:
        with tenant_context(tenant.pk, request.user.pk):
            _record_sign_out(request, tenant)
    logout(request)
    target = reverse("accounts:sign-in", args=[tenant.slug]) if tenant else reverse("accounts:start")
    response = HttpResponseRedirect(f"{target}?signed-out", status=303)
    # Not "cookies": it would also take the sign that this browser is known, and its language and colours.
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _record_sign_out(request, tenant):
    membership = request.user.memberships.filter(tenant=tenant).first()
    if membership:
        by = person_actor(membership, request_id=request.id)
        record("signout.succeeded", tenant_id=tenant.pk, by=by, subject=membership)


@public_view(methods=("POST",))
def language(request):
    """Keep the language of this browser; a signed-in person's own choice is made on the page of the account."""
    chosen = request.POST.get("language", "")
    if chosen not in dict(settings.LANGUAGES):
        raise BadRequest("no such language")
    tenant = find_tenant(request.POST.get("organisation", ""))
    target = reverse("accounts:sign-in", args=[tenant.slug]) if tenant else reverse("accounts:start")
    response = HttpResponseRedirect(target, status=303)
    _set_cookie(response, settings.LANGUAGE_COOKIE_NAME, chosen)
    return response


@console_view("account.own", methods=("GET", "POST"))
def account(request):
    """Show the own account and its sessions; keep time zone and language."""
    user = request.user
    form = AccountForm(
        request.POST if request.method == "POST" else None,
        tenant=request.tenant,
        initial={"time_zone": user.time_zone, "language": user.language},
    )
    if request.method == "POST" and form.is_valid():
        change_own_account(membership=request.membership, **form.cleaned_data, by=request.actor)
        response = done(request, request.path, message=_("Your settings are saved."))
        _set_cookie(response, settings.LANGUAGE_COOKIE_NAME, form.cleaned_data["language"])
        return response
    groups = [group.name for group in user.groups.filter(tenant=request.tenant).order_by("name_key", "id")]
    sessions = [_shown_session(request, row) for row in own_sessions(user)]
    context = {
        "form": form,
        "membership": request.membership,
        "directory": request.membership.directory if request.membership.directory_id else None,
        "groups": groups,
        "sessions": sessions,
    }
    return page(request, "accounts/account.html", context, status=422 if form.is_bound else 200)


def _shown_session(request, row):
    return {
        "handle": row.handle,
        "agent": describe_agent(row.data.get("agent", "")),
        "address": row.data.get("address", ""),
        "opened_at": parse_datetime(row.data.get("opened_at", "")),
        "seen_at": row.seen_at,
        "is_current": row.session_key == request.session.session_key,
    }


@console_view("account.own", methods=("POST",))
def end_own_session(request, *, handle):
    """End one of the own sessions; another person's does not exist here."""
    row = get_own_session(request.user, handle)
    if row is None:
        raise Http404
    end_session(membership=request.membership, session_key=row.session_key, by=request.actor)
    return done(request, _account_url(request), message=_("The session is ended."))


@console_view("account.own", methods=("POST",))
def end_other_sessions(request):
    """End every own session but this one."""
    keep = request.session.session_key
    ended = end_sessions(membership=request.membership, keep=keep, by=request.actor)
    text = ngettext("%(count)d session is ended.", "%(count)d sessions are ended.", ended) % {"count": ended}
    return done(request, _account_url(request), message=text)


def _account_url(request):
    return reverse("accounts:account", args=[request.tenant.slug])


def no_entry(request, helpers=()):
    """Answer 403 to a signed-in person without an entry on User Roles, and say who can add one (AC-LOG-2, AC-ROL-5).

    `helpers` are names of Primary Administrators. Inside the tenant's transaction; the event is written once a session.
    """
    if not request.session.get("told_without_entry"):
        request.session["told_without_entry"] = True
        record(
            "signin.without_entry",
            tenant_id=request.tenant.pk,
            by=request.actor,
            subject=request.membership,
            outcome=Outcome.REFUSED,
        )
    return page(request, "accounts/no_entry.html", {"helpers": list(helpers)}, status=403)


def _set_cookie(response, name, value):
    if value:
        response.set_cookie(name, value, max_age=YEAR, secure=settings.SECURE, httponly=True, samesite="Lax")
    else:
        response.delete_cookie(name, samesite="Lax")
