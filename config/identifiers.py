"""Keys of rows and keys of texts: what the database sorts, compares and keeps unique."""

import os
import threading
import time
import unicodedata
import uuid

_lock = threading.Lock()
_last = 0


def uuid7():
    """Return a UUID version 7 (RFC 9562, section 5.7), increasing within this process.

    48 bits of Unix milliseconds, 12 bits of sub-millisecond counter, 62 random bits.
    """
    global _last
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    with _lock:
        _last = now = max(milliseconds << 12 | rest * 4096 // 1_000_000, _last + 1)
    random = int.from_bytes(os.urandom(8)) >> 2
    return uuid.UUID(int=(now >> 12) << 80 | 0x7 << 76 | (now & 0xFFF) << 64 | 0b10 << 62 | random)


def uuid_array(ids):
    """Return ids as the text of a PostgreSQL array: five times cheaper than the driver's own way with thousands.

    An id may be None, which is NULL.
    """
    return "{" + ",".join([pk.hex if pk else "NULL" for pk in ids]) + "}"


def text_key(text):
    """Return the stored key of a listed text: NFKD without marks, casefolded, spaces folded.

    One key serves sorting, keyset paging, prefix search and uniqueness; it is compared bytewise (COLLATE "C").
    """
    folded = unicodedata.normalize("NFKD", text or "").casefold()
    bare = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    return " ".join(bare.replace("\0", "").split())
