"""The gates of personalization: the only place that turns an id into an object."""

import datetime
from uuid import UUID

from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, Subquery
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from config.errors import Refused
from config.identifiers import text_key
from personalization.models import (
    Backup,
    GroupFigures,
    ManagedUser,
    PersonalizationGroup,
    ReportedGroup,
    SettingsGroup,
    SettingsProfile,
    Task,
    TaskItem,
    TaskState,
)


def administered_groups(rights, tenant_id):
    """Return the groups in which the person may work on many users (spec 2.2 may_multi)."""
    groups = PersonalizationGroup.objects.filter(tenant_id=tenant_id)
    return groups if rights.is_primary else groups.filter(pk__in=rights.admin_groups)


def administered_figures(rights, tenant_id):
    """Return the counted figures of the groups that the person administers (spec 2.1 rule 4)."""
    figures = GroupFigures.objects.filter(tenant_id=tenant_id)
    return figures if rights.is_primary else figures.filter(group_id__in=rights.admin_groups)


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


PROOF_FIELD = "seen"
PROOF_AGE = datetime.timedelta(hours=12)
_PROOF_SALT = "personalization.seen"


class MovedAway(Refused):
    """403: a form was opened while its user was in the person's groups, and posted when he was not (decision 24)."""

    status = 403

    def __init__(self):
        super().__init__(_("This user has moved out of your groups."), code="moved-out-of-groups")


def proof_of(request, user_id):
    """Return the pair (name, value) of a hidden field that proves for 12 hours that the person saw a managed user."""
    seen = [str(request.tenant.pk), str(request.membership.pk), str(user_id)]
    return PROOF_FIELD, signing.dumps(seen, salt=_PROOF_SALT)


def seen_user(request):
    """Return the id of the managed user whom a posted form proves to have been visible to this person, or None."""
    if request.method != "POST":
        return None
    try:
        tenant_id, membership_id, user_id = signing.loads(
            request.POST.get(PROOF_FIELD, ""), salt=_PROOF_SALT, max_age=PROOF_AGE
        )
    except signing.BadSignature:
        return None
    is_own = (tenant_id, membership_id) == (str(request.tenant.pk), str(request.membership.pk))
    return UUID(user_id) if is_own else None


def _out_of_sight(user_id, seen):
    """Return what to raise for a user of other groups: 404, or 403 where the person has seen him (`seen_user`)."""
    return MovedAway() if user_id == seen else Http404()


def get_user(rights, tenant_id, pk, *, seen=None):
    """Return a managed user of the person's groups; any other is as if it did not exist (decision 24)."""
    user = get_object_or_404(ManagedUser.objects.select_related("group"), tenant_id=tenant_id, pk=pk)
    if not (rights.is_primary or user.group_id in rights.groups):
        raise _out_of_sight(pk, seen)
    return user


def get_profile(rights, tenant_id, user_id, pk, *, seen=None):
    """Return a settings profile of this visible user; that of another one is as if it did not exist."""
    profiles = SettingsProfile.objects.select_related("managed_user", "settings_group", "snapshot")
    profile = get_object_or_404(profiles, tenant_id=tenant_id, managed_user_id=user_id, pk=pk)
    if not (rights.is_primary or profile.managed_user.group_id in rights.groups):
        raise _out_of_sight(user_id, seen)
    return profile


def get_backup(rights, tenant_id, pk, *, seen=None):
    """Return a backup of a visible user, deleted or not."""
    backups = Backup.objects.select_related("profile__managed_user", "profile__settings_group", "snapshot")
    backup = get_object_or_404(backups, tenant_id=tenant_id, pk=pk)
    user = backup.profile.managed_user
    if not (rights.is_primary or user.group_id in rights.groups):
        raise _out_of_sight(user.pk, seen)
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


def with_undo(tasks):
    """Return the tasks with `undone_by`: the number of the task that has undone each, or None."""
    undone = Task.objects.filter(
        tenant_id=OuterRef("tenant_id"), undo_of_id=OuterRef("pk"), state__in=[TaskState.COMPLETED, TaskState.WARNING]
    )
    return tasks.annotate(undone_by=Subquery(undone.values("number")[:1]))


def administers_all_of(rights, task):
    """Say whether a task lies inside the groups that the person administers now."""
    return rights.is_primary or {str(group) for group in rights.admin_groups} >= set(task.scope_groups)


def visible_items(rights, task, membership_id):
    """Return the items of a task whom the person may see, or None: all of a task inside own groups, and of an own task
    that reaches further those of the groups administered now (decision 13)."""
    items = TaskItem.objects.filter(tenant_id=task.tenant_id, task_id=task.pk)
    if administers_all_of(rights, task):
        return items
    return items.filter(group_id__in=rights.admin_groups) if task.creator_id == membership_id else None


def may_steer(rights, task, membership_id):
    """Say whether the person may pause, cancel or undo a task: an own one while administering all of its groups, or any
    for a Primary Administrator (spec 2.2 may_task, AC-TSK-7)."""
    if rights.is_primary:
        return True
    return task.creator_id == membership_id and rights.may("tasks.change") and administers_all_of(rights, task)


def get_task(rights, tenant_id, pk):
    """Return a task of the tenant."""
    return get_object_or_404(visible_tasks(rights, tenant_id), pk=pk)


def get_own_task(rights, tenant_id, pk, membership_id):
    """Return a task that the person may steer (see `may_steer`; R11, R12); any other is refused."""
    task = get_task(rights, tenant_id, pk)
    if not may_steer(rights, task, membership_id):
        raise PermissionDenied("tasks.change_any")
    return task
