"""`./roamkeep lint`: every linter of the project."""

import os
import subprocess

from launcher.folders import PYTHON, ROOT
from launcher.terminal import say

TEMPLATE_RULES_LEFT_OUT = (
    "jinja-syntax-error",  # its environment lacks our extensions: launcher.template_syntax asks ours
    "jinja-statements-indentation",  # HTML and Jinja2 share one indentation
    "single-statement-per-line",  # a condition around one attribute is clearer in its line
    "operator-enclosed-by-spaces",  # takes text between tags for expressions
    "jinja-statements-delimiter",  # trimming is needed where white space shows
)
# mypy's Django plugin imports the settings, which insist on their variables; nothing is opened with these.
PLACEHOLDERS = {
    "SECRET_KEY": "linters open nothing",
    "PUBLIC_URL": "http://127.0.0.1",
    "DATABASE_URL": "postgres://linter@localhost/linter",
    "BROKER_URL": "memory://",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}


def lint() -> int:
    """Run every linter and return 1 when one of them complains, else 0."""
    lines = {
        "ruff check": ["ruff", "check", ".", "roamkeep"],
        "ruff format": ["ruff", "format", "--check", ".", "roamkeep"],
        "mypy": ["mypy"],
        "j2lint": ["j2lint", "--extensions", "html,txt", "--ignore", *TEMPLATE_RULES_LEFT_OUT, "--", "templates"],
        "template syntax": ["python", "-m", "launcher.template_syntax"],
    }
    failed = [name for name, line in lines.items() if not _passes(name, line)]
    say(f"These linters complain: {', '.join(failed)}." if failed else "All linters are content.")
    return 1 if failed else 0


def _passes(name: str, line: list[str]) -> bool:
    say(name)
    environment = {**os.environ, **PLACEHOLDERS}
    return subprocess.run([PYTHON.parent / line[0], *line[1:]], cwd=ROOT, env=environment).returncode == 0
