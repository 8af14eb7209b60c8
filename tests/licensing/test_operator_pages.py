"""The platform operator's pages: license groups of all organisations, what was bought, who owns it."""

import csv
import datetime
import io
import re
import uuid
from types import SimpleNamespace

import pytest
from django.utils import timezone

from accounts.models import Membership, Tenant
from audit.models import Event
from licensing.models import LicenseGroup
from tests.licensing import people

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.fixture
def operator(olga, sign_in):
    """Olga's browser, signed in outside every organisation; her own clock is not that of UTC."""
    olga.time_zone = "Pacific/Auckland"
    olga.save()
    return sign_in(SimpleNamespace(user=olga, user_id=olga.pk, tenant_id=uuid.uuid4()))


def bought(**more):
    return {"plan": "Plus", "seats": "25", "billing": "term", "frequency": "monthly", "expires_at": ""} | more


def new(**more):
    return bought(owner="anna@acme.test", name="", submission=str(uuid.uuid4())) | more


def group_url(world, group, path=""):
    return f"/operator/{world.slug}/{group.pk}/{path}"


def groups(world):
    with world.context():
        return list(LicenseGroup.objects.order_by("name_key").values_list("name", flat=True))


def told(world, verb):
    with world.context():
        return Event.objects.get(verb=verb)


def test_the_list_holds_the_groups_of_all_organisations(acme, globex, group, user, charlie, operator):
    people.license_group(globex, charlie, name="Copiers")
    page = operator.get("/operator/").text
    for words in (
        "Printers",
        "Acme Industries",
        "anna@acme.test",
        "Copiers",
        "Globex Corporation",
        'max="5" value="1"',
    ):
        assert words in page
    assert f'href="{group_url(acme, group)}"' in page
    filtered = operator.get("/operator/?q=globex").text
    assert "Copiers" in filtered
    assert "Printers" not in filtered


def test_a_short_name_leads_to_adding_a_group_there(acme, operator):
    assert operator.get("/operator/?organisation=ACME")["Location"] == "/operator/acme/add/"
    answer = operator.get("/operator/?organisation=nowhere")
    assert answer.status_code == 422
    assert "There is no active organisation with this short name." in answer.text


@pytest.mark.spec("LG-01", "LG-18", "LG-19")
def test_a_group_is_made_for_a_purchase_with_its_owner(acme, anna, operator):
    answer = operator.post("/operator/acme/add/", new(expires_at="2031-12-31T23:59"), follow=True)
    assert "acme.test was created in Acme Industries." in answer.text
    with acme.context():
        made = LicenseGroup.objects.get()
    assert (made.name, made.plan, made.seats, made.billing, made.frequency) == (
        "acme.test",
        "Plus",
        25,
        "term",
        "monthly",
    )
    assert made.expires_at == datetime.datetime(2031, 12, 31, 23, 59, tzinfo=datetime.UTC)
    owner = people.row_of(acme, made, "anna@acme.test")
    assert (owner.is_owner, owner.is_admin, owner.is_user) == (True, True, False)
    event = told(acme, "licensegroup.created")
    assert event.labels["actor"] == "Olga Orlova (platform operator)"
    assert (event.channel, event.actor_id) == ("web", None)


@pytest.mark.spec("LG-159")
def test_the_name_is_the_owners_domain_or_the_owners_name_where_everybody_can_have_that_domain(acme, anna, operator):
    """C-11."""
    operator.post("/operator/acme/add/", new())
    anna.user.email = anna.user.email_key = "anna@gmail.com"
    anna.user.save()
    operator.post("/operator/acme/add/", new(owner="Anna@GMAIL.com"))
    operator.post("/operator/acme/add/", new(owner="anna", name="  Front   panels "))
    assert groups(acme) == ["acme.test", "Front panels", "License group of Anna Ahlers"]


def test_an_owner_is_found_by_login_and_listed_under_the_known_address(acme, operator):
    dora = people.person(acme, "Dora Dahl", verified=False)
    answer = operator.post("/operator/acme/add/", new(owner="dora"))
    assert answer.status_code == 422
    assert "Dora Dahl has no mail address that could stand in the license group." in answer.text
    with acme.context():
        Membership.objects.filter(pk=dora.pk).update(contact_email="dora@acme.test")
    assert operator.post("/operator/acme/add/", new(owner="dora@acme.test")).status_code == 422  # decision 26
    assert operator.post("/operator/acme/add/", new(owner="ACME\\dora")).status_code == 303
    assert groups(acme) == ["acme.test"]


