"""Nothing stored: no snapshot in a profile, the snapshot without items in a backup. To every verb a profile that holds
the latter, as a registry file or an upload may have left it, is the same."""

import datetime

import pytest
from django.utils import timezone

from personalization import moves
from personalization.actions import tasks as actions
from personalization.actions.settings import UploadResult, import_settings, upload_settings
from personalization.formats.items import KeyDeletion
from personalization.models import Backup, SettingsProfile, Verb
from personalization.outcomes import Outcome
from personalization.store import read_manifest
from tests import factories
from tests.ledger.crowd import backups, fresh, items, operation, run, submit

pytestmark = pytest.mark.django_db

DARK = factories.settings(theme="dark")
VERBS = {
    "create": operation(Verb.CREATE_BACKUPS),
    "restore": operation(Verb.RESTORE_LATEST),
    "delete": operation(Verb.DELETE_OLDER, age_days=1),
}
EMPTY = pytest.mark.parametrize("empty", [None, []], ids=["no snapshot", "the empty snapshot"])


@pytest.fixture
def user(acme):
    return factories.managed_user(acme, "nora")


@pytest.fixture
def mail(acme):
    return factories.settings_group(acme, "Mail client")


def current(world):
    """Return the items of the only profile, none where nothing is stored, and its version."""
    with world.context():
        row = SettingsProfile.objects.select_related("snapshot").get(tenant_id=world.pk)
        return read_manifest(row.snapshot) if row.snapshot else [], row.version


def old_backup(world, profile, what, **columns):
    return factories.backup(world, profile, what, created_at=timezone.now() - datetime.timedelta(days=9), **columns)


def announce_and_do(world, member, step):
    """Submit a task of one step, work it off; return (number of its preview, number done, outcome of its only user)."""
    by, targets = factories.actor(member), actions.Targets(groups=(world.finance,))
    with world.context():
        seen = actions.preview(tenant_id=world.pk, operations=[step], targets=targets, by=by)
    task = submit(world, member, step)
    run(world)
    return seen.touched[0], fresh(world, task).changed, items(world, task)[0].outcome


def test_what_is_announced_is_done_to_a_profile_that_a_registry_file_emptied(acme, adam, user, mail):
    by = factories.actor(adam)
    for change in (*DARK, KeyDeletion("HKCU\\Software\\Contoso")):
        import_settings(managed_user=user, changes=[change], settings_group=mail, merge=True, by=by)
    assert current(acme) == ([], 2)
    assert announce_and_do(acme, adam, VERBS["create"]) == (0, 0, Outcome.NOTHING_TO_BACK_UP)
    assert announce_and_do(acme, adam, VERBS["restore"]) == (0, 0, Outcome.NOTHING_TO_RESTORE)
    assert current(acme) == ([], 2)


@EMPTY
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kept", [[], DARK], ids=["of nothing", "of settings"])
def test_what_is_announced_is_done_wherever_nothing_is_stored(acme, adam, user, mail, empty, verb, kept):
    old_backup(acme, factories.profile(acme, user, mail, empty), kept, origin="manual")
    announced, done, _outcome = announce_and_do(acme, adam, VERBS[verb])
    assert announced == done == {"create": 0, "restore": len(kept), "delete": 1}[verb]


@EMPTY
def test_restoring_nothing_onto_nothing_changes_nothing(acme, adam, user, mail, empty):
    old_backup(acme, factories.profile(acme, user, mail, empty), [])
    for _time in range(2):
        assert announce_and_do(acme, adam, VERBS["restore"]) == (0, 0, Outcome.ALREADY_SO)
    assert current(acme) == ([], 1)
    assert not backups(acme, origin="before-change")


@EMPTY
@pytest.mark.parametrize("to_empty", [False, True], ids=["from nothing", "to nothing"])
def test_undo_puts_back_what_a_restore_changed_from_and_to_nothing(acme, adam, user, mail, empty, to_empty):
    before, kept = (DARK, []) if to_empty else (empty, DARK)
    old_backup(acme, factories.profile(acme, user, mail, before), kept)
    task = submit(acme, adam, VERBS["restore"])
    run(acme)
    assert current(acme) == (kept, 2)
    with acme.context():
        inverse = actions.undo_task(task=task, by=factories.actor(adam))
    run(acme)
    assert items(acme, inverse)[0].outcome == Outcome.UNDONE
    assert current(acme) == (before or [], 3)
    assert announce_and_do(acme, adam, VERBS["restore"]) == (1, 1, Outcome.RESTORED)


@EMPTY
def test_one_profile_with_nothing_stored_is_neither_backed_up_nor_cleared_nor_restored_to_nothing(
    acme, user, mail, empty
):
    profile = factories.profile(acme, user, mail, empty)
    kept = old_backup(acme, profile, [])
    common = {"tenant_id": acme.pk, "created_by": "bob"}
    with acme.context():
        assert moves.back_up(profile_ids=[profile.pk], origin="manual", **common) == []
        assert moves.clear(profile_ids=[profile.pk], **common) == []
        assert moves.restore(pairs=[(profile.pk, kept.pk)], **common) == []
        assert Backup.objects.count() == 1
    assert current(acme) == ([], 1)


def test_an_import_and_an_upload_of_nothing_leave_no_snapshot(acme, adam, user, mail):
    by = factories.actor(adam)
    for change in (*DARK, KeyDeletion("HKCU\\Software\\Contoso")):
        import_settings(managed_user=user, changes=[change], settings_group=mail, merge=True, by=by)
    with acme.context():
        profile = SettingsProfile.objects.get()
        assert (profile.snapshot_id, profile.version) == (None, 2)
        common = {"managed_user": user, "settings_group": mail, "by": by}
        assert upload_settings(items=[], based_on_version=2, **common).result is UploadResult.UNCHANGED
        upload_settings(items=DARK, based_on_version=2, **common)
        upload_settings(items=[], based_on_version=3, **common)
        profile.refresh_from_db()
        assert (profile.snapshot_id, profile.version) == (None, 4)
