"""Names in a bundle and the settings they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from personalization.formats.limits import Limits
from personalization.formats.paths import KNOWN_FOLDERS, USER_PROFILE, is_known_folder, profile_path, upcase

PROFILE_FOLDER = "UserProfile"
REGISTRY_EXPORT = "registry.reg"
HIVE = "NTUSER.DAT"
LOG_SUFFIXES = (".LOG1", ".LOG2", ".LOG")


class Role(Enum):
    """What a file in a bundle is for."""

    FILE = auto()
    REG_EXPORT = auto()
    HIVE = auto()
    HIVE_LOG = auto()
    IGNORED = auto()


def role_of(names: Sequence[str]) -> Role:
    """The role of the file with these names below the bundle's root.

    Windows keeps more files beside NTUSER.DAT (transaction manager logs, ntuser.ini, ntuser.pol) that belong to the
    machine's account of the profile, not to the person: they are left out.
    """
    if len(names) != 1:
        return Role.FILE
    name = upcase(names[0])
    if name.endswith(".REG"):
        return Role.REG_EXPORT
    if name == HIVE:
        return Role.HIVE
    if name in [HIVE + suffix for suffix in LOG_SUFFIXES]:
        return Role.HIVE_LOG
    if name.startswith(HIVE + "{") or name in ("NTUSER.INI", "NTUSER.POL"):
        return Role.IGNORED
    return Role.FILE


def most_bytes(names: Sequence[str], limits: Limits) -> int:
    """How large the file with these names may be."""
    match role_of(names):
        case Role.REG_EXPORT:
            return limits.reg_bytes
        case Role.HIVE:
            return limits.hive_bytes
        case Role.HIVE_LOG:
            return limits.log_bytes
    return limits.file_bytes


def is_scaffold(names: Sequence[str]) -> bool:
    """Whether a folder only leads to known folders, and is no setting of its own."""
    return is_known_folder(_below_profile(names))


def path_of(names: Sequence[str]) -> str:
    """Canonical path for names below the bundle's root. Raises `ImportRejected` without a position."""
    return profile_path(_below_profile(names))


def _below_profile(names: Sequence[str]) -> Sequence[str]:
    return names[1:] if names and upcase(names[0]) == upcase(PROFILE_FOLDER) else names


def names_of(path: str) -> list[str]:
    """Names below the bundle's root for a canonical path: what `path_of` turns back."""
    placeholder, *rest = path.split("\\")
    head = [PROFILE_FOLDER] if placeholder == USER_PROFILE else KNOWN_FOLDERS[placeholder]
    return [*head, *rest]
