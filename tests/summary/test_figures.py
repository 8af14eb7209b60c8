"""Whose figures the summary page shows, and that they are true (AC-SUM-1, AC-SUM-2, AC-ROL-3)."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.ui.formats import formats
from personalization.formats.items import in_memory_file
from personalization.models import (
    Backup,
    Blob,
    GroupFigures,
    ManagedUser,
    PersonalizationGroup,
    SettingsProfile,
    Snapshot,
    SnapshotBlob,
    SummaryCount,
    Task,
)
from personalization.store import put_snapshot
from tests import factories
from tests.summary.page import counted, crowd, press, tiles

pytestmark = pytest.mark.django_db

# session with account and tenant, context in (two) and out, savepoint in and out (the test's own transaction), membership,
# rights, groups, figures, count, nightly run, settings groups, queue, and for a Primary Administrator the database's size
MOST_QUERIES = 15


def file(name, data):
    return in_memory_file(f"%APPDATA%\\Contoso\\{name}", data)


# --- whose figures ----------------------------------------------------------------------------------------------------


@pytest.mark.spec("AC-SUM-1", "AC-ROL-3")
def test_groups_held_by_the_support_desk_role_only_are_not_counted(acme, globex, dave, alice, charlie, sign_in):
    crowd(acme)
    crowd(globex, finance=7)
    counted(acme)
    seen = tiles(sign_in(dave), acme)
    assert seen["Personalization groups"][0] == "1"
    assert seen["Managed users"][0] == "2"
    seen = tiles(sign_in(alice), acme)
    assert seen["Personalization groups"][0] == "4"
    assert seen["Managed users"][0] == "5"
    counted(globex)
    assert tiles(sign_in(charlie), globex)["Managed users"][0] == "9"


@pytest.mark.spec("AC-SUM-1")
def test_the_group_count_is_of_this_moment_and_of_nobody_elses_tenant(acme, globex, alice, sign_in):
    counted(acme)
    with acme.context():
        PersonalizationGroup.objects.create(tenant=acme.tenant, name="Legal", position=9)
    with globex.context():
        PersonalizationGroup.objects.create(tenant=globex.tenant, name="Legal", position=9)
    browser = sign_in(alice)
    assert tiles(browser, acme)["Personalization groups"][0] == "5"
    assert "1 group came after the last count." in browser.get(acme.url("summary/")).content.decode()


def test_only_administrators_are_offered_the_summary(acme, globex, bob, erin, charlie, sign_in):
    factories.member(acme, "Dora Dahl", "dora")
    assert f'href="{acme.url("summary/")}"' in sign_in(erin).get(acme.url()).content.decode()
    assert f'href="{acme.url("summary/")}"' not in sign_in(bob).get(acme.url()).content.decode()
    assert sign_in(bob).get(acme.url("summary/")).status_code == 403
    assert press(sign_in(bob), acme).status_code == 403
    assert sign_in(charlie).get(acme.url("summary/")).status_code == 302


def test_only_the_primary_administrator_sees_how_large_the_database_is(acme, globex, alice, erin, sign_in):
    assert re.fullmatch(r"[\d.,]+\s(?:MB|GB)", tiles(sign_in(alice), acme)["Database"][0])
    assert "Database" not in tiles(sign_in(erin), acme)


def test_a_count_is_of_one_tenant_alone(acme, globex):
    crowd(acme)
    crowd(globex)
    counted(acme)
    with globex.context():
        assert not GroupFigures.objects.exists()
        assert not SummaryCount.objects.exists()
    with acme.context():
        assert set(GroupFigures.objects.values_list("tenant_id", flat=True)) == {acme.pk}


# --- the figures ------------------------------------------------------------------------------------------------------


def exactly(world, groups):
    """Return the figures of some groups, summed row by row in Python over plain rows."""
    users = [user for user in ManagedUser.objects.all() if user.group_id in groups]
    own = {user.pk for user in users}
    profiles = [row for row in SettingsProfile.objects.select_related("snapshot") if row.managed_user_id in own]
    mine = {row.pk for row in profiles}
    backups = [
        row for row in Backup.objects.select_related("snapshot") if row.profile_id in mine and not row.deleted_at
    ]
    now = timezone.now()
    return {
        "users": len(users),
        "active_users": sum((now - user.last_logon_at).days < 30 for user in users if user.last_logon_at),
        "profiles": sum(row.snapshot is not None for row in profiles),
        "backups": len(backups),
        "protected_backups": sum(row.protected_until is not None and row.protected_until > now for row in backups),
        "current_bytes": sum(row.snapshot.size for row in profiles if row.snapshot),
        "backup_bytes": sum(row.snapshot.size for row in backups),
    }


@pytest.mark.spec("AC-SUM-2")
@pytest.mark.parametrize("who", ["alice", "erin", "dave"])
def test_sizes_and_numbers_are_those_of_the_rows_to_the_byte(acme, globex, alice, erin, dave, who, sign_in):
    crowd(acme, finance=4, sales=3)
    crowd(globex)
    counted(acme)
    person = {"alice": alice, "erin": erin, "dave": dave}[who]
    groups = {"alice": {acme.finance, acme.sales}, "erin": {acme.finance}, "dave": {acme.sales}}[who]
    with acme.context():
        rows = exactly(acme, groups)
    assert rows["current_bytes"] > 0
    assert rows["backup_bytes"] > 0
    seen = tiles(sign_in(person), acme)
    assert seen["Current data"][1] == f"exactly {rows['current_bytes']:,} bytes"
    assert seen["Backup data"][1] == f"exactly {rows['backup_bytes']:,} bytes"
    assert seen["Profiles"][0] == str(rows["profiles"])
    assert seen["Users active in 30 days"][0] == str(rows["active_users"])
    others = rows["backups"] - rows["protected_backups"]
    assert seen["Backups"] == (str(rows["backups"]), f"{rows['protected_backups']} protected, {others} not")


@pytest.mark.spec("AC-SUM-2")
def test_the_figures_of_the_groups_add_up_to_those_of_the_tenant(acme, globex):
    crowd(acme)
    counted(acme)
    with acme.context():
        for group in PersonalizationGroup.objects.all():
            row = GroupFigures.objects.get(group_id=group.pk)
            rows = exactly(acme, {group.pk})
            assert {name: getattr(row, name) for name in rows} == rows


def stored_bytes(snapshots):
    """What these snapshots and their blobs take, each once."""
    blobs = set(SnapshotBlob.objects.filter(snapshot_id__in=snapshots).values_list("blob_id", flat=True))
    return sum(len(row.manifest) for row in Snapshot.objects.filter(pk__in=snapshots)) + sum(
        len(row.stored) for row in Blob.objects.filter(pk__in=blobs)
    )


def test_a_content_that_many_backups_share_is_stored_once(acme, globex, alice, erin, sign_in):
    mail, first, second = factories.settings_group(acme, "Mail"), bytes(range(256)) * 90, b"another" * 5000
    held = {}
    for number, group in enumerate((acme.finance, acme.finance, acme.sales)):
        user = factories.managed_user(acme, f"user{number}", group=group)
        profile = factories.profile(acme, user, mail)
        with acme.context():
            states = [
                put_snapshot(tenant_id=acme.pk, items=[file("a.bin", first), file("b.bin", first)]),
                put_snapshot(tenant_id=acme.pk, items=[file("a.bin", first), file(f"{number}.bin", second)]),
            ]
            for state in states:
                for _night in range(2):
                    Backup.objects.create(
                        tenant=acme.tenant, profile=profile, snapshot=state, created_at=timezone.now(), origin="nightly"
                    )
            held.setdefault(group, set()).update(state.pk for state in states)
    counted(acme)
    with acme.context():
        whole = stored_bytes(held[acme.finance] | held[acme.sales])
        finance, sales = (GroupFigures.objects.get(group_id=group).stored_bytes for group in (acme.finance, acme.sales))
        assert (finance, sales) == (stored_bytes(held[acme.finance]), stored_bytes(held[acme.sales]))
        assert SummaryCount.objects.get().stored_bytes == whole
        logical = GroupFigures.objects.get(group_id=acme.finance).backup_bytes
    assert whole < finance + sales
    assert finance < logical
    size, label = formats().size, "Backup data, deduplicated"
    assert tiles(sign_in(alice), acme)[label] == (size(whole), "as stored, each content once")
    assert tiles(sign_in(erin), acme)[label] == (size(finance), "as stored, each content once")
    both = factories.member(acme, "Frank Falk", "frank", role="persops.admin", groups=[acme.finance, acme.sales])
    expected = size(finance + sales), "as stored, each content once in each group"
    assert tiles(sign_in(both), acme)[label] == expected


def test_all_figures_come_from_one_statement_so_that_they_agree_with_each_other(acme, globex):
    crowd(acme)
    with CaptureQueriesContext(connection) as captured:
        counted(acme)
    writing = [query["sql"] for query in captured if "personalization_groupfigures" in query["sql"]]
    assert len(writing) == 1
    assert all(f"personalization_{table}" in writing[0] for table in ("manageduser", "settingsprofile", "backup"))
    assert "personalization_summarycount" in writing[0]


def test_a_second_count_replaces_the_first(acme, globex, alice, sign_in):
    crowd(acme)
    counted(acme)
    with acme.context():
        Backup.objects.filter(deleted_at=None).update(deleted_at=timezone.now())
    counted(acme)
    seen = tiles(sign_in(alice), acme)
    assert (seen["Backups"][0], seen["Backup data"][1]) == ("0", "exactly 0 bytes")
    with acme.context():
        assert SummaryCount.objects.count() == 1
        assert GroupFigures.objects.count() == 4


def test_settings_groups_are_told_by_kind(acme, globex, erin, sign_in):
    for number in range(3):
        factories.settings_group(acme, f"Program {number}")
    factories.settings_group(acme, "Wallpaper", "windows")
    factories.settings_group(globex, "Mouse", "windows")
    assert tiles(sign_in(erin), acme)["Settings groups"] == ("4", "3 applications, 1 Windows setting")


def test_the_queue_is_live(acme, globex, erin, sign_in):
    now = timezone.now()
    states = [
        ("runnable", now), ("waiting", now - timedelta(minutes=1)), ("waiting", now + timedelta(hours=1)),
        ("running", now), ("running", now), ("running", now), ("paused", now), ("completed", now),
    ]  # fmt: skip
    for world, chosen in ((acme, states), (globex, states[:1])):
        with world.context():
            for number, (state, run_after) in enumerate(chosen, 1):
                Task.objects.create(
                    tenant=world.tenant, number=number, name="Task", creator_id=uuid.uuid4(),
                    creator_user_id=uuid.uuid4(), creator_name="Somebody", created_at=now, run_after=run_after,
                    state=state,
                )  # fmt: skip
    assert tiles(sign_in(erin), acme)["Open tasks"] == ("6", "2 ready, 1 deferred, 3 running")


def test_the_page_says_of_when_the_figures_are_in_the_zone_of_the_person(acme, globex, erin, sign_in):
    counted(acme, at=datetime(2026, 7, 1, 10, 30, tzinfo=UTC))
    page = sign_in(erin).get(acme.url("summary/")).content.decode()
    assert "Counted figures as of 1 Jul 2026, 12:30:00 CEST (10:30 UTC)" in page


def test_pictures_are_tables_of_every_group_largest_first(acme, globex, alice, sign_in):
    crowd(acme, finance=1, sales=3)
    counted(acme)
    page = sign_in(alice).get(acme.url("summary/")).content.decode()
    users = page.partition('<caption class="visually-hidden">Managed users by personalization group')[2]
    rows = re.findall(
        r'<th scope="row">([^<]+)</th>.*?<span class="tabular">([^<]+)</span>', users.split("</table>")[0]
    )
    assert rows[:2] == [("Sales", "3"), ("Finance", "1")]
    assert len(rows) == 4


@pytest.mark.parametrize("who", ["alice", "erin"])
def test_the_page_asks_the_same_number_of_queries_for_one_group_and_for_thirty(
    acme, globex, alice, erin, who, sign_in, query_count
):
    crowd(acme)
    crowd(globex)
    second = alice if who == "alice" else factories.member(acme, "Gina Gross", "gina")
    counted(acme)
    browser = sign_in(alice if who == "alice" else erin)
    counts = [query_count(lambda: tiles(browser, acme))]
    with acme.context():
        more = [
            PersonalizationGroup.objects.create(tenant=acme.tenant, name=f"Branch {number}", position=number)
            for number in range(30)
        ]
    if who == "erin":
        factories.entry(acme, second, "persops.admin", [group.pk for group in more])
    for group in more:
        factories.managed_user(acme, f"someone-{group.name}", group=group.pk)
    counted(acme)
    browser = sign_in(second)
    counts.append(query_count(lambda: tiles(browser, acme)))
    assert counts == [MOST_QUERIES - (who == "erin")] * 2
