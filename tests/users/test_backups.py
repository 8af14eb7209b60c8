"""One user's backups: create, protect, delete, bring back, restore, undo (AC-SBK-1..7)."""

import datetime
import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Event
from audit.tallies import write_open
from personalization import history
from personalization.formats import manifest
from personalization.models import Backup, SettingsProfile
from personalization.store import read_manifest
from tests import factories

pytestmark = pytest.mark.django_db

OLD, NEW = factories.settings(theme="light", font="12"), factories.settings(theme="dark", zoom="110")


@pytest.fixture
def mail(acme):
    """The settings group of the mail client."""
    return factories.settings_group(acme, "Mail client")


@pytest.fixture
def anna(acme):
    return factories.managed_user(acme, "anna")


@pytest.fixture
def profile(acme, anna, mail):
    """Anna's mail settings: dark now."""
    return factories.profile(acme, anna, mail, NEW, version=7)


@pytest.fixture
def backup(acme, profile):
    """Yesterday's backup: light."""
    return factories.backup(acme, profile, OLD, created_at=timezone.now() - datetime.timedelta(days=1))


@pytest.fixture
def desk(bob, sign_in):
    """Bob's browser: Support Desk of Finance."""
    return sign_in(bob)


def post(browser, world, path, **data):
    return browser.post(world.url(path), {"confirmed": "yes", "submission": str(uuid.uuid4()), **data})


def state(world, profile):
    with world.context():
        row = SettingsProfile.objects.select_related("snapshot").get(pk=profile.pk)
        return row.version, read_manifest(row.snapshot)


def backups(world, profile, **conditions):
    with world.context():
        return list(Backup.objects.filter(profile=profile, **conditions).order_by("created_at", "id"))


def items(world, backup):
    with world.context():
        return read_manifest(Backup.objects.select_related("snapshot").get(pk=backup.pk).snapshot)


def verbs(world):
    with world.context():
        write_open(world.pk)
        return list(Event.objects.order_by("id").values_list("verb", flat=True))


@pytest.mark.spec("AC-SBK-3")
def test_a_backup_made_now_is_the_newest_with_my_name_and_equals_the_current_settings(
    acme, anna, backup, profile, desk
):
    assert post(desk, acme, f"users/{anna.pk}/back-up/", profiles=[profile.pk], comment="INC-4711").status_code == 303
    made = backups(acme, profile)[-1]
    assert (made.origin, made.created_by.split(" (")[0], made.comment) == ("manual", "Bob Brandt", "INC-4711")
    assert items(acme, made) == sorted_items(NEW)
    assert verbs(acme) == ["backup.created"]


def sorted_items(these):
    return manifest.decode(manifest.encode(these))


