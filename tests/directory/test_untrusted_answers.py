"""What a directory sends is untrusted: absent, repeated, not text, of any length, or plainly wrong."""

import logging
import struct
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.directory import (
    CredentialsRefused,
    Directory,
    DirectoryConfig,
    DirectoryUnavailable,
    Outage,
    Refusal,
    forget_breakers,
)
from accounts.directory.entries import LONGEST_TEXT, to_record
from accounts.directory.groups import primary_group_sid
from launcher.certificates import ensure_certificates
from tests.directory.servers import ScriptedServer, done, entry

BOB = uuid.UUID("a9d73862-197d-553e-960c-fbe35412c1fe")
PERSON = {"objectClass": [b"inetOrgPerson"], "cn": [b"Bob"], "uid": [b"bob"], "entryUUID": [str(BOB).encode()]}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return ensure_certificates(tmp_path_factory.mktemp("tls"))


def connection(kind="openldap", url="ldap://127.0.0.1:1", ca_file="", **rest):
    forget_breakers()
    values = {"base_dn": "dc=acme,dc=test", "bind_dn": "cn=roamkeep,dc=acme,dc=test", "bind_password": "canary-service"}
    return DirectoryConfig(kind=kind, url=url, ca_file=str(ca_file), **values | {"refusal_floor": 0.0} | rest)


def read(attributes, kind="openldap"):
    record = to_record(connection(kind), "cn=x,dc=acme,dc=test", attributes)
    return record.entry if record else None


@pytest.mark.parametrize("absent", list(PERSON))
def test_a_person_without_class_name_account_or_identity_does_not_exist(absent):
    assert read(PERSON).account == "bob"
    assert read({name: values for name, values in PERSON.items() if name != absent}) is None
    assert read(PERSON | {absent: []}) is None
    assert read(PERSON | {absent: [b"\xff\xfe"]}) is None


def test_an_identity_of_active_directory_is_read_in_its_byte_order():
    found = read(PERSON | {"sAMAccountName": [b"bob"], "objectGUID": [BOB.bytes_le]}, kind="ad")
    assert found.id == str(BOB)
    assert read(PERSON | {"sAMAccountName": [b"bob"], "objectGUID": [b"short"]}, kind="ad") is None


def test_of_many_values_the_first_that_is_text_counts():
    assert read(PERSON | {"displayName": [b"\xff", b"", b"  ", "Bób".encode(), b"Other"]}).name == "Bób"


def test_characters_that_hide_or_turn_text_are_left_out_and_lines_joined():
    name = "Bob\u202egnp.exe\0\n\tBuilder\u2066"
    assert read(PERSON | {"displayName": [name.encode()]}).name == "Bobgnp.exe Builder"


def test_names_are_cut_to_what_a_column_holds():
    assert len(read(PERSON | {"displayName": [b"x" * 100_000]}).name) == LONGEST_TEXT


@pytest.mark.parametrize("mail", [b"", b"x", b"a b@c", b"@", b"a@b@c", b"\xff@x", b"x" * 300 + b"@acme.test"])
def test_a_mail_attribute_that_is_no_address_is_none(mail):
    assert read(PERSON | {"mail": [mail]}).mail is None
    long = b"x" * 230 + b"@acme.test"
    assert read(PERSON | {"mail": [long]}).mail == long.decode()


@pytest.mark.parametrize(
    ("attributes", "enabled"),
    [
        ({"userAccountControl": [b"512"]}, True),
        ({"userAccountControl": [b"514"]}, False),
        ({"userAccountControl": [b"66050"]}, False),
        ({"userAccountControl": [b"not a number"]}, True),
        ({"userAccountControl": [b"9" * 50]}, True),
        ({"accountExpires": [b"0"]}, True),
        ({"accountExpires": [b"9223372036854775807"]}, True),
        ({"accountExpires": [b"129000000000000000"]}, False),
        ({"accountExpires": [b"-1"]}, False),
        ({"pwdAccountLockedTime": [b"000001010000Z"]}, False),
        ({"pwdAccountLockedTime": [b"20260101000000Z"]}, True),  # for a while, and from passwords only
    ],
)
def test_who_may_sign_in_is_read_from_the_attributes(attributes, enabled):
    assert read(PERSON | attributes).enabled is enabled


@pytest.mark.parametrize("other", [b"computer", b"contact", b"msDS-ManagedServiceAccount"])
def test_computers_and_contacts_are_not_people(other):
    classes = [b"top", b"person", b"organizationalPerson", b"user", other]
    assert read(PERSON | {"objectClass": classes}) is None


