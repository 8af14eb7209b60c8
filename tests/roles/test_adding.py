"""Adding somebody: search and browse a real directory, role and groups, and what happens when the directory is away."""

import html
import re
import time
import uuid
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.directory import Directory, forget_breakers
from accounts.models import GroupMembership, Membership, UserGroup
from audit.models import Event
from launcher.ports import free_port
from roles.catalogue import Role
from roles.models import RoleAssignment
from roles.rights import rights_of
from tests import factories
from tests.directories import CROWD
from tests.roles.conftest import connect

pytestmark = pytest.mark.django_db
SEARCH, BROWSE, CREATE = "user-roles/add/", "user-roles/add/browse/", "user-roles/add/role/"
HTMX = {"HTTP_HX_REQUEST": "true"}


def offered(response):
    """Return {name: token} of everybody who can be picked."""
    page = response.content.decode()
    found = re.findall(r'value="((?:directory|person|group):[^"]+)".*?<span class="subject">([^<]*)<', page)
    return {name.replace("&amp;", "&").replace("&#39;", "'"): token for token, name in found}


def add(browser, world, token, role, groups=(), **more):
    data = {"subject": token, "role": role, "groups": list(groups), "submission": str(uuid.uuid4())}
    return browser.post(world.url(CREATE), data | more)


def folders(response):
    """Return {name: address} of the units that can be opened."""
    found = re.findall(r'hx-get="([^"]+)" hx-trigger="toggle once".*?<span>([^<]*)</span>', response.content.decode())
    return {name: address.replace("&amp;", "&") for address, name in found}


# --- search ---
def test_search_finds_people_and_groups_of_the_directory_by_leading_characters(acme, primary, directory):
    found = offered(primary.get(acme.url(SEARCH), {"q": "night"}))
    assert set(found) == {"Night (Shift) & Ladders"}
    assert "Olga Orlova" in offered(primary.get(acme.url(SEARCH), {"q": "OLG"}))
    assert offered(primary.get(acme.url(SEARCH), {"q": "rlova"})) == {}


def test_search_finds_local_people_and_groups_too(acme, primary, dora):
    factories.group(acme, "Dock crew")
    assert set(offered(primary.get(acme.url(SEARCH), {"q": "do"}))) == {"Dora Dahl", "Dock crew"}


def test_htmx_gets_the_answer_alone(acme, primary, dora):
    response = primary.get(acme.url(SEARCH), {"q": "dor"}, HTTP_HX_TARGET="found", **HTMX)
    assert response.content.decode().lstrip().startswith('<div id="found"')
    assert "Dora Dahl" in offered(response)


@pytest.mark.spec("AC-URL-7")
@pytest.mark.parametrize(
    "typed", ["*)(objectClass=*", "*", "(", ")", "\\", "\\2a", "*)(|(cn=*", "\0", "a\0*", "ü*", "#", "," * 90, "\ud800"]
)
def test_characters_of_the_directorys_language_stand_for_themselves(acme, primary, directory, typed):
    response = primary.get(acme.url(SEARCH), {"q": typed.encode("utf-8", "surrogatepass")})
    assert response.status_code == 200
    assert offered(response) == {}
    assert "cannot be searched" not in response.content.decode()


def test_who_is_listed_already_is_offered_for_editing(acme, primary, directory, bob):
    token = offered(primary.get(acme.url(SEARCH), {"q": "olga"}))["Olga Orlova"]
    add(primary, acme, token, Role.ADMIN, [acme.finance])
    for typed, listed in (("olga", token), ("bob b", f"person:{bob.pk}")):
        response = primary.get(acme.url(SEARCH), {"q": typed})
        assert listed not in offered(response).values()
        assert "In the list" in response.content.decode()
    with acme.context():
        entry = RoleAssignment.objects.get(membership__directory_uid=token.rpartition(":")[2])
    assert acme.url(f"user-roles/{entry.pk}/") in primary.get(acme.url(SEARCH), {"q": "olga"}).content.decode()


def test_who_is_disabled_in_the_directory_cannot_be_picked_or_added(acme, primary, directory, openldap):
    response = primary.get(acme.url(SEARCH), {"q": "dora.disabled"})
    assert "Disabled" in response.content.decode()
    assert offered(response) == {}
    (found,) = Directory(openldap).find(prefix="dora.disabled")
    answer = add(primary, acme, f"directory:{directory.pk}:{found.id}", Role.ADMIN, [acme.finance])
    assert answer.status_code == 422
    with acme.context():
        assert not Membership.objects.filter(directory_uid=found.id).exists()


