"""Sentences of the events of sign-in, people and directories; names in them are those at the time."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

EVENT_TEXTS = {
    "signin.succeeded": _("signed in from %(address)s"),
    "signin.failed": _("sign-in as %(person)s from %(address)s failed"),
    "signin.slowed": _("sign-in as %(person)s from %(address)s was slowed down"),
    "signin.without_entry": _("signed in without an entry on User Roles"),
    "signout.succeeded": _("signed out"),
    "sessions.ended": ngettext_lazy(
        "ended %(sessions)s session of %(person)s", "ended %(sessions)s sessions of %(person)s", "sessions"
    ),
    "account.registered": _("%(person)s registered with the address %(address)s"),
    "account.changed": _("changed the own account: %(changes)s"),
    "account.locked": _("%(person)s was locked out after %(failures)s failed sign-ins in a row"),
    "account.unlocked": _("unlocked %(person)s"),
    "membership.created": _("%(person)s became a member (%(source)s)"),
    "membership.deactivated": _("%(person)s was deactivated: %(reason)s"),
    "membership.activated": _("%(person)s was activated again: %(reason)s"),
    "membership.groups_changed": _(
        "the directory changed the groups of %(person)s: added %(added)s; removed %(removed)s"
    ),
    "operator.appointed": _("made %(person)s a platform operator"),
    "operator.dismissed": _("%(person)s is no platform operator any more"),
    "tenant.created": _("created the organisation %(name)s"),
    "directory.changed": _("set the directory %(name)s: %(changes)s"),
}

EVENT_KINDS = {  # what the filter of the audit list calls them
    "signin.succeeded": _("Signed in"),
    "signin.failed": _("Sign-in failed"),
    "signin.slowed": _("Sign-in slowed down"),
    "signin.without_entry": _("Signed in without a role"),
    "signout.succeeded": _("Signed out"),
    "sessions.ended": _("Sessions ended"),
    "account.registered": _("Account registered"),
    "account.changed": _("Own account changed"),
    "account.locked": _("Account locked"),
    "account.unlocked": _("Account unlocked"),
    "membership.created": _("Member added"),
    "membership.deactivated": _("Member deactivated"),
    "membership.activated": _("Member activated"),
    "membership.groups_changed": _("Directory groups changed"),
    "operator.appointed": _("Operator appointed"),
    "operator.dismissed": _("Operator dismissed"),
    "tenant.created": _("Organisation created"),
    "directory.changed": _("Directory changed"),
}

EVENT_WORDS = {  # labels that hold codes
    "source": {"local": _("Local"), "directory": _("Directory")},
    "reason": {
        "active in the directory again": _("active in the directory again"),
        "disabled in the directory": _("disabled in the directory"),
        "gone from the directory": _("gone from the directory"),
    },
}