@pytest.mark.parametrize(
    ("posted", "words"),
    [
        ({"owner": "nobody@acme.test"}, "No active member of this organisation"),
        ({"owner": "charlie@globex.test"}, "No active member of this organisation"),
        ({"owner": ""}, "This field is required."),
        ({"seats": "-5"}, "greater than or equal to 0"),
        ({"seats": "1000001"}, "less than or equal to 1000000"),
        ({"plan": ""}, "This field is required."),
        ({"plan": "x" * 61}, "at most 60 characters"),
        ({"billing": "never"}, "Select a valid choice"),
        ({"frequency": "daily"}, "Select a valid choice"),
        ({"expires_at": "soon"}, "Enter a valid date/time."),
        ({"expires_at": "9999-12-31T23:59"}, "Choose a time between the years 2000 and 2999."),
        ({"expires_at": "0001-01-01T00:00"}, "Choose a time between the years 2000 and 2999."),
    ],
)
def test_what_cannot_be_bought_is_refused_and_stays_typed(acme, globex, anna, charlie, operator, posted, words):
    charlie.user.email = charlie.user.email_key = "charlie@globex.test"
    charlie.user.save()
    answer = operator.post("/operator/acme/add/", new(**posted))
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="Plus"' in answer.text or "plan" in posted
    assert groups(acme) == []


def test_a_member_whose_access_ended_owns_nothing(acme, anna, operator):
    with acme.context():
        Membership.objects.filter(pk=anna.pk).update(is_active=False)
    assert operator.post("/operator/acme/add/", new()).status_code == 422


