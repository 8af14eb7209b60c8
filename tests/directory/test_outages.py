"""A directory that is down, silent, slow or dies half way: a bounded wait, one kind of error, nothing in between."""

import socket
import threading
import time
from dataclasses import replace

import pytest

from accounts.directory import (
    CredentialsRefused,
    Directory,
    DirectoryConfig,
    DirectoryUnavailable,
    Outage,
    client,
    forget_breakers,
)
from accounts.directory.breaker import FAILURES_TO_OPEN, SECONDS_OPEN, CircuitBreaker
from launcher.certificates import ensure_certificates
from launcher.demo_people import DEMO_PASSWORD
from tests.directory.servers import Half, Proxy, ScriptedServer, black_hole, done, entry, reference

PATIENT = 10.0  # seconds: far below a hang, far above what a busy machine needs


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return ensure_certificates(tmp_path_factory.mktemp("tls"))


def scripted(server, certificates, **rest):
    forget_breakers()
    values = {
        "kind": "openldap",
        "url": server.url,
        "ca_file": str(certificates.authority),
        "base_dn": "dc=acme,dc=test",
        "bind_dn": "cn=roamkeep,dc=acme,dc=test",
        "bind_password": "service",
        "refusal_floor": 0.0,
    }
    return DirectoryConfig(**values | rest)


def outage(ask):
    with pytest.raises(DirectoryUnavailable) as raised:
        ask()
    return raised.value.reason


def sign_in(config):
    return lambda: Directory(config).authenticate(login="bob", password=DEMO_PASSWORD)


def test_the_limits_are_three_seconds_a_step_and_five_in_all():
    limits = DirectoryConfig(
        kind="ad", url="ldaps://dc.acme.test", base_dn="dc=acme,dc=test", bind_dn="x", bind_password="y"
    )
    assert (limits.connect_timeout, limits.timeout, limits.call_limit) == (3.0, 3.0, 5.0)
    assert (FAILURES_TO_OPEN, SECONDS_OPEN) == (3, 15.0)


def test_a_directory_that_does_not_listen_is_down(config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    closed = replace(config, url=f"ldap://127.0.0.1:{port}")
    for ask in (
        sign_in(closed),
        lambda: Directory(closed).find(prefix="bob"),
        Directory(closed).children,
        lambda: Directory(closed).entry("00000000-0000-0000-0000-000000000001"),
    ):
        assert outage(ask) is Outage.DOWN
        forget_breakers()


def test_a_name_that_does_not_resolve_is_down(config):
    assert outage(sign_in(replace(config, url="ldap://directory.invalid"))) is Outage.DOWN


def test_a_resolver_of_names_that_never_answers_costs_its_time_limit(config, monkeypatch):
    released = threading.Event()

    def hangs(*_, **__):
        released.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "released")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    started = time.monotonic()
    try:
        slow = replace(config, url="ldap://dc.acme.test", connect_timeout=0.2, timeout=0.2)
        assert outage(sign_in(slow)) is Outage.SLOW
        assert time.monotonic() - started < PATIENT
    finally:
        released.set()


def test_a_black_hole_that_accepts_and_never_answers_costs_its_time_limit(config):
    with black_hole() as hole:
        silent = replace(config, url=f"ldap://127.0.0.1:{hole.getsockname()[1]}", timeout=0.3)
        started = time.monotonic()
        assert outage(sign_in(silent)) is Outage.SLOW
        assert time.monotonic() - started < PATIENT


@pytest.mark.parametrize("answered", [1, 7, 14, 60, 700, 1500, 1900, 2300])
def test_a_server_that_falls_silent_at_any_point_costs_its_time_limit(config, answered):
    # In the answer to StartTLS, in the handshake, after it: a part of a message is the worst, libldap waits for more.
    with Proxy((config.host, config.port), limit=answered) as proxy:
        stalled = replace(config, url=proxy.url, timeout=0.4, connect_timeout=0.4)
        started = time.monotonic()
        outage(sign_in(stalled))
        assert time.monotonic() - started < PATIENT


