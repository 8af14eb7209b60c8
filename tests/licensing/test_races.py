"""Thirty-two at once for the last seat, through every pair of ways to it: exactly one wins, every time (LG-144)."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import combinations_with_replacement

import pytest
from django.db import connection, connections

from config.errors import Refused
from licensing.actions.admission import accept
from licensing.actions.auto_assign import auto_assign
from licensing.actions.blocks import block_members, unblock
from licensing.actions.groups import ask_domain
from licensing.actions.invitations import invite
from licensing.actions.members import set_roles
from licensing.actions.operator import change_purchase
from licensing.actions.rules import lock_group
from licensing.models import LicenseGroupMember, LicenseRoleBlock
from tests import factories
from tests.conftest import DEEP, as_owner
from tests.licensing import people
from tests.licensing.locks import while_held

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.xdist_group("crowds"),  # one at a time: each fills the server with connections
]
PARALLEL = 32 if DEEP else 8
ROUNDS = 200 if DEEP else 1


class Door:
    """A license group with so many seats free, and what each way to a seat needs."""

    def __init__(self, world, anna, *, seats=5, used=4):
        self.world, self.anna, self.by = world, anna, factories.actor(anna)
        self.group = people.license_group(world, anna, seats=seats)
        self.count = 0
        for _ in range(used):
            people.join(world, self.group, self.somebody())

    def jobs(self, pair):
        """Return the jobs of two ways by turns; the domain comes last, or it would admit whoever is invited."""
        jobs = [WAYS[pair[place % 2]](self) for place in range(PARALLEL)]
        if "auto-assign" in pair:
            with self.world.context():
                ask_domain(domain=f"{self.world.slug}.test", address=None, by=self.by, **self.where())
        return jobs

    def somebody(self):
        self.count += 1
        return people.person(self.world, f"p{self.count} Muster")

    def where(self):
        return {"tenant_id": self.world.pk, "group_id": self.group.pk}

    def invited(self, person):
        address = people.address_of(person, self.world)
        with self.world.context():
            invite(addresses=[(address, address)], is_user=True, is_admin=False, by=self.by, **self.where())
        return people.row_of(self.world, self.group, address)

    def acceptance(self, *, leaving=False):
        person, other = self.somebody(), None
        if leaving:
            other = people.license_group(self.world, self.anna, name=f"Other {self.count}")
            people.join(self.world, other, person)
        row, by = self.invited(person), factories.actor(person)

        def run():
            accept(
                tenant_id=self.world.pk,
                pair=(row.pk, 1),
                user=person.user,
                membership=person,
                first_name="First",
                last_name="Last",
                leave_other=other and other.pk,
                by=by,
            )

        return run

    def role_edit(self, number=1):
        rows = [
            people.join(self.world, self.group, self.somebody(), is_user=False, is_admin=True) for _ in range(number)
        ]
        shown = people.shown(*rows)
        return lambda: set_roles(shown=shown, is_user=True, is_admin=True, by=self.by, **self.where())

    def auto_assigned(self):
        person = self.somebody()
        by = factories.actor(person)

        def run():
            if auto_assign(membership=person, by=by) is None:
                raise Refused("no seat", code="no-seat")

        return run

    def unblocked(self):
        row = people.join(self.world, self.group, self.somebody(), is_user=False, is_admin=True)
        with self.world.context():
            block = LicenseRoleBlock.objects.create(
                tenant=self.world.tenant,
                group_id=self.group.pk,
                address=row.address,
                address_key=row.address_key,
                created_at=row.added_at,
                created_by="test",
            )

        def run():
            unblock(block_ids=[block.pk], by=self.by, **self.where())
            set_roles(shown=people.shown(row), is_user=True, is_admin=True, by=self.by, **self.where())

        return run

    def owner_takes_user(self):
        owner = people.row_of(self.world, self.group, people.address_of(self.anna, self.world))
        return lambda: set_roles(shown=people.shown(owner), is_user=True, is_admin=True, by=self.by, **self.where())

    def seats_lowered(self):
        def run():
            change_purchase(
                tenant_id=self.world.pk,
                group_id=self.group.pk,
                version=self.group.version,
                purchase=people.purchase(5),
                by=people.OLGA,
            )

        return run


WAYS = {
    "acceptance": Door.acceptance,
    "acceptance that leaves another group": lambda door: door.acceptance(leaving=True),
    "role edit": Door.role_edit,
    "bulk role edit": Door.role_edit,
    "auto-assign": Door.auto_assigned,
    "unblock and edit": Door.unblocked,
    "owner takes User": Door.owner_takes_user,
}
PAIRS = list(combinations_with_replacement(WAYS, 2))


@pytest.fixture
def at_once(acme):
    """Return what runs jobs in threads that start together and says what each raised, or None.

    The threads keep their connections from round to round: opening them would be most of a round's time.
    """
    with ThreadPoolExecutor(PARALLEL) as threads:

        def together(jobs):
            barrier = threading.Barrier(len(jobs))
            return list(threads.map(partial(_outcome, acme, barrier), jobs, timeout=60))

        yield together
        barrier = threading.Barrier(PARALLEL)
        list(threads.map(partial(_leave, barrier), range(PARALLEL)))


def _outcome(world, barrier, job):
    try:
        barrier.wait(20)
        with world.context():
            job()
    except Exception as error:  # noqa: BLE001 - the test looks at what came
        return error
    return None


def _leave(barrier, _number):
    barrier.wait(20)  # each thread closes its own
    connections.close_all()


class Beginning:
    """The rows of licensing as they are when this is made; `come_back` returns to them between the rounds of a race.

    It writes as the owner, past the triggers that count seats: what they counted comes back as well.
    """

    WHOLE = ("licensing_licensegroupmember", "licensing_licenceplace", "licensing_licenseroleblock")
    GROUPS = "licensing_licensegroup"

    def __init__(self, world):
        with as_owner(), world.context(), connection.cursor() as cursor:
            for table in (*self.WHOLE, self.GROUPS):
                cursor.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")
            self.columns = {table: self._columns(cursor, table) for table in (*self.WHOLE, self.GROUPS)}
        self.world = world

    @staticmethod
    def _columns(cursor, table):
        cursor.execute(
            "SELECT string_agg(attname, ', ') FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = '' AND NOT attisdropped",
            [table],
        )
        return cursor.fetchone()[0]

    def come_back(self):
        with as_owner():
            self._triggers("DISABLE")
            with self.world.context(), connection.cursor() as cursor:
                for table in self.WHOLE:
                    columns = self.columns[table]
                    cursor.execute(f"DELETE FROM {table}")
                    cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM kept_{table}")
                columns = self.columns[self.GROUPS]
                cursor.execute(
                    f"UPDATE {self.GROUPS} g SET ({columns}) = (SELECT {columns} FROM kept_{self.GROUPS} k WHERE k.id = g.id)"
                )
            self._triggers("ENABLE")

    def _triggers(self, state):
        with connection.cursor() as cursor:
            for table in (*self.WHOLE, self.GROUPS):
                cursor.execute(f"ALTER TABLE {table} {state} TRIGGER USER")

    def forget(self):
        with as_owner(), connection.cursor() as cursor:
            for table in (*self.WHOLE, self.GROUPS):
                cursor.execute(f"DROP TABLE kept_{table}")


def rounds(world):
    """Yield the number of each round; between two of them everything is as it was before the first."""
    beginning = Beginning(world)
    try:
        for number in range(ROUNDS):
            if number:
                beginning.come_back()
            yield number
    finally:
        beginning.forget()


@pytest.mark.spec("LG-144", "LG-143", "LG-06")
@pytest.mark.parametrize("pair", PAIRS, ids=" + ".join)
def test_of_all_who_want_the_last_seat_at_once_exactly_one_gets_it(acme, anna, at_once, pair):
    door = Door(acme, anna)
    jobs = door.jobs(pair)
    for _number in rounds(acme):
        assert people.used(acme, door.group) == 4
        outcomes = at_once(jobs)
        assert strange(outcomes) == []
        assert people.used(acme, door.group) == 5
        assert outcomes.count(None) == 1


def strange(outcomes):
    """Return what no verb may raise."""
    return [error for error in outcomes if error is not None and not isinstance(error, Refused)]


@pytest.mark.spec("LG-139", "LG-143")
@pytest.mark.parametrize("way", WAYS)
def test_seats_are_lowered_or_given_but_never_both(acme, anna, at_once, way):
    door = Door(acme, anna, seats=10, used=5)
    jobs = [job if place % 2 else door.seats_lowered() for place, job in enumerate(door.jobs((way, way)))]
    for _number in rounds(acme):
        outcomes = at_once(jobs)
        assert strange(outcomes) == []
        group = people.fresh(acme, door.group)
        lowered, given = outcomes[::2].count(None), outcomes[1::2].count(None)
        assert (group.seats, group.used) in ([(5, 5)] if lowered else [(10, 5 + given)])
        assert lowered + given >= 1
        assert not (lowered and given)


@pytest.mark.spec("LG-144")
def test_two_hundred_acceptances_of_half_as_many_seats_fill_exactly_those(acme, anna, at_once):
    wanted = 200 if DEEP else 20
    door = Door(acme, anna, seats=wanted // 2, used=0)
    jobs = [door.acceptance() for _ in range(wanted)]
    outcomes = []
    for start in range(0, wanted, PARALLEL):
        outcomes += at_once(jobs[start : start + PARALLEL])
    assert outcomes.count(None) == wanted // 2
    assert {getattr(error, "code", error) for error in outcomes if error} == {"no-seat"}
    assert people.used(acme, door.group) == wanted // 2


def test_two_who_change_the_same_member_are_told_apart(acme, group, user, by, at_once):
    shown = people.shown(user)
    where = {"tenant_id": acme.pk, "group_id": group.pk, "shown": shown, "by": by}
    outcomes = at_once([lambda: set_roles(is_user=True, is_admin=True, **where), lambda: block_members(**where)])
    assert outcomes.count(None) == 1
    assert [error.code for error in outcomes if error] in (["stale"], ["member-gone"])


@pytest.mark.spec("LG-65", "LG-143")
def test_of_two_admins_who_invite_one_address_at_once_the_second_reads_that_it_is_invited(
    acme, globex, group, anna, admin, erin, charlie, sign_in, monkeypatch
):
    rung = []
    monkeypatch.setattr("licensing.views.invite.ring_mails_on_commit", rung.append)
    path = people.page_url(acme, group, "users/add/")
    bodies = [
        {"submission": str(uuid.uuid4()), "addresses": text, "roles": ["user"], "words": ""}
        for text in ("ida@acme.test", "jan@acme.test IDA@acme.test")
    ]
    browsers = [sign_in(anna), sign_in(erin)]
    posts = [partial(browser.post, path, body) for browser, body in zip(browsers, bodies, strict=True)]
    answers = while_held(acme, posts, partial(lock_group, acme.pk, group.pk))
    assert sorted(answer.status_code for answer in answers) == [303, 422]
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert "1 address is invited already." in refused.text
    assert "is invited already; the link in that mail is still good." in refused.text
    assert 'type="checkbox" name="again"' in refused.text
    with acme.context():
        rows = LicenseGroupMember.objects.filter(group_id=group.pk, address_key="ida@acme.test")
        assert [row.generation for row in rows] == [1]
        written = LicenseGroupMember.objects.filter(group_id=group.pk, status="pending").count()
    assert written == (2 if answers[1].status_code == 303 else 1)
    assert rung == [acme.pk]
    # another organisation's invitation of the same address is its own
    elsewhere = people.license_group(globex, charlie)
    again = bodies[0] | {"submission": str(uuid.uuid4())}
    assert sign_in(charlie).post(people.page_url(globex, elsewhere, "users/add/"), again).status_code == 303
