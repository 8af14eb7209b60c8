"""Inviting and sending again; the clock of an invitation."""

import datetime

import pytest
from django.utils import timezone

from config.errors import Refused
from licensing.actions.admission import InvitationDead, live_invitation
from licensing.actions.blocks import block_addresses
from licensing.actions.groups import ask_domain
from licensing.actions.invitations import decline, invite, resend
from licensing.actions.members import remove_members
from licensing.models import LicenseGroupMember, MailState, MemberStatus
from tests import factories
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def ask(world, group, *addresses, by, is_user=True, is_admin=False, **more):
    with world.context():
        return invite(
            tenant_id=world.pk,
            group_id=group.pk,
            addresses=[(address, address.casefold()) for address in addresses],
            is_user=is_user,
            is_admin=is_admin,
            by=by,
            **more,
        )


@pytest.mark.spec("LG-53", "LG-56", "LG-58", "LG-61", "LG-66", "LG-32", "LG-E1")
def test_each_address_becomes_one_pending_row_without_a_seat(acme, group, by):
    done = ask(acme, group, "New@Else.test", "new@else.test", "two@else.test", by=by, words="Welcome")
    assert (done.sent, done.again) == (2, 0)
    row = people.row_of(acme, group, "new@else.test")
    assert (row.address, row.status, row.generation, row.mail_state) == ("New@Else.test", "pending", 1, "pending")
    assert (row.first_name, row.last_name, row.user_id) == ("", "", None)
    assert row.expires_at - row.sent_at == datetime.timedelta(days=7)
    assert row.added_at == row.sent_at
    assert people.used(acme, group) == 0
    assert people.verbs(acme, group)[-3:] == ["license.invited-many", "license.invited", "license.invited"]


@pytest.mark.spec("LG-55")
def test_no_role_no_address_and_too_many_are_refused_at_their_fields(acme, group, by):
    for arguments, field in (
        ({"is_user": False}, "roles"),
        ({"addresses": []}, "addresses"),
        ({"addresses": [f"a{number}@else.test" for number in range(101)]}, "addresses"),
    ):
        addresses = arguments.pop("addresses", ["new@else.test"])
        with pytest.raises(Refused) as caught:
            ask(acme, group, *addresses, by=by, **arguments)
        assert caught.value.field == field


@pytest.mark.spec("LG-63", "LG-64", "LG-67", "LG-103")
def test_one_bad_address_sends_nothing_and_each_has_its_own_sentence(acme, group, user, by):
    with acme.context():
        block_addresses(tenant_id=acme.pk, group_id=group.pk, addresses=[("bad@else.test", "bad@else.test")], by=by)
    with pytest.raises(Refused) as caught:
        ask(acme, group, "new@else.test", "frank@acme.test", "bad@else.test", by=by)
    assert set(caught.value.problems) == {"frank@acme.test", "bad@else.test"}
    assert people.row_of(acme, group, "new@else.test") is None
    assert ask(acme, group, "bad@else.test", by=by, is_user=False, is_admin=True).sent == 1


@pytest.mark.spec("LG-65", "LG-59")
@pytest.mark.parametrize("is_expired", [False, True])
def test_a_second_invitation_replaces_link_roles_and_time_in_the_same_row(acme, group, by, is_expired):
    ask(acme, group, "new@else.test", by=by)
    first = people.row_of(acme, group, "new@else.test")
    if is_expired:
        with acme.context():
            LicenseGroupMember.objects.filter(pk=first.pk).update(expires_at=timezone.now())
    done = ask(acme, group, "new@else.test", by=by, is_user=False, is_admin=True)
    assert (done.sent, done.again) == (0, 1)
    row = people.row_of(acme, group, "new@else.test")
    assert (row.pk, row.generation, row.is_user, row.is_admin) == (first.pk, 2, False, True)
    assert row.expires_at > first.expires_at
    with acme.context():
        assert live_invitation(acme.pk, (row.pk, 2)).pk == row.pk
        with pytest.raises(InvitationDead):
            live_invitation(acme.pk, (row.pk, 1))


@pytest.mark.spec("LG-65")
def test_resend_makes_a_new_link_and_keeps_the_roles(acme, group, user, by):
    ask(acme, group, "new@else.test", by=by)
    row = people.row_of(acme, group, "new@else.test")
    with acme.context():
        LicenseGroupMember.objects.filter(pk=row.pk).update(mail_state=MailState.FAILED)
        assert resend(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(row), by=by) == [row.pk]
    again = people.fresh(acme, row)
    assert (again.generation, again.mail_state, again.is_user) == (2, MailState.PENDING, True)
    with acme.context(), pytest.raises(Refused) as caught:
        resend(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(again, user), by=by)
    assert caught.value.code == "not-pending"


