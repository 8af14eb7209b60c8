"""What a template says, and which items belong to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy as _

from personalization.formats.errors import Text
from personalization.formats.items import File, Folder, Item, RegistryItem, RegistryKey, RegistryValue
from personalization.formats.paths import file_name_key, names_below_profile, registry_key, upcase

Specificity = tuple[int, bool, bool]
"""How closely a rule fits: depth of its path, whether it takes that path alone, whether it names values or files."""


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Lowest and highest accepted number of each part of a version, None for a part that does not matter."""

    major: tuple[int, int]
    minor: tuple[int, int] | None = None
    build: tuple[int, int] | None = None
    patch: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """A program that the template is for. `architecture` is '', 'Win32' or 'Win64'."""

    file_name: str
    architecture: str = ""
    product_name: str = ""
    file_description: str = ""
    product_versions: tuple[VersionRange, ...] = ()
    file_versions: tuple[VersionRange, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistryExclusion:
    """What a rule leaves out: values `names` (all, when empty) of the key `path` below the rule's own, '' for any key.

    Without `is_recursive` the keys below `path` stay in.
    """

    path: str = ""
    is_recursive: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistryRule:
    """Values `names` (all, when empty) of the key `path`, canonical, and of the keys below it when recursive."""

    path: str
    is_recursive: bool = False
    names: tuple[str, ...] = ()
    exclusions: tuple[RegistryExclusion, ...] = ()
    delete_if_not_found: bool = False

    def matches(self, item: RegistryItem) -> bool:
        own, key = registry_key(self.path), registry_key(item.path)
        if key == own:
            below = ""
        elif self.is_recursive and key.startswith(own + "\\"):
            below = key[len(own) + 1 :]
        else:
            return False
        name = upcase(item.name) if isinstance(item, RegistryValue) else None
        if self.names and (name is None or name not in map(upcase, self.names)):
            return False
        return not any(_excludes_registry(exclusion, below, name) for exclusion in self.exclusions)


def _excludes_registry(exclusion: RegistryExclusion, below: str, name: str | None) -> bool:
    if exclusion.names and (name is None or name not in map(upcase, exclusion.names)):
        return False
    if not exclusion.path:
        return bool(exclusion.names)
    return _is_at(below, upcase(exclusion.path), exclusion.is_recursive)


def _is_at(path: str, place: str, is_recursive: bool) -> bool:
    """Both are identity keys; `place` may hold wildcards."""
    if "*" not in place and "?" not in place:
        return path == place or (is_recursive and path.startswith(place + "\\"))
    if wildcard_match(place, path):
        return True
    ancestors = path.split("\\")
    return is_recursive and any(wildcard_match(place, "\\".join(ancestors[:n])) for n in range(1, len(ancestors)))


@dataclass(frozen=True, slots=True)
class FileExclusion:
    """What a rule leaves out: files like `masks` (all, when empty) in the folder `path` below the rule's own, '' for
    any.

    `path` may hold `*` and `?`. Without `is_recursive` the folders below `path` stay in.
    """

    path: str = ""
    is_recursive: bool = False
    masks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileRule:
    """Files like `masks` (all, when empty) in a folder of the profile, and in those below it when recursive.

    `folder` is names below the profile joined by backslashes, '' the profile itself. Without masks it may also name one
    file.
    """

    folder: str
    is_recursive: bool = False
    masks: tuple[str, ...] = ()
    exclusions: tuple[FileExclusion, ...] = ()
    delete_if_not_found: bool = False

    def matches(self, item: File | Folder) -> bool:
        own = file_name_key(self.folder)
        path = file_name_key("\\".join(names_below_profile(item.path)))
        if isinstance(item, Folder):
            return not self.masks and (path == own or (self.is_recursive and _is_below(path, own)))
        if path == own:
            return not self.masks
        parent, _separator, name = path.rpartition("\\")
        if parent != own and not (self.is_recursive and _is_below(parent, own)):
            return False
        if self.masks and not any(mask_matches(mask, name) for mask in self.masks):
            return False
        below = parent[len(own) :].lstrip("\\")
        return not any(_excludes_file(exclusion, below, name) for exclusion in self.exclusions)


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(folder + "\\")


def _excludes_file(exclusion: FileExclusion, below: str, name: str) -> bool:
    if exclusion.masks and not any(mask_matches(mask, name) for mask in exclusion.masks):
        return False
    if not exclusion.path:
        return bool(exclusion.masks)
    return _is_at(below, file_name_key(exclusion.path), exclusion.is_recursive)


def mask_matches(mask: str, name: str) -> bool:
    """A file mask of Windows against the identity key of a name; `*.*` is any name, with or without a dot."""
    key = file_name_key(mask)
    return key == "*.*" or wildcard_match(key, name)


def wildcard_match(pattern: str, text: str) -> bool:
    """`*` any characters, `?` one; in time pattern x text at most, whatever the pattern."""
    p = t = 0
    star, resume = -1, 0
    while t < len(text):
        if p < len(pattern) and pattern[p] == "*":
            star, resume = p, t
            p += 1
        elif p < len(pattern) and pattern[p] in (text[t], "?"):
            p, t = p + 1, t + 1
        elif star >= 0:
            resume += 1
            p, t = star + 1, resume
        else:
            return False
    return not pattern[p:].strip("*")


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Something a template asks for that is no key and no file of the user; `reason` is translatable."""

    line: int
    reason: Text

    def __str__(self) -> str:
        return str(_("line %(line)s: %(reason)s")) % {"line": self.line, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class SettingsTemplate:
    """One settings location template, or one part of a suite.

    A suite carries what its programs share in its own rules and each program in `applications`; `parts()` gives them
    one by one.
    """

    id: str
    name: str
    version: int = 0
    schema: str = "2013A"
    description: str = ""
    author_name: str = ""
    author_email: str = ""
    localized_names: tuple[tuple[str, str], ...] = ()
    """(locale such as 'de-de', name) in the order of the file."""
    processes: tuple[Process, ...] = ()
    is_shell: bool = False
    """Belongs to Windows itself rather than to a program."""
    registry_rules: tuple[RegistryRule, ...] = ()
    file_rules: tuple[FileRule, ...] = ()
    system_parameters: tuple[str, ...] = ()
    applications: tuple[SettingsTemplate, ...] = ()
    manages_suite_only: bool = False
    unsupported: tuple[Unsupported, ...] = field(default=(), compare=False)

    def __hash__(self) -> int:
        return hash((self.id, self.version))

    def matches(self, item: Item) -> bool:
        """Whether the item belongs to this template or to one of its applications."""
        return any(rule.matches(item) for rule in self._rules_for(item)) or any(
            application.matches(item) for application in self.applications
        )

    def _rules_for(self, item: Item) -> Sequence:
        return self.registry_rules if isinstance(item, RegistryKey | RegistryValue) else self.file_rules

    def parts(self) -> Iterator[SettingsTemplate]:
        """The template itself, and its applications: each of them can be one settings group."""
        yield self
        yield from self.applications


def sort_items(
    items: Iterable[Item], templates: Sequence[SettingsTemplate]
) -> dict[SettingsTemplate | None, list[Item]]:
    """Items by the template they belong to, in their order; what belongs to none is under None.

    Where several match, the closest rule wins (`Specificity`), then the template named first. Every template has an
    entry, and so has None.
    """
    index = _Index(templates)
    result: dict[SettingsTemplate | None, list[Item]] = {template: [] for template in templates}
    result[None] = []
    for item in items:
        result[index.find(item)].append(item)
    return result


class _Index:
    """Rules by the path they start at, so that the cost of an item is the depth of its path."""

    def __init__(self, templates: Sequence[SettingsTemplate]) -> None:
        self._registry: dict[str, list[tuple[int, RegistryRule, SettingsTemplate]]] = {}
        self._files: dict[str, list[tuple[int, FileRule, SettingsTemplate]]] = {}
        self._candidates: dict[tuple[bool, str], list] = {}
        for number, template in enumerate(templates):
            for part in template.parts():
                for rule in part.registry_rules:
                    self._registry.setdefault(registry_key(rule.path), []).append((number, rule, template))
                for file_rule in part.file_rules:
                    self._files.setdefault(file_name_key(file_rule.folder), []).append((number, file_rule, template))

    def find(self, item: Item) -> SettingsTemplate | None:
        for _order, rule, template in self._ordered(item):
            if rule.matches(item):
                return template
        return None

    def _ordered(self, item: Item) -> list:
        """Rules that may match, closest first; the same for every value of a key and every file of a folder."""
        is_registry = isinstance(item, RegistryKey | RegistryValue)
        path = registry_key(item.path) if is_registry else file_name_key("\\".join(names_below_profile(item.path)))
        place = path if is_registry else path.rpartition("\\")[0]
        found = self._candidates.get((is_registry, place))
        if found is None:
            found = self._candidates[is_registry, place] = self._collect(is_registry, place)
        if not is_registry and path in self._files:  # a rule may name this very file
            return self._collect(is_registry, path)
        return found

    def _collect(self, is_registry: bool, place: str) -> list:
        table = self._registry if is_registry else self._files
        found: list = []
        names = place.split("\\") if place else []
        for depth in range(len(names) + 1):
            for number, rule, template in table.get("\\".join(names[:depth]), ()):
                named = rule.names if isinstance(rule, RegistryRule) else rule.masks
                closeness: Specificity = (depth, not rule.is_recursive, bool(named))
                found.append(((*(-int(part) for part in closeness), number), rule, template))
        return sorted(found, key=lambda candidate: candidate[0])
