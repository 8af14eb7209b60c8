"""Settings (Admin) of a license group: id, expiry, name, switches, mail domain (LG-158 to LG-163).

The page stays open when the licence has expired, and then only shows (LG-28): the actions refuse every change.
"""

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.addresses import domain_of, read_address, read_domain
from config.errors import Refused
from config.policy import console_view
from config.ui.responses import confirm, done, page
from licensing.access import is_expired
from licensing.actions.auto_assign import opens_for_oneself
from licensing.actions.groups import ask_domain, change_settings, check_domain, drop_domain
from licensing.actions.rules import active
from licensing.group_forms import DomainForm, GroupSettingsForm, settings_of
from licensing.mail import is_unknown
from licensing.models import GroupDomain, MailState
from licensing.public_domains import is_public
from licensing.tasks import ring_mails_on_commit
from licensing.views.gate import find_group

WRITE = "licensing.change"


@console_view(WRITE, methods=("GET", "POST"))
def settings(request, group):
    """Show the settings, and change name and switches."""
    group = find_group(request, group)
    form = GroupSettingsForm(request.POST or None, initial=settings_of(group))
    if request.method == "POST" and form.is_valid():
        try:
            change_settings(tenant_id=request.tenant.pk, group_id=group.pk, by=request.actor, **form.cleaned_data)
        except Refused as error:
            if error.status != 422:
                raise
            request.refusal.show(error, form)
        else:
            return done(request, _url(request, group), message=_("The settings were saved."))
    return _page(request, group, form=form)


@console_view(WRITE, methods=("POST",))
def domain_set(request, group):
    """Set the mail domain, or send the link that proves it again."""
    group = find_group(request, group)
    form = DomainForm(request.POST)
    status = 422
    if form.is_valid():
        try:
            domain, address = read_domain(form.cleaned_data["domain"]), _address(form)
            check_domain(group, domain, address, by=request.actor)
            if answer := _ask_to_replace(request, group, domain):
                return answer
            row = ask_domain(
                tenant_id=request.tenant.pk, group_id=group.pk, domain=domain, address=address, by=request.actor
            )
        except Refused as error:
            request.refusal.show(error, form)
            status = error.status
        else:
            return _asked(request, group, row)
    return _page(request, group, domain_form=form, status=status)


def _ask_to_replace(request, group, domain):
    """Ask before a validated domain gives way to another: from then on nobody joins by it."""
    held = GroupDomain.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, validated_at__isnull=False)
    before = held.exclude(domain=domain).first()
    if before is None or is_public(before.domain):  # what is public by now counts no more: nothing is lost
        return None
    return confirm(
        request,
        title=_("Replace %(domain)s?") % {"domain": before.domain},
        consequence=_("%(before)s counts no longer, at once. Nobody joins by a domain until %(domain)s is validated.")
        % {"before": before.domain, "domain": domain},
        verb=_("Replace the domain"),
        hidden=[(name, request.POST.get(name, "")) for name in ("domain", "address")],
        back=_url(request, group),
    )


def _address(form):
    """Return the typed address with its key, or None; a refusal belongs to its field."""
    text = form.cleaned_data["address"]
    try:
        return read_address(text) if text else None
    except Refused as error:
        error.field = "address"
        raise


def _asked(request, group, row):
    if row.validated_at:
        message = _("%(domain)s is validated.") % {"domain": row.domain}
    else:
        ring_mails_on_commit(request.tenant.pk)
        message = _("A link goes to %(address)s. Whoever opens it there validates %(domain)s.") % {
            "address": row.asked_of,
            "domain": row.domain,
        }
    return done(request, _url(request, group), message=message)


@console_view(WRITE, methods=("GET", "POST"))
def domain_remove(request, group):
    """Ask, then take the mail domain away."""
    group = find_group(request, group)
    row = _domain(group)
    answer = confirm(
        request,
        title=_("Remove the mail domain?"),
        consequence=_(
            "People of this domain no longer join by themselves; whoever is a member stays. "
            "Another license group of the organisation may then use the domain."
        ),
        verb=_("Remove the domain"),
        details=[row.domain] if row else (),
        back=_url(request, group),
    )
    if answer:
        return answer
    drop_domain(tenant_id=request.tenant.pk, group_id=group.pk, by=request.actor)
    return done(request, _url(request, group), message=_("The mail domain was removed."))


def _url(request, group):
    return reverse("licensing:settings", args=[request.tenant.slug, group.pk])


def _domain(group):
    return GroupDomain.objects.filter(tenant_id=group.tenant_id, group_id=group.pk).first()


def _page(request, group, *, form=None, domain_form=None, status=None):
    row = _domain(group)
    own = domain_of(request.user.email_key or "")
    counts = row is not None and not is_public(row.domain)
    if form is None:
        form = GroupSettingsForm(initial=settings_of(group))
    if domain_form is None:
        proposed = "" if is_public(own) else own
        initial = {"domain": row.domain, "address": row.asked_of} if row and counts else {"domain": proposed}
        domain_form = DomainForm(initial=initial)
    for one in (form, domain_form) if is_expired(group) else ():
        for field in one.fields.values():
            field.disabled = not field.widget.is_hidden
    context = {
        "group": group,
        "section": "settings",
        "form": form,
        "domain_form": domain_form,
        "domain": row,
        "domain_state": _mail_words(row) if row else None,
        "domain_is_public": row is not None and not counts,
        "opens_for_viewer": _opens_for_viewer(request, group, row),
        "is_expired": is_expired(group),
    }
    if status is None:
        status = 422 if form.errors else 200
    return page(request, "licensing/settings.html", context, status=status)


def _opens_for_viewer(request, group, domain):
    """Tell whether the reader may miss the role User because they opened the way to it themselves."""
    if request.user.pk not in (group.assigns_by, domain and domain.asked_by):
        return False
    mine = active(group).filter(user_id=request.user.pk).first()
    return not (mine and mine.is_user) and opens_for_oneself(group, mine, request.user, domain and domain.asked_by)


def _mail_words(row):
    """Return (status kind, words) of how far the validation of a domain is (decision 28)."""
    if is_public(row.domain):
        return "warning", _("open to everybody, so it does not count")
    if row.validated_at:
        return "ok", _("validated")
    if row.mail_state == MailState.SENT:
        return "waiting", _("link sent to %(address)s, not opened yet") % {"address": row.asked_of}
    if row.mail_state == MailState.FAILED:
        return "error", _("the mail to %(address)s could not be sent") % {"address": row.asked_of}
    if is_unknown(row.mail_state, row.asked_at):
        return "warning", _("it is unknown whether the mail to %(address)s was sent") % {"address": row.asked_of}
    return "running", _("the mail to %(address)s is on its way") % {"address": row.asked_of}
