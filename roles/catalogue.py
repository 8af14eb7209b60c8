"""Roles are code, not rows (decision 2): which exist, where they are held, what they allow."""

from django.db import models
from django.utils.translation import gettext_lazy as _

FAMILY = "persops"  # the roles below; their scope is the personalization group


class Role(models.TextChoices):
    """Roles of the personalization family; a User Roles entry holds exactly one."""

    PRIMARY_ADMIN = "persops.primary_admin", _("Primary Administrator")
    ADMIN = "persops.admin", _("Administrator")
    SUPPORT_DESK = "persops.support_desk", _("Support Desk")


class LicenseRole(models.TextChoices):
    """Roles inside one license group (LG-05): kept on the member's row by licensing, and disjoint (C-34)."""

    USER = "license.user", _("User (license)")
    ADMIN = "license.admin", _("Admin (license)")


SCOPED_ROLES = (Role.ADMIN, Role.SUPPORT_DESK)
GRANT_CODENAMES = {Role.ADMIN: "administer_personalizationgroup", Role.SUPPORT_DESK: "support_personalizationgroup"}

# What a person may open, by the strongest role held anywhere; the objects are narrowed by the gates of each app.
_SUPPORT = frozenset({"home.view", "users.view", "users.change", "audit.view", "audit.export"})
_ADMIN = _SUPPORT | {"summary.view", "tasks.view", "tasks.submit", "tasks.change"}
_PRIMARY = _ADMIN | {"userroles.view", "userroles.change", "tasks.change_any", "audit.verify"}
PERMISSIONS = {
    Role.SUPPORT_DESK: _SUPPORT,
    Role.ADMIN: _ADMIN,
    Role.PRIMARY_ADMIN: _PRIMARY,
    LicenseRole.USER: frozenset({"licensing.own", "persona.own"}),
    LicenseRole.ADMIN: frozenset({"licensing.own", "licensing.view", "licensing.change", "audit.view", "audit.export"}),
}
SIGNED_IN = frozenset({"account.own"})  # any active member of the tenant, with or without a role

ROLE_TEXTS = {
    Role.PRIMARY_ADMIN: _("Does everything in every personalization group, and decides here who may do what."),
    Role.ADMIN: _("Works on one user or on many at once in the assigned groups: settings, backups and tasks."),
    Role.SUPPORT_DESK: _("Works on one user at a time in the assigned groups: settings and backups."),
}
# What a permission lets a person do, as the end of "May … <text>?"; the order is that of the page "Why can X do Y?".
PERMISSION_TEXTS = {
    "users.view": _("open users and their settings"),
    "users.change": _("change and restore the settings of one user"),
    "tasks.submit": _("change and restore the settings of many users"),
    "tasks.view": _("see the tasks"),
    "summary.view": _("see the summary of the administered groups"),
    "tasks.change": _("pause, resume and cancel own tasks"),
    "tasks.change_any": _("pause, resume and cancel tasks of others"),
    "userroles.view": _("see who holds which role"),
    "userroles.change": _("give and take roles"),
    "audit.view": _("read the audit trail"),
    "audit.export": _("export the audit trail"),
    "audit.verify": _("verify the audit trail"),
    "licensing.view": _("open the license groups where the person is Admin"),
    "licensing.change": _("invite, change and remove the members of those license groups"),
    "licensing.own": _("see the own place in a license group, and leave it"),
    "persona.own": _("arrange own printer panels in My Persona"),
    "home.view": _("open the home page"),
    "account.own": _("see the own account"),
}
# Held in single groups by Administrators and Support Desk: here a question about one group makes sense.
GROUP_PERMISSIONS = frozenset({"users.view", "users.change", "tasks.submit"})
