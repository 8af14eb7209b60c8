"""Who reads which event (R5-R9), how lists and exports behave."""

import csv
import html
import io
import re

import pytest

from audit.actions import Actor, record
from audit.models import Channel, Event
from audit.tallies import write_open
from audit.texts import describe, kinds, texts
from tests import factories

pytestmark = pytest.mark.django_db

# session with account and tenant, context in and out, savepoint in and out (the test's own transaction), membership, rights,
# open tallies, rows, limited count
QUERIES = 11


def write(world, verb="backup.created", *, by, **columns):
    with world.context():
        return record(verb, tenant_id=world.pk, by=by, **columns)


def listed(browser, world, query=""):
    answer = browser.get(world.url(f"audit/{query}"))
    assert answer.status_code == 200
    with world.context():
        return {str(pk) for pk in Event.objects.values_list("pk", flat=True) if str(pk) in answer.content.decode()}


@pytest.fixture
def events(acme, alice, bob):
    """One event per reason to read it."""
    carol = factories.member(acme, "Carol Cruz", "carol", role="persops.support_desk", groups=[acme.finance])
    dave = factories.member(acme, "Dave Dorn", "dave", role="persops.support_desk", groups=[acme.sales])
    visitor = Actor(id=None, name="Endpoint", channel=Channel.SELF_SERVICE)
    return {
        "bob": write(acme, by=factories.actor(bob)),
        "carol, shares Finance": write(acme, by=factories.actor(carol)),
        "dave of Sales": write(acme, by=factories.actor(dave)),
        "self-service Finance": write(acme, by=visitor, group_id=acme.finance),
        "self-service Sales": write(acme, by=visitor, group_id=acme.sales),
        "alice in Finance": write(acme, by=factories.actor(alice), group_id=acme.finance),
        "alice, no group": write(acme, by=factories.actor(alice)),
    }


def names(events, pks):
    return {name for name, event in events.items() if str(event.pk) in pks}


def test_every_kind_of_event_has_a_name_in_the_filter_in_the_language_of_the_reader(acme, alice, sign_in):
    assert kinds().keys() == texts().keys()
    page = sign_in(alice).get(acme.url("audit/"), headers={"Accept-Language": "de"}).content.decode()
    offered = dict(re.findall(r'<option value="([a-z._-]+)">([^<]+)</option>', page))
    assert kinds().keys() <= offered.keys()
    assert offered["backup.restored"] == "Sicherung wiederhergestellt"


@pytest.mark.spec("AC-AUD-2")
def test_support_desk_reads_own_events_and_self_service_of_own_groups(acme, bob, events, sign_in):
    assert names(events, listed(sign_in(bob), acme)) == {"bob", "self-service Finance"}


def test_an_administrator_also_reads_the_own_groups_and_the_support_desk_that_shares_one(acme, events, sign_in):
    erin = factories.member(acme, "Erin Egger", "erin", role="persops.admin", groups=[acme.finance])
    assert names(events, listed(sign_in(erin), acme)) == {
        "bob",
        "carol, shares Finance",
        "self-service Finance",
        "alice in Finance",
    }


def test_a_primary_administrator_reads_everything_of_the_tenant_and_nothing_of_another(
    acme, globex, alice, charlie, events, sign_in
):
    foreign = write(globex, by=factories.actor(charlie))
    seen = listed(sign_in(alice), acme)
    assert names(events, seen) == set(events)
    assert sign_in(alice).get(acme.url(f"audit/{foreign.pk}/")).status_code == 404


@pytest.mark.spec("AC-AUD-3")
def test_filters_narrow_together(acme, alice, bob, events, sign_in):
    assert names(events, listed(sign_in(alice), acme, "?actor=alice&channel=web")) == {
        "alice in Finance",
        "alice, no group",
    }
    assert listed(sign_in(alice), acme, "?actor=alice&outcome=failed") == set()


def test_a_period_that_ends_before_it_begins_is_answered_beside_the_field(acme, alice, sign_in):
    answer = sign_in(alice).get(acme.url("audit/?since=2026-02-02&until=2026-02-01"))
    assert answer.status_code == 422
    assert "The last day lies before the first." in answer.content.decode()
    assert "Export as CSV" not in answer.content.decode()


@pytest.mark.parametrize("path", ["audit/", "audit/export.csv"])
@pytest.mark.parametrize("query", ["until=9999-12-31", "since=0001-01-01", "until=0001-01-01", "since=9999-12-31"])
def test_a_day_beyond_every_calendar_is_no_error(acme, alice, sign_in, path, query):
    answer = sign_in(alice).get(acme.url(f"{path}?{query}"))
    assert answer.status_code == (400 if path.endswith(".csv") else 422)
    if answer.status_code == 422:
        assert "Choose a day between Jan. 1, 1970 and Dec. 31, 2999." in html.unescape(answer.content.decode())


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_first_and_the_last_day_that_may_be_chosen_are_days_in_every_zone(acme, alice, events, sign_in, zone):
    alice.user.time_zone = zone
    alice.user.save(update_fields=["time_zone"])
    assert names(events, listed(sign_in(alice), acme, "?since=1970-01-01&until=2999-12-31")) == set(events)