def test_the_form_sent_twice_makes_one_group(acme, globex, anna, operator):
    form = new()
    answers = [operator.post("/operator/acme/add/", form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert groups(acme) == ["acme.test"]
    elsewhere = people.person(globex, "Gina Gerber")
    answer = operator.post("/operator/globex/add/", form | {"owner": elsewhere.login})
    assert answer.status_code == 422
    assert groups(globex) == []
    without = {name: value for name, value in form.items() if name != "submission"}
    assert operator.post("/operator/acme/add/", without).status_code == 422


@pytest.mark.spec("LG-134", "LG-138")
def test_the_purchase_is_changed_and_told_to_the_organisation(acme, group, user, operator):
    page = operator.get(group_url(acme, group)).text
    for words in ('value="5"', 'value="Standard"', "anna@acme.test", str(group.pk)):
        assert words in page
    posted = bought(seats="15", expires_at="2031-01-01", version=str(group.version))
    answer = operator.post(group_url(acme, group), posted, follow=True)
    assert "The purchase was changed." in answer.text
    after = people.fresh(acme, group)
    assert (after.seats, after.plan, after.billing, after.frequency, after.used) == (15, "Plus", "term", "monthly", 1)
    assert after.expires_at == datetime.datetime(2031, 1, 1, tzinfo=datetime.UTC)
    event = told(acme, "licensegroup.purchase-changed")
    assert event.labels["actor"] == "Olga Orlova (platform operator)"
    assert event.license_group_id == group.pk


@pytest.mark.spec("LG-138")
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_changed_purchase_is_told_as_the_reader_writes_numbers_and_times(
    acme, globex, group, operator, alice, charlie, sign_in, language
):
    people.license_group(globex, charlie)
    posted = bought(seats="1500", billing="subscription", expires_at="2031-01-01", version=str(group.version))
    assert operator.post(group_url(acme, group), posted).status_code == 303
    event, reader = told(acme, "licensegroup.purchase-changed"), sign_in(alice)
    for path in ("audit/", f"audit/{event.pk}/"):
        page = reader.get(acme.url(path), headers={"Accept-Language": language}).text
        assert re.search(r"1[,.]500 × Plus", page)
        assert re.search(r"1\.? Jan\.? 2031, 01:00", page)
        assert "2031-01-01" not in page
        assert "subscription" not in page
    (line,) = csv_of(reader.get(acme.url("audit/export.csv?verb=licensegroup.purchase-changed")))
    assert "1500 × Plus" in line
    assert "2031-01-01T00:00:00+00:00" in line


def csv_of(answer):
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    return [row["description"] for row in rows]


@pytest.mark.spec("LG-138", "LG-139")
@pytest.mark.parametrize(("seats", "words"), [("0", "1 licence is in use"), ("8", "steps of five")])
def test_fewer_than_in_use_and_odd_steps_are_refused(acme, group, user, operator, seats, words):
    answer = operator.post(group_url(acme, group), bought(seats=seats, version=str(group.version)))
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{seats}"' in answer.text
    assert people.fresh(acme, group).seats == 5


def test_a_stale_page_is_a_conflict(acme, group, operator):
    posted = bought(seats="10", version=str(group.version))
    assert operator.post(group_url(acme, group), posted).status_code == 303
    assert operator.post(group_url(acme, group), posted | {"seats": "20"}).status_code == 409
    assert people.fresh(acme, group).seats == 10


def test_an_expired_licence_is_renewed(acme, group, anna, operator, sign_in):
    group = people.expire(acme, group)
    assert sign_in(anna).get(people.page_url(acme, group)).status_code == 303
    operator.post(group_url(acme, group), bought(seats="5", expires_at="2031-01-01", version=str(group.version)))
    assert sign_in(anna).get(people.page_url(acme, group)).status_code == 200


@pytest.mark.spec("LG-22")
def test_the_ownership_goes_to_an_active_member_and_the_old_owner_stays_admin(acme, group, owner, user, operator):
    page = operator.get(group_url(acme, group, "transfer/")).text
    assert "anna@acme.test owns the group now" in page
    posted = {"member": " Frank@Acme.test ", "version": str(group.version)}
    answer = operator.post(group_url(acme, group, "transfer/"), posted, follow=True)
    assert "owns Printers now." in answer.text
    new_owner, old = people.fresh(acme, user), people.fresh(acme, owner)
    assert (new_owner.is_owner, new_owner.is_admin, new_owner.is_user) == (True, True, True)
    assert (old.is_owner, old.is_admin, old.status) == (False, True, "active")
    event = told(acme, "licensegroup.transferred")
    assert (event.labels["before"], event.labels["after"]) == ("anna@acme.test", "frank@acme.test")
    assert operator.post(group_url(acme, group, "transfer/"), posted).status_code in (409, 422)


@pytest.mark.spec("LG-22")
@pytest.mark.parametrize("member", ["new@else.test", "nobody@acme.test", "no address", "", "anna@acme.test"])
def test_the_ownership_goes_to_nobody_else(acme, group, owner, anna, by, operator, member):
    people.invited(acme, group, "new@else.test", by=by)
    posted = {"member": member, "version": str(group.version)}
    assert operator.post(group_url(acme, group, "transfer/"), posted).status_code == 422
    assert people.fresh(acme, owner).is_owner


@pytest.mark.spec("LG-22")
def test_nobody_but_the_operator_finds_these_pages(acme, group, anna, alice, client, sign_in):
    paths = ["/operator/", "/operator/acme/add/", group_url(acme, group), group_url(acme, group, "transfer/")]
    for browser in (client, sign_in(anna), sign_in(alice)):
        for path in paths:
            assert browser.get(path).status_code == 404
        assert browser.post(paths[2], bought(seats="50", version=str(group.version))).status_code == 404
    assert people.fresh(acme, group).seats == 5


@pytest.mark.parametrize("state", ["no operator any more", "switched off", "locked"])
def test_an_operator_whose_rights_ended_is_refused_at_the_next_request(acme, olga, operator, state):
    assert operator.get("/operator/").status_code == 200
    changes = {
        "no operator any more": {"is_operator": False},
        "switched off": {"is_active": False},
        "locked": {"locked_at": timezone.now()},
    }
    type(olga).objects.filter(pk=olga.pk).update(**changes[state])
    assert operator.get("/operator/").status_code == 404


def test_groups_under_another_organisations_name_do_not_exist(acme, globex, group, operator):
    for path in (
        f"/operator/globex/{group.pk}/",
        f"/operator/globex/{group.pk}/transfer/",
        f"/operator/acme/{uuid.uuid4()}/",
        "/operator/nowhere/add/",
    ):
        assert operator.get(path).status_code == 404


def test_the_operator_reaches_a_suspended_organisation_and_adds_nothing_by_short_name(acme, group, operator):
    Tenant.objects.filter(pk=acme.pk).update(status=Tenant.Status.SUSPENDED)
    assert operator.get(group_url(acme, group)).status_code == 200
    assert operator.get("/operator/?organisation=acme").status_code == 422


def test_an_operator_has_no_way_into_the_organisations_own_pages(acme, group, operator):
    assert "/sign-in/" in operator.get(people.page_url(acme, group))["Location"]


def test_the_list_asks_as_often_for_thirty_groups_as_for_one(acme, anna, operator):
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    counts = []
    for numbers in (range(1), range(1, 30)):
        for number in numbers:
            people.license_group(acme, anna, name=f"Group {number:02}")
        with CaptureQueriesContext(connections["operator"]) as captured:
            page = operator.get("/operator/").text
        counts.append(len(captured))
    assert page.count("Group ") >= 30
    assert counts[0] == counts[1]
