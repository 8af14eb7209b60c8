"""Accepting an invitation, with everything that may have changed since, and joining by a domain."""

import datetime

import pytest
from django.utils import timezone

from accounts.models import Membership, User
from audit.actions import Actor
from audit.models import Channel, Event
from config.errors import Refused
from licensing.actions.admission import (
    InvitationDead,
    PlaceElsewhere,
    accept,
    place_of,
)
from licensing.actions.auto_assign import auto_assign
from licensing.actions.blocks import block_addresses
from licensing.actions.groups import ask_domain, change_settings
from licensing.actions.invitations import invite, note_seat_wanted
from licensing.models import LicencePlace, LicenseGroupMember, LicenseRoleBlock, MemberStatus
from licensing.usage import waiting_for_seats
from tests import factories
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def invited(world, group, address, *, by, is_user=True, is_admin=False):
    with world.context():
        invite(
            tenant_id=world.pk,
            group_id=group.pk,
            addresses=[(address, address)],
            is_user=is_user,
            is_admin=is_admin,
            by=by,
        )
    return people.row_of(world, group, address)


def take(world, row, member, **more):
    user, membership = (member, None) if isinstance(member, User) else (member.user, member)
    by = Actor(id=None, name=str(user), channel=Channel.WEB, user_id=user.pk)
    with world.context():
        return accept(
            tenant_id=world.pk,
            pair=(row.pk, row.generation),
            user=user,
            membership=membership,
            first_name="Ida",
            last_name="Ilg",
            by=by,
            **more,
        )


def code_of(call):
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


@pytest.fixture
def ida(acme):
    return people.person(acme, "Ida Ilg")


@pytest.mark.spec("LG-60", "LG-72", "LG-E1")
def test_acceptance_makes_an_active_member_and_kills_the_link(acme, group, ida, by):
    row = invited(acme, group, "ida@acme.test", by=by)
    take(acme, row, ida)
    member = people.fresh(acme, row)
    assert (member.status, member.first_name, member.last_name, member.user_id) == ("active", "Ida", "Ilg", ida.user_id)
    assert member.added_at > row.added_at
    assert people.used(acme, group) == 1
    assert people.verbs(acme, group)[-1] == "license.invitation-accepted"
    with pytest.raises(InvitationDead):
        take(acme, row, ida)


@pytest.mark.spec("LG-70")
def test_the_link_proves_an_address_that_was_not_proven_before(acme, group, by):
    nora = people.person(acme, "Nora Neu", verified=False)
    row = invited(acme, group, "nora.neu@else.test", by=by)
    take(acme, row, nora)
    nora.user.refresh_from_db()
    assert nora.user.email_key == "nora.neu@else.test"


@pytest.mark.spec("LG-70")
def test_another_address_and_one_of_another_account_are_refused_and_the_invitation_stays(acme, group, ida, by):
    row = invited(acme, group, "other@else.test", by=by)
    assert code_of(lambda: take(acme, row, ida)) == "other-address"
    row = invited(acme, group, "ida@acme.test", by=by)
    stranger = people.person(acme, "Nora Neu", verified=False)
    assert code_of(lambda: take(acme, row, stranger)) == "address-taken"
    assert people.fresh(acme, row).status == MemberStatus.PENDING
    stranger.user.refresh_from_db()
    assert stranger.user.email_key is None


def test_a_person_without_a_membership_gets_one_without_roles(acme, globex, group, by):
    gina = people.person(globex, "Gina Gerber")
    row = invited(acme, group, "gina@globex.test", by=by)
    take(acme, row, gina.user)
    with acme.context():
        membership = Membership.objects.get(tenant=acme.tenant, user=gina.user)
    assert (membership.source, membership.login, membership.name) == ("local", "gina@globex.test", "Ida Ilg")


def test_a_deactivated_member_is_refused(acme, group, ida, by):
    row = invited(acme, group, "ida@acme.test", by=by)
    ida.is_active = False
    assert code_of(lambda: take(acme, row, ida)) == "deactivated"


