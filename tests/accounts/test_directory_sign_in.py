"""Signing in against a real directory: who comes in, as which person and with which groups."""

import pytest
from django.test import Client

from accounts.models import GroupMembership, Membership, Session, User, UserGroup
from tests import factories
from tests.accounts.conftest import (
    BOBS_GROUPS,
    FAR,
    at_once,
    connect,
    dn_of,
    enter,
    events,
    group_dn_of,
    groups_of,
    is_signed_in,
    membership_of,
)
from tests.directories import PASSWORD as HARD_PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]


def test_a_first_sign_in_makes_account_and_membership_by_the_immutable_id(acme, directory, browse):
    browser = browse()
    assert enter(browser, acme, "bob").status_code == 302
    assert is_signed_in(browser, acme)
    bob = membership_of(acme, "bob")
    assert (bob.source, bob.directory_id, len(bob.directory_uid)) == ("directory", directory.pk, 36)
    assert (bob.name, bob.contact_email) == ("Bob Brandt", "bob@acme.test")
    assert bob.user.email is None
    assert not bob.user.has_usable_password()
    assert [event.verb for event in events(acme)] == [
        "membership.created",
        "membership.groups_changed",
        "signin.succeeded",
    ]
    assert events(acme, "signin.succeeded")[0].labels["source"] == "directory"


@pytest.mark.spec("AC-LOG-3")
def test_every_group_is_kept_nested_ones_included_and_none_is_listed(acme, directory, browse):
    enter(browse(), acme, "bob")
    assert groups_of(acme, "bob") == BOBS_GROUPS
    with acme.context():
        assert not UserGroup.objects.filter(is_listed=True).exists()


@pytest.mark.spec("AC-LOG-3")
def test_an_entry_of_a_group_around_the_persons_group_gives_its_role(acme, directory, browse):
    enter(browse(), acme, "bob")
    with acme.context():
        outer = UserGroup.objects.get(name="IT Everyone")
    factories.entry(acme, outer, "persops.support_desk", [acme.finance])
    browser = browse()
    enter(browser, acme, "bob")
    assert browser.get(acme.url()).status_code == 200


def test_a_second_sign_in_changes_nothing_where_the_directory_did_not_change(acme, directory, browse):
    enter(browse(), acme, "bob")
    first = membership_of(acme, "bob")
    enter(browse(), acme, "bob")
    assert membership_of(acme, "bob").pk == first.pk
    assert len(events(acme, "membership.groups_changed")) == 1
    assert User.objects.count() == 1


def test_groups_are_replaced_as_a_set(acme, directory, browse, edit):
    enter(browse(), acme, "bob")
    edit(group_dn_of("Helpdesk Finance"), member=[dn_of("carla.mendes")])
    edit(group_dn_of("Helpdesk Sales"), member=[dn_of("bob")])
    enter(browse(), acme, "bob")
    assert "Helpdesk Finance" not in groups_of(acme, "bob")
    assert "Helpdesk Sales" in groups_of(acme, "bob")
    event = events(acme, "membership.groups_changed")[-1]
    assert (event.labels["added"], event.labels["removed"]) == (["Helpdesk Sales"], ["Helpdesk Finance"])


def test_a_group_of_our_own_is_not_touched_by_the_directory(acme, directory, browse):
    enter(browse(), acme, "bob")
    bob = membership_of(acme, "bob")
    factories.group(acme, "Night shift", members=[bob])
    enter(browse(), acme, "bob")
    assert "Night shift" in groups_of(acme, "bob")


def test_a_renamed_group_stays_the_same_group_and_stays_listed(acme, directory, browse, edit):
    enter(browse(), acme, "bob")
    with acme.context():
        UserGroup.objects.filter(name="Helpdesk Finance").update(is_listed=True)
        group = UserGroup.objects.get(name="Helpdesk Finance")
    edit.rename(group_dn_of("Helpdesk Finance"), "Money Desk")
    edit(group_dn_of("Helpdesk All"), member=[dn_of("bob")])
    enter(browse(), acme, "bob")
    with acme.context():
        renamed = UserGroup.objects.get(pk=group.pk)
    assert (renamed.name, renamed.name_key, renamed.is_listed) == ("Money Desk", "money desk", True)


def test_a_renamed_person_stays_the_same_person(acme, directory, browse, edit):
    enter(browse(), acme, "bob")
    before = membership_of(acme, "bob")
    edit(dn_of("bob"), sAMAccountName=["robert"], uid=["robert"], displayName=["Robert Brandt"])
    enter(browse(), acme, "robert")
    after = membership_of(acme, "robert")
    assert (after.pk, after.user_id, after.name) == (before.pk, before.user_id, "Robert Brandt")
    assert after.user.display_name == "Robert Brandt"


def test_a_login_that_changed_hands_opens_another_account(acme, directory, browse, edit):
    enter(browse(), acme, "bob")
    first = membership_of(acme, "bob")
    edit.remove(dn_of("bob"))
    edit(dn_of("carla.mendes"), sAMAccountName=["bob"], uid=["bob"])
    enter(browse(), acme, "bob")
    with acme.context():
        rows = Membership.objects.filter(tenant=acme.tenant, login="bob")
        assert {row.name for row in rows} == {"Bob Brandt", "Carla Mendes"}
        assert len({row.user_id for row in rows} | {first.user_id}) == 2


def test_a_mail_address_of_the_directory_finds_no_other_account(acme, directory, browse):
    owner = User.objects.create(display_name="Owner", email="bob@acme.test", email_key="bob@acme.test")
    enter(browse(), acme, "bob")
    bob = membership_of(acme, "bob")
    assert bob.user_id != owner.pk
    assert bob.contact_email == "bob@acme.test"
    assert bob.user.email is None


def test_the_same_person_signing_in_with_other_spellings_is_one(acme, directory, browse):
    for login in ("bob", "BOB", "IT\\bob", "bob@acme.test"):
        assert enter(browse(), acme, login).status_code == 302
    with acme.context():
        assert Membership.objects.filter(tenant=acme.tenant).count() == 1


def test_hard_names_come_through(acme, directory, browse):
    assert enter(browse(), acme, "anna.quist", HARD_PASSWORD).status_code == 302
    assert membership_of(acme, "anna.quist").name == "Quist, Anna (Ext) #1"
    assert enter(browse(), acme, "olga", HARD_PASSWORD).status_code == 302
    assert "Depth 12" in groups_of(acme, "olga")
    assert {"Loop A", "Loop B", "Loop C"} <= set(groups_of(acme, "olga"))


# --- first sign-in twice at once ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_first_sign_ins_at_once_make_one_person(acme, directory):
    answers = at_once(3, lambda number: enter(Client(REMOTE_ADDR=FAR), acme, "bob").status_code)
    assert answers == [302] * 3
    with acme.context():
        assert Membership.objects.filter(tenant=acme.tenant).count() == 1
        assert GroupMembership.objects.count() == len(BOBS_GROUPS)
    assert User.objects.count() == 1
    assert Session.objects.exclude(user_id=None).count() == 3


# --- Active Directory -----------------------------------------------------------------------------------------------


@pytest.mark.ad
@pytest.mark.xdist_group("samba")
def test_people_of_an_active_directory_sign_in_with_nested_groups(acme, samba_ad, browse):
    connect(acme, samba_ad)
    for login in ("bob", "bob@acme.test"):
        assert enter(browse(), acme, login).status_code == 302
    assert set(BOBS_GROUPS) <= set(groups_of(acme, "bob"))
    assert enter(browse(), acme, "dora.disabled", HARD_PASSWORD).status_code == 422
