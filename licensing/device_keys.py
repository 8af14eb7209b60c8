"""Secrets of the device API: keys of devices, and short-lived tokens of who has authenticated at one.

Neither is stored: of a key its SHA-256 is known, a token is signed. A token names its person and proves that the
device's key, the account's password and its state are still those of the sign-in.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.core import signing
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User
from licensing.models import Device

TOKEN_SECONDS = 15 * 60
_LONGEST = 200  # characters of a key that are looked at
_MARK = "rkd_"  # lets a key that was published by mistake be recognised
_SALT = "licensing.device_keys"


def new_key() -> str:
    """Return the key of a new device: 256 random bits."""
    return _MARK + secrets.token_urlsafe(32)


def digest_of(key: str) -> str:
    """Return what is stored of a key: its SHA-256 in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def find_device(tenant_id: UUID, key: str) -> Device | None:
    """Return the tenant's device with this key, with its license group, or None; inside the tenant's context."""
    if not key.startswith(_MARK) or len(key) > _LONGEST:
        return None
    return (
        Device.objects.select_related("group")
        .filter(tenant_id=tenant_id, key_digest=digest_of(key), group__tenant_id=tenant_id)
        .first()
    )


def person_token(device: Device, user: User) -> tuple[str, datetime]:
    """Return (token, when it ends) of somebody who has just authenticated at the device."""
    claims = {"account": str(user.pk), "proof": _proof(device, user)}
    return signing.dumps(claims, salt=_SALT), timezone.now() + timedelta(seconds=TOKEN_SECONDS)


def read_token(device: Device, token: str) -> User | None:
    """Return the account that a token of this device names, or None where it is forged, over, or of another device.

    A new key, a changed password and a suspended account end tokens, too.
    """
    try:
        claims = signing.loads(token, salt=_SALT, max_age=TOKEN_SECONDS)
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=claims["account"]).first()
    if user is None or not user.may_sign_in or not constant_time_compare(claims["proof"], _proof(device, user)):
        return None
    return user


def _proof(device, user):
    text = f"{device.pk}:{device.key_digest}:{user.pk}:{user.get_session_auth_hash()}"
    return salted_hmac(_SALT, text, algorithm="sha256").hexdigest()