def test_the_same_form_sent_twice_makes_one_backup(acme, anna, profile, desk):
    data = {"profiles": [profile.pk], "submission": str(uuid.uuid4())}
    answers = [desk.post(acme.url(f"users/{anna.pk}/back-up/"), data) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(backups(acme, profile)) == 1


@pytest.mark.spec("AC-SBK-4", "AC-SBK-5", "INV-3")
def test_a_restore_makes_the_settings_equal_to_the_backup_and_keeps_what_they_were(acme, profile, backup, desk):
    answer = post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    assert answer.status_code == 303
    assert state(acme, profile) == (8, sorted_items(OLD))
    kept, before = backups(acme, profile)
    assert kept.pk == backup.pk
    assert (before.origin, before.made_version, items(acme, before)) == ("before-change", 8, sorted_items(NEW))


@pytest.mark.spec("AC-SBK-5")
def test_restoring_the_backup_from_before_brings_the_replaced_state_back(acme, profile, backup, desk):
    post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    before = backups(acme, profile, origin="before-change")[0]
    post(desk, acme, f"backups/{before.pk}/restore/", version=8)
    assert state(acme, profile) == (9, sorted_items(NEW))


def test_one_click_undoes_a_restore_while_its_version_is_current(acme, anna, profile, backup, desk):
    post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    before = backups(acme, profile, origin="before-change")[0]
    page = desk.get(acme.url(f"users/{anna.pk}/settings/{profile.pk}/")).content.decode()
    assert f"/backups/{before.pk}/undo/" in page
    assert post(desk, acme, f"backups/{before.pk}/undo/").status_code == 303
    assert state(acme, profile) == (9, sorted_items(NEW))
    assert verbs(acme) == ["backup.restored", "change.undone"]


def test_an_undo_is_refused_once_the_settings_have_changed_again(acme, anna, profile, backup, desk):
    post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    before = backups(acme, profile, origin="before-change")[0]
    with acme.context():
        SettingsProfile.objects.filter(pk=profile.pk).update(version=9)
    page = desk.get(acme.url(f"users/{anna.pk}/settings/{profile.pk}/")).content.decode()
    assert f"/backups/{before.pk}/undo/" not in page
    assert post(desk, acme, f"backups/{before.pk}/undo/").status_code == 409
    assert state(acme, profile) == (9, sorted_items(OLD))


def test_a_stale_page_is_answered_with_what_changed_and_changes_nothing(acme, profile, backup, desk):
    answer = post(desk, acme, f"backups/{backup.pk}/restore/", version=6)
    assert answer.status_code == 409
    assert "changed after this page was opened" in answer.content.decode()
    assert state(acme, profile) == (7, sorted_items(NEW))
    assert verbs(acme) == ["access.refused"]


def changes_told(answer):
    """Return {what: (when opened, now)} of a page about a conflict."""
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td><strong>(.*?)</strong>', answer.content.decode())
    return {what: (before, now) for what, before, now in rows}


@pytest.mark.parametrize("version", [None, "", "x", "1.5"])
@pytest.mark.parametrize("action", ["restore", "protect", "unprotect", "delete", "bring-back"])
def test_a_post_without_a_version_that_can_be_read_is_no_form_of_ours(acme, profile, backup, action, version, desk):
    if action == "bring-back":
        post(desk, acme, f"backups/{backup.pk}/delete/", version=1)
    before = backups(acme, profile)[0].version
    data = {} if version is None else {"version": version}
    assert post(desk, acme, f"backups/{backup.pk}/{action}/", **data).status_code == 400
    assert [row.version for row in backups(acme, profile)] == [before]
    assert state(acme, profile)[0] == 7


@pytest.mark.parametrize("version", [None, "", "x"])
def test_deleting_the_unprotected_needs_the_count_that_was_shown(acme, anna, profile, backup, version, desk):
    data = {} if version is None else {"version": version}
    address = f"users/{anna.pk}/settings/{profile.pk}/delete-unprotected/"
    assert post(desk, acme, address, **data).status_code == 400
    assert len(backups(acme, profile, deleted_at=None)) == 1


@pytest.mark.parametrize("action", ["protect", "unprotect", "delete", "bring-back"])
def test_a_stale_page_of_a_backup_is_answered_with_409(acme, profile, backup, action, desk):
    if action == "bring-back":
        post(desk, acme, f"backups/{backup.pk}/delete/", version=1)
    assert post(desk, acme, f"backups/{backup.pk}/{action}/", version=9).status_code == 409


def test_a_conflict_says_who_restored_in_the_meantime_and_when(acme, profile, backup, desk):
    other = factories.backup(acme, profile, factories.settings(theme="blue"))
    post(desk, acme, f"backups/{other.pk}/restore/", version=7)
    told = changes_told(post(desk, acme, f"backups/{backup.pk}/restore/", version=7))
    assert told["Version"] == ("7", "8")
    assert re.fullmatch(r"Restored by Bob Brandt \(bob\) at \d+ \w+ \d{4}, \d\d:\d\d", told["Last change"][1])
    assert told["Last change"][0] == "–"
    post(desk, acme, f"backups/{backups(acme, profile, origin='before-change')[0].pk}/undo/")
    told = changes_told(post(desk, acme, f"backups/{backup.pk}/restore/", version=8))
    assert told["Last change"][1].startswith("Undone by Bob Brandt")


def test_a_conflict_says_which_computer_has_saved_in_the_meantime(acme, profile, backup, desk):
    with acme.context():
        SettingsProfile.objects.filter(pk=profile.pk).update(version=8, endpoint="PC-17")
    told = changes_told(post(desk, acme, f"backups/{backup.pk}/restore/", version=7))
    assert told["Last change"][1].startswith("Saved by PC-17 at ")


def test_a_conflict_about_a_backup_says_who_has_protected_it(acme, profile, backup, desk):
    post(desk, acme, f"backups/{backup.pk}/protect/", version=1)
    told = changes_told(post(desk, acme, f"backups/{backup.pk}/delete/", version=1))
    assert told["Protection"] == ("–", "protected for ever")
    assert told["Last change"][1].startswith("Protected by Bob Brandt")


def test_no_sentence_about_a_time_ends_with_two_full_stops(acme, anna, profile, backup, desk):
    asked = desk.get(acme.url(f"backups/{backup.pk}/restore/")).content.decode()
    post(desk, acme, f"backups/{backup.pk}/restore/", version=7)
    told = desk.get(acme.url(f"users/{anna.pk}/settings/{profile.pk}/")).content.decode()
    assert "The settings of " in asked
    assert "Restored Mail client of FINANCE\\anna to " in told
    assert ".." not in re.sub(r"<[^>]*>", "", asked + told)


def test_the_address_that_deletes_a_protected_backup_explains_and_offers_to_remove_the_protection(
    acme, profile, backup, desk
):
    post(desk, acme, f"backups/{backup.pk}/protect/", version=1)
    text = desk.get(acme.url(f"backups/{backup.pk}/delete/")).content.decode()
    assert "is protected" in text
    assert "Delete backup" not in text
    assert f'action="{acme.url(f"backups/{backup.pk}/unprotect/")}"' in text
    fields = dict(re.findall(r'<input type="hidden" name="(version|seen)" value="([^"]*)">', text))
    assert desk.post(acme.url(f"backups/{backup.pk}/unprotect/"), fields).status_code == 303
    assert "Delete backup" in desk.get(acme.url(f"backups/{backup.pk}/delete/")).content.decode()


def test_the_question_before_a_restore_says_what_changes_and_when_it_takes_effect(acme, profile, backup, desk):
    text = desk.get(acme.url(f"backups/{backup.pk}/restore/")).content.decode()
    assert "1 changed, 1 come back, 1 go" in text
    assert "ask the person to close it first" in text


def test_restoring_what_is_there_already_changes_nothing(acme, profile, desk):
    same = factories.backup(acme, profile, NEW)
    assert post(desk, acme, f"backups/{same.pk}/restore/", version=7).status_code == 303
    assert state(acme, profile)[0] == 7
    assert len(backups(acme, profile)) == 1


@pytest.mark.spec("AC-SBK-1")
def test_deleting_the_unprotected_leaves_protected_ones_and_other_groups(acme, anna, profile, backup, desk):
    protected = factories.backup(acme, profile, NEW, protected_until=timezone.now() + datetime.timedelta(days=9))
    other = factories.profile(acme, anna, factories.settings_group(acme, "Browser"), NEW)
    elsewhere = factories.backup(acme, other, OLD)
    address = f"users/{anna.pk}/settings/{profile.pk}/delete-unprotected/"
    assert post(desk, acme, address, version=1).status_code == 303
    assert [row.pk for row in backups(acme, profile, deleted_at=None)] == [protected.pk]
    assert [row.pk for row in backups(acme, other, deleted_at=None)] == [elsewhere.pk]
    assert verbs(acme) == ["backups.deleted"]


def test_a_count_that_is_not_the_confirmed_one_deletes_nothing(acme, anna, profile, backup, desk):
    address = f"users/{anna.pk}/settings/{profile.pk}/delete-unprotected/"
    assert post(desk, acme, address, version=5).status_code == 409
    assert len(backups(acme, profile, deleted_at=None)) == 1


@pytest.mark.spec("AC-SBK-2")
def test_a_protected_backup_is_not_deleted_before_its_protection_is_removed(acme, profile, backup, desk):
    assert post(desk, acme, f"backups/{backup.pk}/protect/", version=1).status_code == 303
    assert post(desk, acme, f"backups/{backup.pk}/delete/", version=2).status_code == 422
    assert len(backups(acme, profile, deleted_at=None)) == 1
    assert post(desk, acme, f"backups/{backup.pk}/unprotect/", version=2).status_code == 303
    assert post(desk, acme, f"backups/{backup.pk}/delete/", version=3).status_code == 303
    assert backups(acme, profile, deleted_at=None) == []


@pytest.mark.parametrize(("until", "status"), [("2001-01-01", 422), ("someday", 422)])
def test_a_day_that_cannot_be_is_answered_beside_the_field_and_kept(acme, backup, until, status, desk):
    answer = post(desk, acme, f"backups/{backup.pk}/protect/", version=1, until=until)
    assert answer.status_code == status
    assert until in answer.content.decode()


def test_a_deleted_backup_leaves_the_timeline_and_comes_back_within_thirty_days(acme, anna, profile, backup, desk):
    post(desk, acme, f"backups/{backup.pk}/delete/", version=1)
    assert desk.get(acme.url(f"backups/{backup.pk}/restore/")).status_code == 409
    assert "Bring back" in desk.get(acme.url(f"users/{anna.pk}/settings/{profile.pk}/")).content.decode()
    assert post(desk, acme, f"backups/{backup.pk}/bring-back/", version=2).status_code == 303
    assert [row.pk for row in backups(acme, profile, deleted_at=None)] == [backup.pk]


def test_a_second_click_on_undo_gets_the_answer_of_the_first(acme, profile, backup, desk):
    post(desk, acme, f"backups/{backup.pk}/restore/", version=state(acme, profile)[0])
    (before,) = backups(acme, profile, origin="before-change")
    sent = {"submission": str(uuid.uuid4())}
    answers = [desk.post(acme.url(f"backups/{before.pk}/undo/"), sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0]["Location"] == answers[1]["Location"]
    version, _content = state(acme, profile)
    assert post(desk, acme, f"backups/{before.pk}/undo/").status_code == 409  # another submission is another click
    assert state(acme, profile)[0] == version


@pytest.mark.spec("AC-HOM-3")
def test_the_links_of_the_list_lead_to_the_parts_of_the_users_page(acme, anna, profile, backup, desk):
    listed = desk.get(acme.url("users/")).content.decode()
    parts = re.findall(rf'href="{anna.pk}/#(\w+)"|href="[^"]*/users/{anna.pk}/#(\w+)"', listed)
    names = [first or second for first, second in parts]
    assert names == ["settings", "backups"]
    shown = desk.get(acme.url(f"users/{anna.pk}/")).content.decode()
    assert [shown.count(f'id="{name}"') for name in names] == [1, 1]
    newest = shown.partition('id="backups"')[2].partition("</section>")[0]
    assert f'href="{acme.url(f"users/{anna.pk}/settings/{profile.pk}/")}"' in newest
    post(desk, acme, f"backups/{backup.pk}/delete/", version=1)
    assert 'id="backups"' not in desk.get(acme.url(f"users/{anna.pk}/")).content.decode()


def test_the_second_delete_and_the_second_bringing_back_say_what_has_happened(acme, anna, profile, backup, desk):
    timeline = acme.url(f"users/{anna.pk}/settings/{profile.pk}/")
    for action, version, sentence in (("delete", 1, "was deleted"), ("bring-back", 2, "is back already")):
        assert post(desk, acme, f"backups/{backup.pk}/{action}/", version=version).status_code == 303
        again = post(desk, acme, f"backups/{backup.pk}/{action}/", version=version)
        assert again.status_code == 409
        assert sentence in again.content.decode()
        assert f'href="{timeline}"' in again.content.decode()


def test_the_display_switch_of_a_page_that_answers_a_form_leads_to_a_page(acme, profile, backup, desk):
    address = acme.url(f"backups/{backup.pk}/unprotect/")
    assert desk.get(address).status_code == 405
    answer = post(desk, acme, f"backups/{backup.pk}/unprotect/", version=7)
    assert answer.status_code == 409
    (back,) = set(re.findall(r'name="back" value="([^"]+)"', answer.content.decode()))
    switched = desk.post("/display/", {"theme": "dark", "back": back})
    assert switched.status_code == 303
    assert desk.get(switched["Location"]).status_code == 200


def test_the_page_after_a_backup_that_was_deleted_meanwhile_is_still_there(acme, anna, profile, backup, desk):
    post(desk, acme, f"backups/{backup.pk}/delete/", version=1)
    timeline = acme.url(f"users/{anna.pk}/settings/{profile.pk}/")
    assert desk.get(timeline, {"before": str(backup.pk)}).status_code == 200


def test_after_thirty_days_a_deleted_backup_stays_deleted(acme, profile, backup, desk):
    with acme.context():
        Backup.objects.filter(pk=backup.pk).update(deleted_at=timezone.now() - datetime.timedelta(days=31))
    assert post(desk, acme, f"backups/{backup.pk}/bring-back/", version=1).status_code == 422


ACTIONS = ["restore", "undo", "protect", "unprotect", "delete", "bring-back"]


@pytest.mark.parametrize("action", ACTIONS)
def test_a_backup_of_another_group_or_tenant_does_not_exist(acme, globex, profile, backup, action, sign_in):
    erin = factories.member(acme, "Erin Egger", "erin", role="persops.support_desk", groups=[acme.sales])
    charlie = factories.member(globex, "Charlie Chen", "charlie", role="persops.primary_admin")
    path = f"backups/{backup.pk}/{action}/"
    assert post(sign_in(erin), acme, path, version=1).status_code == 404
    assert post(sign_in(charlie), globex, path, version=1).status_code == 404
    assert state(acme, profile)[0] == 7


@pytest.mark.spec("AC-SBK-7")
@pytest.mark.parametrize(
    ("action", "data", "verb"),
    [("restore", {"version": 7}, "backup.restored"), ("protect", {"version": 1}, "backup.protected"),
     ("delete", {"version": 1}, "backup.deleted")],
)  # fmt: skip
def test_each_action_leaves_one_event_that_names_actor_user_group_and_backup(
    acme, bob, anna, backup, action, data, verb, desk
):
    post(desk, acme, f"backups/{backup.pk}/{action}/", **data)
    with acme.context():
        event = Event.objects.get()
    assert (event.verb, event.actor_id, event.subject_id, event.group_id) == (verb, bob.pk, anna.pk, acme.finance)
    assert (event.labels["user"], event.labels["group"], event.labels["backup"]) == (
        "FINANCE\\anna",
        "Mail client",
        str(backup.pk),
    )


def test_the_timeline_tells_what_each_night_changed(acme, anna, profile, desk):
    start = timezone.now() - datetime.timedelta(days=3)
    for night, values in enumerate(({"font": "12"}, {"font": "14"}, {"font": "14", "zoom": "90"})):
        factories.backup(acme, profile, factories.settings(**values), created_at=start + datetime.timedelta(days=night))
    text = desk.get(acme.url(f"users/{anna.pk}/settings/{profile.pk}/")).content.decode()
    assert "0 changed, 1 new, 0 gone" in text
    assert "1 changed, 0 new, 0 gone" in text
    assert "Contoso\\zoom" in text


def test_a_timeline_of_states_that_are_long_to_read_is_shown_without_what_changed(
    acme, anna, profile, desk, monkeypatch
):
    monkeypatch.setattr(history, "COMPARED_TEXT", 10_000)
    start, address = timezone.now() - datetime.timedelta(days=3), acme.url(f"users/{anna.pk}/settings/{profile.pk}/")
    for night, count in enumerate((2, 3)):
        values = {f"n{number}": "1" for number in range(count)}
        factories.backup(acme, profile, factories.settings(**values), created_at=start + datetime.timedelta(days=night))
    assert "0 changed, 1 new, 0 gone" in desk.get(address).content.decode()
    many = {f"n{number}": "1" for number in range(400)}  # of one kind: some kilobytes packed, many as they are read
    factories.backup(acme, profile, factories.settings(**many), created_at=start + datetime.timedelta(days=2))
    answer = desk.get(address)
    assert answer.status_code == 200
    assert " new, " not in answer.content.decode()


@pytest.mark.parametrize("path", ["users/{user}/", "users/{user}/settings/{profile}/"])
def test_a_users_page_asks_the_same_number_of_queries_for_one_backup_and_for_thirty(acme, anna, profile, path, desk):
    counts = []
    for rows in (1, 29):
        for number in range(rows):
            factories.backup(acme, profile, factories.settings(n=f"{rows}-{number}"))
            if path.endswith("{user}/"):
                factories.profile(acme, anna, factories.settings_group(acme, f"App {rows} {number}"), OLD)
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(acme.url(path.format(user=anna.pk, profile=profile.pk))).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_long_timelines_go_on_at_older(acme, anna, profile, desk):
    start = timezone.now() - datetime.timedelta(days=90)
    rows = [
        factories.backup(acme, profile, factories.settings(n=str(n)), created_at=start + datetime.timedelta(days=n))
        for n in range(60)
    ]
    address, seen = acme.url(f"users/{anna.pk}/settings/{profile.pk}/"), []
    for _ in range(3):
        text = desk.get(address).content.decode()
        seen += [row.pk for row in rows if f"/backups/{row.pk}/restore/" in text]
        older = re.search(r'<a class="button" href="([^"]+before=[^"]+)">', text)
        address = older and older[1]
        if not address:
            break
    assert address is None
    assert sorted(seen) == sorted(row.pk for row in rows)