@pytest.mark.parametrize("sent", [1, 2, 3, 20, -3])
def test_a_message_of_which_only_a_part_arrives_costs_its_time_limit(certificates, sent):
    bob = entry("cn=Bob,dc=acme,dc=test", {"cn": [b"Bob" * 100]})
    with ScriptedServer(certificates, on_search=lambda base: [Half(bob, sent, 20.0)]) as server:
        started = time.monotonic()
        assert outage(sign_in(scripted(server, certificates, timeout=0.3))) is Outage.SLOW
        assert time.monotonic() - started < PATIENT


def test_a_server_that_answers_each_step_just_in_time_is_cut_off_by_the_limit_of_the_call(certificates):
    def slowly(_):
        time.sleep(0.25)
        return 0, ""

    with ScriptedServer(certificates, on_bind=slowly, on_search=lambda base: time.sleep(0.25) or [done()]) as server:
        config = scripted(server, certificates, timeout=2.0, call_limit=0.6)
        assert outage(sign_in(config)) is Outage.SLOW


@pytest.mark.spec("AC-LOG-3")
def test_a_directory_that_dies_between_bind_and_group_search_fails_the_sign_in(config, monkeypatch):
    with Proxy((config.host, config.port)) as proxy:
        through = replace(config, url=proxy.url)
        assert Directory(through).authenticate(login="bob", password=DEMO_PASSWORD).groups
        original = client.groups_of
        reached = []

        def dies_first(*arguments):
            reached.append(arguments)
            proxy.cut()
            return original(*arguments)

        monkeypatch.setattr(client, "groups_of", dies_first)
        assert outage(sign_in(through)) is Outage.DOWN
        assert len(reached) == 1


def test_a_group_search_that_ends_in_an_error_fails_the_sign_in(certificates):
    bob = entry(
        "cn=Bob,dc=acme,dc=test",
        {
            "objectClass": [b"inetOrgPerson"],
            "cn": [b"Bob"],
            "uid": [b"bob"],
            "entryUUID": [b"a9d73862-197d-553e-960c-fbe35412c1fe"],
        },
    )
    answers = iter([[bob, done()], [done(80, "broken")]])
    with ScriptedServer(certificates, on_search=lambda base: next(answers)) as server:
        assert outage(sign_in(scripted(server, certificates))) is Outage.PROTOCOL


@pytest.mark.parametrize(
    ("code", "reason"),
    [(3, Outage.SLOW), (4, Outage.TOO_LARGE), (11, Outage.TOO_LARGE), (51, Outage.DOWN), (52, Outage.DOWN)],
)
def test_a_search_that_ends_early_is_an_outage_and_not_a_short_answer(certificates, code, reason):
    with ScriptedServer(certificates, on_search=lambda base: [done(code)]) as server:
        assert outage(sign_in(scripted(server, certificates))) is reason
        assert outage(lambda: Directory(scripted(server, certificates)).find(prefix="a")) is reason


def test_referrals_and_references_are_not_followed(certificates):
    with ScriptedServer(certificates) as elsewhere:
        link = f"{elsewhere.url}/dc=acme,dc=test"
        with ScriptedServer(certificates, on_search=lambda base: [reference(link), done()]) as server:
            assert Directory(scripted(server, certificates)).find(prefix="bob") == []
        with ScriptedServer(certificates, on_search=lambda base: [done(10, referral=link)]) as server:
            directory = Directory(scripted(server, certificates))
            assert outage(lambda: directory.find(prefix="bob")) is Outage.MISCONFIGURED
        assert elsewhere.seen == []


def test_pages_without_end_are_ended(certificates):
    with ScriptedServer(certificates, on_search=lambda base: [done(cookie=b"more")]) as server:
        directory = Directory(scripted(server, certificates, call_limit=60.0))
        assert outage(lambda: directory.read_many(["a9d73862-197d-553e-960c-fbe35412c1fe"])) is Outage.PROTOCOL


