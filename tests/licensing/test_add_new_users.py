"""Add New Users through HTTP: many addresses, one role set, all or none, and every word typed is kept."""

import datetime
import html
import re
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import User
from audit.models import Event
from audit.tallies import write_open
from config.tenancy import operator_context
from licensing.actions.blocks import block_addresses
from licensing.actions.groups import ask_domain
from licensing.actions.invitations import VALID
from licensing.models import LicenseGroupMember
from licensing.tasks import send_mails
from tests.licensing import people
from tests.licensing.mailserver import mail_server

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.usefixtures("bells"),
]


@pytest.fixture
def desk(group, anna, sign_in):
    """The browser of the group's owner."""
    return sign_in(anna)


@pytest.fixture
def add(acme, group, desk):
    """Return a function that posts the form."""

    def post(addresses="ida@acme.test", roles=("user",), htmx=False, **more):
        body = {"submission": str(uuid.uuid4()), "addresses": addresses, "roles": list(roles), "words": ""} | more
        headers = {"HX-Request": "true", "HX-Target": "dialog"} if htmx else {}
        return desk.post(url(acme, group), body, headers=headers)

    return post


def url(world, group):
    return world.url(f"licensing/{group.pk}/users/add/")


def pending(world, group):
    """Return {address: (User, Admin, generation)} of what is pending."""
    with world.context():
        rows = LicenseGroupMember.objects.filter(group_id=group.pk, status="pending").order_by("address_key")
        return {row.address: (row.is_user, row.is_admin, row.generation) for row in rows}


def problems(answer):
    """Return {address: sentence} of the per-address messages."""
    found = re.findall(r'<li data-problem="([^"]*)">(.*?)</li>', answer.text, re.S)
    return {html.unescape(one): html.unescape(re.sub(r"<[^>]+>", "", words)).strip() for one, words in found}


@pytest.mark.spec("LG-49", "LG-54", "LG-57")
def test_the_form_asks_for_addresses_roles_and_words_and_looking_stores_nothing(acme, group, desk, bells):
    page = desk.get(url(acme, group))
    for part in (
        'name="addresses"',
        'name="roles" value="user"',
        'name="roles" value="admin"',
        'name="words"',
        "Invite",
    ):
        assert part in page.text
    assert 'enctype="multipart/form-data"' in page.text
    dialog = desk.get(url(acme, group), headers={"HX-Request": "true", "HX-Target": "dialog"})
    assert "<html" not in dialog.text
    assert 'hx-encoding="multipart/form-data"' in dialog.text
    assert (pending(acme, group), bells) == ({}, [])


@pytest.mark.spec("LG-53", "LG-54", "LG-56", "LG-58", "LG-E1")
def test_every_address_gets_a_pending_row_with_the_same_roles_for_seven_days(acme, group, add, bells):
    before = timezone.now()
    answer = add("ida@acme.test\njan@partner.test", ["user", "admin"], words="Welcome\r\nall")
    assert (answer.status_code, answer["Location"]) == (303, acme.url(f"licensing/{group.pk}/users/"))
    assert pending(acme, group) == {"ida@acme.test": (True, True, 1), "jan@partner.test": (True, True, 1)}
    row = people.row_of(acme, group, "ida@acme.test")
    assert row.expires_at - row.sent_at == VALID == datetime.timedelta(days=7)
    assert row.added_at == row.sent_at >= before
    assert (row.mail_state, row.words, row.first_name, row.last_name) == ("pending", "Welcome\nall", "", "")
    assert row.invited_by == "Anna Ahlers (anna)"
    assert bells == [acme.pk]
    assert people.used(acme, group) == 0  # LG-61
    assert people.verbs(acme, group)[-3:] == ["license.invited-many", "license.invited", "license.invited"]


def test_in_the_dialog_the_answer_closes_it_and_reloads_the_list(add):
    answer = add(htmx=True)
    assert answer.status_code == 204
    assert "license-members-changed" in answer["HX-Trigger"]
    assert "1 invitation is on its way." in answer["HX-Trigger"]


