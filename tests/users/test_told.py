"""What the pages of one user say is true: about protection, sizes, the last change, and what goes with a backup."""

import datetime
import html
import re
import uuid

import pytest
from django.utils import timezone

from personalization.models import Backup, SettingsProfile
from tests import factories
from tests.tasks.work import run, submit

pytestmark = pytest.mark.django_db

OLD, NEW = factories.settings(theme="light", font="12"), factories.settings(theme="dark", zoom="110")
MADE = datetime.datetime(2026, 1, 17, 0, 0, tzinfo=datetime.UTC)  # 01:00 in Berlin


@pytest.fixture
def anna(acme):
    return factories.managed_user(acme, "anna")


@pytest.fixture
def profile(acme, anna):
    """Anna's mail settings, which WS-FIN-745 saved the day before yesterday."""
    mail = factories.settings_group(acme, "Mail client")
    saved_at = timezone.now() - datetime.timedelta(days=2)
    return factories.profile(acme, anna, mail, NEW, version=7, saved_at=saved_at, endpoint="WS-FIN-745")


@pytest.fixture
def backup(acme, profile):
    return factories.backup(acme, profile, OLD, created_at=MADE)


@pytest.fixture
def desk(bob, sign_in):
    """Bob's browser: Support Desk of Finance."""
    return sign_in(bob)


def post(desk, world, path, **data):
    answer = desk.post(world.url(path), {"confirmed": "yes", "submission": str(uuid.uuid4()), **data})
    assert answer.status_code == 303
    return answer


def said(browser, world, path):
    """Return the text of a page: without markup, white space as one blank."""
    answer = browser.get(world.url(path))
    assert answer.status_code == 200
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode())))


def timeline(profile):
    return f"users/{profile.managed_user_id}/settings/{profile.pk}/"


@pytest.mark.spec("AC-MBK-2")
def test_the_protect_page_promises_no_more_than_tasks_keep(acme, backup, desk):
    text = said(desk, acme, f"backups/{backup.pk}/protect/")
    assert "Only a task that is told to delete protected backups too deletes it." in text
    assert "no task" not in text
    assert "never deleted" not in text


def test_a_page_of_a_user_writes_all_sizes_alike(acme, anna, desk):
    for name, length in (("Mail client", 13_000), ("Browser", 300)):
        factories.profile(acme, anna, factories.settings_group(acme, name), factories.settings(theme="x" * length))
    text = said(desk, acme, f"users/{anna.pk}/")
    sizes = re.findall(r"[0-9.,]+\s?(?:[kKMG]?B|bytes)\b", text)
    assert len(sizes) == 4
    assert len(set(sizes)) == 2


def test_after_a_restore_the_page_says_who_restored_from_which_backup_beside_the_last_save(acme, profile, backup, desk):
    assert "Restored by" not in said(desk, acme, timeline(profile))
    post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    text = said(desk, acme, timeline(profile))
    assert "Restored by Bob Brandt (bob) from the backup of 17 Jan 2026, 01:00 · just now" in text
    assert "2 days ago" in text
    assert "WS-FIN-745" in text


def test_after_an_undo_the_page_says_who_put_the_settings_back(acme, profile, backup, desk):
    post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    with acme.context():
        before = Backup.objects.get(origin="before-change")
    post(desk, acme, f"backups/{before.pk}/undo/")
    text = said(desk, acme, timeline(profile))
    assert "Put back by Bob Brandt (bob) as it was at " in text
    assert "Restored by" not in text


def test_after_a_task_the_page_names_the_task_and_its_creator(acme, alice, profile, backup, desk):
    submit(acme, alice, name="Roll-out")
    run(acme)
    assert re.search(r"Changed by task #1 Roll-out of Alice Adler.* · just now", said(desk, acme, timeline(profile)))


def test_a_save_after_a_restore_is_the_last_change(acme, profile, backup, desk):
    post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    with acme.context():
        SettingsProfile.objects.filter(pk=profile.pk).update(version=9, saved_at=timezone.now())
    assert "Restored by" not in said(desk, acme, timeline(profile))


@pytest.mark.parametrize("is_purged", [False, True])
def test_a_restore_is_told_also_when_the_backup_from_before_it_is_deleted(acme, profile, backup, desk, is_purged):
    post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    with acme.context():
        before = Backup.objects.filter(origin="before-change")
        before.delete() if is_purged else before.update(deleted_at=timezone.now())
    text = said(desk, acme, timeline(profile))
    assert "Restored by Bob Brandt (bob) from the backup of 17 Jan 2026, 01:00" in text
    assert "Undo the last change" not in text


def test_undo_is_offered_however_many_backups_came_after_the_change(acme, profile, backup, desk):
    post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    for number in range(30):
        factories.backup(acme, profile, factories.settings(n=str(number)), origin="manual")
    assert "Undo the last change" in said(desk, acme, timeline(profile))


def test_the_last_change_is_found_by_the_same_number_of_queries_whatever_the_number_of_changes(
    acme, profile, backup, desk, query_count
):
    counts = []
    for version in range(7, 10):
        with acme.context():
            SettingsProfile.objects.filter(pk=profile.pk).update(snapshot=None)
        post(desk, acme, f"backups/{backup.pk}/restore/", version=version)
        counts.append(query_count(lambda: said(desk, acme, timeline(profile))))
    assert len(set(counts)) == 1


GOES = "The last change cannot be undone afterwards"


def test_the_question_before_deleting_the_unprotected_says_when_undo_goes_with_them(acme, profile, backup, desk):
    address = f"{timeline(profile)}delete-unprotected/"
    assert GOES not in said(desk, acme, address)
    post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    assert GOES in said(desk, acme, address)
    with acme.context():
        before = Backup.objects.get(origin="before-change")
    assert GOES in said(desk, acme, f"backups/{before.pk}/delete/")
    assert GOES not in said(desk, acme, f"backups/{backup.pk}/delete/")
    post(desk, acme, f"backups/{before.pk}/protect/", version=1)
    assert GOES not in said(desk, acme, address)


def test_backups_that_one_cleanup_deleted_stand_newest_first(acme, profile, desk):
    now = timezone.now()
    for days in (9, 2, 4, 8):
        factories.backup(acme, profile, OLD, created_at=now - datetime.timedelta(days=days), deleted_at=now)
    text = said(desk, acme, timeline(profile)).partition("Deleted in the last 30 days")[2]
    assert re.findall(r"(\d) days ago", text) == ["2", "4", "8", "9"]


def test_numbers_of_a_timeline_are_grouped(acme, profile, desk):
    factories.backup(acme, profile, factories.settings(**{f"name{number}": "x" for number in range(3000)}))
    text = said(desk, acme, timeline(profile))
    assert "3,000 values · 0 files" in text
    assert "3000" not in text
