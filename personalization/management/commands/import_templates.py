"""manage import_templates TENANT PATH..."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from accounts.management.words import SERVER, find_tenant
from config.tenancy import tenant_context
from personalization.actions.templates import import_templates
from personalization.formats.errors import ImportRejected
from personalization.formats.limits import DEFAULT_LIMITS
from personalization.formats.templates import read_template


class Command(BaseCommand):
    """Read settings location templates and make settings groups of them."""

    help = "Make settings groups of settings location templates of UE-V (schemas 2012, 2013, 2013A). Safe to run again."

    def add_arguments(self, parser):
        parser.add_argument("tenant", help="short name of the organisation")
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="XML files, or folders of them")

    def handle(self, *, tenant, paths, **options):
        tenant = find_tenant(tenant)
        templates = [self._read(path) for path in _files(paths)]
        with tenant_context(tenant.pk):
            done = import_templates(tenant_id=tenant.pk, templates=templates, by=SERVER)
        for word, groups in (("New", done.created), ("Changed", done.changed), ("Unchanged", done.unchanged)):
            for group in groups:
                self.stdout.write(f"{word}: {group.name}")

    def _read(self, path):
        try:
            with path.open("rb") as file:
                template = read_template(file.read(DEFAULT_LIMITS.template_bytes + 1))
        except ImportRejected as refusal:
            raise CommandError(f"{path}: {refusal}") from None
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}.") from None
        for part in template.parts():
            for left_out in part.unsupported:
                self.stdout.write(f"{path.name}, {part.name}, left out: {left_out}")
        return template


def _files(paths):
    """Return every XML file that the paths name, in order."""
    found = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.suffix.lower() == ".xml" and each.is_file())
            if not inside:
                raise CommandError(f"{path} holds no .xml file.")
            found += inside
        else:
            found.append(path)
    return found
