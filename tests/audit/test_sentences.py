"""Sentences of events: times and numbers as the reader writes them, plurals that fit, machines' forms in the export."""

import csv
import io
import re

import pytest

from audit.actions import record
from audit.models import Event
from audit.texts import describe
from tests import factories
from tests.tasks.work import run, submit

pytestmark = pytest.mark.django_db

AT = "2026-01-17T00:00:00+00:00"
RESTORED = {"user": "FINANCE\\anna", "group": "ERP client", "at": AT}


def write(world, verb, *, by, labels):
    with world.context():
        return record(verb, tenant_id=world.pk, by=factories.actor(by), labels=labels)


@pytest.mark.parametrize(
    ("language", "told"), [("en", "17 Jan 2026, 01:00"), ("de", "17. Jan. 2026, 01:00|17. Jan 2026, 01:00")]
)
@pytest.mark.parametrize("path", ["", "audit/", "audit/{pk}/"])
def test_a_time_in_a_sentence_is_told_in_the_zone_and_format_of_the_reader(acme, alice, sign_in, path, language, told):
    row = write(acme, "backup.restored", by=alice, labels=RESTORED)
    page = sign_in(alice).get(acme.url(path.format(pk=row.pk)), headers={"Accept-Language": language}).content.decode()
    assert re.search(told, page)
    assert AT not in page


@pytest.mark.parametrize(
    ("verb", "labels", "told"),
    [
        ("task.deferral-changed", {"before": AT, "after": "2026-01-18T12:30:00+00:00"},
         "17 Jan 2026, 01:00, now 18 Jan 2026, 13:30"),
        ("backup.protected", RESTORED | {"after": f"protected until {AT}"}, "protected until 17 Jan 2026, 01:00"),
        ("backup.protected", RESTORED | {"after": "protected for ever"}, "protected for ever"),
    ],
)  # fmt: skip
def test_every_time_in_a_label_is_told(acme, alice, sign_in, verb, labels, told):
    write(acme, verb, by=alice, labels=labels)
    page = sign_in(alice).get(acme.url("audit/")).content.decode()
    assert told in page
    assert "+00:00:" not in page


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("2026-99-99T00:00:00Z", "2026-99-99T00:00:00Z"),
        ("9999-12-31T23:59:59+00:00", "9999, 23:59"),
        ("Back to 2026-01-17", "Back to 2026-01-17"),
        ("100 %(time)s", "100 %(time)s"),
    ],
)
def test_a_name_that_looks_like_a_time_breaks_nothing(acme, alice, sign_in, name, told):
    write(acme, "task.renamed", by=alice, labels={"number": 1, "before": name, "after": name})
    assert told in sign_in(alice).get(acme.url("audit/")).content.decode()


def test_the_export_keeps_times_and_numbers_as_machines_read_them(acme, alice, sign_in):
    write(acme, "backup.restored", by=alice, labels=RESTORED)
    write(acme, "task.submitted", by=alice, labels={"number": 4, "task": "Roll-out", "selected": 3000})
    answer = sign_in(alice).get(acme.url("audit/export.csv"))
    rows = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    sentences = [row[5] for row in rows]
    assert f"restored ERP client from the backup of {AT} for user FINANCE\\anna" in sentences
    assert any(sentence.startswith("submitted task #4 Roll-out for 3000 users") for sentence in sentences)


def test_a_protection_is_stored_in_no_language_and_told_in_that_of_the_reader(acme, alice, bob, sign_in):
    user = factories.managed_user(acme, "anna")
    profile = factories.profile(acme, user, factories.settings_group(acme, "Mail client"), factories.settings(a="b"))
    backup = factories.backup(acme, profile, factories.settings(a="b"))
    data = {"version": 1, "until": "2099-12-03"}
    german = {"Accept-Language": "de"}
    assert sign_in(bob).post(acme.url(f"backups/{backup.pk}/protect/"), data, headers=german).status_code == 303
    with acme.context():
        assert Event.objects.get().labels["after"] == "protected until 2099-12-02T23:00:00+00:00"
    assert "protected until 3 Dec 2099, 00:00" in sign_in(alice).get(acme.url("audit/")).content.decode()


@pytest.mark.parametrize(
    ("verb", "labels", "told"),
    [
        ("user.changed", {"changed": 1}, "changed 1 settings group or backup of"),
        ("user.changed", {"changed": 2}, "changed 2 settings groups or backups of"),
        ("user.changed", {}, "changed … settings groups or backups of"),
        ("backups.deleted", {"count": 1}, "deleted 1 unprotected backup of"),
        ("backups.deleted", {"count": 3000}, "deleted 3,000 unprotected backups of"),
        ("task.submitted", {"number": 1200, "selected": 1}, "submitted task #1200 … for 1 user"),
        ("task.canceled", {"left": 1}, "with 1 user left alone"),
        ("task.retried", {"retried": 1}, "retried 1 failed user of"),
        ("sessions.ended", {"sessions": 1}, "ended 1 session of"),
        ("license.invitations-purged", {"count": 1}, "deleted 1 invitation to"),
    ],
)
def test_a_sentence_with_a_number_has_the_plural_that_fits(verb, labels, told):
    assert told in describe(verb, labels)


def test_home_tells_of_a_task_and_not_of_each_user_it_changed(acme, alice, sign_in, query_count):
    counts = []
    mail = factories.settings_group(acme, "Mail client")
    for number in range(12):
        user = factories.managed_user(acme, f"user{number:02}")
        profile = factories.profile(acme, user, mail, factories.settings(theme="dark"))
        factories.backup(acme, profile, factories.settings(theme="light"))
    browser = sign_in(alice)
    browser.get(acme.url())
    counts.append(query_count(lambda: browser.get(acme.url())))
    submit(acme, alice, name="Roll-out")
    run(acme)
    counts.append(query_count(lambda: browser.get(acme.url())))
    with acme.context():
        assert Event.objects.filter(verb="user.changed").count() == 12
    page = browser.get(acme.url()).content.decode()
    for words in ("submitted task #1 Roll-out for 12 users", "task #1 Roll-out started", "task #1 Roll-out ended"):
        assert words in page
    assert "changed 1 settings" not in page
    assert counts[0] == counts[1]
    assert "changed 1 settings group or backup of user FINANCE" in browser.get(acme.url("audit/")).content.decode()
