"""Rows of tables keep to one line where their cells are icons or times (ux.md: 40 px)."""

import datetime
import uuid

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from audit.actions import event
from audit.models import Channel
from personalization.models import Backup
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HEIGHTS = "(query) => [...document.querySelectorAll(query)].map((each) => each.getBoundingClientRect().height)"


@pytest.fixture
def restored(console, sign_in):
    """The user whose mail settings Bob has restored a minute ago; Alice reads German."""
    acme, people, users = console
    user, profile = users[0]
    with acme.context():
        backup = Backup.objects.get(profile=profile)
    data = {"confirmed": "yes", "version": 1, "submission": str(uuid.uuid4())}
    assert sign_in(people["bob"]).post(acme.url(f"backups/{backup.pk}/restore/"), data).status_code == 303
    people["alice"].user.language = "de"
    people["alice"].user.save(update_fields=["language"])
    return user


def test_two_actions_of_a_settings_group_stand_side_by_side(opened, restored):
    page = opened("alice", f"users/{restored.pk}/")
    assert page.locator("td.row-actions").first.locator(".icon-button").count() == 2
    assert max(page.evaluate(HEIGHTS, ".table tbody tr")) <= 41


def test_the_time_of_an_event_stands_in_one_line(opened, restored, console):
    acme, people, _ = console
    with acme.context():
        labels = {"number": 1, "task": "Roll-out", "changed": 1, "user": str(restored), "outcome": "restored"}
        row = event("user.changed", tenant_id=acme.pk, by=factories.actor(people["erin"]), labels=labels)
        row.channel, row.at = Channel.WORKER, timezone.now() - datetime.timedelta(minutes=58)
        row.save(force_insert=True)
    page = opened("alice", "audit/")
    expect(page.get_by_text("vor 58 Minuten")).to_be_visible()
    lines = page.evaluate("[...document.querySelectorAll('.table time')].map((each) => each.getClientRects().length)")
    assert set(lines) == {1}
