"""`manage.py makemessages`: the texts of code and templates into the catalogues, in place of Django's command.

Django's own reads templates line by line with regular expressions made for its own template language: in Jinja2 it misses
keyword arguments, plurals, `{% trans %}` blocks, texts over several lines and the second text of a line, and says nothing.
Here both kinds are parsed. Templates go through the environment that renders them, so a text in the catalogue is the
very one that is looked up.
"""

import ast
import shutil
import subprocess
import tempfile
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.template import engines

ARGUMENTS = {  # xgettext's keyword notation: where singular, plural and context (c) stand
    "_": "1",
    "gettext": "1",
    "gettext_lazy": "1",
    "gettext_noop": "1",
    "ngettext": "1,2",
    "ngettext_lazy": "1,2",
    "pgettext": "1c,2",
    "pgettext_lazy": "1c,2",
    "npgettext": "1c,2,3",
    "npgettext_lazy": "1c,2,3",
}
DATES = ('"POT-Creation-Date:', '"PO-Revision-Date:')  # they would change the file when no text did


def python_calls(source):
    """Yield (line, function, arguments) of each gettext call; an argument that is no constant text is None."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            if name in ARGUMENTS:
                values = [getattr(argument, "value", None) for argument in node.args]
                yield node.lineno, name, [value if isinstance(value, str) else None for value in values]


def template_calls(source):
    """Yield what `python_calls` does, of a Jinja2 template."""
    for line, name, found in engines["jinja2"].env.extract_translations(source):
        yield line, name or "gettext", list(found) if isinstance(found, tuple) else [found]


def as_python(calls):
    """Return a Python text with each call on the line it was found on: what xgettext reads."""
    lines = {}
    for line, name, arguments in calls:
        lines.setdefault(line, []).append(f"{name}({', '.join(map(repr, arguments))})")
    return "\n".join("; ".join(lines.get(number, [])) for number in range(1, max(lines, default=0) + 1)) + "\n"


def sources():
    """Yield (path, reader) of every file of ours that may hold texts: the project's apps and its templates."""
    root = settings.BASE_DIR
    for app in apps.get_app_configs():
        if Path(app.path).parent == root:
            yield from ((path, python_calls) for path in Path(app.path).rglob("*.py"))
    for folder in engines["jinja2"].template_dirs:
        yield from ((path, template_calls) for path in Path(folder).rglob("*") if path.is_file())


def extract(files=None, root=None):
    """Return the catalogue template (.pot text) of the files, (path, reader) each; places are relative to `root`."""
    root = root or settings.BASE_DIR
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for path, reader in sources() if files is None else files:
            copy = Path(folder, path.relative_to(root))
            calls = as_python(reader(path.read_text(encoding="utf-8")))
            if calls.strip():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(calls, encoding="utf-8")
                names.append(str(copy.relative_to(folder)))
        return run(
            "xgettext",
            *("--language=Python", "--from-code=UTF-8", "--sort-by-file", "--package-name=Roamkeep", "--keyword"),
            *(f"--keyword={name}:{places}" for name, places in ARGUMENTS.items()),
            *("--output=-", *sorted(names)),
            cwd=folder,
        ).replace("charset=CHARSET", "charset=UTF-8")


def run(program, *arguments, text="", cwd=None):
    """Return what a gettext program writes, or stop with what it complains about."""
    if shutil.which(program) is None:
        raise CommandError(f"{program} is missing: install GNU gettext (Debian: apt install gettext).")
    done = subprocess.run(  # noqa: S603 - a fixed program with our own file names
        [program, *arguments],  # noqa: S607
        input=text,
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise CommandError(f"{program}: {done.stderr.strip()}")
    return done.stdout


def merge(template, catalogue, language):
    """Bring a catalogue (.po) up to the template: translations stay, new texts are empty, dropped ones go.

    No translation is guessed from a similar text: a text without one is shown in English, never in wrong words.
    """
    if catalogue.exists():
        text = run("msgmerge", "--quiet", "--no-fuzzy-matching", "--sort-by-file", str(catalogue), "-", text=template)
    else:
        catalogue.parent.mkdir(parents=True, exist_ok=True)
        text = run(
            "msginit", "--no-translator", "--input=-", f"--locale={language}.UTF-8", "--output-file=-", text=template
        )
    text = run("msgattrib", "--no-obsolete", "-", text=text)
    kept = [line for line in text.splitlines() if not line.startswith(DATES)]
    catalogue.write_text("\n".join(kept) + "\n", encoding="utf-8")


class Command(BaseCommand):
    """Update the catalogues of languages and compile them."""

    help = (
        "Update locale/<language>/LC_MESSAGES/django.po with every text of code and templates, and compile it. "
        "Translate what is empty, then run the command again."
    )
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("-l", "--locale", action="append", required=True, help="a language, such as de; repeatable")
        parser.add_argument("--into", type=Path, default=settings.LOCALE_PATHS[0], help="the folder of the catalogues")

    def handle(self, *, locale, into, **options):
        template = extract()
        for language in locale:
            catalogue = into / language / "LC_MESSAGES" / "django.po"
            merge(template, catalogue, language)
            # No --check: it refuses a plural whose singular alone tells a name, which is right in German and English.
            run("msgfmt", f"--output-file={catalogue.with_suffix('.mo')}", str(catalogue))
            untranslated = run("msgattrib", "--untranslated", str(catalogue)).count("\n\n")  # one before each text
            self.stdout.write(f"{language}: {untranslated} texts are not translated yet.")
