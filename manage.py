#!/usr/bin/env python3
"""Django's command line: settings that cannot be read and a database that cannot be used end it with a sentence."""

import os
import re
import sys


def main(words):
    """Run a management command; `--traceback` shows the whole of an error that is told in a sentence otherwise."""
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(words)
    except (ImproperlyConfigured, OperationalError) as error:
        if "--traceback" in words:
            raise
        what = "The database cannot be used: " if isinstance(error, OperationalError) else ""
        sys.exit(f"CommandError: {what}{first_line(error).rstrip('.')}.")


def first_line(error):
    """Return the first line of what an error says. A password with an @ in it is read as part of the host: hide it."""
    return re.sub(r"[^\s'\"]*@", "…@", str(error).strip().partition("\n")[0])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main(sys.argv)
