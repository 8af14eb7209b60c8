"""Settings location templates as settings groups keep them: to JSON and back, and sorting items by them."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any

from personalization.formats import templates
from personalization.formats.items import Item
from personalization.formats.templates import SettingsTemplate
from personalization.models import SettingsGroup

_NOT_KEPT = ("unsupported", "applications")  # what was told at import; parts are settings groups of their own


def groups_of(template: SettingsTemplate) -> Iterator[SettingsTemplate]:
    """Yield what becomes one settings group each: the template, or what a suite shares and each of its programs."""
    for part in template.parts():
        if part.registry_rules or part.file_rules or not template.applications:
            yield dataclasses.replace(part, applications=())


def to_json(template: SettingsTemplate) -> dict[str, Any]:
    """Return a template of `groups_of` as what JSON can hold."""
    values = dataclasses.asdict(dataclasses.replace(template, unsupported=(), applications=()))
    return {name: value for name, value in values.items() if name not in _NOT_KEPT}


def from_json(values: dict[str, Any]) -> SettingsTemplate:
    """Return the template that `to_json` was given."""
    return _build(SettingsTemplate, values)


def sort_by_groups(items: Iterable[Item], groups: Iterable[SettingsGroup]) -> dict[SettingsGroup | None, list[Item]]:
    """Return items by the settings group whose template they belong to, in their order; None holds the rest.

    Groups without a template get nothing. Where several templates match, the closest rule wins, then the first group.
    """
    by_template = {from_json(group.template): group for group in groups if group.template}
    found = templates.sort_items(items, list(by_template))
    return {by_template[template] if template else None: mine for template, mine in found.items()}


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, vars(templates.model))


def _build(kind: Any, value: Any) -> Any:
    """Return `value`, read from JSON, as the annotated type: dataclasses, tuples and optional ones are made again."""
    if dataclasses.is_dataclass(kind):
        return kind(**{name: _build(_hints(kind)[name], part) for name, part in value.items()})  # type: ignore[operator]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_build(each, part) for each, part in zip(kinds, value, strict=True))
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _build(next(each for each in arguments if each is not type(None)), value)
    return value
