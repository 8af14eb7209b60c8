"""Signing in against a real directory that fails: what the person reads, and that nothing changes."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.directory import DirectoryUnavailable, Outage
from accounts.models import Membership, SignInFailure
from accounts.secrets import seal
from audit.tasks import write_tallies
from tests import factories
from tests.accounts.conftest import (
    BOBS_GROUPS,
    PASSWORD,
    config_of_server,
    connect,
    enter,
    events,
    groups_of,
    is_signed_in,
    membership_of,
    with_password,
)
from tests.directory.servers import Proxy

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("samba")]


def test_a_directory_that_is_down_says_so_and_counts_nothing(acme, directory, browse):
    with acme.context():
        directory.url = "ldap://127.0.0.1:1"
        directory.save()
    for _ in range(5):
        answer = enter(browse(), acme, "bob")
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
    assert enter(browse(), acme, "lena", PASSWORD).status_code == 302


def test_a_wrong_local_password_tells_no_more_than_an_unknown_login_while_the_directory_is_down(
    acme, directory, browse
):
    with_password(factories.member(acme, "Lena Lang", "lena"))
    with acme.context():
        directory.url = "ldap://127.0.0.1:1"
        directory.save()
    assert [enter(browse(), acme, login, "wrong one").status_code for login in ("lena", "nobody.here")] == [503, 503]


def test_one_directory_down_does_not_stop_the_people_of_the_other(acme, changeable, directory, browse):
    connect(acme, config_of_server(changeable, "GLOBEX_DIRECTORY_"), name="Second")
    with acme.context():
        directory.url = "ldap://127.0.0.1:1"
        directory.save()
    assert enter(browse(), acme, "charlie").status_code == 302
    assert enter(browse(), acme, "charlie", "wrong one").status_code == 503


def test_a_directory_that_dies_between_bind_and_group_search_changes_nothing(acme, directory, browse, monkeypatch):
    enter(browse(), acme, "bob")
    before, groups = membership_of(acme, "bob"), groups_of(acme, "bob")
    factories.entry(acme, before, "persops.support_desk", [acme.finance])
    ended = len(events(acme))

    def dies(config, connection, record):
        raise DirectoryUnavailable(Outage.DOWN, "cut")

    monkeypatch.setattr("accounts.directory.client.groups_of", dies)
    browser = browse()
    assert enter(browser, acme, "bob").status_code == 503
    assert not is_signed_in(browser, acme)
    assert groups_of(acme, "bob") == groups
    assert membership_of(acme, "bob").groups_read_at == before.groups_read_at
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
            answer = enter(browse(), acme, "bob")
        outcomes.add(answer.status_code)
        with acme.context():
            joined = Membership.objects.filter(login="bob").exists()
        assert joined == (answer.status_code == 302)
        if joined:
            assert groups_of(acme, "bob") == BOBS_GROUPS
            break
    assert 503 in outcomes


def test_a_sealed_password_of_another_key_is_an_outage_and_no_error(acme, directory, browse, settings):
    settings.SECRET_KEY = "another" * 10
    sealed = seal("x")
    settings.SECRET_KEY = "test-" * 12
    with acme.context():
        directory.bind_password = sealed
        directory.save()
    assert enter(browse(), acme, "bob").status_code == 503


def test_a_wrong_service_account_is_told_apart_in_the_event_alone(acme, directory, browse, settings):
    with acme.context():
        directory.bind_password = seal("wrong")
        directory.save()
    answer = enter(browse(), acme, "bob")
    assert answer.status_code == 503
    assert "service" not in answer.content.decode()
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        write_tallies()
    (event,) = events(acme, "signin.failed")
    assert event.labels["reason"] == "service-account"


def test_a_changed_connection_is_used_at_once(acme, directory, browse):
    assert enter(browse(), acme, "bob").status_code == 302
    with acme.context():
        directory.user_filter = "(!(uid=bob))"
        directory.save()
    assert enter(browse(), acme, "bob").status_code == 422
