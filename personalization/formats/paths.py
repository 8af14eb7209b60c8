"""The one place that decides which registry keys and which files may belong to a user's settings.

Registry keys are written `HKCU\\Software\\…`, files `%APPDATA%\\…` below a known folder. Windows ignores case in both,
so every name has a key for identity and order beside its spelling.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from django.utils.translation import gettext_lazy as _

from personalization.formats.errors import ImportRejected
from personalization.formats.limits import DEFAULT_LIMITS, Limits

REGISTRY_ROOT = "HKCU"
LONGEST_KEY_NAME = 255  # "Registry element size limits", Microsoft; in UTF-16 units
LONGEST_VALUE_NAME = 16_383
LONGEST_FILE_NAME = 255
_LONGEST_REMEMBERED = 1_000  # 4,096 paths of 130,000 characters would stay in the memory of a worker for good
LONGEST_FILE_PATH = 32_000  # the limit of Windows is 32,767 with the known folder's own path

_USER_ROOTS = frozenset({"HKCU", "HKEY_CURRENT_USER"})
_OTHER_ROOTS = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKU": "HKEY_USERS",
    "HKCC": "HKEY_CURRENT_CONFIG",
    "HKDD": "HKEY_DYN_DATA",
    "HKPD": "HKEY_PERFORMANCE_DATA",
    "HKCULS": "HKEY_CURRENT_USER_LOCAL_SETTINGS",
}
_OTHER_ROOT_NAMES = {**_OTHER_ROOTS, **{name: name for name in _OTHER_ROOTS.values()}}

USER_PROFILE = "%USERPROFILE%"
KNOWN_FOLDERS: dict[str, tuple[str, ...]] = {
    "%APPDATA%": ("AppData", "Roaming"),
    "%LOCALAPPDATA%": ("AppData", "Local"),
    "%LOCALAPPDATALOW%": ("AppData", "LocalLow"),
    "%CONTACTS%": ("Contacts",),
    "%DESKTOP%": ("Desktop",),
    "%DOCUMENTS%": ("Documents",),
    "%DOWNLOADS%": ("Downloads",),
    "%FAVORITES%": ("Favorites",),
    "%LINKS%": ("Links",),
    "%MUSIC%": ("Music",),
    "%PICTURES%": ("Pictures",),
    "%SAVEDGAMES%": ("Saved Games",),
    "%SEARCHES%": ("Searches",),
    "%VIDEOS%": ("Videos",),
    USER_PROFILE: (),
}
"""Placeholder -> folders below the user's profile, as Windows lays them out by default."""

_FORBIDDEN_IN_FILE_NAME = re.compile(r'[<>:"/\\|?*\x00-\x1f\ud800-\udfff]')
_DEVICE_NAMES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"]
    + [f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"]
)

# Windows' own table leaves these alone although Unicode has an upper case for them: dotless i, long s, micro sign.
_NEVER_UPCASED = frozenset("\u0131\u017f\u00b5")


def utf16_length(text: str) -> int:
    """Length in UTF-16 units, the unit of every Windows limit."""
    return len(text) if text.isascii() else sum(2 if c > "\uffff" else 1 for c in text)


def well_formed(text: str) -> str:
    """Surrogate pairs joined; a surrogate without its other half stays, as Windows allows it."""
    if text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _upcase_character(character: str) -> str:
    if character in _NEVER_UPCASED or character > "\uffff":
        return character
    upper = character.upper()
    return upper if len(upper) == 1 else character


def upcase(text: str) -> str:
    """Case removed the way Windows compares names: one UTF-16 unit at a time, no letter becomes two."""
    return text.upper() if text.isascii() else "".join(map(_upcase_character, text))


_PLACEHOLDERS = {tuple(map(upcase, folders)): placeholder for placeholder, folders in KNOWN_FOLDERS.items()}
_KNOWN_FOLDERS_AND_PARENTS = {folders[:depth] for folders in _PLACEHOLDERS for depth in range(len(folders) + 1)}
_DEEPEST_KNOWN_FOLDER = max(map(len, _PLACEHOLDERS))


# --- registry ---------------------------------------------------------------------------------------------------------


def key_name(name: str) -> str:
    """One name of a registry key, checked. Raises `ImportRejected` without a position."""
    if not name:
        raise ImportRejected(_("The name of a registry key is empty."))
    if len(name) > LONGEST_KEY_NAME // 2 and utf16_length(name) > LONGEST_KEY_NAME:
        raise ImportRejected(
            _("The name of a registry key is longer than %(limit)s characters."), limit=LONGEST_KEY_NAME
        )
    # Microsoft: "one or more printable characters"; an embedded NUL hides a key from every editor.
    if not name.isprintable() and any(c < " " for c in name):
        raise ImportRejected(_("The name of a registry key has a control character in it."))
    if "\\" in name:
        raise ImportRejected(_("The name of a registry key has a backslash in it."))
    return well_formed(name)


def value_name(name: str) -> str:
    """The name of a registry value, checked; '' is the default value. Raises `ImportRejected` without a position."""
    if len(name) > LONGEST_VALUE_NAME // 2 and utf16_length(name) > LONGEST_VALUE_NAME:
        raise ImportRejected(
            _("The name of a registry value is longer than %(limit)s characters."), limit=LONGEST_VALUE_NAME
        )
    return well_formed(name)


