"""Add New Users: invitations by mail, to many addresses with one role set (LG-49 to LG-67)."""

from django.utils.translation import ngettext

from accounts.submissions import once
from config.errors import Refused
from config.policy import console_view
from config.ui.formats import formats
from config.ui.responses import dialog, done
from licensing.actions.invitations import StillOpen, invite, still_open
from licensing.invitation_forms import InviteForm
from licensing.lists import MemberList
from licensing.tasks import ring_mails_on_commit
from licensing.usage import pending_users
from licensing.views.chosen import list_url
from licensing.views.gate import with_group


@console_view("licensing.change", methods=("GET", "POST"))
@with_group
@once
def member_add(request, *, group):
    """Ask for addresses, roles and own words; send the invitations, all or none."""
    is_post = request.method == "POST"
    form = InviteForm(request.POST if is_post else None, request.FILES if is_post else None)
    if is_post and form.is_valid():
        invited = _invite(request, group, form)
        if invited:
            ring_mails_on_commit(request.tenant.pk)
            return done(request, list_url(request, group), message=_told(invited), changed=MemberList.name)
    context = {
        "group": group,
        "form": form,
        "back": list_url(request, group),
        "pending": pending_users(group),
    }
    return dialog(request, "licensing/invite.html", context, status=422 if form.errors else 200)


def _invite(request, group, form):
    """Return what was done, or None where the form has to ask or to tell something: then nothing is stored or sent."""
    cleaned = form.cleaned_data
    try:
        return invite(
            tenant_id=request.tenant.pk,
            group_id=group.pk,
            addresses=cleaned["pairs"],
            is_user="user" in cleaned["roles"],
            is_admin="admin" in cleaned["roles"],
            words=cleaned["words"],
            again=cleaned["again"],
            by=request.actor,
        )
    except StillOpen as error:
        form.offer_again(error.rows)
    except Refused as error:
        if error.status != 422:
            raise
        request.refusal.show(error, form)
        open_ones = still_open(group, [key for _address, key in cleaned["pairs"]])
        if open_ones and not cleaned["again"]:
            form.offer_again(open_ones)
    return None


def _told(invited):
    """Say what was done, and what it leaves to think of (LG-62)."""
    sentences = []
    if count := invited.mailed:
        text = ngettext("%(count)s invitation is on its way.", "%(count)s invitations are on their way.", count)
        sentences.append(_counted(text, count))
    if count := invited.admitted:
        text = ngettext(
            "%(count)s person of your domain joined at once, without a mail.",
            "%(count)s people of your domain joined at once, without a mail.",
            count,
        )
        sentences.append(_counted(text, count))
    if count := invited.beyond:
        text = ngettext(
            "There is %(count)s more invitation than free licences.",
            "There are %(count)s more invitations than free licences.",
            count,
        )
        sentences.append(_counted(text, count))
    return " ".join(sentences)


def _counted(text, count):
    return text % {"count": formats().integer(count)}
