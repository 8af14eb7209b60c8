"""Gates of User Roles: the only place that turns an id into an entry, a person or a group."""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Exists, F, OuterRef, Q, TextField, Value, When
from django.shortcuts import get_object_or_404

from accounts.models import GroupMembership, Membership, UserGroup
from config.identifiers import text_key
from roles.catalogue import Role
from roles.grants import grant_tables, scope_objects
from roles.models import RoleAssignment


def visible_entries(rights, tenant_id):
    """Return the entries of the tenant: all for whoever may see User Roles, none for anybody else."""
    entries = RoleAssignment.objects.filter(tenant_id=tenant_id)
    return entries if rights.may("userroles.view") else entries.none()


def _group_names(table, tenant_id, **holder):
    rows = table.objects.filter(tenant_id=tenant_id, content_object__tenant_id=tenant_id, **holder)
    return ArraySubquery(
        rows.order_by("content_object__position", "content_object__name_key").values("content_object__name")
    )


def listed_entries(rights, tenant_id):
    """Return the entries with what the list shows: kind, detail, state of the subject, names of the groups.

    The names are read from guardian's rows inside the same statement (decision 3).
    """
    persons, groups = grant_tables()
    is_group = Q(group__isnull=False)
    return visible_entries(rights, tenant_id).annotate(
        kind=Case(When(is_group, then=Value("group")), default=Value("person")),
        detail=Case(
            When(is_group, then=F("group__distinguished_name")),
            default=F("membership__login"),
            output_field=TextField(),
        ),
        uid=Case(When(is_group, then=F("group__directory_uid")), default=F("membership__directory_uid")),
        is_present=Case(When(is_group, then=F("group__is_resolved")), default=F("membership__is_active")),
        group_names=Case(
            When(is_group, then=_group_names(groups, tenant_id, group_id=OuterRef("group_id"))),
            default=_group_names(persons, tenant_id, user_id=OuterRef("membership__user_id")),
        ),
    )


def get_entry(rights, tenant_id, pk):
    """Return one entry with its subject; an entry of another tenant is as if it did not exist (decision 24)."""
    return get_object_or_404(visible_entries(rights, tenant_id).select_related("membership__user", "group"), pk=pk)


def entry_of(subject):
    """Return the entry of a Membership or UserGroup, or None."""
    column = {"group_id": subject.pk} if isinstance(subject, UserGroup) else {"membership_id": subject.pk}
    return RoleAssignment.objects.filter(tenant_id=subject.tenant_id, **column).first()


def visible_people(rights, tenant_id):
    """Return the people of the tenant, those who left included, for whoever may see User Roles."""
    people = Membership.objects.filter(tenant_id=tenant_id)
    return people if rights.may("userroles.view") else people.none()


def visible_user_groups(rights, tenant_id):
    """Return the groups of people of the tenant for whoever may see User Roles."""
    groups = UserGroup.objects.filter(tenant_id=tenant_id)
    return groups if rights.may("userroles.view") else groups.none()


def beginning_with(people, text):
    """Return the people whose name or sign-in name begins with the text; nothing for an empty text."""
    key = text_key(text)
    return people.filter(Q(name_key__prefix=key) | Q(login_key__prefix=key)) if key else people.none()


def get_person(rights, tenant_id, pk):
    """Return one person of the tenant with the account."""
    people = visible_people(rights, tenant_id).select_related("user", "tenant", "directory")
    return get_object_or_404(people, pk=pk)


def get_user_group(rights, tenant_id, pk):
    """Return one group of people of the tenant."""
    return get_object_or_404(visible_user_groups(rights, tenant_id), pk=pk)


def get_scope_ids(tenant_id, ids):
    """Return which of these ids are personalization groups of the tenant."""
    return frozenset(scope_objects(tenant_id).filter(pk__in=ids).values_list("pk", flat=True))


def _able(tenant_id):
    return Q(is_active=True, user__is_active=True, user__locked_at=None, tenant_id=tenant_id)


def _signed_in_members(tenant_id, group_id):
    rows = GroupMembership.objects.filter(tenant_id=tenant_id, group_id=group_id, user_id=OuterRef("user_id"))
    return Membership.objects.filter(_able(tenant_id), Exists(rows), signed_in_at__isnull=False)


def counting_primaries(tenant_id, *, without=None):
    """Return the Primary Administrator entries that count as holder (decision 30).

    An active person counts, and a group with at least one active member who has signed in here; `without` a Membership,
    as if that person could not sign in.
    """
    able = _able(tenant_id)
    if without:
        able &= ~Q(pk=without.pk)
    members = Membership.objects.filter(able, signed_in_at__isnull=False, user_id=OuterRef("user_id"))
    rows = GroupMembership.objects.filter(tenant_id=tenant_id, group_id=OuterRef("group_id"))
    return RoleAssignment.objects.filter(tenant_id=tenant_id, role=Role.PRIMARY_ADMIN).filter(
        Exists(Membership.objects.filter(able, pk=OuterRef("membership_id"))) | Exists(rows.filter(Exists(members)))
    )


def lone_primary_group(tenant_id):
    """Return the name of the group from which all Primary Administrators come, or None when there is another source."""
    holders = list(counting_primaries(tenant_id).values_list("group_id", "subject_name")[:2])
    return holders[0][1] if len(holders) == 1 and holders[0][0] else None


def helpers(tenant_id):
    """Return the names of who can give roles: whoever has none asks them (AC-LOG-2).

    Up to five people and groups, each group followed by up to three of its members who have signed in here, the latest
    first: a group's name alone tells nobody whom to ask.
    """
    names: dict[str, None] = {}
    for name, group_id in (
        counting_primaries(tenant_id).order_by("subject_key").values_list("subject_name", "group_id")[:5]
    ):
        names[name] = None
        if group_id:
            members = _signed_in_members(tenant_id, group_id).order_by("-signed_in_at", "pk")
            names |= dict.fromkeys(members.values_list("name", flat=True)[:3])
    return list(names)
