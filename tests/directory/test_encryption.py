"""Nothing that matters is said before TLS stands with a certificate that we trust: no downgrade, no fallback."""

from dataclasses import replace

import pytest

from accounts.directory import Directory, DirectoryConfig, DirectoryUnavailable, Outage, forget_breakers
from launcher.certificates import ensure_certificates
from tests.directory.servers import Proxy, ScriptedServer, done, within


@pytest.fixture(scope="module")
def trusted(tmp_path_factory):
    return ensure_certificates(tmp_path_factory.mktemp("trusted"))


@pytest.fixture(scope="module")
def of_a_stranger(tmp_path_factory):
    return ensure_certificates(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def of_another_host(tmp_path_factory):
    return ensure_certificates(tmp_path_factory.mktemp("other"), address="127.0.0.2", name="elsewhere")


def connection(server, authority, **rest):
    forget_breakers()
    return DirectoryConfig(
        kind="openldap",
        url=server.url,
        ca_file=str(authority),
        base_dn="dc=acme,dc=test",
        bind_dn="cn=roamkeep,dc=acme,dc=test",
        bind_password="canary-service-password",
        refusal_floor=0.0,
        **rest,
    )


def outage(config):
    with pytest.raises(DirectoryUnavailable) as raised:
        Directory(config).authenticate(login="bob", password="canary-password")
    return raised.value.reason


def test_the_scripted_server_hears_a_bind_when_its_certificate_is_good(trusted):
    with ScriptedServer(trusted, on_search=lambda base: [done()]) as server:
        with pytest.raises(Exception):  # noqa: B017, PT011 - it knows nobody
            Directory(connection(server, trusted.authority)).authenticate(login="bob", password="canary-password")
        assert server.seen[:2] == [
            ("starttls",),
            ("bind", "cn=roamkeep,dc=acme,dc=test", "canary-service-password"),
        ]


def test_a_certificate_of_an_unknown_authority_ends_it_before_any_bind(trusted, of_a_stranger):
    with ScriptedServer(of_a_stranger) as server:
        assert outage(connection(server, trusted.authority)) is Outage.TLS
        assert server.seen == [("starttls",)]


def test_a_certificate_for_another_host_ends_it_before_any_bind(of_another_host):
    with ScriptedServer(of_another_host) as server:
        assert outage(connection(server, of_another_host.authority)) is Outage.TLS
        assert server.seen == [("starttls",)]


@pytest.mark.parametrize("code", [1, 2, 8, 51, 52, 53, 80])
def test_a_server_that_refuses_starttls_hears_nothing_more(trusted, code):
    with ScriptedServer(trusted, start_tls=code) as server:
        assert outage(connection(server, trusted.authority)) is Outage.TLS
        assert within(2, lambda: server.seen == [("starttls",)])
        assert b"canary" not in server.plain_after_refusal
        # Nothing, or the polite end of the connection (UnbindRequest, RFC 4511 4.3).
        assert server.plain_after_refusal in (b"", b"\x30\x05\x02\x01\x02\x42\x00")


def test_a_real_server_under_another_authority_is_refused(config, of_a_stranger):
    assert outage(replace(config, ca_file=str(of_a_stranger.authority))) is Outage.TLS


def test_a_real_server_under_another_address_is_refused(config):
    with Proxy((config.host, config.port), host="127.0.0.66") as proxy:
        assert outage(replace(config, url=proxy.url)) is Outage.TLS
        assert proxy.connections == 1


def test_a_real_server_behind_the_right_address_is_not(config):
    with Proxy((config.host, config.port)) as proxy:
        assert Directory(replace(config, url=proxy.url)).check().has_people


def test_an_authority_file_that_is_not_there_is_refused(config, tmp_path):
    assert outage(replace(config, ca_file=str(tmp_path / "none.pem"))) in (Outage.TLS, Outage.PROTOCOL)


def test_environment_variables_of_libldap_do_not_loosen_the_check(config, of_a_stranger, monkeypatch):
    monkeypatch.setenv("LDAPTLS_REQCERT", "never")
    assert outage(replace(config, ca_file=str(of_a_stranger.authority))) is Outage.TLS


@pytest.mark.ad
@pytest.mark.xdist_group("samba")
def test_ldaps_works_with_a_checked_certificate_and_only_with_one(samba_ad, of_a_stranger):
    secure = replace(samba_ad, url=f"ldaps://{samba_ad.host}:636", start_tls=False)
    assert Directory(secure).check().has_people
    assert outage(replace(secure, ca_file=str(of_a_stranger.authority))) is Outage.TLS


def test_there_is_no_way_to_ask_for_a_connection_in_the_clear():
    plain = {
        "kind": "openldap",
        "url": "ldap://127.0.0.1",
        "base_dn": "dc=acme,dc=test",
        "bind_dn": "cn=x",
        "bind_password": "y",
        "start_tls": False,
    }
    with pytest.raises(DirectoryUnavailable) as refused:
        DirectoryConfig(**plain)
    assert refused.value.reason is Outage.MISCONFIGURED