@pytest.mark.spec("LG-72")
def test_without_a_free_seat_the_invitation_stays_with_its_time(acme, anna, frank, ida, by):
    group = people.license_group(acme, anna, seats=1, name="Small")
    people.join(acme, group, frank)
    row = invited(acme, group, "ida@acme.test", by=by)
    assert code_of(lambda: take(acme, row, ida)) == "no-seat"
    after = people.fresh(acme, row)
    assert (after.status, after.expires_at) == (MemberStatus.PENDING, row.expires_at)
    assert after.seat_wanted_at is None
    with acme.context():
        note_seat_wanted(row=row)
    assert people.fresh(acme, row).seat_wanted_at


def test_an_admins_invitation_needs_no_seat(acme, anna, frank, ida, by):
    group = people.license_group(acme, anna, seats=0, name="None")
    take(acme, invited(acme, group, "ida@acme.test", by=by, is_user=False, is_admin=True), ida)
    assert people.used(acme, group) == 0


@pytest.mark.spec("LG-73", "LG-102")
@pytest.mark.parametrize("is_admin", [True, False])
def test_a_block_after_the_mail_drops_user_or_ends_the_invitation(acme, group, ida, by, is_admin):
    row = invited(acme, group, "ida@acme.test", by=by, is_admin=is_admin)
    with acme.context():
        LicenseRoleBlock.objects.create(
            tenant=acme.tenant,
            group_id=group.pk,
            address="old@acme.test",
            address_key="old@acme.test",
            user_id=ida.user_id,
            created_at=timezone.now(),
            created_by="test",
        )
    take(acme, row, ida)
    after = people.fresh(acme, row)
    assert people.used(acme, group) == 0
    if is_admin:
        assert (after.status, after.is_user, after.is_admin) == (MemberStatus.ACTIVE, False, True)
    else:
        assert (after.status, after.end_reason) == (MemberStatus.ENDED, "blocked")


@pytest.mark.spec("LG-74", "LG-17")
@pytest.mark.parametrize("there_admin", [True, False])
@pytest.mark.parametrize("where", ["same organisation", "another organisation"])
def test_a_user_of_another_group_leaves_that_role_after_a_tick(acme, globex, anna, group, by, where, there_admin):
    if where == "same organisation":
        home, other = acme, people.license_group(acme, anna, name="Copiers")
    else:
        home = globex
        other = people.license_group(globex, people.person(globex, "Hanna Holm"))
    gina = people.person(home, "Gina Gerber")
    there = people.join(home, other, gina, is_admin=there_admin)
    row = invited(acme, group, people.address_of(gina, home), by=by)
    member = gina if home is acme else gina.user
    with pytest.raises(PlaceElsewhere) as caught:
        take(acme, row, member)
    assert caught.value.group_name == other.name
    assert people.used(home, other) == 1
    with pytest.raises(PlaceElsewhere) as caught:
        take(acme, row, member, leave_other=group.pk)
    assert (caught.value.status, caught.value.code, caught.value.group_name) == (409, "place-moved", other.name)
    assert people.used(home, other) == 1
    take(acme, row, member, leave_other=other.pk)
    assert (people.used(home, other), people.used(acme, group)) == (0, 1)
    left = people.fresh(home, there)
    assert left.status == (MemberStatus.ACTIVE if there_admin else MemberStatus.ENDED)
    assert place_of(gina.user_id).group_id == group.pk


def test_an_invitation_under_a_second_address_adds_its_roles_to_the_membership(acme, group, frank, by):
    row = invited(acme, group, "frank@acme.test", by=by)
    mine = people.join(acme, group, frank, is_user=False, is_admin=True, address="f@else.test")
    take(acme, row, frank)
    assert people.fresh(acme, row).end_reason == "accepted"
    mine = people.fresh(acme, mine)
    assert (mine.is_user, mine.is_admin) == (True, True)
    with acme.context():
        event = Event.objects.get(verb="license.invitation-accepted")
    assert (event.labels["address"], event.labels["invited"]) == ("f@else.test", "frank@acme.test")


# --- auto-assign ----------------------------------------------------------------------------------------------------


@pytest.fixture
def domain_group(acme, anna, group, by):
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
    return group


def sign_in(world, member):
    with world.context():
        return auto_assign(membership=member, by=factories.actor(member))


