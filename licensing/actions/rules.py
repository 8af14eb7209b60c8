"""What every verb asks: the group's lock, rows as the page showed them, blocks, places elsewhere, events."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from psycopg import errors

from accounts.models import User
from audit.actions import Actor, record, record_rows
from audit.models import Channel
from config.errors import Conflict, Refused
from config.ui.formats import formats
from licensing.access import is_expired
from licensing.models import LicencePlace, LicenseGroup, LicenseGroupMember, LicenseRoleBlock, MemberStatus

OWN_USER = gettext_lazy("You cannot give yourself the role User; another Admin can.")  # decision 20
MOST_ROWS = 5000  # of one request; more is refused with the number (architecture, "The way of a bulk task")
_P = ParamSpec("_P")
_R = TypeVar("_R")
_ATTEMPTS = 3  # of a verb that was overtaken: the second look sees what came first


def granting(verb: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run a verb that may give the role User in one transaction, and once more where another group was faster (LG-17).

    Each group has its own lock, so two of them can find the same person free at once. The database lets one of them
    write; the other begins anew, sees the place that came first and refuses it in its own words.
    """

    @wraps(verb)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for _attempt in range(_ATTEMPTS - 1):
            try:
                with transaction.atomic():
                    return verb(*args, **kwargs)
            except (IntegrityError, OperationalError) as error:
                if not _was_overtaken(error.__cause__):
                    raise
        with transaction.atomic():
            return verb(*args, **kwargs)

    return run


def _was_overtaken(error):
    """Tell whether somebody else placed the same person first, or several of the same people in another order."""
    if isinstance(error, errors.UniqueViolation):
        return error.diag.constraint_name == "licensing_licenceplace_pkey"
    return isinstance(error, errors.DeadlockDetected)


def lock_group(tenant_id: UUID, group_id: UUID) -> LicenseGroup:
    """Return the license group with its row locked until the end of the transaction.

    FOR NO KEY UPDATE: foreign keys of others' rows still see the group, two changes of its seats wait for each other.
    """
    return LicenseGroup.objects.select_for_update(no_key=True).get(tenant_id=tenant_id, pk=group_id)


def check_admin(group: LicenseGroup, by: Actor) -> None:
    """Raise PermissionDenied unless `by` is an Admin of the group at this moment (UM-34), or the server itself."""
    if by.id is None and by.channel in (Channel.COMMAND, Channel.WORKER):
        return
    admins = active(group).filter(is_admin=True, user_id=by.user_id)
    if by.user_id is None or not admins.exists():
        raise PermissionDenied("licensing.change")


def check_license(group: LicenseGroup) -> None:
    """Raise Refused where the licence has expired: nothing can be edited then, the settings neither (LG-28)."""
    if is_expired(group):
        raise Refused(
            _("The licence of %(group)s has expired. Nothing can be changed until it is renewed.")
            % {"group": group.name},
            code="license-expired",
        )


def active(group: LicenseGroup):
    """Return the active members of the group."""
    return LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, status=MemberStatus.ACTIVE)


def check_number(count: int) -> None:
    """Raise Refused for more rows than one step takes."""
    if count > MOST_ROWS:
        words = formats()
        raise Refused(
            _("%(count)s rows are too many for one step: at most %(most)s. Narrow the selection.")
            % {"count": words.integer(count), "most": words.integer(MOST_ROWS)},
            code="too-many",
        )


def current(group: LicenseGroup, shown: Mapping[UUID, int]) -> list[LicenseGroupMember]:
    """Return the rows as they are now, in the order of their addresses.

    `shown`: {member: version} of the page. Raises Conflict where one is gone or was changed since, Refused for too many.
    """
    check_number(len(shown))
    rows = list(
        LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, group_id=group.pk, pk__in=list(shown))
        .exclude(status=MemberStatus.ENDED)
        .order_by("address_key", "pk")
    )
    if len(rows) != len(shown):
        gone = len(shown) - len(rows)
        raise Conflict(
            ngettext(
                "%(count)s of the selected rows is gone. Nothing was done; select again.",
                "%(count)s of the selected rows are gone. Nothing was done; select again.",
                gone,
            )
            % {"count": gone},
            code="member-gone",
        )
    stale = [row for row in rows if row.version != shown[row.pk]]
    if stale:
        raise Conflict(
            _(
                "Somebody changed what you selected after you opened this page. Nothing was done; look and decide again."
            ),
            code="stale",
            changes=[
                (row.address, _("as the page showed it"), f"{row.get_status_display()}: {row.roles}")
                for row in stale[:10]
            ],
        )
    return rows


