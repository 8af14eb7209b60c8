"""Secrets that we must be able to read again, such as a directory's bind password: sealed with the secret key.

A sealed text is `<key name>:<Fernet token>`. The key is derived from SECRET_KEY by HKDF-SHA256 (RFC 5869); its name,
the first 8 hex digits of its SHA-256, says which key opens the text. To change SECRET_KEY put the old one into
SECRET_KEY_FALLBACKS: old texts stay readable, what is sealed from then on uses the new key.
"""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SealBroken(Exception):
    """The text was sealed with a key we do not have, or was changed since. The message holds no part of the secret."""


def seal(secret):
    """Return the sealed form of a text."""
    name, fernet = _key(settings.SECRET_KEY)
    return f"{name}:{fernet.encrypt(secret.encode()).decode()}"


def unseal(sealed):
    """Return the text again, or raise SealBroken."""
    wanted, _, token = sealed.partition(":")
    for secret_key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        name, fernet = _key(secret_key)
        if name == wanted:
            try:
                return fernet.decrypt(token.encode()).decode()
            except InvalidToken:
                raise SealBroken("the sealed secret was changed") from None
    raise SealBroken("sealed with another SECRET_KEY: name it in SECRET_KEY_FALLBACKS, or set the secret again")


@lru_cache(maxsize=8)
def _key(secret_key):
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"roamkeep sealed secrets")
    derived = derivation.derive(secret_key.encode())
    return hashlib.sha256(derived).hexdigest()[:8], Fernet(base64.urlsafe_b64encode(derived))
