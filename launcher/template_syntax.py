"""Compiles every template as the pages do, and names those with errors: `python -m launcher.template_syntax`.

j2lint has an environment of its own, which knows neither `{% trans %}` nor our filters.
"""

import sys

import django
import jinja2
from django.template import engines


def broken_templates() -> list[str]:
    """Return "file:line: error" of each template that does not compile."""
    django.setup()
    environment = engines["jinja2"].env
    errors = []
    for name in environment.list_templates():
        try:
            environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            errors.append(f"{error.filename or name}:{error.lineno}: {error.message}")
    return errors


if __name__ == "__main__":
    found = broken_templates()
    print("\n".join(found) or "Every template compiles.")
    sys.exit(bool(found))
