"""Platform operators are appointed on the server alone: the database refuses it to the application's role."""

import pytest
from django.db import DatabaseError, connection, connections, transaction

from accounts.models import User
from config.identifiers import uuid7
from config.tenancy import operator_context
from tests import factories
from tests.conftest import as_owner

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])
REFUSED = "makes nobody platform operator"


def current_role(alias="default"):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


def operators():
    return set(User.objects.filter(is_operator=True).values_list("display_name", flat=True))


@pytest.mark.parametrize(
    "write",
    [
        lambda alice: User.objects.create(display_name="Mallory", is_operator=True),
        lambda alice: User.objects.bulk_create(
            [User(display_name="Eve"), User(display_name="Mallory", is_operator=True)]
        ),
        lambda alice: User.objects.filter(pk=alice.user_id).update(is_operator=True),
        lambda alice: User.objects.bulk_update([User(pk=alice.user_id, is_operator=True)], ["is_operator"]),
        lambda alice: User(pk=alice.user_id, display_name="Alice Adler", is_operator=True).save(),
    ],
    ids=["insert", "many inserted", "update", "many updated", "whole row saved"],
)
def test_the_applications_role_makes_nobody_operator(acme, alice, charlie, write):
    assert current_role() == "roamkeep_app"
    with pytest.raises(DatabaseError, match=REFUSED), acme.context():
        write(alice)
    assert operators() == set()


def test_an_upsert_gives_no_way_around(alice):
    statement = """
        INSERT INTO accounts_user (id, password, display_name, is_active, is_operator, time_zone, language, created_at)
        VALUES (%s, '!', 'Alice', true, false, '', '', now())
        ON CONFLICT (id) DO UPDATE SET is_operator = true
    """
    with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [alice.user_id])
    assert operators() == set()


def test_an_operator_cannot_be_turned_into_another_account(olga):
    with pytest.raises(DatabaseError, match=REFUSED):
        User.objects.filter(pk=olga.pk).update(id=uuid7())


def test_the_applications_role_cannot_take_the_guard_away(olga):
    for statement in (
        "ALTER TABLE accounts_user DISABLE TRIGGER accounts_operator_updated",
        "DROP TRIGGER accounts_operator_inserted ON accounts_user",
        "SET session_replication_role = replica",
        "SET ROLE roamkeep_operator",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_operators_role_and_the_owner_appoint(alice, charlie):
    with operator_context() as alias:
        assert current_role(alias) == "roamkeep_operator"
        User.objects.using(alias).filter(pk=alice.user_id).update(is_operator=True)
    with as_owner():
        User.objects.filter(pk=charlie.user_id).update(is_operator=True)
    assert operators() == {"Alice Adler", "Charlie Chen"}


def test_who_is_operator_already_keeps_an_account_page_and_can_be_dismissed(acme, alice, sign_in):
    factories.appoint(alice.user)
    browser = sign_in(alice)
    answer = browser.post(acme.url("account/"), {"time_zone": "Europe/Berlin", "language": "de"})
    assert answer.status_code == 303
    alice.user.refresh_from_db()
    assert (alice.user.is_operator, alice.user.language) == (True, "de")
    alice.user.display_name = "Alice Ahrens"
    alice.user.save()
    User.objects.filter(pk=alice.user_id).update(is_operator=False)
    assert operators() == set()
