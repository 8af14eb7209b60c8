#!/usr/bin/env python3
"""Django's command line: settings that cannot be read and a database that cannot be used end it with a sentence."""

import os
import re
import sys
import traceback


def main(words):
    """Run a management command; `--traceback` shows the whole of an error that is told in a sentence otherwise."""
    import psycopg
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(words)
    except (ImproperlyConfigured, OperationalError, psycopg.ProgrammingError, ValueError) as error:
        if "--traceback" in words:
            raise
        if isinstance(error, OperationalError):
            sentence = f"The database cannot be used: {first_line(error)}"
        elif not settings.configured:
            sentence = about_settings(error)
        elif isinstance(error, ImproperlyConfigured):
            sentence = first_line(error)
        else:
            raise
        sys.exit(f"CommandError: {sentence.rstrip('.')}.")


def first_line(error):
    """Return the first line of what an error says. A password with an @ in it is read as part of the host: hide it."""
    return re.sub(r"[^\s'\"]*@", "…@", str(error).strip().partition("\n")[0])


def about_settings(error):
    """Return what is wrong with the settings: in their own words, or by the variable that they were reading.

    The words of a library leave out the name of the variable and may hold its value, a password perhaps: so the name
    comes from the line of config/settings.py that failed.
    """
    frames = traceback.extract_tb(error.__traceback__)
    line = next((frame.line for frame in reversed(frames) if frame.name == "<module>"), "")
    names = re.findall(r'"([A-Z][A-Z_]+)"', line)
    if not names or names[0] in str(error):
        return first_line(error)
    return f"{names[0]} cannot be read: it is not of the form that belongs there"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main(sys.argv)