@pytest.mark.spec("LG-141", "LG-140")
def test_a_person_of_the_domain_becomes_user_at_sign_in(acme, domain_group, ida):
    assert sign_in(acme, ida).is_user
    row = people.row_of(acme, domain_group, "ida@acme.test")
    assert (row.status, row.is_user, row.is_admin, row.first_name) == ("active", True, False, "Ida")
    assert people.verbs(acme, domain_group)[-1] == "license.auto-assigned"
    assert sign_in(acme, ida) is None


@pytest.mark.spec("LG-141")
def test_an_admin_gains_user_and_a_pending_invitation_becomes_the_membership(acme, domain_group, ida, erin, admin, by):
    row = invited(acme, domain_group, "kim@acme.test", by=by, is_user=False, is_admin=True)
    kim = people.person(acme, "Kim Kern")
    sign_in(acme, erin)
    sign_in(acme, kim)
    assert people.fresh(acme, admin).is_user
    joined = people.fresh(acme, row)
    assert (joined.status, joined.is_user, joined.is_admin) == ("active", True, True)
    assert people.used(acme, domain_group) == 2


@pytest.mark.spec("LG-141", "LG-102")
@pytest.mark.parametrize(
    "why", ["not proven", "other domain", "blocked", "switched off", "no seat", "expired", "placed"]
)
def test_nothing_happens_where_it_may_not(acme, anna, domain_group, frank, ida, by, why):
    group, member = domain_group, ida
    if why == "not proven":
        member = people.person(acme, "Nora Neu", verified=False)
    elif why == "other domain":
        User.objects.filter(pk=ida.user_id).update(email="ida@acme.test.evil", email_key="ida@acme.test.evil")
        member.user.refresh_from_db()
    elif why == "blocked":
        with acme.context():
            block_addresses(tenant_id=acme.pk, group_id=group.pk, addresses=[("ida@acme.test", "ida@acme.test")], by=by)
    elif why == "switched off":
        with acme.context():
            change_settings(
                tenant_id=acme.pk,
                group_id=group.pk,
                version=people.fresh(acme, group).version,
                name="Printers",
                auto_assign_users=False,
                auto_assign_devices=True,
                tells_blocked=True,
                by=by,
            )
    elif why == "no seat":
        for number in range(5):
            people.join(acme, group, people.person(acme, f"P{number} Muster"))
    elif why == "expired":
        from licensing.actions.operator import change_purchase

        soon = people.purchase(5, expires_at=timezone.now() - datetime.timedelta(seconds=1))
        change_purchase(tenant_id=acme.pk, group_id=group.pk, version=group.version, purchase=soon, by=people.OLGA)
    else:
        people.join(acme, people.license_group(acme, anna, name="Copiers"), ida)
    before = people.used(acme, group)
    assert sign_in(acme, member) is None
    assert people.used(acme, group) == before


@pytest.mark.spec("LG-E10")
def test_a_removed_person_comes_back_by_the_domain(acme, domain_group, ida, by):
    from licensing.actions.members import remove_members

    sign_in(acme, ida)
    row = people.row_of(acme, domain_group, "ida@acme.test")
    with acme.context():
        remove_members(tenant_id=acme.pk, group_id=domain_group.pk, shown=people.shown(row), by=by)
    assert sign_in(acme, ida)


def test_the_number_of_people_who_wait_for_a_seat(acme, globex, domain_group, ida, frank, erin, anna, by):
    with acme.context():
        Membership.objects.update(signed_in_at=timezone.now())
        block_addresses(tenant_id=acme.pk, group_id=domain_group.pk, addresses=[("erin@acme.test",) * 2], by=by)
        sign_in(acme, frank)
        assert waiting_for_seats(domain_group, "acme.test") == 2  # Anna and Ida
        assert waiting_for_seats(domain_group, "me.test") == 0
        assert waiting_for_seats(domain_group, "acme.test", limit=1) == 1


@pytest.mark.spec("LG-12", "LG-152")
def test_places_end_and_come_back_with_the_role(acme, anna, group, ida, by):
    row = people.join(acme, group, ida)
    assert place_of(ida.user_id).member_id == row.pk
    with acme.context():
        LicenseGroupMember.objects.filter(pk=row.pk).update(is_user=False, is_admin=True)
    assert place_of(ida.user_id) is None
    assert place_of(None) is None
    assert not LicencePlace.objects.exists()