def test_no_transaction_is_open_while_the_directory_is_asked(acme, primary, directory, monkeypatch):
    depths = []
    asked = Directory.find

    def find(self, **words):
        depths.append(len(connection.savepoint_ids))
        return asked(self, **words)

    monkeypatch.setattr(Directory, "find", find)
    before = len(connection.savepoint_ids)
    primary.get(acme.url(SEARCH), {"q": "olga"})
    assert depths == [before]


# --- browse ---
def test_browse_opens_level_by_level(acme, primary, directory):
    top = primary.get(acme.url(BROWSE))
    assert {"Finance", "Hard Cases", "Crowd"} <= set(folders(top))
    level = primary.get(folders(top)["Hard Cases"], **HTMX)
    assert "<html" not in level.content.decode()
    assert {"Olga Orlova", "Loop A"} <= set(offered(level))


def test_without_a_script_every_level_is_a_page(acme, primary, directory):
    top = primary.get(acme.url(BROWSE))
    level = primary.get(folders(top)["Hard Cases"])
    page = level.content.decode()
    assert "<html" in page
    assert "Olga Orlova" in offered(level)
    assert re.search(r'<a href="[^"]*/browse/\?directory=[^"]*">Head office</a>', page)
    assert '<span aria-current="true">Hard Cases</span>' in page


@pytest.mark.spec("AC-URL-6")
def test_a_unit_of_12500_people_opens_in_under_two_seconds_and_goes_on(acme, primary, directory):
    address = folders(primary.get(acme.url(BROWSE)))["Crowd"]
    started = time.monotonic()
    level = primary.get(address, **HTMX)
    assert time.monotonic() - started < 2
    first = offered(level)
    assert CROWD == 12_500
    assert 0 < len(first) <= 100
    more = re.search(r'hx-get="([^"]*cursor=[^"]*)"', level.content.decode())[1].replace("&amp;", "&")
    second = offered(primary.get(more, **HTMX))
    assert len(second) == len(first)
    assert not set(first) & set(second)


def test_a_level_costs_the_same_number_of_queries_whatever_it_holds(acme, primary, directory):
    units = folders(primary.get(acme.url(BROWSE)))
    costs = []
    for name in ("Hard Cases", "Crowd"):
        with CaptureQueriesContext(connection) as captured:
            primary.get(units[name], **HTMX)
        costs.append(len(captured))
    assert costs[0] == costs[1]


@pytest.mark.parametrize("place", ["dc=example,dc=org", "ou=Nowhere,dc=acme,dc=test", "nonsense", "*"])
def test_a_place_that_is_not_below_the_base_shows_nothing(acme, primary, directory, place):
    response = primary.get(acme.url(BROWSE), {"dn": place})
    assert response.status_code == 200
    assert offered(response) == folders(response) == {}


@pytest.mark.parametrize("key", ["nonsense", "00000000-0000-0000-0000-000000000001"])
@pytest.mark.parametrize("page", [SEARCH, BROWSE])
def test_an_unknown_directory_does_not_exist(acme, primary, directory, page, key):
    assert primary.get(acme.url(page), {"directory": key}).status_code == 404


@pytest.mark.parametrize("page", [SEARCH, BROWSE])
def test_the_directory_of_another_tenant_does_not_exist(acme, globex, primary, openldap_of_globex, page):
    assert primary.get(acme.url(page), {"directory": openldap_of_globex.pk}).status_code == 404


@pytest.fixture
def openldap_of_globex(globex, openldap):
    return connect(globex, openldap)


# --- role and groups, then the entry ---
@pytest.mark.spec("AC-URL-2")
def test_a_group_of_the_directory_is_added(acme, primary, directory):
    token = offered(primary.get(acme.url(SEARCH), {"q": "finance"}))["Finance Staff"]
    form = primary.get(acme.url(CREATE), {"subject": token})
    assert "Add group" in form.content.decode()
    response = add(primary, acme, token, Role.SUPPORT_DESK, [acme.finance, acme.sales])
    assert response["Location"] == acme.url("user-roles/")
    with acme.context():
        group = UserGroup.objects.get(name="Finance Staff")
        assert (group.source, group.directory_id, group.is_listed) == ("directory", directory.pk, True)
        assert group.directory_uid == token.rpartition(":")[2]
    assert "Finance Staff was added as Support Desk." in primary.get(acme.url("user-roles/")).content.decode()