@pytest.mark.spec("LG-66")
@pytest.mark.parametrize(
    "typed",
    [
        "ida@acme.test, jan@acme.test; IDA@acme.test\n\nJan@ACME.test",
        'Ida Ilg <ida@acme.test>, "Jus, Jan" <jan@acme.test>',
        "ida@acme.test, Jan Jus <jan@acme.test>\nIda <IDA@acme.test>",
        " ida@acme.test jan@acme.test\tida@acme.test ",
        ";,ida@acme.test,;\r\n\r\njan@acme.test,",
    ],
)
def test_addresses_come_in_many_writings_and_doubles_collapse(acme, group, add, typed):
    assert add(typed).status_code == 303
    assert list(pending(acme, group)) == ["ida@acme.test", "jan@acme.test"]


@pytest.mark.spec("LG-50", "LG-67")
def test_one_wrong_line_sends_nothing_and_each_is_told(acme, group, add, bells):
    typed = "ida@acme.test\nnonsense\nk\u0131m@acme.test\njan@\n<script>@x.test"
    answer = add(typed, words="Keep me", htmx=True)
    assert answer.status_code == 422
    told = problems(answer)
    assert set(told) == {"nonsense", "k\u0131m@acme.test", "jan@", "<script>@x.test"}
    assert told["nonsense"] == "“nonsense” is no mail address."
    assert "only looks like another letter" in told["k\u0131m@acme.test"]
    assert "Nothing was sent." in answer.text
    for kept in ("ida@acme.test", "nonsense", "k\u0131m@acme.test", "Keep me"):
        assert kept in answer.text
    assert "<script>@" not in answer.text
    assert re.search(r'value="user"[^>]*checked', answer.text)
    assert (pending(acme, group), bells) == ({}, [])


@pytest.mark.spec("LG-55")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"roles": []}, "Choose at least one role."),
        ({"roles": ["owner"]}, "owner is not one of the available choices"),
        ({"addresses": ""}, "Enter at least one address."),
        ({"addresses": " ,;\n"}, "Enter at least one address."),
        ({"words": "x" * 1001}, "at most 1000 characters"),
        ({"addresses": "\n".join(f"p{number}@acme.test" for number in range(101))}, "At most 100 addresses"),
        ({"addresses": "x " * 20_000}, "At most 100 addresses"),
    ],
    ids=["no role", "unknown role", "no address", "only marks", "long words", "101", "no list"],
)
def test_the_server_holds_what_the_button_promises(acme, group, add, bells, body, words):
    answer = add(**body)
    assert answer.status_code == 422
    assert words in html.unescape(answer.text)
    assert (pending(acme, group), bells) == ({}, [])


@pytest.mark.spec("LG-53")
def test_a_hundred_addresses_and_a_thousand_characters_are_taken(acme, group, add):
    doubles = "\n".join(f"p{number}@acme.test\nP{number}@ACME.test" for number in range(100))
    assert add(doubles, words="\r\n" * 1 + "x\r\n" * 500).status_code == 303
    assert len(pending(acme, group)) == 100


@pytest.mark.spec("LG-63", "LG-102", "LG-103")
def test_a_blocked_address_is_refused_as_user_and_taken_as_admin(acme, group, add, by):
    with acme.context():
        block_addresses(tenant_id=acme.pk, group_id=group.pk, addresses=[("Ida@acme.test", "ida@acme.test")], by=by)
    answer = add("ida@acme.test\njan@acme.test")
    assert answer.status_code == 422
    assert list(problems(answer)) == ["ida@acme.test"]
    assert "Blocked User Roles" in problems(answer)["ida@acme.test"]
    assert pending(acme, group) == {}
    assert add("ida@acme.test", ["admin"]).status_code == 303
    assert pending(acme, group) == {"ida@acme.test": (False, True, 1)}


@pytest.mark.spec("LG-64")
def test_a_member_is_refused_per_address_with_an_event(acme, group, user, add):
    answer = add("frank@acme.test\njan@acme.test")
    assert answer.status_code == 422
    assert problems(answer) == {"frank@acme.test": "frank@acme.test is a member already: edit the roles instead."}
    assert pending(acme, group) == {}
    with acme.context():
        write_open(acme.pk)
        event = Event.objects.get(verb="access.refused")
    assert (event.labels["reason"], event.license_group_id) == ("addresses", group.pk)


