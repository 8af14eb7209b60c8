"""Verbs of tenants, local accounts, directories and sessions; each writes its event in the same transaction."""

import re
import zoneinfo
from functools import cache

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import DirectoryConnection, Membership, Session, Source, Tenant, User
from accounts.secrets import seal
from accounts.sessions import live_sessions
from accounts.signals import lock_asked, tenant_created
from accounts.throttle import account_key, forgive
from audit.actions import record
from config.errors import Conflict, Refused
from config.identifiers import text_key
from config.names import check_name
from config.tenancy import operator_context, tenant_context

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")  # as addresses are read aloud and typed: in one way


def create_tenant(*, slug, name, time_zone="UTC", by):
    """Create an organisation and return it. Raises Refused at the field that is wrong, Conflict for a taken slug."""
    _check_time_zone(time_zone)
    if not _SLUG.fullmatch(slug):
        raise Refused(
            _("A short name has small letters, digits and hyphens between them, 40 characters at most."),
            field="slug",
            code="slug",
        )
    tenant = Tenant(slug=slug, name=check_name(name), time_zone=time_zone)
    try:
        tenant.clean_fields()
    except ValidationError as error:
        field, texts = next(iter(error.message_dict.items()))
        raise Refused(" ".join(texts), field=field, code="tenant-field") from None
    with tenant_context(tenant.pk):
        if Tenant.objects.filter(slug=slug).exists():
            raise Conflict(_("The short name %(slug)s is taken.") % {"slug": slug}, field="slug", code="slug-taken")
        tenant.save(force_insert=True)
        record("tenant.created", tenant_id=tenant.pk, by=by, subject=tenant, labels={"name": tenant.name, "slug": slug})
        tenant_created.send(sender=Tenant, tenant=tenant, by=by)
    return tenant


@transaction.atomic
def create_local_user(*, tenant_id, login, name, password, by):
    """Create an account with a password of its own and its membership, and return the membership.

    Raises Refused (empty login or name, weak password) and Conflict (login taken, compared without case and marks).
    """
    login, name = login.strip(), name.strip() or login.strip()
    if not text_key(login) or "\0" in login or len(login) > 200:
        raise Refused(_("A login has 1 to 200 characters."), field="login", code="login")
    if Membership.objects.filter(tenant_id=tenant_id, login_key=text_key(login), source=Source.LOCAL).exists():
        raise Conflict(
            _("The login %(login)s is taken in this organisation.") % {"login": login},
            field="login",
            code="login-taken",
        )
    user = User(display_name=name)
    _set_password(user, password)
    user.save(force_insert=True)
    membership = Membership(tenant_id=tenant_id, user=user, login=login, name=name, source=Source.LOCAL)
    membership.save(force_insert=True)
    labels = {"person": _named(membership), "source": Source.LOCAL.value}
    record("membership.created", tenant_id=tenant_id, by=by, subject=membership, labels=labels)
    return membership