def test_the_domain_is_the_servers_word_then_the_setting_then_the_first_part_of_the_base():
    assert read(PERSON).domain == "ACME"
    assert read(PERSON | {"msDS-PrincipalName": [b"FINANCE\\bob"]}).domain == "FINANCE"
    assert to_record(connection(domain="CORP"), "cn=x,dc=acme,dc=test", PERSON).entry.domain == "CORP"


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*PERSON, "mail", "userAccountControl", "accountExpires", "objectGUID", "hasSubordinates"]),
        st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"user", b"group", b"container"])), max_size=3),
    ),
    st.sampled_from(["ad", "openldap"]),
)
def test_no_attributes_whatever_break_the_reading(attributes, kind):
    found = read(PERSON | attributes, kind)
    if found is not None:
        assert found.id == str(uuid.UUID(found.id))
        assert found.name
        assert "\0" not in found.name + found.account + (found.mail or "")


@settings(deadline=None)
@given(sid=st.binary(max_size=40), relative=st.one_of(st.just(b"513"), st.binary(max_size=12)))
def test_no_security_identifier_whatever_breaks_the_primary_group(sid, relative):
    found = primary_group_sid({"objectsid": [sid], "primarygroupid": [relative]})
    assert found is None or len(found) == len(sid)


def test_the_primary_group_is_the_persons_identifier_with_another_last_part():
    own = b"\x01\x05" + b"\0\0\0\0\0\x05" + struct.pack("<5I", 21, 1, 2, 3, 1147)
    expected = own[:-4] + struct.pack("<I", 513)
    assert primary_group_sid({"objectsid": [own], "primarygroupid": [b"513"]}) == expected
    assert primary_group_sid({"objectsid": [own[:-1]], "primarygroupid": [b"513"]}) is None


# -- whole conversations -----------------------------------------------------------------------------------------------


def bob_and_no_groups():
    found = iter([[entry("cn=Bob,dc=acme,dc=test", PERSON), done()]])
    return lambda base: next(found, [done()])


def test_a_scripted_sign_in_works_so_that_the_refusals_below_mean_something(certificates):
    with ScriptedServer(certificates, on_search=bob_and_no_groups()) as server:
        person = Directory(connection(url=server.url, ca_file=certificates.authority)).authenticate(
            login="bob", password="right"
        )
    assert (person.entry.id, person.groups) == (str(BOB), ())


def test_results_that_are_not_utf8_are_an_outage_not_a_crash(certificates):
    broken = entry("cn=Bob,dc=acme,dc=test", PERSON)
    broken["objectName"] = b"cn=\xff\xfe,dc=acme,dc=test"
    with ScriptedServer(certificates, on_search=lambda base: [broken, done()]) as server:
        directory = Directory(connection(url=server.url, ca_file=certificates.authority))
        with pytest.raises(DirectoryUnavailable) as outage:
            directory.find(prefix="bob")
    assert outage.value.reason is Outage.PROTOCOL


def test_two_people_with_one_login_are_ambiguous_and_neither_is_asked_for_the_password(certificates):
    other = PERSON | {"entryUUID": [str(uuid.uuid4()).encode()]}
    results = [entry("cn=Bob,dc=acme,dc=test", PERSON), entry("cn=Bob,ou=x,dc=acme,dc=test", other), done()]
    with ScriptedServer(certificates, on_search=lambda base: results) as server:
        directory = Directory(connection(url=server.url, ca_file=certificates.authority))
        with pytest.raises(CredentialsRefused) as refused:
            directory.authenticate(login="bob", password="x")
        assert refused.value.reason is Refusal.AMBIGUOUS
        assert not [seen for seen in server.seen if seen[0] == "bind" and seen[1].startswith("cn=Bob")]


def test_an_unknown_login_asks_the_server_exactly_as_much_as_a_wrong_password(certificates):
    def conversation(login, found):
        def refuse_people(dn):
            return (0, "") if dn.startswith("cn=roamkeep") else (49, "")

        with ScriptedServer(certificates, on_bind=refuse_people, on_search=lambda base: [*found, done()]) as server:
            waits = []
            directory = Directory(
                connection(url=server.url, ca_file=certificates.authority, refusal_floor=30.0), sleep=waits.append
            )
            with pytest.raises(CredentialsRefused):
                directory.authenticate(login=login, password="wrong")
            return [seen[0] for seen in server.seen], waits

    known, wait_known = conversation("bob", [entry("cn=Bob,dc=acme,dc=test", PERSON)])
    unknown, wait_unknown = conversation("nobody", [])
    assert known == unknown == ["starttls", "bind", "search", "starttls", "bind"]
    # The clock of the answer is set by us, not by how fast a server tells a wrong password from an unknown name.
    (for_known,), (for_unknown,) = wait_known, wait_unknown
    assert 20 < for_known <= 30
    assert 20 < for_unknown <= 30


