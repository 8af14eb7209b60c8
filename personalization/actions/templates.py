"""The verb on settings location templates: they become settings groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from audit.actions import Actor, record
from config.identifiers import text_key
from personalization.formats.templates import SettingsTemplate
from personalization.models import SettingsGroup
from personalization.templates import groups_of, to_json

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class TemplatesImported:
    """Settings groups that were made, those that got a newer template, and those that had it (or a newer one)."""

    created: tuple[SettingsGroup, ...]
    changed: tuple[SettingsGroup, ...]
    unchanged: tuple[SettingsGroup, ...]


@transaction.atomic
def import_templates(*, tenant_id: UUID, templates: Iterable[SettingsTemplate], by: Actor) -> TemplatesImported:
    """Make a settings group of each template, or give it to the group that has an older version of it.

    Told apart by the template's id; the same or an older version changes nothing. A group keeps the name it has. All or
    nothing, one event where something changed.
    """
    newest: dict[str, SettingsTemplate] = {}
    for template in templates:
        for part in groups_of(template):
            if part.id not in newest or newest[part.id].version < part.version:
                newest[part.id] = part
    rows = SettingsGroup.objects.select_for_update().filter(tenant_id=tenant_id, template_key__in=newest)
    known = {row.template_key: row for row in rows.order_by("id")}
    names = set(SettingsGroup.objects.filter(tenant_id=tenant_id).values_list("name_key", flat=True))
    created, changed, unchanged = [], [], []
    for key, template in newest.items():
        row = known.get(key)
        if row is None:
            row = SettingsGroup(tenant_id=tenant_id, template_key=key, name=_free_name(template, names))
            names.add(text_key(row.name))
            created.append(row)
        elif row.template and row.template["version"] >= template.version:
            unchanged.append(row)
            continue
        else:
            changed.append(row)
        row.kind = SettingsGroup.Kind.WINDOWS if template.is_shell else SettingsGroup.Kind.APPLICATION
        row.description = template.description[:300]
        row.programs = list(dict.fromkeys(process.file_name for process in template.processes))
        row.template = to_json(template)
        row.save()
    if created or changed:
        labels = {"created": [row.name for row in created], "changed": [row.name for row in changed]}
        record("templates.imported", tenant_id=tenant_id, by=by, subject_type="settingsgroup", labels=labels)
    return TemplatesImported(tuple(created), tuple(changed), tuple(unchanged))


def _free_name(template: SettingsTemplate, taken: set[str]) -> str:
    """The template's own name, with its id or a number where another group has that name."""
    wanted = template.name[:LONGEST_NAME].strip() or template.id[:LONGEST_NAME]
    candidates = [wanted, f"{wanted[: LONGEST_NAME - 3 - len(template.id[:60])]} ({template.id[:60]})"]
    candidates += [f"{wanted[: LONGEST_NAME - 6]} ({number})" for number in range(2, 1000)]
    return next(name for name in candidates if text_key(name) not in taken)