def test_a_sentence_tells_the_number_that_the_event_holds():
    told = describe("backups.deleted", {"count": 5, "group": "Mail", "user": "FINANCE\\bob"}, 1)
    assert told == "deleted 5 unprotected backups of Mail for user FINANCE\\bob"


def test_the_type_of_an_event_reads_as_in_the_filter_in_the_language_of_the_reader(acme, alice, sign_in):
    row = write(acme, "signin.succeeded", by=factories.actor(alice), labels={"address": "198.51.100.7"})
    for path in ("audit/", f"audit/{row.pk}/"):
        page = sign_in(alice).get(acme.url(path), headers={"Accept-Language": "de"}).content.decode()
        shown = re.sub(r"<select.*?</select>", "", page, flags=re.DOTALL)
        assert "Angemeldet" in shown
        assert "signin" not in re.sub(r"<[^>]+>", "", shown)


@pytest.mark.parametrize(
    ("verb", "labels", "words"),
    [
        ("user.changed", {"user": "FINANCE\\bob", "outcome": "undone"}, "Zurückgestellt|Zurückgesetzt|Zurückgelegt"),
        (
            "userrole.added",
            {"role": "Primary Administrator", "groups": ["all groups"]},
            "Hauptadministrator.*alle Gruppen",
        ),
    ],
)
def test_codes_in_labels_are_told_in_the_language_of_the_reader(acme, alice, sign_in, verb, labels, words):
    row = write(acme, verb, by=factories.actor(alice), labels=labels)
    for path in ("audit/", f"audit/{row.pk}/"):
        page = sign_in(alice).get(acme.url(path), headers={"Accept-Language": "de"}).content.decode()
        assert not any(f"{code}<" in page or f": {code}" in page for code in ("undone", "all groups"))
        assert re.search(words, page)


def read_csv(answer):
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


@pytest.mark.spec("AC-AUD-5")
def test_the_export_holds_exactly_the_rows_of_the_list(acme, bob, events, sign_in):
    rows = read_csv(sign_in(bob).get(acme.url("audit/export.csv")))
    assert {row[6] for row in rows[1:]} >= {str(events["bob"].pk), str(events["self-service Finance"].pk)}
    assert not {row[6] for row in rows[1:]} & {str(events["alice, no group"].pk), str(events["dave of Sales"].pk)}


@pytest.mark.spec("AC-AUD-6")
def test_a_cell_that_begins_like_a_formula_is_neutralised(acme, alice, sign_in):
    write(acme, by=Actor(id=None, name="=cmd|' /C calc'!A0"))
    rows = read_csv(sign_in(alice).get(acme.url("audit/export.csv")))
    assert "'=cmd|' /C calc'!A0" in {row[1] for row in rows}


def test_an_export_is_an_event_itself(acme, alice, sign_in):
    b"".join(sign_in(alice).get(acme.url("audit/export.csv?actor=bob")).streaming_content)
    with acme.context():
        assert Event.objects.get(verb="audit.exported").labels["filter"] == "actor=bob"


def test_a_refused_page_leaves_an_event(acme, bob, sign_in):
    assert sign_in(bob).get(acme.url("user-roles/")).status_code == 403
    with acme.context():
        write_open(acme.pk)
        refused = Event.objects.get(verb="access.refused")
    assert (refused.actor_id, refused.outcome) == (bob.pk, "refused")


@pytest.mark.spec("AC-AUD-8")
def test_an_event_keeps_the_name_that_was_true_at_the_time(acme, alice, bob, sign_in):
    event = write(acme, by=factories.actor(bob))
    with acme.context():
        bob.name = "Robert Brandt"
        bob.save()
    shown = sign_in(alice).get(acme.url(f"audit/{event.pk}/")).content.decode()
    assert "Bob Brandt" in shown
    assert "Support Desk" in shown and "persops." not in shown


@pytest.mark.parametrize("rows", [1, 30])
def test_the_list_asks_the_same_number_of_queries_for_one_row_and_for_thirty(
    acme, alice, rows, sign_in, django_assert_num_queries
):
    for _ in range(rows):
        write(acme, by=factories.actor(alice))
    browser = sign_in(alice)
    with django_assert_num_queries(QUERIES):
        browser.get(acme.url("audit/"))


def test_pages_by_keyset_show_each_event_once_while_new_ones_arrive(acme, alice, sign_in):
    actor = factories.actor(alice)
    with acme.context():
        written = [str(record("backup.created", tenant_id=acme.pk, by=actor).pk) for _ in range(120)]
    browser, address, seen = sign_in(alice), acme.url("audit/"), []
    for _ in range(3):
        text = browser.get(address).content.decode()
        seen += [pk for pk in written if f"/audit/{pk}/" in text]
        write(acme, by=actor)
        older = re.search(r'href="([^"]+)"[^>]*>[^<]*(?:<[^>]+>)*\s*Older', text)
        address = older and html.unescape(older[1])
        if not address:
            break
    assert address is None
    assert sorted(seen) == sorted(written)
