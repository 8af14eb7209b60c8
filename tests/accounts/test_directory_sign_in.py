"""Signing in against a real directory: who comes in, with which groups, and what a failing directory changes."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.directory import Directory, DirectoryUnavailable, Outage
from accounts.models import GroupMembership, Membership, Session, SignInFailure, User, UserGroup
from accounts.rereading import reread_all
from accounts.secrets import seal
from launcher.demo_people import DEMO_PASSWORD
from launcher.samba import LOCKOUT_THRESHOLD
from tests import factories
from tests.accounts.conftest import (
    FAR,
    PASSWORD,
    at_once,
    config_of_server,
    connect,
    dn_of,
    events,
    group_dn_of,
    is_signed_in,
    sign_in_as,
    with_password,
)
from tests.directories import PASSWORD as HARD_PASSWORD
from tests.directory.servers import Proxy

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]


def _enter(browser, world, login, password=DEMO_PASSWORD):
    return sign_in_as(browser, world, login, password)


def _membership(world, login):
    with world.context():
        return Membership.objects.select_related("user").get(tenant=world.tenant, login=login)


def _groups(world, login):
    with world.context():
        rows = GroupMembership.objects.filter(tenant=world.tenant, user__memberships__login=login)
        return sorted(rows.values_list("group__name", flat=True))


BOBS_GROUPS = ["All Employees", "Helpdesk All", "Helpdesk Finance", "IT Everyone", "Roamkeep Support Desk"]


def test_a_first_sign_in_makes_account_and_membership_by_the_immutable_id(acme, directory, browse):
    browser = browse()
    assert _enter(browser, acme, "bob").status_code == 302
    assert is_signed_in(browser, acme)
    bob = _membership(acme, "bob")
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
    _enter(browse(), acme, "bob")
    assert _groups(acme, "bob") == BOBS_GROUPS
    with acme.context():
        assert not UserGroup.objects.filter(is_listed=True).exists()


@pytest.mark.spec("AC-LOG-3")
def test_an_entry_of_a_group_around_the_persons_group_gives_its_role(acme, directory, browse):
    _enter(browse(), acme, "bob")
    with acme.context():
        outer = UserGroup.objects.get(name="IT Everyone")
    factories.entry(acme, outer, "persops.support_desk", [acme.finance])
    browser = browse()
    _enter(browser, acme, "bob")
    assert browser.get(acme.url()).status_code == 200


def test_a_second_sign_in_changes_nothing_where_the_directory_did_not_change(acme, directory, browse):
    _enter(browse(), acme, "bob")
    first = _membership(acme, "bob")
    _enter(browse(), acme, "bob")
    assert _membership(acme, "bob").pk == first.pk
    assert len(events(acme, "membership.groups_changed")) == 1
    assert User.objects.count() == 1


def test_groups_are_replaced_as_a_set(acme, directory, browse, edit):
    _enter(browse(), acme, "bob")
    edit(group_dn_of("Helpdesk Finance"), member=[dn_of("carla.mendes")])
    edit(group_dn_of("Helpdesk Sales"), member=[dn_of("bob")])
    _enter(browse(), acme, "bob")
    assert "Helpdesk Finance" not in _groups(acme, "bob")
    assert "Helpdesk Sales" in _groups(acme, "bob")
    event = events(acme, "membership.groups_changed")[-1]
    assert (event.labels["added"], event.labels["removed"]) == (["Helpdesk Sales"], ["Helpdesk Finance"])


def test_a_group_of_our_own_is_not_touched_by_the_directory(acme, directory, browse):
    _enter(browse(), acme, "bob")
    bob = _membership(acme, "bob")
    factories.group(acme, "Night shift", members=[bob])
    _enter(browse(), acme, "bob")
    assert "Night shift" in _groups(acme, "bob")


def test_a_renamed_group_stays_the_same_group_and_stays_listed(acme, directory, browse, edit):
    _enter(browse(), acme, "bob")
    with acme.context():
        UserGroup.objects.filter(name="Helpdesk Finance").update(is_listed=True)
        group = UserGroup.objects.get(name="Helpdesk Finance")
    edit.rename(group_dn_of("Helpdesk Finance"), "Money Desk")
    edit(group_dn_of("Helpdesk All"), member=[dn_of("bob")])
    _enter(browse(), acme, "bob")
    with acme.context():
        renamed = UserGroup.objects.get(pk=group.pk)
    assert (renamed.name, renamed.name_key, renamed.is_listed) == ("Money Desk", "money desk", True)


def test_a_renamed_person_stays_the_same_person(acme, directory, browse, edit):
    _enter(browse(), acme, "bob")
    before = _membership(acme, "bob")
    edit(dn_of("bob"), sAMAccountName=["robert"], uid=["robert"], displayName=["Robert Brandt"])
    _enter(browse(), acme, "robert")
    after = _membership(acme, "robert")
    assert (after.pk, after.user_id, after.name) == (before.pk, before.user_id, "Robert Brandt")
    assert after.user.display_name == "Robert Brandt"


def test_a_login_that_changed_hands_opens_another_account(acme, directory, browse, edit):
    _enter(browse(), acme, "bob")
    first = _membership(acme, "bob")
    edit.remove(dn_of("bob"))
    edit(dn_of("carla.mendes"), sAMAccountName=["bob"], uid=["bob"])
    _enter(browse(), acme, "bob")
    with acme.context():
        rows = Membership.objects.filter(tenant=acme.tenant, login="bob")
        assert {row.name for row in rows} == {"Bob Brandt", "Carla Mendes"}
        assert len({row.user_id for row in rows} | {first.user_id}) == 2


def test_a_mail_address_of_the_directory_finds_no_other_account(acme, directory, browse):
    owner = User.objects.create(display_name="Owner", email="bob@acme.test", email_key="bob@acme.test")
    _enter(browse(), acme, "bob")
    bob = _membership(acme, "bob")
    assert bob.user_id != owner.pk
    assert bob.contact_email == "bob@acme.test"
    assert bob.user.email is None


def test_the_same_person_signing_in_with_other_spellings_is_one(acme, directory, browse):
    for login in ("bob", "BOB", "IT\\bob", "bob@acme.test"):
        assert _enter(browse(), acme, login).status_code == 302
    with acme.context():
        assert Membership.objects.filter(tenant=acme.tenant).count() == 1


def test_hard_names_come_through(acme, directory, browse):
    assert _enter(browse(), acme, "anna.quist", HARD_PASSWORD).status_code == 302
    assert _membership(acme, "anna.quist").name == "Quist, Anna (Ext) #1"
    assert _enter(browse(), acme, "olga", HARD_PASSWORD).status_code == 302
    assert "Depth 12" in _groups(acme, "olga")
    assert {"Loop A", "Loop B", "Loop C"} <= set(_groups(acme, "olga"))


# --- who is not let in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("bob", "not the password"),
        ("nobody.here", DEMO_PASSWORD),
        ("dora.disabled", HARD_PASSWORD),
        ("eve.expired", HARD_PASSWORD),
        ("*", DEMO_PASSWORD),
        ("bob)(objectClass=*", DEMO_PASSWORD),
    ],
)
def test_refusals_of_a_directory_read_like_any_other(acme, directory, browse, login, password):
    browser = browse()
    answer = _enter(browser, acme, login, password)
    assert answer.status_code == 422
    assert "Login and password do not fit together" in answer.content.decode()
    assert not is_signed_in(browser, acme)
    with acme.context():
        assert not Membership.objects.exists()
        assert not UserGroup.objects.exists()


@pytest.mark.parametrize("password", ["", " ", "\0", DEMO_PASSWORD + "\0"])
def test_an_empty_password_never_reaches_the_directory(acme, directory, browse, monkeypatch, password):
    monkeypatch.setattr("accounts.signin.directory_of", None)
    assert _enter(browse(), acme, "bob", password).status_code == 422


def test_refused_work_is_the_same_for_every_login(acme, directory, browse, monkeypatch):
    with_password(factories.member(acme, "Lena Lang", "lena"))
    binds = []
    original = Directory.authenticate

    def authenticate(self, *, login, password):
        binds.append(login)
        return original(self, login=login, password=password)

    monkeypatch.setattr(Directory, "authenticate", authenticate)
    for login in ("bob", "lena", "nobody.here", "dora.disabled"):
        binds.clear()
        assert _enter(browse(), acme, login, "not the password").status_code == 422
        assert binds == [login]


def test_a_locked_account_does_not_tell_by_its_work_that_the_password_is_right(acme, directory, browse, monkeypatch):
    lena = with_password(factories.member(acme, "Lena Lang", "lena"))
    User.objects.filter(pk=lena.user_id).update(locked_at=timezone.now())
    asked = []
    original = Directory.authenticate

    def authenticate(self, *, login, password):
        asked.append(login)
        return original(self, login=login, password=password)

    monkeypatch.setattr(Directory, "authenticate", authenticate)
    for password in (PASSWORD, "not the password"):
        assert _enter(browse(), acme, "lena", password).status_code == 422
    assert asked == ["lena", "lena"]


def test_the_right_local_password_never_reaches_the_directory(acme, directory, browse, monkeypatch):
    with_password(factories.member(acme, "Lena Lang", "lena"))
    monkeypatch.setattr("accounts.signin.directory_of", None)
    assert _enter(browse(), acme, "lena", PASSWORD).status_code == 302


def test_a_local_account_does_not_shadow_the_directory_person_of_that_name(acme, directory, browse):
    local = with_password(factories.member(acme, "Local Bob", "bob"))
    browser = browse()
    _enter(browser, acme, "bob", PASSWORD)
    assert browser.session["_auth_user_id"] == str(local.user_id)
    other = browse()
    assert _enter(other, acme, "bob").status_code == 302
    assert other.session["_auth_user_id"] != str(local.user_id)


def test_a_person_deactivated_here_is_not_brought_back_by_the_directory(acme, directory, browse):
    _enter(browse(), acme, "bob")
    with acme.context():
        Membership.objects.update(is_active=False)
    browser = browse()
    assert _enter(browser, acme, "bob").status_code == 422
    assert not is_signed_in(browser, acme)
    assert not _membership(acme, "bob").is_active


def test_a_person_the_directory_had_disabled_comes_back_with_its_word(acme, directory, browse):
    _enter(browse(), acme, "bob")
    with acme.context():
        Membership.objects.update(is_active=False, inactive_by_directory=True)
    assert _enter(browse(), acme, "bob").status_code == 302
    bob = _membership(acme, "bob")
    assert (bob.is_active, bob.inactive_by_directory) == (True, False)
    assert len(events(acme, "membership.activated")) == 1


def test_a_globally_disabled_account_of_a_directory_is_refused(acme, directory, browse):
    _enter(browse(), acme, "bob")
    User.objects.update(is_active=False)
    assert _enter(browse(), acme, "bob").status_code == 422


# --- two tenants ----------------------------------------------------------------------------------------------------


def test_each_tenant_asks_its_own_directory(acme, globex, directory, directory_of_globex, browse):
    assert _enter(browse(), acme, "charlie").status_code == 422
    assert _enter(browse(FAR), globex, "bob").status_code == 422
    browser = browse()
    assert _enter(browser, globex, "charlie").status_code == 302
    assert is_signed_in(browser, globex)


def test_a_directory_session_is_valid_only_where_it_was_opened(acme, globex, directory, browse):
    browser = browse()
    _enter(browser, acme, "bob")
    bob = _membership(acme, "bob")
    factories.member(globex, "Bob Brandt", "bob", role="persops.primary_admin", user=bob.user)
    assert is_signed_in(browser, acme)
    assert browser.get(globex.url("account/")).status_code == 302


def test_one_directory_in_two_tenants_makes_two_people(acme, globex, changeable, directory, browse):
    connect(globex, config_of_server(changeable))
    _enter(browse(), acme, "bob")
    _enter(browse(), globex, "bob")
    here, there = _membership(acme, "bob"), _membership(globex, "bob")
    assert here.directory_uid == there.directory_uid
    assert here.user_id != there.user_id


def test_two_directories_of_a_tenant_are_asked_in_order(acme, changeable, directory, browse):
    second = connect(acme, config_of_server(changeable, "GLOBEX_DIRECTORY_"), name="Second")
    assert _enter(browse(), acme, "charlie").status_code == 302
    assert _membership(acme, "charlie").directory_id == second.pk


def test_an_inactive_connection_is_not_asked(acme, directory, browse):
    with acme.context():
        directory.is_active = False
        directory.save()
    assert _enter(browse(), acme, "bob").status_code == 422


# --- a directory that fails -----------------------------------------------------------------------------------------


def test_a_directory_that_is_down_says_so_and_counts_nothing(acme, directory, browse):
    with acme.context():
        directory.url = "ldap://127.0.0.1:1"
        directory.save()
    for _ in range(5):
        answer = _enter(browse(), acme, "bob")
        assert answer.status_code == 503
        assert "directory does not answer" in answer.content.decode()
        assert 'value="bob"' in answer.content.decode()
        assert answer["Retry-After"]
    with acme.context():
        assert not SignInFailure.objects.filter(failures__gt=0).exists()
        assert not Membership.objects.exists()


def test_a_local_account_signs_in_while_the_directory_is_down(acme, directory, browse):
    with_password(factories.member(acme, "Lena Lang", "lena"))
    with acme.context():
        directory.url = "ldap://127.0.0.1:1"
        directory.save()
    assert _enter(browse(), acme, "lena", PASSWORD).status_code == 302


def test_a_wrong_local_password_tells_no_more_than_an_unknown_login_while_the_directory_is_down(
    acme, directory, browse
):
    with_password(factories.member(acme, "Lena Lang", "lena"))
    with acme.context():
        directory.url = "ldap://127.0.0.1:1"
        directory.save()
    assert [_enter(browse(), acme, login, "wrong one").status_code for login in ("lena", "nobody.here")] == [503, 503]


def test_one_directory_down_does_not_stop_the_people_of_the_other(acme, changeable, directory, browse):
    connect(acme, config_of_server(changeable, "GLOBEX_DIRECTORY_"), name="Second")
    with acme.context():
        directory.url = "ldap://127.0.0.1:1"
        directory.save()
    assert _enter(browse(), acme, "charlie").status_code == 302
    assert _enter(browse(), acme, "charlie", "wrong one").status_code == 503


def test_a_directory_that_dies_between_bind_and_group_search_changes_nothing(acme, directory, browse, monkeypatch):
    _enter(browse(), acme, "bob")
    before, groups = _membership(acme, "bob"), _groups(acme, "bob")
    factories.entry(acme, before, "persops.support_desk", [acme.finance])
    ended = len(events(acme))

    def dies(config, connection, record):
        raise DirectoryUnavailable(Outage.DOWN, "cut")

    monkeypatch.setattr("accounts.directory.client.groups_of", dies)
    browser = browse()
    assert _enter(browser, acme, "bob").status_code == 503
    assert not is_signed_in(browser, acme)
    assert _groups(acme, "bob") == groups
    assert _membership(acme, "bob").groups_read_at == before.groups_read_at
    assert len(events(acme)) == ended


def test_a_connection_cut_at_any_byte_signs_nobody_in_without_groups(acme, changeable, directory, browse):
    """Whatever arrives before the cut, the person has all groups or is not signed in."""
    whole = config_of_server(changeable)
    host, port = whole.host, whole.port
    outcomes = set()
    for limit in (40, 3600, 4200, 5000, 6000, 8000):
        with Proxy((host, port), limit=limit) as proxy:
            with acme.context():
                directory.url = proxy.url
                directory.save()
            answer = _enter(browse(), acme, "bob")
        outcomes.add(answer.status_code)
        with acme.context():
            joined = Membership.objects.filter(login="bob").exists()
        assert joined == (answer.status_code == 302)
        if joined:
            assert _groups(acme, "bob") == BOBS_GROUPS
            break
    assert 503 in outcomes


def test_a_sealed_password_of_another_key_is_an_outage_and_no_error(acme, directory, browse, settings):
    settings.SECRET_KEY = "another" * 10
    sealed = seal("x")
    settings.SECRET_KEY = "test-" * 12
    with acme.context():
        directory.bind_password = sealed
        directory.save()
    assert _enter(browse(), acme, "bob").status_code == 503


def test_a_wrong_service_account_is_told_apart_in_the_event_alone(acme, directory, browse, settings):
    with acme.context():
        directory.bind_password = seal("wrong")
        directory.save()
    answer = _enter(browse(), acme, "bob")
    assert answer.status_code == 503
    assert "service" not in answer.content.decode()
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        reread_all()
    (event,) = events(acme, "signin.failed")
    assert event.labels["reason"] == "service-account"


def test_a_changed_connection_is_used_at_once(acme, directory, browse):
    assert _enter(browse(), acme, "bob").status_code == 302
    with acme.context():
        directory.user_filter = "(!(uid=bob))"
        directory.save()
    assert _enter(browse(), acme, "bob").status_code == 422


# --- first sign-in twice at once ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_first_sign_ins_at_once_make_one_person(acme, directory):
    answers = at_once(3, lambda number: _enter(Client(REMOTE_ADDR=FAR), acme, "bob").status_code)
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
        assert _enter(browse(), acme, login).status_code == 302
    assert set(BOBS_GROUPS) <= set(_groups(acme, "bob"))
    assert _enter(browse(), acme, "dora.disabled", HARD_PASSWORD).status_code == 422


@pytest.mark.ad
@pytest.mark.xdist_group("samba")
def test_strangers_cannot_lock_an_account_in_active_directory_through_us(acme, samba_ad, browse):
    connect(acme, samba_ad)
    _enter(browse(), acme, "carla.mendes")
    for number in range(LOCKOUT_THRESHOLD * 3):
        _enter(browse(f"192.0.{number}.1"), acme, "carla.mendes", "not the password")
    assert Directory(samba_ad).authenticate(login="carla.mendes", password=DEMO_PASSWORD)
    assert _enter(browse(), acme, "carla.mendes").status_code == 302
