"""Signing in where there are several tenants or several directories: which one is asked, and where a session counts."""

import pytest

from tests import factories
from tests.accounts.conftest import FAR, config_of_server, connect, enter, is_signed_in, membership_of

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]


def test_each_tenant_asks_its_own_directory(acme, globex, directory, directory_of_globex, browse):
    assert enter(browse(), acme, "charlie").status_code == 422
    assert enter(browse(FAR), globex, "bob").status_code == 422
    browser = browse()
    assert enter(browser, globex, "charlie").status_code == 302
    assert is_signed_in(browser, globex)


def test_a_directory_session_is_valid_only_where_it_was_opened(acme, globex, directory, browse):
    browser = browse()
    enter(browser, acme, "bob")
    bob = membership_of(acme, "bob")
    factories.member(globex, "Bob Brandt", "bob", role="persops.primary_admin", user=bob.user)
    assert is_signed_in(browser, acme)
    assert browser.get(globex.url("account/")).status_code == 302


def test_one_directory_in_two_tenants_makes_two_people(acme, globex, changeable, directory, browse):
    connect(globex, config_of_server(changeable))
    enter(browse(), acme, "bob")
    enter(browse(), globex, "bob")
    here, there = membership_of(acme, "bob"), membership_of(globex, "bob")
    assert here.directory_uid == there.directory_uid
    assert here.user_id != there.user_id


def test_two_directories_of_a_tenant_are_asked_in_order(acme, changeable, directory, browse):
    second = connect(acme, config_of_server(changeable, "GLOBEX_DIRECTORY_"), name="Second")
    assert enter(browse(), acme, "charlie").status_code == 302
    assert membership_of(acme, "charlie").directory_id == second.pk


def test_an_inactive_connection_is_not_asked(acme, directory, browse):
    with acme.context():
        directory.is_active = False
        directory.save()
    assert enter(browse(), acme, "bob").status_code == 422