@pytest.mark.parametrize(
    ("code", "words", "reason"),
    [
        (
            49,
            "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v2580",
            "WRONG_PASSWORD",
        ),
        (49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 525, v2580", "UNKNOWN"),
        (
            49,
            "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 530, v2580",
            "NOT_ALLOWED_NOW",
        ),
        (
            49,
            "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 531, v2580",
            "NOT_ALLOWED_NOW",
        ),
        (
            49,
            "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 532, v2580",
            "PASSWORD_EXPIRED",
        ),
        (49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 533, v2580", "DISABLED"),
        (49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 701, v2580", "EXPIRED"),
        (
            49,
            "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 773, v2580",
            "PASSWORD_EXPIRED",
        ),
        (49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 775, v2580", "LOCKED"),
        (49, "data 533", "WRONG_PASSWORD"),
        (49, "", "WRONG_PASSWORD"),
        (53, "", "WRONG_PASSWORD"),
        (19, "", "WRONG_PASSWORD"),
        (48, "", "WRONG_PASSWORD"),
        (32, "", "WRONG_PASSWORD"),
    ],
)
def test_the_reason_of_a_refused_bind_is_kept_for_the_audit(certificates, code, words, reason):
    def bind(dn):
        return (0, "") if dn.startswith("cn=roamkeep") else (code, words)

    with ScriptedServer(certificates, on_bind=bind, on_search=bob_and_no_groups()) as server:
        directory = Directory(connection(url=server.url, ca_file=certificates.authority))
        with pytest.raises(CredentialsRefused) as refused:
            directory.authenticate(login="bob", password="x")
    assert refused.value.reason is Refusal[reason]


@pytest.mark.parametrize("code", [1, 2, 10, 51, 52, 80])
def test_a_bind_that_fails_for_the_servers_own_reasons_is_an_outage(certificates, code):
    def bind(dn):
        return (0, "") if dn.startswith("cn=roamkeep") else (code, "")

    with ScriptedServer(certificates, on_bind=bind, on_search=bob_and_no_groups()) as server:
        directory = Directory(connection(url=server.url, ca_file=certificates.authority))
        with pytest.raises(DirectoryUnavailable):
            directory.authenticate(login="bob", password="x")


def test_a_password_policy_that_locked_the_account_is_told_to_the_audit(certificates):
    locked = PERSON | {"pwdAccountLockedTime": [b"20260101000000Z"]}

    def bind(dn):
        return (0, "") if dn.startswith("cn=roamkeep") else (49, "")

    with ScriptedServer(
        certificates, on_bind=bind, on_search=lambda base: [entry("cn=Bob,dc=acme,dc=test", locked), done()]
    ) as server:
        directory = Directory(connection(url=server.url, ca_file=certificates.authority))
        with pytest.raises(CredentialsRefused) as refused:
            directory.authenticate(login="bob", password="x")
    assert refused.value.reason is Refusal.LOCKED


def test_words_slipped_in_behind_the_answer_to_starttls_end_the_connection(certificates):
    # Before the handshake anybody in between could say them; afterwards they would pass for the server's.
    with ScriptedServer(certificates, slip_in=b"\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00") as server:
        with pytest.raises(DirectoryUnavailable) as outage:
            Directory(connection(url=server.url, ca_file=certificates.authority)).check()
        assert outage.value.reason is Outage.TLS
        assert server.seen == [("starttls",)]


def test_passwords_are_in_no_log_and_no_error(certificates, caplog):
    caplog.set_level(logging.DEBUG)
    texts = []
    for bind in (lambda dn: (0, ""), lambda dn: (49, "no"), lambda dn: (80, "canary of the server")):
        with ScriptedServer(certificates, on_bind=bind, on_search=bob_and_no_groups()) as server:
            config = connection(url=server.url, ca_file=certificates.authority)
            texts.append(repr(config))
            try:
                texts.append(repr(Directory(config).authenticate(login="bob", password="canary-password")))
            except (CredentialsRefused, DirectoryUnavailable) as error:
                texts += [str(error), repr(error), repr(error.__cause__)]
    told = "\n".join(texts) + caplog.text
    assert "canary-password" not in told
    assert "canary-service" not in told
