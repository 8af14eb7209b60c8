"""Two at once: whatever they do, a Primary Administrator remains (AC-URL-4, decision 30)."""

import threading
import time
from itertools import combinations_with_replacement

import pytest
from django.db import connection

from accounts.models import Membership
from audit.models import Event
from config.errors import Conflict
from roles.access import counting_primaries
from roles.actions import remove_entries, set_entry
from roles.catalogue import Role
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.spec("AC-URL-4")]


def take_away(world, subject, entry, path, by):
    with world.context():
        if path == "delete":
            remove_entries(entries=[entry], giving_up=True, by=by)
        else:
            set_entry(
                tenant_id=world.pk,
                subject=subject,
                role=Role.SUPPORT_DESK,
                groups=[world.finance],
                version=1,
                giving_up=True,
                by=by,
            )


def run_together(world, *jobs):
    """Run the jobs in threads that all wait at the tenant's lock before any may go on; return their errors."""
    errors = {}

    def work(number, job):
        try:
            job()
        except Exception as error:  # noqa: BLE001 - the test looks at what came
            errors[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(jobs)]
    with world.context(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"user-roles {world.pk}"])
        for thread in threads:
            thread.start()
        waiting, until = 0, time.monotonic() + 5
        while waiting < len(jobs) and time.monotonic() < until:
            time.sleep(0.02)
            cursor.execute(
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
                "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted"
            )
            waiting = cursor.fetchone()[0]
    for thread in threads:
        thread.join(20)
    assert waiting == len(jobs), "both must have been at the door together"
    return list(errors.values())


PATHS = list(combinations_with_replacement(["delete", "demote"], 2))


@pytest.mark.parametrize(("first", "second"), PATHS, ids=["/".join(pair) for pair in PATHS])
@pytest.mark.parametrize("other", ["person", "group"])
@pytest.mark.parametrize("whose", ["own", "each other's"])
def test_of_two_who_take_away_the_last_two_roles_one_is_refused(first, second, other, whose):
    acme = factories.world("acme", "Acme Industries")
    alice = factories.member(acme, "Alice Adler", "alice")
    bob = factories.member(acme, "Bob Brandt", "bob")
    subject = bob if other == "person" else factories.group(acme, "Desk", members=[bob])
    with acme.context():
        Membership.objects.update(signed_in_at="2026-01-01T00:00:00Z")
    targets = [
        (alice, factories.entry(acme, alice, Role.PRIMARY_ADMIN), first),
        (subject, factories.entry(acme, subject, Role.PRIMARY_ADMIN), second),
    ]
    actors = [factories.actor(alice), factories.actor(bob)]
    if whose == "each other's":
        actors.reverse()
    errors = run_together(
        acme,
        *(
            lambda target=target, by=by: take_away(acme, *target, by=by)
            for target, by in zip(targets, actors, strict=True)
        ),
    )
    assert [type(error) for error in errors] == [Conflict]
    with acme.context():
        assert counting_primaries(acme.pk).count() == 1
        assert Event.objects.filter(verb__in=["userrole.removed", "userrole.changed"]).count() == 1


def test_two_who_add_the_same_subject_make_one_entry():
    acme = factories.world("acme", "Acme Industries")
    alice = factories.member(acme, "Alice Adler", "alice", role=Role.PRIMARY_ADMIN)
    dora = factories.member(acme, "Dora Dahl", "dora")
    by = factories.actor(alice)

    def add(group):
        with acme.context():
            set_entry(tenant_id=acme.pk, subject=dora, role=Role.ADMIN, groups=[group], by=by)

    (error,) = run_together(acme, lambda: add(acme.finance), lambda: add(acme.sales))
    assert error.code == "already-listed"


def test_changes_in_another_tenant_do_not_wait():
    acme, globex = factories.world("acme", "Acme Industries"), factories.world("globex", "Globex Corporation")
    charlie = factories.member(globex, "Charlie Chen", "charlie", role=Role.PRIMARY_ADMIN)
    gil = factories.member(globex, "Gil Gomez", "gil")
    by = factories.actor(charlie)

    def add():
        with globex.context():
            set_entry(tenant_id=globex.pk, subject=gil, role=Role.ADMIN, groups=[globex.finance], by=by)
        connection.close()

    with acme.context(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"user-roles {acme.pk}"])
        thread = threading.Thread(target=add)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
