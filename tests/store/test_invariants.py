"""Invariants of backups that stand on the tables (spec 3.2): nobody changes one, nothing takes one away by accident."""

import pytest
from django.db import ProgrammingError, transaction
from django.utils import timezone

from personalization import moves, store
from personalization.actions.nightly import nightly
from personalization.models import Backup, Origin, SettingsProfile
from tests.store.conftest import file, outdate, sz

pytestmark = pytest.mark.django_db


@pytest.fixture
def backed_up(acme, anna, editor):
    """(profile id, backup id) of anna's editor: one state with a file, current and backed up; in acme's context."""
    with acme.context():
        snapshot = store.put_snapshot(tenant_id=acme.pk, items=[sz("a", "1"), file("x", b"contents")])
        profile = SettingsProfile.objects.create(
            tenant=acme.tenant, managed_user=anna, settings_group=editor, snapshot=snapshot, saved_at=timezone.now()
        )
        [made] = moves.back_up(tenant_id=acme.pk, profile_ids=[profile.pk], origin=Origin.MANUAL, created_by="bob")
        yield profile.pk, made.backup_id


def state(backup_id):
    row = Backup.objects.select_related("snapshot").get(pk=backup_id)
    return list(store.read_items(row.snapshot)), (row.created_at, row.origin, row.profile_id, row.deleted_at)


@pytest.mark.spec("INV-1")
@pytest.mark.parametrize(
    "column", ["snapshot", "profile", "created_at", "origin", "created_by", "made_version", "task_id"]
)
def test_the_application_cannot_change_what_a_backup_is(acme, backed_up, column):
    value = getattr(Backup.objects.get(pk=backed_up[1]), column)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Backup.objects.filter(pk=backed_up[1]).update(**{column: value})


def test_protection_name_and_comment_of_a_backup_can_be_changed(acme, backed_up):
    Backup.objects.filter(pk=backed_up[1]).update(protected_until=timezone.now(), name="golden", comment="keep")


@pytest.mark.spec("INV-2")
def test_deleting_current_settings_leaves_the_backups_whole(acme, backed_up):
    profile_id, backup_id = backed_up
    before = state(backup_id)
    moves.clear(tenant_id=acme.pk, profile_ids=[profile_id], created_by="bob")
    outdate(acme.pk)
    store.collect(tenant_id=acme.pk)
    assert SettingsProfile.objects.get(pk=profile_id).snapshot_id is None
    assert state(backup_id) == before


@pytest.mark.spec("INV-3")
def test_restoring_leaves_the_backup_that_was_used(acme, backed_up):
    profile_id, backup_id = backed_up
    before = state(backup_id)
    for _ in range(2):
        moves.clear(tenant_id=acme.pk, profile_ids=[profile_id], created_by="bob")
        moves.restore(tenant_id=acme.pk, pairs=[(profile_id, backup_id)], created_by="bob")
        outdate(acme.pk)
        nightly(tenant_id=acme.pk, day=timezone.now().date())
    assert state(backup_id) == before
    assert list(store.read_items(SettingsProfile.objects.get(pk=profile_id).snapshot)) == before[0]