def blocked_among(
    group: LicenseGroup, keys: Iterable[str], user_ids: Iterable[UUID | None] = ()
) -> tuple[set[str], set[UUID]]:
    """Return which of these address keys and accounts the group's block list bars from the role User.

    An account is barred by its own entry and by one of its proven address; so is that address (LG-126).
    """
    keys, people = set(keys), {pk for pk in user_ids if pk}
    mine = User.objects.filter(Q(email_key__in=keys) | Q(pk__in=people), email_key__isnull=False)
    accounts = dict(mine.values_list("email_key", "pk"))
    found = LicenseRoleBlock.objects.filter(tenant_id=group.tenant_id, group_id=group.pk).filter(
        Q(address_key__in=keys | set(accounts)) | Q(user_id__in=people | set(accounts.values()))
    )
    rows = list(found.values_list("address_key", "user_id"))
    listed_keys, listed_people = {key for key, _user in rows}, {user for _key, user in rows}
    barred = {key: pk for key, pk in accounts.items() if key in listed_keys or pk in listed_people}
    return keys & (listed_keys | set(barred)), people & (listed_people | set(barred.values()))


def is_blocked(
    group: LicenseGroup, user_id: UUID | None, *rows: LicenseGroupMember | None, keys: Iterable[str] = ()
) -> bool:
    """Tell whether an account, if any, or an address of these rows or keys is barred from the role User (LG-102)."""
    found = blocked_among(group, {*keys, *(row.address_key for row in rows if row)}, [user_id])
    return any(found)


def accounts_of(keys: Iterable[str]) -> dict[str, UUID]:
    """Return {key: account} of those address keys that are an account's proven address."""
    found = User.objects.filter(email_key__in=list(keys)).values_list("email_key", "id")
    return {key: user_id for key, user_id in found if key}


def placed_elsewhere(user_ids: Iterable[UUID]) -> set[UUID]:
    """Return which accounts hold the role User in some license group of any organisation (LG-17)."""
    return set(LicencePlace.objects.filter(user_id__in=list(user_ids)).values_list("user_id", flat=True))


def check_free(group: LicenseGroup, needed: int) -> None:
    """Raise Refused where the group has fewer free seats than needed; the group must be locked (LG-06, LG-87)."""
    missing = needed - group.free
    if needed and missing > 0:
        raise Refused(
            ngettext(
                "%(group)s has too few free licences: %(missing)s is missing.",
                "%(group)s has too few free licences: %(missing)s are missing.",
                missing,
            )
            % {"group": group.name, "missing": missing},
            field="is_user",
            code="no-seat",
        )


def end_members(group: LicenseGroup, rows: Iterable[LicenseGroupMember], reason: str) -> None:
    """End rows of a locked group; the roles stay written there as those held last, seats and links are gone at once."""
    LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, pk__in=[row.pk for row in rows]).update(
        status=MemberStatus.ENDED, ended_at=timezone.now(), end_reason=reason, version=F("version") + 1
    )


def take_user(group: LicenseGroup, rows: Iterable[LicenseGroupMember]) -> None:
    """Take the role User from rows of a locked group that keep another one; their seats are free at once."""
    LicenseGroupMember.objects.filter(tenant_id=group.tenant_id, pk__in=[row.pk for row in rows]).update(
        is_user=False, version=F("version") + 1
    )


def tell(
    verb: str,
    group: LicenseGroup,
    rows: list,
    *,
    by: Actor,
    labels: dict,
    own=None,
    words: tuple[str, str] = ("address", "addresses"),
) -> None:
    """Write one event per row, below one for all of them where there are several (decision 31).

    rows: members, blocks or devices; own: row -> labels of its own besides its name; words: the labels that name one row
    and several.
    """
    if not rows:
        return
    shared = {"license_group": group.name, **labels}
    parent = None
    if len(rows) > 1:
        names = [str(row) for row in rows[:20]] + (["…"] if len(rows) > 20 else [])
        parent = record(
            f"{verb}-many",
            tenant_id=group.tenant_id,
            by=by,
            subject=group,
            license_group_id=group.pk,
            count=len(rows),
            labels=shared | {"count": len(rows), words[1]: names},
        )
    record_rows(
        verb,
        tenant_id=group.tenant_id,
        by=by,
        rows=[(row.pk, None, {words[0]: str(row), **(own(row) if own else {})}) for row in rows],
        subject_type=rows[0]._meta.model_name,
        license_group_id=group.pk,
        parent_id=parent.pk if parent else None,
        labels=shared,
    )
