"""Sentences of the events of User Roles; names, roles and groups in them are those at the time."""

from django.utils.translation import gettext_lazy as _

EVENT_TEXTS = {
    "userrole.added": _("added %(subject)s to User Roles as %(role)s in %(groups)s"),
    "userrole.changed": _(
        "changed the role of %(subject)s from %(role_before)s in %(groups_before)s to %(role)s in %(groups)s"
    ),
    "userrole.removed": _("removed %(subject)s from User Roles; was %(role_before)s in %(groups_before)s"),
    "userroles.changed": _("changed %(count)s entries of User Roles to %(role)s in %(groups)s: %(subjects)s"),
    "userroles.removed": _("removed %(count)s entries from User Roles: %(subjects)s"),
}
