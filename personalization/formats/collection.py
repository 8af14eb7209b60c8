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
from personalization.formats.paths import file_name_key, file_path, registry_path, upcase, value_name


class _Node:
    """A key with its values, or a folder or file. `item` says that the node was named itself, not only passed."""

    __slots__ = ("children", "item", "path", "values")

    def __init__(self, path: str) -> None:
        self.path = path
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
        for parent, name in zip(reversed(chain), reversed(names), strict=True):
            assert parent.children is not None
            del parent.children[name]
            # A key that was only passed on the way down goes with the last thing in it.
            if parent.children or parent.values or parent.item is not None:
                break
        return sum(1 + len(node.values or ()) for node in _walk(gone))

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
        for name in names:
            node = _child(node, upcase(name), name)
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
        for depth, name in enumerate(names):
            if isinstance(node.item, File):
                self._refuse_unless_replacing(_("A file and a folder have the same name."), path)
                node.item = None
            node = _child(node, file_name_key(name), name)
            if not self._replace and node.path.rpartition("\\")[2] != name:
                raise ImportRejected(
                    _("Two names differ only by upper and lower case or by the spelling of accents."),
                    at_entry("\\".join(names[: depth + 1])),
                )
        if node.item is not None:
            self._refuse_unless_replacing(_("A file or folder comes twice."), path)
        if isinstance(item, File) and node.children:
            self._refuse_unless_replacing(_("A file and a folder have the same name."), path)
            node.children = None
        if isinstance(item, File):
            node.item = item if item.path == node.path else File(node.path, item.size, item.sha256, item.source)
        else:
            node.item = Folder(node.path)

    def _refuse_unless_replacing(self, reason, path: str) -> None:
        if not self._replace:
            raise ImportRejected(reason, at_entry(path))


def _child(node: _Node, identity: str, name: str) -> _Node:
    """The child with this identity, made on first use: the first spelling stays."""
    if node.children is None:
        node.children = {}
    child = node.children.get(identity)
    if child is None:
        child = node.children[identity] = _Node(f"{node.path}\\{name}" if node.path else name)
    return child


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
