"""The gates of personalization: the only place that turns an id into an object."""

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404

from config.identifiers import text_key
from personalization.models import (
    Backup,
    ManagedUser,
    PersonalizationGroup,
    ReportedGroup,
    SettingsGroup,
    SettingsProfile,
    Task,
)


def visible_groups(rights, tenant_id):
    """Return the personalization groups in which the person may work on one user at a time (spec 2.1 rule 5)."""
    groups = PersonalizationGroup.objects.filter(tenant_id=tenant_id)
    return groups if rights.is_primary else groups.filter(pk__in=rights.groups)


def administered_groups(rights, tenant_id):
    """Return the groups in which the person may work on many users (spec 2.2 may_multi)."""
    groups = PersonalizationGroup.objects.filter(tenant_id=tenant_id)
    return groups if rights.is_primary else groups.filter(pk__in=rights.admin_groups)


def visible_users(rights, tenant_id):
    """Return the managed users of the person's groups, whichever of the two roles gave them."""
    users = ManagedUser.objects.filter(tenant_id=tenant_id)
    return users if rights.is_primary else users.filter(group_id__in=rights.groups)


def administered_users(rights, tenant_id):
    """Return the managed users whom the person may put into a task."""
    users = ManagedUser.objects.filter(tenant_id=tenant_id)
    return users if rights.is_primary else users.filter(group_id__in=rights.admin_groups)


def search_users(users, text):
    r"""Return the users that match leading characters, `DOMAIN\name` with both parts abbreviated (AC-HOM-1, AC-HOM-2).

    Everything in the text is literal: there are no wildcards.
    """
    domain, backslash, name = text.strip().partition("\\")
    if not backslash:
        domain, name = "", domain
    found = Q()
    if key := text_key(name):
        found &= Q(name_key__prefix=key)
    if key := text_key(domain):
        found &= Q(domain_key__prefix=key)
    return users.filter(found) if found else users.none()


def get_user(rights, tenant_id, pk):
    """Return a managed user of the person's groups; any other is as if it did not exist (decision 24)."""
    user = visible_users(rights, tenant_id).select_related("group").filter(pk=pk).first()
    if user is None:
        raise Http404
    return user


def get_profile(rights, tenant_id, pk):
    """Return a settings profile of a visible user."""
    profile = (
        SettingsProfile.objects.filter(tenant_id=tenant_id, pk=pk)
        .select_related("managed_user", "settings_group", "snapshot")
        .first()
    )
    if profile is None or not (rights.is_primary or profile.managed_user.group_id in rights.groups):
        raise Http404
    return profile


def get_backup(rights, tenant_id, pk, *, deleted=False):
    """Return a backup of a visible user; a deleted one only where `deleted` says so."""
    backup = (
        Backup.objects.filter(tenant_id=tenant_id, pk=pk)
        .select_related("profile__managed_user", "profile__settings_group", "snapshot")
        .first()
    )
    if backup is None or (backup.deleted_at is not None) != deleted:
        raise Http404
    if not (rights.is_primary or backup.profile.managed_user.group_id in rights.groups):
        raise Http404
    return backup


def settings_groups(tenant_id):
    """Return the settings groups of the tenant, for whoever may choose among them."""
    return SettingsGroup.objects.filter(tenant_id=tenant_id).defer("template").order_by("kind", "name_key")


def reported_groups(tenant_id):
    """Return the directory groups that endpoints have reported; whom they lead to is narrowed by the person's groups."""
    return ReportedGroup.objects.filter(tenant_id=tenant_id)


def visible_tasks(rights, tenant_id):
    """Return every task of the tenant: number, creator, state and progress are for all administrators (decision 13)."""
    return Task.objects.filter(tenant_id=tenant_id) if rights.may("tasks.view") else Task.objects.none()


def may_see_details(rights, task, membership_id):
    """Say whether the person may see whom a task touches: own tasks, and tasks inside own groups (decision 13)."""
    if rights.is_primary or task.creator_id == membership_id:
        return True
    return {str(group) for group in rights.admin_groups} >= set(task.scope_groups)


def get_task(rights, tenant_id, pk):
    """Return a task of the tenant."""
    task = visible_tasks(rights, tenant_id).filter(pk=pk).first()
    if task is None:
        raise Http404
    return task


def get_own_task(rights, tenant_id, pk, membership_id):
    """Return a task that the person may steer: an own one, or any for a Primary Administrator (R11, R12, AC-TSK-7)."""
    task = get_task(rights, tenant_id, pk)
    if not (rights.is_primary or task.creator_id == membership_id):
        raise PermissionDenied("tasks.change_any")
    return task