@pytest.mark.spec("LG-62")
def test_more_pending_users_than_free_seats_are_allowed_and_counted(acme, group, by):
    done = ask(acme, group, *[f"n{number}@else.test" for number in range(7)], by=by)
    assert (done.sent, done.beyond) == (7, 2)
    assert ask(acme, group, "admin@else.test", by=by, is_user=False, is_admin=True).beyond == 0  # needs no licence


@pytest.mark.spec("LG-58")
def test_at_the_instant_of_expiry_the_link_is_dead(acme, group, by, time_machine):
    ask(acme, group, "new@else.test", by=by)
    row = people.row_of(acme, group, "new@else.test")
    time_machine.move_to(row.expires_at - datetime.timedelta(milliseconds=1), tick=False)
    with acme.context():
        assert live_invitation(acme.pk, (row.pk, 1))
        time_machine.move_to(row.expires_at, tick=False)
        with pytest.raises(InvitationDead):
            live_invitation(acme.pk, (row.pk, 1))


@pytest.mark.spec("LG-97", "LG-75")
@pytest.mark.parametrize("way", ["remove", "decline"])
def test_a_cancelled_or_declined_invitation_is_dead_at_once(acme, group, by, way):
    ask(acme, group, "new@else.test", by=by)
    row = people.row_of(acme, group, "new@else.test")
    with acme.context():
        if way == "remove":
            remove_members(tenant_id=acme.pk, group_id=group.pk, shown=people.shown(row), by=by)
        else:
            decline(row=row, by=by)
        with pytest.raises(InvitationDead):
            live_invitation(acme.pk, (row.pk, 1))
    ended = people.fresh(acme, row)
    assert (ended.status, ended.end_reason) == (MemberStatus.ENDED, "revoked" if way == "remove" else "declined")
    assert ask(acme, group, "new@else.test", by=by).sent == 1


@pytest.mark.spec("LG-90", "LG-E3")
def test_roles_of_a_pending_row_change_without_seat_and_mail(acme, group, by, admin):
    from licensing.actions.members import set_roles

    ask(acme, group, "new@else.test", by=by)
    row = people.row_of(acme, group, "new@else.test")
    with acme.context():
        LicenseGroupMember.objects.filter(pk=row.pk).update(mail_state=MailState.SENT)
        shown = people.shown(row, admin)
        set_roles(tenant_id=acme.pk, group_id=group.pk, shown=shown, is_user=True, is_admin=True, by=by)
    changed = people.fresh(acme, row)
    assert (changed.is_admin, changed.generation, changed.mail_state) == (True, 1, MailState.SENT)
    assert people.used(acme, group) == 1  # the active one's


@pytest.mark.spec("LG-28", "LG-145")
def test_with_an_expired_licence_nothing_is_edited_and_seats_are_kept(acme, anna, frank):
    group = people.license_group(acme, anna, name="Old", expires_at=timezone.now() + datetime.timedelta(hours=1))
    people.join(acme, group, frank)
    with pytest.raises(Refused) as caught, pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.utils.timezone.now", lambda: group.expires_at)
        ask(acme, group, "new@else.test", by=factories.actor(anna))
    assert caught.value.code == "license-expired"
    assert people.used(acme, group) == 1


@pytest.mark.spec("LG-76", "LG-160", "LG-161")
def test_verified_people_of_the_groups_domain_are_members_at_once_while_seats_are_free(acme, anna, by):
    group = people.license_group(acme, anna, seats=1, name="Domain")
    with acme.context():
        assert ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by).validated_at
    people.person(acme, "Ida Ilg")
    people.person(acme, "Jan Jost")
    people.person(acme, "Kim Kern", verified=False)
    done = ask(acme, group, "ida@acme.test", "jan@acme.test", "kim@acme.test", "new@else.test", by=by)
    assert (done.sent, done.admitted) == (4, 1)
    row = people.row_of(acme, group, "ida@acme.test")
    assert (row.status, row.first_name, row.last_name, row.mail_state) == ("active", "Ida", "Ilg", "")
    assert people.row_of(acme, group, "jan@acme.test").status == "pending"
    assert people.row_of(acme, group, "kim@acme.test").status == "pending"
