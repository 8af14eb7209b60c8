"""Signing in against a real directory: who is not let in, and that a refusal tells no more than any other."""

import pytest
from django.utils import timezone

from accounts.directory import Directory
from accounts.models import Membership, User, UserGroup
from launcher.demo_people import DEMO_PASSWORD
from launcher.samba import LOCKOUT_THRESHOLD
from tests import factories
from tests.accounts.conftest import PASSWORD, connect, enter, events, is_signed_in, membership_of, with_password
from tests.directories import PASSWORD as HARD_PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]


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
    answer = enter(browser, acme, login, password)
    assert answer.status_code == 422
    assert "Login and password do not fit together" in answer.content.decode()
    assert not is_signed_in(browser, acme)
    with acme.context():
        assert not Membership.objects.exists()
        assert not UserGroup.objects.exists()


@pytest.mark.parametrize("password", ["", " ", "\0", DEMO_PASSWORD + "\0"])
def test_an_empty_password_never_reaches_the_directory(acme, directory, browse, monkeypatch, password):
    monkeypatch.setattr("accounts.signin.directory_of", None)
    assert enter(browse(), acme, "bob", password).status_code == 422


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
        assert enter(browse(), acme, login, "not the password").status_code == 422
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
        assert enter(browse(), acme, "lena", password).status_code == 422
    assert asked == ["lena", "lena"]


def test_the_right_local_password_never_reaches_the_directory(acme, directory, browse, monkeypatch):
    with_password(factories.member(acme, "Lena Lang", "lena"))
    monkeypatch.setattr("accounts.signin.directory_of", None)
    assert enter(browse(), acme, "lena", PASSWORD).status_code == 302


def test_a_local_account_does_not_shadow_the_directory_person_of_that_name(acme, directory, browse):
    local = with_password(factories.member(acme, "Local Bob", "bob"))
    browser = browse()
    enter(browser, acme, "bob", PASSWORD)
    assert browser.session["_auth_user_id"] == str(local.user_id)
    other = browse()
    assert enter(other, acme, "bob").status_code == 302
    assert other.session["_auth_user_id"] != str(local.user_id)


def test_a_person_deactivated_here_is_not_brought_back_by_the_directory(acme, directory, browse):
    enter(browse(), acme, "bob")
    with acme.context():
        Membership.objects.update(is_active=False)
    browser = browse()
    assert enter(browser, acme, "bob").status_code == 422
    assert not is_signed_in(browser, acme)
    assert not membership_of(acme, "bob").is_active


def test_a_person_the_directory_had_disabled_comes_back_with_its_word(acme, directory, browse):
    enter(browse(), acme, "bob")
    with acme.context():
        Membership.objects.update(is_active=False, inactive_by_directory=True)
    assert enter(browse(), acme, "bob").status_code == 302
    bob = membership_of(acme, "bob")
    assert (bob.is_active, bob.inactive_by_directory) == (True, False)
    assert len(events(acme, "membership.activated")) == 1


def test_a_globally_disabled_account_of_a_directory_is_refused(acme, directory, browse):
    enter(browse(), acme, "bob")
    User.objects.update(is_active=False)
    assert enter(browse(), acme, "bob").status_code == 422


@pytest.mark.ad
@pytest.mark.xdist_group("samba")
def test_strangers_cannot_lock_an_account_in_active_directory_through_us(acme, samba_ad, browse):
    connect(acme, samba_ad)
    enter(browse(), acme, "carla.mendes")
    for number in range(LOCKOUT_THRESHOLD * 3):
        enter(browse(f"192.0.{number}.1"), acme, "carla.mendes", "not the password")
    assert Directory(samba_ad).authenticate(login="carla.mendes", password=DEMO_PASSWORD)
    assert enter(browse(), acme, "carla.mendes").status_code == 302