def test_a_group_known_from_sign_in_gives_its_members_the_role_at_once(acme, primary, directory, dora):
    token = offered(primary.get(acme.url(SEARCH), {"q": "finance"}))["Finance Staff"]
    with acme.context():
        group = UserGroup.objects.create(
            tenant=acme.tenant,
            name="Old name",
            source="directory",
            directory=directory,
            directory_uid=token.rpartition(":")[2],
        )
        GroupMembership.objects.create(tenant=acme.tenant, user_id=dora.user_id, group=group, source="directory")
    add(primary, acme, token, Role.ADMIN, [acme.finance])
    with acme.context():
        assert rights_of(dora).admin_groups == {acme.finance}
        assert UserGroup.objects.get(pk=group.pk).name == "Finance Staff"


def test_a_person_of_the_directory_is_added_before_ever_signing_in(acme, primary, directory):
    token = offered(primary.get(acme.url(SEARCH), {"q": "olga"}))["Olga Orlova"]
    add(primary, acme, token, Role.ADMIN, [acme.engineering])
    with acme.context():
        person = Membership.objects.select_related("user").get(directory_uid=token.rpartition(":")[2])
        assert (person.source, person.directory_id, person.signed_in_at) == ("directory", directory.pk, None)
        assert not person.user.has_usable_password()
        assert person.user.email is None
        assert rights_of(person).admin_groups == {acme.engineering}


def test_a_local_person_and_a_local_group_are_added(acme, primary, dora):
    group = factories.group(acme, "Dock crew", members=[dora])
    add(primary, acme, f"group:{group.pk}", Role.SUPPORT_DESK, [acme.sales])
    add(primary, acme, f"person:{dora.pk}", Role.ADMIN, [acme.finance])
    with acme.context():
        rights = rights_of(dora)
    assert (rights.admin_groups, rights.support_groups) == ({acme.finance}, {acme.sales})


def test_a_form_sent_twice_adds_once(acme, primary, dora):
    sent = {"submission": str(uuid.uuid4())}
    answers = [add(primary, acme, f"person:{dora.pk}", Role.ADMIN, [acme.finance], **sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    with acme.context():
        assert Event.objects.filter(verb="userrole.added").count() == 1


def test_without_a_submission_id_nothing_is_added(acme, primary, dora):
    data = {"subject": f"person:{dora.pk}", "role": Role.PRIMARY_ADMIN}
    assert primary.post(acme.url(CREATE), data).status_code in (400, 422)
    with acme.context():
        assert rights_of(dora).role is None


def test_who_is_in_the_list_already_is_not_added_but_offered_for_editing(acme, primary, bob):
    token = f"person:{bob.pk}"
    for response in (primary.get(acme.url(CREATE), {"subject": token}), add(primary, acme, token, Role.PRIMARY_ADMIN)):
        page = response.content.decode()
        assert "Bob Brandt is in the list already" in page
        assert "Edit the entry" in page
    assert response.status_code == 409
    with acme.context():
        assert rights_of(bob).role == Role.SUPPORT_DESK


@pytest.mark.parametrize(
    ("data", "message"),
    [({"role": Role.ADMIN}, "Choose at least one group for this role."), ({"role": ""}, "Choose a role.")],
)
def test_wrong_input_is_answered_beside_its_field_and_keeps_the_choice(acme, primary, dora, data, message):
    response = add(primary, acme, f"person:{dora.pk}", **data)
    page = response.content.decode()
    assert response.status_code == 422
    assert message in page
    assert f"person:{dora.pk}" in page
    assert "Dora Dahl" in page


def test_next_without_a_choice_says_so(acme, primary):
    response = primary.get(acme.url(CREATE))
    assert response.status_code == 422
    assert "Nobody is chosen" in response.content.decode()


def test_next_without_a_choice_stays_where_one_was(acme, primary, directory):
    place = next(address for address in folders(primary.get(acme.url(BROWSE))).values())
    for address, shown in ((place, 'class="tree"'), (f"{acme.url(SEARCH)}?q=Do", 'value="Do"')):
        page = primary.get(address).content.decode()
        sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)" form="pick"', page))
        answer = primary.get(acme.url(CREATE), {name: html.unescape(value) for name, value in sent.items()})
        assert answer.status_code == 422
        again = answer.content.decode()
        assert "Nobody is chosen" in again
        assert shown in again
        assert offered(answer) == offered(primary.get(address))


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "person:",
        "person:1",
        "person:00000000-0000-0000-0000-000000000001",
        "group:00000000-0000-0000-0000-000000000001",
        "directory:00000000-0000-0000-0000-000000000001:00000000-0000-0000-0000-000000000002",
        "tenant:00000000-0000-0000-0000-000000000001",
        "person:a:b",
        "\0",
    ],
)
def test_a_token_that_names_nobody_does_not_exist(acme, primary, token):
    assert primary.get(acme.url(CREATE), {"subject": token}).status_code == 404
    assert add(primary, acme, token, Role.PRIMARY_ADMIN).status_code == 404


