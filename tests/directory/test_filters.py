"""What a person types stays one value in the filter that is sent, read by a parser that the product does not use."""

from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts.directory import (
    AD,
    OPENLDAP,
    CredentialsRefused,
    Directory,
    DirectoryConfig,
    DirectoryUnavailable,
    Outage,
    Refusal,
    client,
    filters,
)
from accounts.directory.breaker import CircuitBreaker
from accounts.directory.browse import Cursor, decode_cursor, name_order
from accounts.directory.names import dn_key, escape_dn, same_branch
from tests.directory import rfc4515

NASTY = ["*)(|(uid=*", "\\00", "\0", "*)(objectClass=*", ")(", "a\\", "(&", "ä*", "x)(!(cn=*", "%s%(user)s", "\r\n"]
TYPED = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=60), st.text(alphabet='*()\\&|!=<>~:\0aä,+"#; %', max_size=40)
)
KINDS = [AD, OPENLDAP]


def connection(kind, **rest):
    return DirectoryConfig(
        kind=kind,
        url="ldap://127.0.0.1:1",
        base_dn="dc=acme,dc=test",
        bind_dn="cn=x",
        bind_password="y",
        refusal_floor=0.0,
        **rest,
    )


class Recorder:
    """Stands for a connection: remembers the filters, finds nobody, refuses every bind."""

    def __init__(self):
        self.filters = []
        self.binds = []

    def pages(self, base, scope, filter, attributes, **options):
        self.filters.append(filter)
        yield [], False

    def read(self, base, scope, filter, attributes):
        self.filters.append(filter)
        return []

    def bind(self, dn, password):
        self.binds.append(dn)
        raise CredentialsRefused(Refusal.WRONG_PASSWORD)


@contextmanager
def recorded(kind):
    """Yield a directory without a network, and what it sent."""
    recorder = Recorder()

    @contextmanager
    def not_connected(config, deadline, *, as_service=True):
        yield recorder

    original, client.connected = client.connected, not_connected
    try:
        yield Directory(connection(kind), breaker=CircuitBreaker()), recorder
    finally:
        client.connected = original


@pytest.mark.spec("AC-URL-7")
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(text=TYPED)
@example(text="*)(objectClass=*")
def test_a_search_sends_what_was_typed_as_the_beginning_of_values_and_nothing_else(kind, text):
    with recorded(kind) as (directory, recorder):
        assert directory.find(prefix=text) == []
    wanted = text.rpartition("\\")[2].strip()
    if not recorder.filters:
        assert not wanted or "\0" in wanted
        return
    (sent,) = recorder.filters
    kinds, leading = rfc4515.parse(sent)[1:]
    assert kinds == rfc4515.parse(filters.of_kinds(directory.config, {"user", "group"}))
    assert leading[0] == "|"
    assert {item[0] for item in leading[1:]} == {"sub"}
    assert {item[2] for item in leading[1:]} == {(wanted.encode(), b"")}
    assert {"samaccountname", "cn", "displayname"} <= {item[1] for item in leading[1:]}


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(login=TYPED)
def test_a_sign_in_sends_the_login_as_whole_values_and_nothing_else(kind, login):
    with recorded(kind) as (directory, recorder), pytest.raises(CredentialsRefused):
        directory.authenticate(login=login, password="x")
    (sent,) = recorder.filters
    people, term = rfc4515.parse(sent)[1:]
    assert people == rfc4515.parse(filters.people(directory.config))
    values = {item[2] for item in _leaves(term)}
    assert {item[0] for item in _leaves(term)} == {"="}
    typed = login.strip()
    parts = {typed, typed.rpartition("\\")[2], typed.rpartition("@")[0]}
    if typed and "\0" not in typed:
        assert values <= {part.encode() for part in parts}
    # A bind follows whoever was found, so that an unknown login takes no less than a wrong password.
    (dn,) = recorder.binds
    assert same_branch(dn, "dc=acme,dc=test")


def _leaves(tree):
    if tree[0] in ("&", "|", "!"):
        return [leaf for item in tree[1:] for leaf in _leaves(item)]
    return [tree]


@settings(deadline=None)
@given(dn=TYPED)
def test_a_distinguished_name_in_a_filter_stays_one_value(dn):
    assert rfc4515.parse(filters.member_in_chain(dn)) == ("ext", "member", filters.IN_CHAIN, dn.encode())
    assert rfc4515.parse(filters.equal("member", dn)) == ("=", "member", dn.encode())


@settings(deadline=None)
@given(value=st.binary(max_size=40))
def test_bytes_in_a_filter_stay_those_bytes(value):
    assert rfc4515.parse(filters.equal_bytes("objectSid", value)) == ("=", "objectsid", value)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(name=TYPED)
def test_the_name_of_a_cursor_stays_one_value(kind, name):
    order = name_order(connection(kind), "(cn=*)")
    tree = rfc4515.parse(order.after(name))
    (leaf,) = _leaves(tree)
    assert leaf[-1] == name.encode()


@settings(deadline=None)
@given(name=st.text(max_size=250), by_server=st.booleans(), identity=st.uuids())
def test_a_cursor_comes_back_as_it_was_made(name, by_server, identity):
    cursor = Cursor("objects", name, str(identity), by_server)
    assert decode_cursor(cursor.encode()) == cursor


@settings(deadline=None)
@given(text=st.text(max_size=200))
def test_a_cursor_that_is_none_is_no_error(text):
    decoded = decode_cursor(text)
    assert decoded is None or decode_cursor(decoded.encode()) == decoded


@settings(deadline=None)
@given(value=st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1))
def test_a_value_in_a_distinguished_name_stays_one_value(value):
    key = dn_key(f"cn={escape_dn(value)},dc=acme,dc=test")
    assert len(key) == 3
    assert same_branch(f"cn={escape_dn(value)},dc=acme,dc=test", "DC=Acme, DC=test")


@pytest.mark.parametrize(
    ("dn", "inside"),
    [
        ("dc=acme,dc=test", True),
        ("DC=ACME,DC=Test", True),
        ("ou=x, dc=acme, dc=test", True),
        ("dc=test", False),
        ("dc=evilacme,dc=test", False),
        ("cn=x\\,dc\\=acme\\,dc\\=test", False),
        ("cn=x\\,dc=acme,dc=test", False),
        ("ou=x,dc=acme,dc=test,dc=org", False),
        ("", False),
        ("acme", False),
    ],
)
def test_only_names_below_the_base_lie_below_it(dn, inside):
    assert same_branch(dn, "dc=acme,dc=test") is inside


@pytest.mark.parametrize("text", ["(a=b))(|(c=d)", "(a=b)(c=d)", "a=b", "(a=b", ")(", "(", " (a=b)"])
def test_a_filter_of_the_administrator_that_does_not_stay_closed_is_refused(text):
    for name in ("user_filter", "group_filter", "disabled_filter"):
        with pytest.raises(DirectoryUnavailable) as refused:
            connection(OPENLDAP, **{name: text})
        assert refused.value.reason is Outage.MISCONFIGURED
    connection(OPENLDAP, user_filter="(&(a=b)(!(c=\\28d)))")
