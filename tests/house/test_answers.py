"""Answers of the wiring: what is too large, and whether the process lives while the database is away."""

import re
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection
from structlog.testing import capture_logs

from tests.conftest import ACCOUNTS, OWNER, as_role

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "sent", [{"time_zone": "x" * (5 * 2**20 + 1)}, {f"field{number}": "" for number in range(10_001)}]
)
def test_a_form_over_the_limits_is_answered_with_413_and_a_sentence(acme, alice, sign_in, sent):
    answer = sign_in(alice).post(acme.url("account/"), sent)
    assert answer.status_code == 413
    assert "larger than this console takes" in answer.text


def test_an_address_that_cannot_be_read_stays_a_400(acme, alice, sign_in):
    assert sign_in(alice).post(acme.url("user-roles/edit/"), {"pk": ["nonsense"]}).status_code == 400


def test_the_token_of_forms_is_masked_anew_for_each_answer_and_is_taken(acme, alice, sign_in):
    browser = sign_in(alice)
    browser.handler.enforce_csrf_checks = True
    pages = [browser.get(acme.url("account/")).text for _ in range(2)]
    first, second = ({*re.findall(r'csrfmiddlewaretoken" value="([^"]+)"', text)} for text in pages)
    assert len(first) == len(second) == 1 and first != second
    for token in (*first, *second, *re.findall(r'"X-CSRFToken": "([^"]+)"', pages[0])):
        sent = {"theme": "dark", "back": "/", "csrfmiddlewaretoken": token}
        assert browser.post("/display/", sent).status_code == 303
    assert browser.post("/display/", {"theme": "dark", "back": "/"}).status_code == 403


@contextmanager
def database_away():
    def refuse(execute, sql, params, many, context):
        raise OperationalError("the database is away")

    with connection.execute_wrapper(refuse):
        yield


def test_a_browser_with_a_session_hears_that_the_process_lives_while_the_database_is_away(acme, alice, sign_in):
    browser = sign_in(alice)
    with database_away():
        alive, ready = browser.get("/healthz"), browser.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (503, {"status": "database away"})


@pytest.mark.parametrize("account", [OWNER, ACCOUNTS["operator"]], ids=["owner", "operator"])
@pytest.mark.django_db(transaction=True, databases=["default", "operator"])
def test_a_database_role_that_stands_above_row_level_security_is_not_served(client, account):
    assert client.get("/readyz").status_code == 200
    with as_role(account), capture_logs() as logs:
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "row-level security is void for this database role"}
    assert "row_level_security_void" in [line["event"] for line in logs]
    assert client.get("/readyz").status_code == 200
