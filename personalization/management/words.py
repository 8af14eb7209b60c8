"""What the commands of personalization share: finding a user or a group, saying what is wrong."""

from django.core.management.base import CommandError

from config.identifiers import text_key
from personalization.models import ManagedUser, PersonalizationGroup, SettingsGroup


def split_account(text):
    r"""Return (domain, name) of DOMAIN\name, or stop."""
    _refuse_undecodable(text)
    domain, backslash, name = text.partition("\\")
    if not backslash or not domain or not name or "\\" in name:
        raise CommandError(f"{text!r} is not written DOMAIN\\name (in a shell: in single quotation marks).")
    return domain, name


def find_user(tenant, text):
    """Return the managed user of this account, or None; inside the tenant's context."""
    domain, name = split_account(text)
    keys = {"domain_key": text_key(domain), "name_key": text_key(name)}
    return ManagedUser.objects.select_related("group").filter(tenant=tenant, **keys).first()


def find_settings_group(tenant, name):
    """Return the settings group of this name, or stop with those there are; inside the tenant's context."""
    return _find(SettingsGroup, tenant, name, "settings group")


def find_personalization_group(tenant, name):
    """Return the personalization group of this name, or stop with those there are; inside the tenant's context."""
    return _find(PersonalizationGroup, tenant, name, "personalization group")


def _refuse_undecodable(text):
    """Stop at bytes that are no text: Python keeps them as lone surrogates, which no database takes."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise CommandError(f"{text!r} is not valid UTF-8 text.")


def _find(model, tenant, name, noun):
    _refuse_undecodable(name)
    rows = model.objects.filter(tenant=tenant)
    found = rows.filter(name_key=text_key(name)).first()
    if found is None:
        known = ", ".join(rows.order_by("name_key").values_list("name", flat=True)[:30])
        raise CommandError(
            f"There is no {noun} {name!r} in {tenant.slug}." + (f" There are: {known}." if known else "")
        )
    return found


def told(error):
    """Return the CommandError that says what was refused, and where."""
    return CommandError(str(getattr(error, "message", error)))