@transaction.atomic
def register_local(*, tenant_id, address, key, name, password, by):
    """Create the account of somebody whose address a mailed link has just proved, and return the User (decision 26).

    address: as it is written to; key: what is compared. The membership is made by the invitation. Raises Refused (weak
    password, invisible characters in the name) and Conflict (the address belongs to an account already).
    """
    if User.objects.filter(email_key=key).exists():
        raise Conflict(_("This address has an account already. Sign in with it."), code="address-taken")
    user = User(display_name=check_name(name)[:200], email=address, email_key=key)
    _set_password(user, password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:  # registered twice at once
        raise Conflict(_("This address has an account already. Sign in with it."), code="address-taken") from None
    labels = {"person": user.display_name, "address": address}
    record("account.registered", tenant_id=tenant_id, by=by, subject=user, labels=labels)
    return user


def _set_password(user, password):
    if not password.strip() or "\0" in password:
        raise Refused(_("A password is needed."), field="password", code="password")
    try:
        validate_password(password, user=user)
    except ValidationError as error:
        raise Refused(" ".join(error.messages), field="password", code="password") from None
    user.set_password(password)


@transaction.atomic
def set_directory(*, tenant_id, name, settings, bind_password, by):
    """Create the directory connection of this name or change it, and return it.

    settings: the fields of DirectoryConnection except name and bind_password; bind_password None keeps the stored one.
    The event tells old and new settings, of the password only that it changed.
    """
    found = DirectoryConnection.objects.select_for_update().filter(tenant_id=tenant_id, name=name).first()
    connection = found or DirectoryConnection(tenant_id=tenant_id, name=name)
    changes = []
    for field, value in settings.items():
        before = getattr(connection, field) if found else None
        if before != value:
            changes.append(f"{field}: {before} → {value}" if found else f"{field}: {value}")
            setattr(connection, field, value)
    if bind_password is not None:
        connection.bind_password = seal(bind_password)
        changes.append("bind password")
    connection.save()
    labels = {"name": name, "changes": changes}
    record("directory.changed", tenant_id=tenant_id, by=by, subject=connection, labels=labels)
    return connection


@transaction.atomic
def end_sessions(*, membership, keep=None, by):
    """End every session of a person, in this tenant and wherever the same account is signed in; returns how many.

    keep: a session key that stays, for "end all others".
    """
    ended = Session.objects.filter(user_id=membership.user_id).exclude(session_key=keep).delete()[0]
    if ended:
        labels = {"person": _named(membership), "sessions": ended}
        record("sessions.ended", tenant_id=membership.tenant_id, by=by, subject=membership, labels=labels)
    return ended


@transaction.atomic
def end_session(*, membership, session_key, by):
    """End one session of a person; returns whether there was one."""
    ended = Session.objects.filter(user_id=membership.user_id, session_key=session_key).delete()[0]
    if ended:
        labels = {"person": _named(membership), "sessions": ended}
        record("sessions.ended", tenant_id=membership.tenant_id, by=by, subject=membership, labels=labels)
    return bool(ended)


@transaction.atomic
def end_sessions_of_tenant(*, tenant, by):
    """End every session that was opened in a tenant; returns how many. One event tells the number."""
    ended = live_sessions().filter(tenant_id=tenant.pk).count()
    Session.objects.filter(tenant_id=tenant.pk).delete()
    if ended:
        labels = {"person": tenant.name, "sessions": ended}
        record("sessions.ended", tenant_id=tenant.pk, by=by, subject=tenant, labels=labels)
    return ended


@transaction.atomic
def lock_out(*, membership, failures, by):
    """Lock an account after failures of known origins (UC-63), unless somebody above keeps it open; returns whether.

    Running sessions are refused at the next request (decision 22).
    """
    answers = lock_asked.send(sender=Membership, membership=membership)
    if any(answer is True for _receiver, answer in answers):
        return False
    locked = User.objects.filter(pk=membership.user_id, locked_at=None).update(locked_at=timezone.now())
    if locked:
        labels = {"person": _named(membership), "failures": failures}
        record("account.locked", tenant_id=membership.tenant_id, by=by, subject=membership, labels=labels)
    return bool(locked)


@transaction.atomic
def unlock(*, membership, by):
    """Let a locked account sign in again and forget its failures (UC-66); returns whether it was locked."""
    tenant_id = membership.tenant_id
    forgive(tenant_id=tenant_id, account_key=account_key(tenant_id, membership.login))
    unlocked = User.objects.filter(pk=membership.user_id, locked_at__isnull=False).update(locked_at=None)
    if unlocked:
        labels = {"person": _named(membership)}
        record("account.unlocked", tenant_id=tenant_id, by=by, subject=membership, labels=labels)
    return bool(unlocked)


def set_operator(*, membership, is_operator, by):
    """Make the account of a member a platform operator, or end that; returns whether anything changed (decision 27).

    It runs on the operator's database role, the only one of the server that may; the member must be committed.
    """
    with operator_context() as alias:
        accounts = User.objects.using(alias).filter(pk=membership.user_id, is_operator=not is_operator)
        changed = accounts.update(is_operator=is_operator)
        if changed:
            verb = "operator.appointed" if is_operator else "operator.dismissed"
            labels = {"person": _named(membership)}
            record(verb, tenant_id=membership.tenant_id, by=by, subject=membership, labels=labels, using=alias)
    return bool(changed)


@transaction.atomic
def activate(*, membership, reason, by):
    """Let a deactivated member in again; returns whether the membership was inactive."""
    if membership.is_active:
        return False
    membership.is_active, membership.inactive_by_directory = True, False
    membership.save(update_fields=["is_active", "inactive_by_directory"])
    labels = {"person": _named(membership), "reason": reason}
    record("membership.activated", tenant_id=membership.tenant_id, by=by, subject=membership, labels=labels)
    return True


@transaction.atomic
def deactivate_by_directory(*, membership, reason, by):
    """Take a person out whom the directory has disabled or lost, and end their sessions (UC-189, decision 4)."""
    membership.is_active, membership.inactive_by_directory = False, True
    membership.save(update_fields=["is_active", "inactive_by_directory"])
    labels = {"person": _named(membership), "reason": reason}
    record("membership.deactivated", tenant_id=membership.tenant_id, by=by, subject=membership, labels=labels)
    end_sessions(membership=membership, by=by)


@transaction.atomic
def change_own_account(*, membership, time_zone, language, by):
    """Keep a person's time zone ('' = that of the organisation) and language ('' = that of the browser)."""
    if time_zone:
        _check_time_zone(time_zone)
    user = User.objects.select_for_update().get(pk=membership.user_id)
    wanted = {"time_zone": time_zone, "language": language}
    before = {name: getattr(user, name) for name in wanted}
    changes = [
        f"{name}: {before[name] or '–'} → {wanted[name] or '–'}" for name in wanted if before[name] != wanted[name]
    ]
    if not changes:
        return False
    user.time_zone, user.language = time_zone, language
    user.save(update_fields=["time_zone", "language"])
    labels = {"person": _named(membership), "changes": changes}
    record("account.changed", tenant_id=membership.tenant_id, by=by, subject=membership, labels=labels)
    return True


def _named(membership):
    return f"{membership.name} ({membership.login})"


@cache
def time_zones():
    """Return the names of the known time zones, sorted."""
    return sorted(zoneinfo.available_timezones())


def _check_time_zone(name):
    if name not in time_zones():
        raise Refused(
            _("%(name)s is not a time zone; write one like Europe/Berlin.") % {"name": name},
            field="time_zone",
            code="time-zone",
        )