@pytest.mark.spec("LG-65")
def test_an_open_invitation_is_told_and_offered_to_be_sent_again(acme, group, add, bells):
    add("ida@acme.test", ["user"])
    first = people.row_of(acme, group, "ida@acme.test")
    answer = add("IDA@acme.test\njan@acme.test", ["admin"])
    assert answer.status_code == 422
    assert list(problems(answer)) == ["ida@acme.test"]
    assert 'type="checkbox" name="again"' in answer.text
    assert pending(acme, group) == {"ida@acme.test": (True, False, 1)}
    assert add("IDA@acme.test\njan@acme.test", ["admin"], again="on").status_code == 303
    assert pending(acme, group) == {"ida@acme.test": (False, True, 2), "jan@acme.test": (False, True, 1)}
    second = people.row_of(acme, group, "ida@acme.test")
    assert second.pk == first.pk
    assert second.expires_at > first.expires_at
    assert bells == [acme.pk] * 2


@pytest.mark.spec("LG-59")
def test_after_expiry_an_address_is_simply_invited_anew(acme, group, add):
    add("ida@acme.test")
    with acme.context():
        LicenseGroupMember.objects.filter(user=None).update(expires_at=timezone.now())
    assert add("ida@acme.test").status_code == 303
    assert pending(acme, group) == {"ida@acme.test": (True, False, 2)}


@pytest.mark.spec("LG-62", "LG-61")
def test_more_invitations_than_licences_are_warned_of_before_and_after_and_sent(acme, group, add, desk):
    page = desk.get(url(acme, group))
    assert "5 licences are free. 0 invitations as User are open." in page.text
    assert 'data-room="5"' in page.text
    answer = add("\n".join(f"p{number}@acme.test" for number in range(7)), htmx=True)
    assert "There are 2 more invitations than free licences." in answer["HX-Trigger"]
    page = desk.get(url(acme, group))
    assert "7 invitations as User are open." in page.text
    assert "There are 2 more invitations than free licences." in page.text
    answer = add("boss@acme.test", ["admin"], htmx=True)  # needs no licence
    assert answer.status_code == 204
    assert "more invitations" not in answer["HX-Trigger"]


@pytest.mark.spec("LG-76", "LG-160")
def test_a_verified_person_of_the_groups_domain_is_in_at_once(acme, group, add, by):
    people.person(acme, "Ida Ilg")
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
    answer = add("ida@acme.test\nnobody@acme.test", htmx=True)
    assert "1 invitation is on its way. 1 person of your domain joined at once, without a mail." in answer["HX-Trigger"]
    row = people.row_of(acme, group, "ida@acme.test")
    assert (row.status, row.first_name, row.is_user) == ("active", "Ida", True)
    assert list(pending(acme, group)) == ["nobody@acme.test"]


@pytest.mark.spec("LG-76")
def test_where_everybody_joins_at_once_no_mail_is_spoken_of(acme, group, add, by):
    for name in ("Ida Ilg", "Jan Jost"):
        people.person(acme, name)
    with acme.context():
        ask_domain(tenant_id=acme.pk, group_id=group.pk, domain="acme.test", address=None, by=by)
    answer = add("ida@acme.test", ["admin"], htmx=True)
    assert '"text": "1 person of your domain joined at once, without a mail."' in answer["HX-Trigger"]
    row = people.row_of(acme, group, "ida@acme.test")
    assert (row.status, row.is_user, row.is_admin, row.mail_state) == ("active", False, True, "")


@pytest.mark.spec("LG-50", "LG-126")
def test_a_domain_with_a_sharp_s_is_its_own_and_a_mailbox_with_one_is_told_why_not(acme, group, add, settings):
    assert add("info@straße.de\ninfo@strasse.de").status_code == 303
    with acme.context():
        keys = LicenseGroupMember.objects.filter(status="pending").values_list("address", "address_key")
        assert dict(keys) == {
            "info@straße.de": "info@xn--strae-oqa.de",
            "info@strasse.de": "info@strasse.de",
        }
    with mail_server(settings) as server:
        assert send_mails(str(acme.pk)) == 2
    assert sorted(to for (to,), _message in server.taken) == ["info@strasse.de", "info@xn--strae-oqa.de"]
    answer = add("straße@acme.test")
    assert answer.status_code == 422
    told = "straße@acme.test holds “ß”, which no mail address can have before the @."
    assert problems(answer)["straße@acme.test"].endswith(told)


# --- a file of addresses ----------------------------------------------------------------------------------------------


def upload(content, name="people.csv"):
    content = content if isinstance(content, bytes) else content.encode()
    return SimpleUploadedFile(name, content, "text/csv")


