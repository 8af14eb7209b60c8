"""A set of items held as Windows holds them: trees in which names differ by more than case.

Normal form: no item twice, one spelling for each key, a `RegistryKey` or `Folder` only where nothing lies below it,
sorted by `items.sort_key`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext_lazy as _

from personalization.formats.errors import ImportRejected, at_entry
from personalization.formats.items import (
    Change,
    File,
    Folder,
    Item,
    KeyDeletion,
    RegistryKey,
    RegistryValue,
    ValueDeletion,
)
from personalization.formats.limits import DEFAULT_LIMITS, Limits
from personalization.formats.paths import KNOWN_FOLDERS, file_name_key, file_path, registry_path, upcase, value_name


class _Node:
    """A key with its values, or a folder or file. `item` says that the node was named itself, not only passed.

    `path` is filled in for the last name of a path alone, and is the item's own where it can be: whole paths on every
    level of a deep tree would be hundreds of times the text that was read.
    """

    __slots__ = ("children", "item", "name", "path", "values")

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = ""
        self.item: Item | None = None
        self.values: dict[str, RegistryValue] | None = None
        self.children: dict[str, _Node] | None = None


class ItemSet:
    """Items that can be added, replaced and deleted. Iterating gives the normal form.

    `replace=True`: a later item takes the place of an earlier one (edits, .reg files). Otherwise an item that comes
    twice, or two files whose names differ by case or accent spelling alone, raise `ImportRejected` naming it.
    """

    def __init__(self, items: Iterable[Item] = (), *, replace: bool = False, limits: Limits = DEFAULT_LIMITS) -> None:
        self._replace = replace
        self._limits = limits
        self._registry = _Node("")
        self._files = _Node("")
        self._nodes: dict[str, _Node] = {}
        self._key_count = self._file_count = 0
        for item in items:
            self.put(item)

    # --- edits ---

    def put(self, item: Item) -> None:
        if isinstance(item, RegistryValue):
            self._put_value(item)
        elif isinstance(item, RegistryKey):
            node = self._key(item.path)
            node.item = item if item.path == node.path else RegistryKey(node.path)
        else:
            self._put_file(item)

    def apply(self, change: Change) -> None:
        if isinstance(change, KeyDeletion):
            self.delete_key(change.path)
        elif isinstance(change, ValueDeletion):
            self.delete_value(change.path, change.name)
        else:
            self.put(change)

    def delete_key(self, path: str) -> int:
        """Deletes a key with everything below it; returns how many keys and values went, 0 if there was none."""
        names = self._identities(path)
        chain = self._chain(names)
        if len(chain) <= len(names):
            return 0
        gone = chain.pop()
        self._nodes.clear()
        self._key_count += 1
        for parent, name in zip(reversed(chain), reversed(names), strict=True):
            assert parent.children is not None
            del parent.children[name]
            self._key_count -= 1
            # A key that was only passed on the way down goes with the last thing in it.
            if parent.children or parent.values or parent.item is not None:
                break
        lost = [len(node.values or ()) for node in _walk(gone)]
        self._key_count -= len(lost)
        return len(lost) + sum(lost)

    def delete_value(self, path: str, name: str) -> bool:
        """Deletes one value; its key stays, as in Windows. Returns whether there was one."""
        names = self._identities(path)
        chain = self._chain(names)
        if len(chain) <= len(names) or not chain[-1].values:
            return False
        return chain[-1].values.pop(upcase(value_name(name)), None) is not None

    # --- reading ---

    def __iter__(self) -> Iterator[Item]:
        keys = list(_walk(self._registry))
        for node in keys:
            if node.item is not None and not node.values and not node.children:
                yield node.item
        for node in keys:
            if node.values:
                for _name, value in sorted(node.values.items()):
                    yield value
        files = list(_walk(self._files))
        for node in files:
            if isinstance(node.item, Folder) and not node.children:
                yield node.item
        for node in files:
            if isinstance(node.item, File):
                yield node.item

    # --- inside ---

    def _put_value(self, item: RegistryValue) -> None:
        node = self._key(item.path)
        name = value_name(item.name)
        if node.path != item.path or name != item.name:
            item = RegistryValue(node.path, name, item.type, item.data)
        if node.values is None:
            node.values = {}
            node.item = node.item or RegistryKey(node.path)
        identity = upcase(name)
        if not self._replace and identity in node.values:
            raise ImportRejected(_("A registry value comes twice."), at_entry(f"{node.path}\\{name}"))
        node.values[identity] = item

    def _key(self, path: str) -> _Node:
        node = self._nodes.get(path)
        if node is not None:
            return node
        try:
            names = registry_path(path, limits=self._limits).split("\\")
        except ImportRejected as refusal:
            raise refusal.located(at_entry(path)) from None
        node = self._registry
        spelled = []
        for name in names:
            node, is_new = _child(node, upcase(name), name)
            spelled.append(node.name)
            self._key_count += is_new
        if self._key_count > self._limits.registry_items:
            limit = self._limits.registry_items
            raise ImportRejected(_("There are more than %(limit)s registry items."), at_entry(path), limit=limit)
        _fill_path(node, spelled, path)
        self._nodes[path] = node
        return node

    def _identities(self, path: str) -> list[str]:
        return [upcase(name) for name in registry_path(path, limits=self._limits).split("\\")]

    def _chain(self, names: list[str]) -> list[_Node]:
        """The root and the keys with these identities below it, as far as they exist."""
        chain = [self._registry]
        for name in names:
            child = (chain[-1].children or {}).get(name)
            if child is None:
                break
            chain.append(child)
        return chain

    def _put_file(self, item: File | Folder) -> None:
        try:
            path = file_path(item.path, limits=self._limits)
        except ImportRejected as refusal:
            raise refusal.located(at_entry(item.path)) from None
        node = self._files
        names = path.split("\\")
        spelled = []
        for depth, name in enumerate(names):
            if isinstance(node.item, File):
                self._refuse_unless_replacing(_("A file and a folder have the same name."), path)
                node.item = None
            node, is_new = _child(node, file_name_key(name), name)
            spelled.append(node.name)
            self._file_count += is_new
            if not self._replace and node.name != name:
                raise ImportRejected(
                    _("Two names differ only by upper and lower case or by the spelling of accents."),
                    at_entry("\\".join(names[: depth + 1])),
                )
        # The known folders themselves are no entries of a source.
        if self._file_count > self._limits.files + len(KNOWN_FOLDERS):
            limit = self._limits.files
            raise ImportRejected(_("There are more than %(limit)s files and folders."), at_entry(path), limit=limit)
        _fill_path(node, spelled, path)
        if node.item is not None:
            self._refuse_unless_replacing(_("A file or folder comes twice."), path)
        if isinstance(item, File) and node.children:
            self._refuse_unless_replacing(_("A file and a folder have the same name."), path)
            self._file_count -= sum(1 for _below in _walk(node)) - 1
            node.children = None
        if isinstance(item, File):
            node.item = item if item.path == node.path else File(node.path, item.size, item.sha256, item.source)
        else:
            node.item = Folder(node.path)

    def _refuse_unless_replacing(self, reason, path: str) -> None:
        if not self._replace:
            raise ImportRejected(reason, at_entry(path))


def _child(node: _Node, identity: str, name: str) -> tuple[_Node, bool]:
    """The child with this identity, and whether it was made here: the first spelling stays."""
    if node.children is None:
        node.children = {}
    child = node.children.get(identity)
    if child is not None:
        return child, False
    child = node.children[identity] = _Node(name)
    return child, True


def _fill_path(node: _Node, spelled: list[str], path: str) -> None:
    """Gives a named node its path: `path` itself, shared with the item, where the spelling is the same."""
    if not node.path:
        own = "\\".join(spelled)
        node.path = path if path == own else own


def _walk(root: _Node) -> Iterator[_Node]:
    """`root` and everything below, parents first, children in order; without recursion, since trees may be deep."""
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        if node.children:
            pending.extend(child for _identity, child in sorted(node.children.items(), reverse=True))


def canonical(items: Iterable[Item], *, limits: Limits = DEFAULT_LIMITS) -> list[Item]:
    """Normal form of items that must not repeat. Raises `ImportRejected` naming the item."""
    return list(ItemSet(items, limits=limits))


def apply(items: Iterable[Item], changes: Iterable[Change], *, limits: Limits = DEFAULT_LIMITS) -> list[Item]:
    """`items` after `changes` in their order, in normal form: later ones win, deletions take away what came before."""
    result = ItemSet(items, replace=True, limits=limits)
    for change in changes:
        result.apply(change)
    return list(result)