def registry_path(text: str, *, limits: Limits = DEFAULT_LIMITS) -> str:
    """Canonical path of a key of the user: `HKCU` or `HKCU\\…`, spelling kept.

    Raises `ImportRejected`, without a position, for keys outside HKEY_CURRENT_USER and for names Windows forbids.
    """
    root, separator, rest = text.partition("\\")
    upper_root = root.upper()
    if upper_root not in _USER_ROOTS:
        if upper_root in _OTHER_ROOT_NAMES:
            raise ImportRejected(
                _("%(root)s is not part of a user's settings; only HKEY_CURRENT_USER is accepted."),
                root=_OTHER_ROOT_NAMES[upper_root],
            )
        raise ImportRejected(_("The key does not begin with HKEY_CURRENT_USER."))
    if not separator:
        return REGISTRY_ROOT
    names = rest.split("\\", limits.depth)
    if len(names) > limits.depth:
        raise ImportRejected(_("Keys are nested deeper than %(limit)s levels."), limit=limits.depth)
    return "\\".join([REGISTRY_ROOT, *map(key_name, names)])


def registry_key(path: str) -> str:
    """Identity of a key: two paths name one key exactly when this is equal."""
    return _registry_key(path) if len(path) <= _LONGEST_REMEMBERED else upcase(path)


_registry_key = lru_cache(maxsize=4096)(upcase)


# --- files ------------------------------------------------------------------------------------------------------------


def file_name(name: str) -> str:
    """One name of a file or folder, checked. Raises `ImportRejected` without a position."""
    if name in ("", ".", ".."):
        raise ImportRejected(_("The path has an empty name, “.” or “..” in it."))
    if _FORBIDDEN_IN_FILE_NAME.search(name):
        if ":" in name:
            raise ImportRejected(_("The path has a colon in it: drive letters and alternate data streams are refused."))
        if any("\ud800" <= c <= "\udfff" for c in name):
            raise ImportRejected(_("The name is not valid text."))
        raise ImportRejected(_("The path has a character that Windows does not allow in names."))
    if name[-1] in ". ":
        raise ImportRejected(_("The name ends with a dot or a space."))
    if upcase(name.partition(".")[0].rstrip(" ")) in _DEVICE_NAMES:
        raise ImportRejected(_("The name belongs to a Windows device."))
    if utf16_length(name) > LONGEST_FILE_NAME:
        raise ImportRejected(_("The name is longer than %(limit)s characters."), limit=LONGEST_FILE_NAME)
    return name


def is_known_folder(names: Sequence[str]) -> bool:
    """Whether a folder below the user's profile is a known folder, or one on the way to it such as `AppData`."""
    return len(names) <= _DEEPEST_KNOWN_FOLDER and tuple(map(upcase, names)) in _KNOWN_FOLDERS_AND_PARENTS


def profile_path(names: Sequence[str], *, limits: Limits = DEFAULT_LIMITS) -> str:
    """Canonical path of a file given by its names below the user's profile: the closest known folder comes first.

    ('AppData', 'Roaming', 'Vim', 'rc') -> `%APPDATA%\\Vim\\rc`. Raises `ImportRejected` without a position.
    """
    if is_known_folder(names):
        raise ImportRejected(_("The path names a known folder itself, not something in it."))
    head = tuple(map(upcase, names[:_DEEPEST_KNOWN_FOLDER]))
    while head not in _PLACEHOLDERS:
        head = head[:-1]
    return _joined(_PLACEHOLDERS[head], names[len(head) :], len(names), limits)


def file_path(text: str, *, limits: Limits = DEFAULT_LIMITS) -> str:
    """Canonical path of a file or folder written with a placeholder: `%APPDATA%\\…`.

    `%USERPROFILE%\\AppData\\Roaming\\x` becomes `%APPDATA%\\x`, so that a file has one path only. Raises
    `ImportRejected`, without a position, for absolute and climbing paths, unknown placeholders and names that Windows
    reserves.
    """
    placeholder, _separator, rest = text.partition("\\")
    placeholder = placeholder.upper()
    folders = KNOWN_FOLDERS.get(placeholder)
    if folders is None:
        raise ImportRejected(
            _("The path does not begin with a known folder of the user such as %(example)s."), example="%APPDATA%"
        )
    names = rest.split("\\")
    if placeholder == USER_PROFILE:
        return profile_path(names, limits=limits)
    return _joined(placeholder, names, len(folders) + len(names), limits)


def _joined(placeholder: str, names: Sequence[str], depth: int, limits: Limits) -> str:
    if depth > limits.depth:
        raise ImportRejected(_("Folders are nested deeper than %(limit)s levels."), limit=limits.depth)
    path = "\\".join([placeholder, *map(file_name, names)])
    if len(path) > LONGEST_FILE_PATH // 2 and utf16_length(path) > LONGEST_FILE_PATH:
        raise ImportRejected(_("The path is longer than %(limit)s characters."), limit=LONGEST_FILE_PATH)
    return path


def file_name_key(name: str) -> str:
    """Identity of one name: case and the two Unicode spellings of accented letters do not count."""
    if name.isascii():
        return name.upper()
    return unicodedata.normalize("NFC", upcase(unicodedata.normalize("NFC", name)))


def file_key(path: str) -> str:
    """Identity of a file or folder: two paths may live beside each other only when this differs."""
    return _file_key(path) if len(path) <= _LONGEST_REMEMBERED else file_name_key(path)


_file_key = lru_cache(maxsize=4096)(file_name_key)


def names_below_profile(path: str) -> tuple[str, ...]:
    """Names of a canonical path seen from the user's profile: `%APPDATA%\\x` -> ('AppData', 'Roaming', 'x')."""
    placeholder, *rest = path.split("\\")
    return (*KNOWN_FOLDERS[placeholder], *rest)


def order(key: str) -> str:
    """Order of an identity key: everything below a key or folder follows it directly."""
    return key.replace("\\", "\0")
