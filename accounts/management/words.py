"""What the commands of accounts share: finding a tenant or a person, reading a password, saying what is wrong."""

import getpass
from pathlib import Path

from django.core.management.base import CommandError
from django.db.models import Q

from accounts.models import Membership, Source, Tenant
from audit.actions import Actor
from audit.models import Channel
from config.identifiers import text_key

SERVER = Actor(id=None, name="server command", channel=Channel.COMMAND)


def refuse_blanks(**options):
    """Stop where the value given for an option or argument is empty or only blanks; None = not given."""
    for name, value in options.items():
        if value is not None and not value.strip():
            raise CommandError(f"{name}: this is empty. Nothing was changed.")


def find_tenant(slug):
    """Return the tenant, or stop with what to do."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        known = ", ".join(Tenant.objects.order_by("slug").values_list("slug", flat=True)[:20])
        raise CommandError(
            f"There is no organisation with the short name {slug!r}. "
            + (f"There are: {known}." if known else "Create one: manage create_tenant SLUG NAME.")
        )
    return tenant


def find_members(tenant, login, *, is_local=False):
    """Return the memberships with this login, local ones first; inside the context.

    DOMAIN\\account means people of a directory, `is_local` those with a password of Roamkeep, account alone both.
    """
    _domain, backslash, account = text_key(login).rpartition("\\")
    rows = Membership.objects.select_related("user", "directory").filter(tenant=tenant)
    meant = Q(login_key=text_key(login))
    if backslash and not is_local:
        meant |= Q(login_key=account, source=Source.DIRECTORY)
    if is_local:
        meant &= Q(source=Source.LOCAL)
    return list(rows.filter(meant).order_by("-source", "id"))


def find_member(tenant, login):
    """Return the one membership with this login, or stop with what to do; inside the context."""
    found = find_members(tenant, login)
    if len(found) == 1:
        return found[0]
    if found:
        names = "; ".join(f"{row.name}, {row.directory or 'local'}" for row in found)
        raise CommandError(
            f"{login!r} is the login of several people: {names}. Write DOMAIN\\{login} for the one of a directory."
        )
    raise CommandError(f"Nobody with the login {login!r} is known in {tenant.slug}.")


def read_secret(path, prompt):
    """Return a secret from the first line of a file, or typed twice without an echo."""
    if path:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"The password cannot be read from {path}: {error}.") from None
        secret = text.split("\n", 1)[0].rstrip("\r")
        if not secret.strip():
            raise CommandError(f"The first line of {path} is empty: write the password there.")
        return secret
    try:
        secret, again = getpass.getpass(f"{prompt}: "), getpass.getpass(f"{prompt} (again): ")
    except EOFError:
        raise CommandError(
            "There is no terminal to type the password at. Write it in the first line of a file and give that: "
            "--password-file FILE."
        ) from None
    if secret != again:
        raise CommandError("The two passwords differ. Nothing was changed; run the command again.")
    return secret


def told(refused):
    """Return the CommandError that says what an action refused, at which field."""
    return CommandError(f"{refused.field}: {refused.message}" if refused.field else str(refused.message))
