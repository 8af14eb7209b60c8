"""manage.py where the settings or the database cannot be used: one sentence, no password, no traceback."""

import os
import subprocess

import pytest

from launcher.folders import PYTHON, ROOT

NOWHERE = "postgres://app:geheim@127.0.0.1:1/roamkeep"
GOOD = {
    "SECRET_KEY": "f3a9c07b5e2d81640b7c9e1d3f3a9c07",
    "PUBLIC_URL": "http://127.0.0.1:23001",
    "BROKER_URL": "redis://127.0.0.1:1",
    "EMAIL_URL": "smtp://127.0.0.1:1",
    "DATABASE_URL": NOWHERE,
    "DATABASE_OPERATOR_URL": NOWHERE,
}


def manage(*words, **variables):
    """Run a command of manage.py that would ask the database; return exit code, standard output and error."""
    line = [PYTHON, ROOT / "manage.py", *(words or ("create_tenant", "acme", "Acme"))]
    done = subprocess.run(line, env={**os.environ, **GOOD, **variables}, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", [("migrate", "--noinput"), ("create_tenant", "acme", "Acme")])
def test_a_database_that_does_not_answer_is_told_in_one_sentence(words):
    code, out, told = manage(*words)
    assert (code, out) == (1, "")
    assert told == (
        "CommandError: The database cannot be used: connection failed: "
        'connection to server at "127.0.0.1", port 1 failed: Connection refused.\n'
    )


def test_a_password_that_was_not_encoded_for_a_url_is_not_told():
    code, _out, told = manage(DATABASE_URL="postgres://app:x@geheim@127.0.0.1:1/roamkeep")
    assert code == 1
    assert told.startswith("CommandError: The database cannot be used: failed to resolve host")
    assert "geheim" not in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "rubbish"),
        ("DATABASE_URL", "postgres://app:geheim@[db/roamkeep"),
        ("DATABASE_OPERATOR_URL", "rubbish"),
        ("EMAIL_URL", "rubbish"),
        ("EMAIL_URL", "smtp://mail:ge/heim@127.0.0.1"),
        ("SESSION_SECONDS", "soon"),
        ("BROKER_URL", "rubbish"),
    ],
)
def test_a_variable_that_cannot_be_read_is_told_by_its_name_and_without_its_value(name, value):
    told = f"CommandError: {name} cannot be read: it is not of the form that belongs there.\n"
    assert manage(**{name: value}) == (1, "", told)


def test_a_variable_that_is_missing_is_told_with_what_it_is_for():
    code, out, told = manage(PUBLIC_URL="")
    assert (code, out) == (1, "")
    assert told.startswith("CommandError: PUBLIC_URL is not set: every absolute link is built from it")
    assert told.count("\n") == 1


@pytest.mark.parametrize("variables", [{}, {"EMAIL_URL": "rubbish"}])
def test_the_traceback_is_there_for_who_asks(variables):
    code, _out, told = manage("create_tenant", "acme", "Acme", "--traceback", **variables)
    assert code == 1
    assert told.startswith("Traceback")


def test_an_error_of_ours_keeps_its_traceback():
    code, _out, told = manage("shell", "--no-imports", "-c", "int('x')")
    assert code == 1
    assert told.startswith("Traceback")
    assert told.endswith("ValueError: invalid literal for int() with base 10: 'x'\n")
