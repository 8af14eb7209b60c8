"""Lists of licensing: the tabs Users, Blocked User Roles and Devices."""

from django.db.models import Exists, OuterRef, Q, Subquery, TextField, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _
from markupsafe import Markup, escape

from accounts.models import Membership
from config.identifiers import text_key
from config.ui.cells import macro
from config.ui.lists import BulkAction, Column, Listing, RowAction
from licensing.access import listed_blocks, listed_members
from licensing.device_forms import DeviceFilterForm
from licensing.forms import BlockFilterForm, MemberFilterForm
from licensing.mail import is_unknown
from licensing.models import HIGHEST, MailState, MemberStatus, role_names

TRIGRAM = 3  # characters from which the trigram index serves a search
WRITE = "licensing.change"


def search_members(queryset, group_id, typed):
    """Return the rows whose first name, last name or address contains the text, in any case (LG-38)."""
    needle = text_key(typed)
    if len(needle) >= TRIGRAM:
        return queryset.extra(
            where=["licensing_licensegroupmember.id IN (SELECT licensing_members_with(%s, %s))"],
            params=[group_id, needle],
        )
    parts = Q(first_key__contains=needle) | Q(last_key__contains=needle) | Q(address_key__contains=needle)
    return queryset.filter(parts)


def _first_name(name, row):
    """Return the name; blank for an invitation, whose row is headed by its address for screen readers alone (LG-32)."""
    return name or Markup('<span class="visually-hidden">{}</span>').format(row.address)


def _last_name(name, row):
    return name  # blank without the dash of an empty cell


def _roles(is_user, row):
    return role_names(is_user, row.is_admin)


def _status(status, row):
    """Return the orange clock of an invitation, "Expired" for a dead one, nothing for an active member (LG-36, LG-166).

    What became of the mail stands beside it (decision 28), and an acceptance that found no free licence (LG-72).
    """
    if status == MemberStatus.ACTIVE:
        return ""
    if row.expires_at <= timezone.now():
        return macro("status", "off", gettext("Expired"))
    notes = [note for note in (_mail_note(row), row.seat_wanted_at and gettext("waits for a licence")) if note]
    words = "".join(f"<small>{escape(note)}</small>" for note in notes)
    return _pending_mark(gettext("Pending")) + Markup(words)


def _pending_mark(label):
    return Markup('<span class="status is-warning">{}{}</span>').format(macro("icon", "solid-clock"), label)


def _mail_note(row):
    if row.mail_state == MailState.FAILED:
        return gettext("mail not sent")
    if is_unknown(row.mail_state, row.sent_at):
        return gettext("mail unknown, resend?")
    return gettext("mail waits") if row.mail_state == MailState.PENDING else ""


def _is_blockable(row):
    return row.status == MemberStatus.ACTIVE and row.is_user


def _is_pending(row):
    return row.status == MemberStatus.PENDING


def _is_removable(row):
    return not row.is_owner


class MemberList(Listing):
    """Members and invitations of a license group (LG-31 to LG-48)."""

    name = "license-members"
    caption = _("Users")
    counted = ngettext_lazy("%(shown)s member or invitation", "%(shown)s members and invitations", "count")
    columns = (
        Column("first_name", _("First Name"), sort=("first_up",), sort_down=("first_key",), cell=_first_name),
        Column("last_name", _("Last Name"), sort=("last_up",), sort_down=("last_key",), cell=_last_name),
        Column("address", _("Email"), sort=("address_key",)),
        Column("roles", _("Roles"), fields=("is_user", "is_admin"), sort=("roles_key",), cell=_roles),
        Column("added_at", _("Date Added"), kind="date", sort=True),
        Column("status", _("Status"), kind="status", fields=("status", "expires_at"), cell=_status),
    )
    fields = ("is_owner", "mail_state", "sent_at", "seat_wanted_at")
    default_sort = "address"
    form_class = MemberFilterForm
    row_label = "address"
    row_actions = (
        RowAction("edit", _("Edit"), "licensing:member-edit", icon="pencil-square", permission=WRITE),
        RowAction(
            "block",
            _("Block User Role"),
            "licensing:member-block",
            icon="no-symbol",
            permission=WRITE,
            shown=_is_blockable,
        ),
        RowAction(
            "resend",
            _("Resend"),
            "licensing:member-resend",
            icon="paper-airplane",
            permission=WRITE,
            shown=_is_pending,
        ),
        RowAction(
            "remove",
            _("Remove"),
            "licensing:member-remove",
            icon="trash",
            danger=True,
            permission=WRITE,
            shown=_is_removable,
        ),
    )
    bulk_actions = (
        BulkAction("edit", _("Edit"), "licensing:members-edit", icon="pencil-square", permission=WRITE),
        BulkAction(
            "block",
            _("Block User Role"),
            "licensing:members-block",
            icon="no-symbol",
            permission=WRITE,
            allows=_is_blockable,
        ),
        BulkAction(
            "resend",
            _("Resend"),
            "licensing:members-resend",
            icon="paper-airplane",
            permission=WRITE,
            allows=_is_pending,
        ),
        BulkAction(
            "remove",
            _("Remove"),
            "licensing:members-remove",
            icon="trash",
            danger=True,
            permission=WRITE,
            allows=_is_removable,
        ),
    )
    bulk_menu = True
    empty_title = _("Nobody is in this license group yet")
    empty_text = _("Add New Users sends invitations; whoever accepts appears here.")
    empty_icon = "users"

    def url_kwargs(self):
        return super().url_kwargs() | {"group": self.request.resolver_match.kwargs["group"]}

    def filter(self, queryset, cleaned):
        typed = cleaned["q"].strip()
        return search_members(queryset, self.request.resolver_match.kwargs["group"], typed) if typed else queryset