@pytest.mark.parametrize(
    "content",
    [
        "ida@acme.test\njan@acme.test\n",
        "\ufeffE-Mail;Name;Office\r\nida@acme.test;Ilg, Ida;1\r\njan@acme.test;Jan;2\r\n",
        'name,EMAIL\n"Ilg, Ida",ida@acme.test\nJan,jan@acme.test\n\n,\n',
        "email\tname\nida@acme.test\tIda\njan@acme.test\tJan",
        "ida@acme.test,Ida\n\njan@acme.test,Jan\nIDA@acme.test,again",
    ],
)
def test_a_file_gives_its_column_named_email_or_its_first(acme, group, add, content):
    assert add("", file=upload(content)).status_code == 303
    assert list(pending(acme, group)) == ["ida@acme.test", "jan@acme.test"]


def test_a_file_and_typed_addresses_come_together(acme, group, add):
    assert add("kim@acme.test, ida@acme.test", file=upload("ida@acme.test\njan@acme.test")).status_code == 303
    assert list(pending(acme, group)) == ["ida@acme.test", "jan@acme.test", "kim@acme.test"]


def test_a_wrong_line_of_a_file_is_told_and_its_addresses_stay_in_the_field(acme, group, add):
    answer = add("kim@acme.test", file=upload("email\nida@acme.test\nnot one\n"))
    assert answer.status_code == 422
    assert "not one" in problems(answer)
    area = re.search(r"<textarea[^>]*name=\"addresses\".*?>(.*?)</textarea>", answer.text, re.S)[1]
    assert area.split("\n")[-3:] == ["kim@acme.test", "ida@acme.test", "not one"]
    assert pending(acme, group) == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file holds no address."),
        (b"email\n\n", "The file holds no address."),
        (b"\xff\xfei\x00d\x00a\x00", "The file is not UTF-8."),
        ("jörg@acme.test".encode("latin-1"), "The file is not UTF-8."),
        (b"ida@acme.test\n" + b"x" * 256 * 1024, "The file has more than 256 KB."),
        ("\n".join(f"p{number}@acme.test" for number in range(101)), "At most 100 addresses"),
        (b"\0\0\0", "is no mail address"),
    ],
    ids=["empty", "only a head", "UTF-16", "Latin-1", "too large", "too many", "NUL"],
)
def test_a_file_that_is_none_is_refused_with_the_reason(acme, group, add, content, words):
    answer = add("kim@acme.test", file=upload(content))
    assert answer.status_code == 422
    assert words in html.unescape(answer.text)
    assert "kim@acme.test" in answer.text
    assert pending(acme, group) == {}


# --- who may, and how often -------------------------------------------------------------------------------------------


@pytest.mark.spec("LG-30")
def test_only_admins_of_the_group_invite(acme, globex, group, user, admin, frank, erin, charlie, sign_in):
    body = {"submission": str(uuid.uuid4()), "addresses": "ida@acme.test", "roles": ["user"], "words": ""}
    assert sign_in(frank).post(url(acme, group), body).status_code == 403
    assert sign_in(charlie).post(url(acme, group), body).status_code in (302, 403)
    other = people.license_group(acme, people.person(acme, "Otto Ohm"), name="Scanners")
    assert sign_in(erin).post(url(acme, other), body).status_code == 404
    assert pending(acme, group) == pending(acme, other) == {}
    assert sign_in(erin).post(url(acme, group), body).status_code == 303


def test_the_same_submission_invites_once(acme, group, add, bells):
    key = str(uuid.uuid4())
    assert [add(submission=key).status_code for _ in range(2)] == [303, 303]
    assert pending(acme, group) == {"ida@acme.test": (True, False, 1)}
    assert bells == [acme.pk]
    assert add("jan@acme.test", submission=key).status_code == 422
    assert add(submission="").status_code == 400


@pytest.mark.spec("LG-28")
def test_with_an_expired_licence_nobody_is_invited(acme, group, add):
    with operator_context() as alias:
        type(group).objects.using(alias).filter(pk=group.pk).update(expires_at=timezone.now())
    answer = add()
    assert answer.status_code == 422
    assert "Nothing can be changed until it is renewed." in answer.text
    assert pending(acme, group) == {}


@pytest.mark.spec("LG-E7")
def test_the_address_of_a_suspended_account_can_be_invited(acme, group, add):
    person = people.person(acme, "Ida Ilg")
    User.objects.filter(pk=person.user_id).update(is_active=False)
    assert add("ida@acme.test").status_code == 303
    assert list(pending(acme, group)) == ["ida@acme.test"]
