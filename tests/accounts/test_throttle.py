"""How fast passwords may be tried (decision 29): strangers are slowed, the person's own places never by them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import throttle
from accounts.models import KnownOrigin, SignInFailure, User
from accounts.origins import COOKIE, Origin, address_of, network_of, origin_of
from accounts.rereading import reread_all
from accounts.signals import lock_asked
from accounts.throttle import Slowed, account_key, reserve
from audit.tasks import write_tallies
from tests import factories
from tests.accounts.conftest import FAR, HOME, OFFICE, at_once, events, is_signed_in, sign_in_as, with_password

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def _wrong(browser, world, login="anna", times=1):
    return [sign_in_as(browser, world, login, "not the password").status_code for _ in range(times)]


def test_the_fourth_wrong_password_in_the_window_is_not_even_looked_at(acme, anna, browse, clock):
    assert _wrong(browse(FAR), acme, times=5) == [422, 422, 422, 429, 429]


def test_a_slowed_answer_says_when_to_come_back(acme, anna, browse, clock):
    _wrong(browse(FAR), acme, times=3)
    clock.shift(timedelta(minutes=4, seconds=30))
    answer = sign_in_as(browse(FAR), acme, "anna")
    assert answer.status_code == 429
    assert answer["Retry-After"] == "630"
    assert "try again in 11 minutes" in answer.content.decode()


def test_slowing_tells_nothing_about_the_account(acme, anna, browse, clock):
    known = [sign_in_as(browse(FAR), acme, "anna", "wrong one") for _ in range(5)]
    unknown = [sign_in_as(browse("192.0.3.1"), acme, "anno", "wrong one") for _ in range(5)]
    assert [answer.status_code for answer in known] == [answer.status_code for answer in unknown]
    assert known[-1]["Retry-After"] == unknown[-1]["Retry-After"]


def test_the_right_password_is_not_asked_for_while_slowed(acme, anna, browse, clock, monkeypatch):
    _wrong(browse(FAR), acme, times=3)
    monkeypatch.setattr("accounts.signin.prove", None)
    assert sign_in_as(browse(FAR), acme, "anna").status_code == 429


def test_the_window_ends_fifteen_minutes_after_the_last_counted_try(acme, anna, browse, clock):
    browser = browse(FAR)
    _wrong(browser, acme, times=3)
    clock.shift(timedelta(minutes=14, seconds=59))
    assert _wrong(browser, acme) == [429]
    clock.shift(timedelta(seconds=2))
    assert sign_in_as(browser, acme, "anna").status_code == 302


def test_never_more_tries_reach_the_directory_than_the_limit_in_any_window(acme, anna, clock):
    tried = []
    for minute in range(90):
        clock.move_to(NOON + timedelta(minutes=minute))
        with suppress(Slowed), acme.context():
            reserve(tenant_id=acme.pk, login="anna", origin=Origin(FAR, "", "far away"))
            tried.append(minute)
    assert all(later - earlier >= 15 for earlier, later in zip(tried, tried[3:], strict=False))
    assert len(tried) > 6


def test_many_networks_together_get_no_more_tries_at_one_account(acme, anna, browse, clock):
    answers = [_wrong(browse(f"192.0.{network}.1"), acme)[0] for network in range(2, 12)]
    assert answers == [422] * 3 + [429] * 7


@pytest.mark.parametrize("login", ["ACME\\anna", "anna@acme.test", "ANNA", " anna"])
def test_other_spellings_of_a_login_are_no_further_tries(acme, anna, browse, clock, login):
    _wrong(browse(FAR), acme, times=3)
    assert _wrong(browse(FAR), acme, login) == [429]


def test_a_thousand_wrong_tries_from_afar_do_not_stop_the_person_at_a_known_place(acme, anna, browse, clock):
    sign_in_as(browse(OFFICE), acme, "anna")
    for _ in range(1000):
        with suppress(Slowed), acme.context():
            reserve(tenant_id=acme.pk, login="anna", origin=Origin(FAR, "", "far away"))
        clock.shift(timedelta(seconds=2))
    assert _wrong(browse(FAR), acme) == [429]
    assert sign_in_as(browse(OFFICE), acme, "anna").status_code == 302
    assert not User.objects.get(pk=anna.user_id).locked_at


def test_a_browser_is_known_wherever_it_goes(acme, anna, browse, clock):
    browser = browse(HOME)
    sign_in_as(browser, acme, "anna")
    cookie = browser.cookies[COOKIE].value
    _wrong(browse("192.0.7.1"), acme, times=3)
    travelling = browse("192.0.7.1")
    travelling.cookies[COOKIE] = cookie
    assert sign_in_as(travelling, acme, "anna").status_code == 302


def test_a_colleague_in_the_same_network_does_not_use_up_the_tries_of_a_known_browser(acme, anna, browse, clock):
    own = browse(OFFICE)
    sign_in_as(own, acme, "anna")
    assert _wrong(browse(OFFICE), acme, times=4) == [422, 422, 422, 429]
    assert sign_in_as(own, acme, "anna").status_code == 302


@pytest.mark.parametrize("forged", ["", "x", "ImFiYyI:1abc:def", "anna"])
def test_a_forged_browser_cookie_is_a_stranger(acme, anna, browse, rf, forged):
    request = rf.get("/")
    request.COOKIES[COOKIE] = forged
    assert origin_of(request).browser == ""


def test_a_known_place_is_forgotten_after_ninety_days(acme, anna, browse, clock):
    browser = browse(OFFICE)
    sign_in_as(browser, acme, "anna")
    clock.shift(timedelta(days=90, seconds=1))
    _wrong(browse(FAR), acme, times=3)
    assert sign_in_as(browser, acme, "anna").status_code == 429


def test_knowing_one_account_makes_nobody_else_known(acme, anna, browse, clock):
    with_password(factories.member(acme, "Berta Baum", "berta"))
    browser = browse(OFFICE)
    sign_in_as(browser, acme, "anna")
    _wrong(browse(FAR), acme, "berta", times=3)
    assert sign_in_as(browser, acme, "berta").status_code == 429


def test_one_network_may_only_guess_so_often_whatever_the_account(acme, browse, clock, settings):
    settings.SIGN_IN_NETWORK_FAILURES = 5
    answers = [_wrong(browse(FAR), acme, f"person{number}")[0] for number in range(8)]
    assert answers == [422] * 5 + [429] * 3
    assert _wrong(browse("192.0.9.1"), acme, "person9") == [422]


def test_the_limit_of_a_network_does_not_touch_a_person_known_there(acme, anna, browse, clock, settings):
    sign_in_as(browse(OFFICE), acme, "anna")
    settings.SIGN_IN_NETWORK_FAILURES = 2
    _wrong(browse(OFFICE), acme, "nobody1")
    _wrong(browse(OFFICE), acme, "nobody2")
    assert _wrong(browse(OFFICE), acme, "nobody3") == [429]
    assert sign_in_as(browse(OFFICE), acme, "anna").status_code == 302


def test_a_success_gives_its_place_back(acme, anna, browse, clock):
    for _ in range(5):
        assert sign_in_as(browse(FAR), acme, "anna").status_code == 302


def test_a_success_at_a_known_place_forgets_the_failures_there(acme, anna, browse, clock):
    browser = browse(OFFICE)
    sign_in_as(browser, acme, "anna")
    for _ in range(3):
        assert _wrong(browser, acme, times=2) == [422, 422]
        assert sign_in_as(browser, acme, "anna").status_code == 302


def test_counters_of_two_tenants_are_two(acme, globex, anna, gina, browse, clock):
    with_password(factories.member(globex, "Anna Other", "anna"))
    _wrong(browse(FAR), acme, times=4)
    assert sign_in_as(browse(FAR), globex, "anna").status_code == 302


def test_counters_hold_no_login_in_the_clear(acme, anna, browse):
    _wrong(browse(FAR), acme, "my secret typed in the wrong field")
    sign_in_as(browse(OFFICE), acme, "anna")
    with acme.context():
        stored = str(list(SignInFailure.objects.values())) + str(list(KnownOrigin.objects.values()))
    assert "secret" not in stored
    assert OFFICE not in stored


# --- locked out (UC-63) ---------------------------------------------------------------------------------------------


def _fail_in_a_row(browser, world, clock, times):
    for _ in range(times):
        assert _wrong(browser, world) == [422]
        clock.shift(timedelta(minutes=16))


def test_five_failures_in_a_row_at_known_places_lock_a_local_account(acme, anna, browse, clock):
    browser = browse(OFFICE)
    sign_in_as(browser, acme, "anna")
    _fail_in_a_row(browser, acme, clock, 4)
    assert not User.objects.get(pk=anna.user_id).locked_at
    _fail_in_a_row(browser, acme, clock, 1)
    assert User.objects.get(pk=anna.user_id).locked_at
    assert sign_in_as(browser, acme, "anna").status_code == 422
    (event,) = events(acme, "account.locked")
    assert (event.subject_id, event.labels["failures"]) == (anna.pk, 5)


def test_a_locked_account_is_refused_at_the_next_request(acme, anna, browse, clock):
    signed_in, other = browse(OFFICE), browse(OFFICE)
    sign_in_as(signed_in, acme, "anna")
    clock.shift(timedelta(minutes=1))
    for _ in range(5):
        _wrong(other, acme)
        clock.shift(timedelta(minutes=16))
        signed_in.get(acme.url("account/"))
    assert not is_signed_in(signed_in, acme)


def test_failures_of_strangers_never_lock(acme, anna, browse, clock):
    sign_in_as(browse(OFFICE), acme, "anna")
    for _ in range(7):
        _wrong(browse(FAR), acme)
        clock.shift(timedelta(minutes=16))
    assert not User.objects.get(pk=anna.user_id).locked_at


def test_a_success_ends_the_row(acme, anna, browse, clock):
    browser = browse(OFFICE)
    sign_in_as(browser, acme, "anna")
    _fail_in_a_row(browser, acme, clock, 4)
    assert sign_in_as(browser, acme, "anna").status_code == 302
    _fail_in_a_row(browser, acme, clock, 4)
    assert not User.objects.get(pk=anna.user_id).locked_at


def test_locking_can_be_switched_off(acme, anna, browse, clock, settings):
    settings.SIGN_IN_LOCK_FAILURES = 0
    browser = browse(OFFICE)
    sign_in_as(browser, acme, "anna")
    _fail_in_a_row(browser, acme, clock, 8)
    assert not User.objects.get(pk=anna.user_id).locked_at


def test_an_app_above_may_keep_an_account_from_being_locked(acme, anna, browse, clock):
    def keep(sender, membership, **kwargs):
        return membership.pk == anna.pk

    lock_asked.connect(keep)
    try:
        browser = browse(OFFICE)
        sign_in_as(browser, acme, "anna")
        _fail_in_a_row(browser, acme, clock, 6)
    finally:
        lock_asked.disconnect(keep)
    assert not User.objects.get(pk=anna.user_id).locked_at


# --- races ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_attempts_side_by_side_count_like_attempts_one_after_another(acme, anna):
    origin = Origin(FAR, "", "far away")

    def attempt(number):
        try:
            with acme.context():
                reserve(tenant_id=acme.pk, login="anna", origin=origin)
        except Slowed:
            return "slowed"
        return "asked"

    results = at_once(8, attempt)
    assert sorted(results) == ["asked"] * 3 + ["slowed"] * 5


@pytest.mark.django_db(transaction=True)
def test_wrong_passwords_sent_at_once_are_all_counted(acme, anna):
    answers = at_once(6, lambda number: _wrong(Client(REMOTE_ADDR=FAR), acme)[0])
    assert sorted(answers) == [422] * 3 + [429] * 3
    write_tallies_later(acme)
    assert sum(event.count for event in events(acme, "signin.failed")) == 3
    assert sum(event.count for event in events(acme, "signin.slowed")) == 3


def write_tallies_later(world):
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        write_tallies()


@pytest.mark.django_db(transaction=True)
def test_two_failures_in_a_row_at_once_are_two(acme, anna):
    with acme.context():
        key = account_key(acme.pk, "anna")
        KnownOrigin.objects.create(tenant=acme.tenant, account_key=key, origin="desk", seen_at=timezone.now())
        attempt = reserve(tenant_id=acme.pk, login="anna", origin=Origin(FAR, "desk", "net"))

    def fail(number):
        with acme.context():
            return throttle.count_in_a_row(attempt)

    assert sorted(at_once(4, fail)) == [1, 2, 3, 4]


# --- events ---------------------------------------------------------------------------------------------------------


def test_equal_failures_of_one_origin_within_a_minute_are_one_event_with_a_count(acme, anna, browse, clock):
    browser = browse(FAR)
    _wrong(browser, acme, times=3)
    assert events(acme, "signin.failed") == []
    clock.shift(timedelta(seconds=61))
    write_tallies()
    (event,) = events(acme, "signin.failed")
    assert (event.count, event.at, event.outcome) == (3, NOON, "refused")
    assert (event.subject_id, event.actor_id) == (anna.pk, None)
    assert event.labels["address"] == FAR
    assert event.labels["reason"] == "wrong-password"
    write_tallies()
    assert len(events(acme, "signin.failed")) == 1


def test_failures_of_another_minute_or_origin_are_another_event(acme, anna, browse, clock):
    _wrong(browse(FAR), acme)
    _wrong(browse(HOME), acme)
    clock.shift(timedelta(seconds=70))
    _wrong(browse(FAR), acme)
    clock.shift(timedelta(seconds=70))
    write_tallies()
    assert [event.count for event in events(acme, "signin.failed")] == [1, 1, 1]


def test_slowed_attempts_are_told_apart_from_failed_ones(acme, anna, browse, clock):
    _wrong(browse(FAR), acme, times=8)
    clock.shift(timedelta(seconds=61))
    write_tallies()
    assert [event.count for event in events(acme, "signin.failed")] == [3]
    assert [event.count for event in events(acme, "signin.slowed")] == [5]


def test_a_success_writes_the_failures_before_it(acme, anna, browse, clock):
    browser = browse(OFFICE)
    _wrong(browser, acme, times=2)
    sign_in_as(browser, acme, "anna")
    told = [(event.verb, event.count) for event in events(acme) if event.verb.startswith("signin.")]
    assert told == [("signin.failed", 2), ("signin.succeeded", 1)]


def test_a_failed_login_that_nobody_has_is_not_written_down(acme, browse, clock):
    _wrong(browse(FAR), acme, "my secret typed in the wrong field")
    clock.shift(timedelta(seconds=61))
    write_tallies()
    (event,) = events(acme, "signin.failed")
    assert event.subject_id is None
    assert "secret" not in str(event.labels)


def test_sweeping_keeps_what_still_counts(acme, anna, browse, clock):
    browser = browse(OFFICE)
    sign_in_as(browser, acme, "anna")
    _wrong(browser, acme)
    _wrong(browse(FAR), acme, "nobody")
    clock.shift(timedelta(minutes=16))
    reread_all()
    with acme.context():
        assert list(SignInFailure.objects.values_list("origin", "failures")) == [(throttle.IN_A_ROW, 1)]
        assert KnownOrigin.objects.count() == 2
    clock.shift(timedelta(days=91))
    reread_all()
    with acme.context():
        assert KnownOrigin.objects.count() == 0


# --- where a request comes from -------------------------------------------------------------------------------------


def test_a_forwarded_address_is_read_only_behind_our_own_proxy(rf, settings):
    request = rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.9")
    assert address_of(request) == "10.0.0.1"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert address_of(request) == "203.0.113.9"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ("0.0.0.0", "0.0.0.0/24"),
    ],
)
def test_a_network_is_what_one_site_usually_has(address, network):
    assert network_of(address) == network


def test_odd_peer_addresses_do_no_harm(rf):
    for odd in ("", "unix:", "::ffff:198.51.100.7", "not an address"):
        assert origin_of(rf.get("/", REMOTE_ADDR=odd)).network
    assert address_of(rf.get("/", REMOTE_ADDR="::ffff:198.51.100.7")) == "198.51.100.7"