def block_rows(group):
    """Return the group's Blocked User Roles with what the list shows besides: the account's name, whether Admin.

    Blank names sort last in both directions: `name_up` for the rising order, `known_name` for the falling one. A name is
    looked up for every row before they are sorted by it: no index can hold what another table says.
    """
    people = Membership.objects.filter(tenant_id=group.tenant_id).exclude(name="")
    by_account = people.filter(user_id=OuterRef("user_id")).values("name")
    by_address = people.filter(user__email_key=OuterRef("address_key")).values("name")
    admins = listed_members(group).filter(status=MemberStatus.ACTIVE, is_admin=True)
    names = Subquery(by_account), Subquery(by_address)
    return listed_blocks(group).annotate(
        known_name=Coalesce(*names, Value(""), output_field=TextField()),
        name_up=Coalesce(*names, Value(HIGHEST), output_field=TextField()),
        is_admin=Exists(admins.filter(address_key=OuterRef("address_key")))
        | Exists(admins.filter(user_id=OuterRef("user_id"))),
    )


class BlockList(Listing):
    """Who may not hold the role User in a license group (LG-117 to LG-125); its rows are those of `block_rows`."""

    name = "license-blocks"
    caption = _("Blocked User Roles")
    counted = ngettext_lazy("%(shown)s entry", "%(shown)s entries", "count")
    columns = (
        Column("address", _("Email"), sort=("address_key",)),
        Column("name", _("Name"), fields=("known_name",), sort=("name_up",), sort_down=("known_name",)),
        Column("also_admin", _("Also Admin?"), kind="flag", fields=("is_admin",)),
        Column("created_at", _("Blocked on"), kind="date", sort=True),
        Column("created_by", _("Blocked by"), sort=True),
    )
    default_sort = "address"
    form_class = BlockFilterForm
    row_label = "address"
    row_actions = (RowAction("unblock", _("Unblock"), "licensing:block-remove", icon="no-symbol", permission=WRITE),)
    bulk_actions = (BulkAction("unblock", _("Remove"), "licensing:blocks-remove", icon="no-symbol", permission=WRITE),)
    bulk_menu = True
    empty_title = _("Nobody is blocked")
    empty_text = _("Block User Roles keeps people from holding the role User here, members or not.")
    empty_icon = "no-symbol"

    def url_kwargs(self):
        return super().url_kwargs() | {"group": self.request.resolver_match.kwargs["group"]}

    def filter(self, queryset, cleaned):
        typed = text_key(cleaned["q"].strip())
        if not typed:
            return queryset
        people = Membership.objects.filter(tenant_id=self.request.tenant.pk, name_key__contains=typed)
        is_named = Q(user_id__in=people.values("user_id"))
        has_address = Q(address_key__in=people.filter(user__email_key__isnull=False).values("user__email_key"))
        return queryset.filter(Q(address_key__contains=typed) | is_named | has_address)


class DeviceList(Listing):
    """The devices of a license group."""

    name = "license-devices"
    caption = _("Devices")
    counted = ngettext_lazy("%(shown)s device", "%(shown)s devices", "count")
    columns = (
        Column("name", _("Name"), sort=("name_key",)),
        Column("added_at", _("Date Added"), kind="date", sort=True),
        Column("added_by", _("Added by"), sort=True),
        Column("last_seen_at", _("Last seen"), kind="time", sort=True),
    )
    default_sort = "name"
    form_class = DeviceFilterForm
    row_actions = (
        RowAction("renew", _("New key"), "licensing:device-renew", icon="key", permission=WRITE),
        RowAction("remove", _("Remove"), "licensing:device-remove", icon="trash", danger=True, permission=WRITE),
    )
    bulk_actions = (
        BulkAction("remove", _("Remove"), "licensing:devices-remove", icon="trash", danger=True, permission=WRITE),
    )
    bulk_menu = True
    empty_title = _("No device yet")
    empty_text = _("A device gets a key here, and then shows people their panels.")
    empty_icon = "printer"

    def url_kwargs(self):
        return super().url_kwargs() | {"group": self.request.resolver_match.kwargs["group"]}

    def filter(self, queryset, cleaned):
        typed = text_key(cleaned["q"])
        return queryset.filter(name_key__contains=typed) if typed else queryset