# -- the circuit -----------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_the_circuit_opens_after_three_failures_and_closes_after_a_good_trial(config):
    clock = Clock()
    breaker = CircuitBreaker(clock=clock)
    with Proxy((config.host, config.port), limit=0) as broken:
        down = Directory(replace(config, url=broken.url, timeout=0.2), breaker=breaker)
        for _ in range(FAILURES_TO_OPEN):
            assert outage(lambda: down.find(prefix="bob")) is Outage.SLOW
        asked = broken.connections
        assert outage(lambda: down.find(prefix="bob")) is Outage.CIRCUIT_OPEN
        assert outage(lambda: down.authenticate(login="bob", password="x")) is Outage.CIRCUIT_OPEN
        assert broken.connections == asked
        clock.now += SECONDS_OPEN - 0.1
        assert outage(lambda: down.find(prefix="bob")) is Outage.CIRCUIT_OPEN
        clock.now += 0.2
        assert outage(lambda: down.find(prefix="bob")) is Outage.SLOW  # the one trial
        assert broken.connections == asked + 1
        assert outage(lambda: down.find(prefix="bob")) is Outage.CIRCUIT_OPEN
    clock.now += SECONDS_OPEN + 0.1
    well = Directory(config, breaker=breaker)
    assert well.find(prefix="bob")
    assert not breaker.is_open
    assert well.find(prefix="bob")


def test_refused_credentials_never_open_the_circuit(config):
    directory = Directory(config)
    for login in ["bob", "nobody"] * FAILURES_TO_OPEN:
        with pytest.raises(CredentialsRefused):
            directory.authenticate(login=login, password="wrong")
    assert directory.find(prefix="bob")


def test_failures_open_it_only_in_a_row():
    breaker = CircuitBreaker(clock=Clock())
    for _ in range(3):
        for _ in range(FAILURES_TO_OPEN - 1):
            fail(breaker, Outage.DOWN)
        with breaker.watch():
            pass
    assert not breaker.is_open


def test_an_answer_that_is_too_large_says_nothing_about_the_way_to_the_directory():
    breaker = CircuitBreaker(clock=Clock())
    for _ in range(10):
        fail(breaker, Outage.TOO_LARGE)
    assert not breaker.is_open


def test_one_caller_alone_tries_an_open_circuit():
    clock = Clock()
    breaker = CircuitBreaker(clock=clock)
    for _ in range(FAILURES_TO_OPEN):
        fail(breaker, Outage.DOWN)
    clock.now += SECONDS_OPEN + 0.1
    entered, leave, refused = threading.Event(), threading.Event(), []

    def trial():
        with breaker.watch():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=trial)
    thread.start()
    assert entered.wait(10)
    for _ in range(3):
        refused.append(outage(lambda: breaker.watch().__enter__()))
    leave.set()
    thread.join(10)
    assert refused == [Outage.CIRCUIT_OPEN] * 3
    assert not breaker.is_open


def test_a_connection_test_asks_even_while_the_circuit_is_open_and_closes_it(config):
    breaker = CircuitBreaker(clock=Clock())
    for _ in range(FAILURES_TO_OPEN):
        fail(breaker, Outage.DOWN)
    directory = Directory(config, breaker=breaker)
    assert outage(directory.children) is Outage.CIRCUIT_OPEN
    assert directory.check().has_people
    assert directory.children().entries


def test_a_corrected_connection_does_not_wait_for_the_circuit_of_the_wrong_one(config):
    wrong = replace(config, bind_password="wrong")
    for _ in range(FAILURES_TO_OPEN):
        assert outage(Directory(wrong).children) is Outage.SERVICE_ACCOUNT
    assert outage(Directory(wrong).children) is Outage.CIRCUIT_OPEN
    assert Directory(config).children().entries


def fail(breaker, reason):
    with pytest.raises(DirectoryUnavailable), breaker.watch():
        raise DirectoryUnavailable(reason)