@pytest.mark.parametrize("uid", ["00000000-0000-0000-0000-000000000001", "*", "nonsense"])
def test_an_id_that_the_directory_does_not_know_is_not_added(acme, primary, directory, uid):
    assert add(primary, acme, f"directory:{directory.pk}:{uid}", Role.PRIMARY_ADMIN).status_code == 404
    with acme.context():
        assert not Membership.objects.filter(source="directory").exists()


def test_the_name_comes_from_the_directory_and_not_from_the_form(acme, primary, directory):
    token = offered(primary.get(acme.url(SEARCH), {"q": "olga"}))["Olga Orlova"]
    add(primary, acme, token, Role.ADMIN, [acme.finance], name="Somebody Else", subject_name="Somebody Else")
    with acme.context():
        assert RoleAssignment.objects.get(role=Role.ADMIN).subject_name == "Olga Orlova"


def test_a_tenants_own_group_of_the_same_directory_is_its_own(acme, globex, primary, directory, openldap_of_globex):
    token = offered(primary.get(acme.url(SEARCH), {"q": "finance"}))["Finance Staff"]
    add(primary, acme, token, Role.SUPPORT_DESK, [acme.finance])
    with globex.context():
        assert not UserGroup.objects.exists()


# --- the directory is away ---
@pytest.fixture
def away(acme, openldap):
    """A connection to a port where nobody listens."""
    forget_breakers()
    yield connect(acme, replace(openldap, url=f"ldap://127.0.0.1:{free_port()}"))
    forget_breakers()


def test_search_says_that_the_directory_is_away_and_still_finds_local_people(acme, primary, away, dora):
    response = primary.get(acme.url(SEARCH), {"q": "dora"})
    assert response.status_code == 200
    assert "The directory cannot be reached." in response.content.decode()
    assert "Dora Dahl" in offered(response)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "branch"])
def test_browse_says_that_the_directory_is_away_and_offers_to_try_again(acme, primary, away, headers):
    response = primary.get(acme.url(BROWSE), **headers)
    assert response.status_code == 200
    assert "The directory cannot be reached." in response.content.decode()
    assert "Try again" in response.content.decode()


def test_the_list_does_not_need_the_directory(acme, primary, away):
    assert primary.get(acme.url("user-roles/")).status_code == 200


def test_nothing_is_added_while_the_directory_is_away_and_nothing_typed_is_lost(acme, primary, away):
    token = f"directory:{away.pk}:00000000-0000-0000-0000-000000000001"
    response = add(primary, acme, token, Role.ADMIN, [acme.sales])
    page = response.content.decode()
    assert response.status_code == 503
    assert "Nothing was added." in page
    assert re.search(rf'value="{acme.sales}"[^>]*checked', page)
    with acme.context():
        assert not Membership.objects.filter(source="directory").exists()


def test_a_broken_connection_is_a_message_and_no_error(acme, primary, directory):
    with acme.context():
        type(directory).objects.update(bind_password="sealed with another key")
    response = primary.get(acme.url(SEARCH), {"q": "olga"})
    assert response.status_code == 200
    assert "not set up correctly" in response.content.decode()


def test_without_a_directory_the_pages_say_so(acme, primary):
    assert "No directory is connected" in primary.get(acme.url(SEARCH)).content.decode()
    assert "No directory is connected" in primary.get(acme.url(BROWSE)).content.decode()


@pytest.mark.parametrize(("kind", "words"), [("ad", "AD"), ("openldap", "directory")])
def test_the_two_ways_are_named_after_the_kind_of_directory(acme, primary, directory, kind, words):
    with acme.context():
        type(directory).objects.update(kind=kind)
    page = primary.get(acme.url(SEARCH)).content.decode()
    assert f">Search {words}<" in page
    assert f">Browse {words}<" in page
