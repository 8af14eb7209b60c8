"""Sentences of the events of User Roles; names, roles and groups in them are those at the time."""

from django.utils import translation
from django.utils.translation import gettext_lazy as _

from roles.catalogue import Role

EVENT_TEXTS = {
    "userrole.added": _("added %(subject)s to User Roles as %(role)s in %(groups)s"),
    "userrole.changed": _(
        "changed the role of %(subject)s from %(role_before)s in %(groups_before)s to %(role)s in %(groups)s"
    ),
    "userrole.removed": _("removed %(subject)s from User Roles; was %(role_before)s in %(groups_before)s"),
    "userroles.changed": _("changed %(count)s entries of User Roles to %(role)s in %(groups)s: %(subjects)s"),
    "userroles.removed": _("removed %(count)s entries from User Roles: %(subjects)s"),
}

EVENT_KINDS = {  # what the filter of the audit list calls them
    "userrole.added": _("User role added"),
    "userrole.changed": _("User role changed"),
    "userrole.removed": _("User role removed"),
    "userroles.changed": _("User roles changed together"),
    "userroles.removed": _("User roles removed together"),
}

with translation.override(None):
    _ROLES = {str(role.label): role.label for role in Role}  # events tell roles in the language of the source
_ALL_GROUPS = {"all groups": _("all groups")}

EVENT_WORDS = {
    "actor_role": {role.value: role.label for role in Role},
    "role": _ROLES,
    "role_before": _ROLES,
    "groups": _ALL_GROUPS,
    "groups_before": _ALL_GROUPS,
}
