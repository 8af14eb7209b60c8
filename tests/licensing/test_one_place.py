"""One place as User for each person, also where two groups reach for the same person at the same moment (LG-17)."""

from functools import partial

import pytest

from config.errors import Refused
from licensing.actions.admission import accept
from licensing.actions.auto_assign import assign_at_device, auto_assign
from licensing.actions.blocks import block_addresses, unblock
from licensing.actions.groups import ask_domain
from licensing.actions.invitations import invite
from licensing.actions.members import set_roles
from licensing.models import LicencePlace, LicenseGroupMember, LicenseRoleBlock
from tests import factories
from tests.licensing import people
from tests.licensing.devices import device
from tests.licensing.locks import while_held
from tests.licensing.pages import at, shown_field

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.fixture
def copiers(acme, anna):
    return people.license_group(acme, anna, name="Copiers")


@pytest.fixture
def elsewhere(acme, anna, ida):
    """Ida, Admin of a third group: there the test itself gives her the role User."""
    return people.join(acme, people.license_group(acme, anna, name="Scanners"), ida, is_user=False, is_admin=True)


@pytest.fixture
def ida(acme):
    return people.person(acme, "Ida Ilg")


def meet(world, jobs, *, first, then=None, is_lost=False):
    """Let jobs look, then wait for a place that this transaction holds; return what each returned or raised.

    first: the row that gets the role User here. then: one that gets it while the jobs wait. is_lost: all that is undone.
    """
    return while_held(world, jobs, partial(_take, first), then=then and partial(_take, then), is_lost=is_lost)


def _take(row):
    LicenseGroupMember.objects.filter(pk=row.pk).update(is_user=True)


def place(person):
    return LicencePlace.objects.get(user_id=person.user_id).member_id


@pytest.mark.spec("LG-17")
def test_of_two_admins_who_make_one_person_user_of_two_groups_at_once_the_second_reads_why_not(
    acme, globex, anna, charlie, group, copiers, elsewhere, ida, sign_in
):
    rows = [
        people.join(acme, one, ida, is_user=False, is_admin=True, address="ida@acme.test") for one in (group, copiers)
    ]
    desks = [sign_in(anna), sign_in(anna)]
    posts = [
        partial(
            desk.post,
            at(acme, one, f"users/{row.pk}/edit/"),
            {"apply": "1", "is_user": "yes", "is_admin": "yes", **shown_field(row)},
        )
        for desk, one, row in zip(desks, (group, copiers), rows, strict=True)
    ]
    answers = meet(acme, posts, first=elsewhere, is_lost=True)
    assert sorted(answer.status_code for answer in answers) == [303, 422]
    winner, loser = sorted(range(2), key=lambda number: answers[number].status_code)
    assert "User in another license group already: ida@acme.test." in answers[loser].text
    assert place(ida) == rows[winner].pk
    assert [people.used(acme, one) for one in (group, copiers)] == [int(number == winner) for number in range(2)]
    # another organisation's person is not concerned
    gina = people.person(globex, "Gina Gold")
    theirs = people.join(globex, people.license_group(globex, charlie), gina)
    assert place(gina) == theirs.pk


def where(world, group):
    return {"tenant_id": world.pk, "group_id": group.pk}


def role_edit(world, group, person, by, *, more=()):
    rows = [
        people.join(world, group, member, is_user=False, is_admin=True, address=people.address_of(member, world))
        for member in (*more, person)
    ]
    return partial(set_roles, shown=people.shown(*rows), is_user=True, is_admin=True, by=by, **where(world, group))


def bulk_role_edit(world, group, person, by):
    return role_edit(world, group, person, by, more=[people.person(world, "Jan Jost")])


def unblocked(world, group, person, by):
    edit = role_edit(world, group, person, by)
    address = people.address_of(person, world)
    with world.context():
        block_addresses(addresses=[(address, address)], by=by, **where(world, group))
        (block,) = LicenseRoleBlock.objects.all()
        unblock(block_ids=[block.pk], by=by, **where(world, group))
    return edit


def acceptance(world, group, person, by):
    row = people.invited(world, group, people.address_of(person, world), by=by)
    who = {"user": person.user, "membership": person, "first_name": "Ida", "last_name": "Ilg"}
    return partial(accept, tenant_id=world.pk, pair=(row.pk, 1), by=factories.actor(person), **who)


def domain(world, group, by):
    with world.context():
        ask_domain(domain=f"{world.slug}.test", address=None, by=by, **where(world, group))


def auto_assigned(world, group, person, by):
    domain(world, group, by)
    return partial(auto_assign, membership=person, by=factories.actor(person))


def at_a_device(world, group, person, by):
    printer, _key = device(world, group, by=by)
    return partial(assign_at_device, device=printer, membership=person, by=factories.actor(person))


def domain_invitation(world, group, person, by):
    domain(world, group, by)
    address = people.address_of(person, world)
    return partial(invite, addresses=[(address, address)], is_user=True, is_admin=False, by=by, **where(world, group))


REFUSED = {
    role_edit: "placed-elsewhere",
    bulk_role_edit: "placed-elsewhere",
    unblocked: "placed-elsewhere",
    acceptance: "placed-elsewhere",
    at_a_device: "placed-elsewhere",
    auto_assigned: None,  # nothing happens
    domain_invitation: None,  # invited as everybody else, and not admitted
}


@pytest.mark.spec("LG-17", "LG-141", "LG-76")
@pytest.mark.parametrize("way", REFUSED, ids=lambda way: way.__name__)
def test_who_is_overtaken_by_another_group_finds_that_place_and_takes_none(acme, group, elsewhere, ida, by, way):
    job = way(acme, group, ida, by)

    def run():
        with acme.context():
            return job()

    (outcome,) = meet(acme, [run], first=elsewhere)
    assert not isinstance(outcome, Exception) or isinstance(outcome, Refused)
    assert getattr(outcome, "code", None) == REFUSED[way]
    if way is domain_invitation:
        assert (outcome.sent, outcome.admitted, outcome.mailed) == (1, 0, 1)
        assert people.row_of(acme, group, "ida@acme.test").status == "pending"
    assert place(ida) == elsewhere.pk
    assert people.used(acme, group) == 0


@pytest.mark.spec("LG-17")
def test_an_owner_who_takes_user_is_overtaken_like_everybody(acme, anna, group, copiers, by):
    mine, other = (people.row_of(acme, one, "anna@acme.test") for one in (group, copiers))

    def run():
        with acme.context():
            set_roles(shown=people.shown(mine), is_user=True, is_admin=True, by=by, **where(acme, group))

    (outcome,) = meet(acme, [run], first=other)
    assert outcome.code == "placed-elsewhere"
    assert place(anna) == other.pk


@pytest.mark.spec("LG-17")
def test_two_groups_that_take_the_same_two_people_crosswise_do_not_stop_each_other(acme, group, copiers, ida, by):
    jan = people.person(acme, "Jan Jost")
    other = {
        member: people.join(
            acme, copiers, member, is_user=False, is_admin=True, address=people.address_of(member, acme)
        )
        for member in (ida, jan)
    }
    edit = role_edit(acme, group, ida, by, more=[jan])

    def run():
        with acme.context():
            edit()

    (outcome,) = meet(acme, [run], first=other[ida], then=other[jan])
    assert outcome.code == "placed-elsewhere"
    assert (place(ida), place(jan)) == (other[ida].pk, other[jan].pk)
    assert people.used(acme, group) == 0
