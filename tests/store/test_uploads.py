"""What an endpoint uploads: saved on the newest version, kept as a backup on an older one."""

import threading

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from audit.actions import Actor
from audit.models import Channel, Event
from personalization import moves, store
from personalization.actions.settings import UploadResult, upload_settings
from personalization.formats.errors import ImportRejected
from personalization.models import Backup, ManagedUser, Origin, PersonalizationGroup, SettingsProfile, Snapshot
from tests import factories
from tests.formats.strategies import examples
from tests.store.conftest import file, sz

ENDPOINT = Actor(id=None, name="WS-1", channel=Channel.ENDPOINT)


def upload(user, group, *items, on=None, **more):
    return upload_settings(
        managed_user=user, settings_group=group, items=items, based_on_version=on, endpoint="WS-1", by=ENDPOINT, **more
    )


def current(user):
    profile = SettingsProfile.objects.select_related("snapshot").get(managed_user=user)
    return list(store.read_items(profile.snapshot)), profile.version


@pytest.mark.django_db
def test_the_first_upload_makes_the_profile_and_one_event(acme, anna, editor):
    with acme.context():
        done = upload(anna, editor, sz("a", "1"), os="Windows 11")
        assert (done.result, done.version) == (UploadResult.SAVED, 1)
        assert current(anna) == ([sz("a", "1")], 1)
        event = Event.objects.get()
        assert (event.verb, event.subject_id, event.group_id) == ("settings.saved", anna.pk, acme.finance)
        assert (event.labels["user"], event.labels["group"]) == ("FINANCE\\anna", "Text editor")


@pytest.mark.django_db
def test_an_upload_on_the_newest_version_replaces_and_counts_up(acme, anna, editor):
    with acme.context():
        upload(anna, editor, sz("a", "1"))
        assert upload(anna, editor, sz("a", "2"), on=1).version == 2
        assert current(anna) == ([sz("a", "2")], 2)


@pytest.mark.django_db
def test_an_upload_of_what_is_there_changes_nothing_and_is_no_event(acme, anna, editor):
    with acme.context():
        first = upload(anna, editor, sz("a", "1"))
        again = upload(anna, editor, sz("a", "1"), on=1)
        stale = upload(anna, editor, sz("a", "1"), on=None)
        assert [again.result, stale.result] == [UploadResult.UNCHANGED] * 2
        assert again.version == stale.version == first.version == 1
        assert (Event.objects.count(), Backup.objects.count()) == (1, 0)


@pytest.mark.django_db
@pytest.mark.spec("AC-SBK-6")
def test_an_upload_on_an_old_version_after_a_restore_becomes_a_backup_and_the_restored_state_survives(
    acme, anna, editor
):
    with acme.context():
        profile_id = upload(anna, editor, sz("a", "good")).profile_id
        [good] = moves.back_up(tenant_id=acme.pk, profile_ids=[profile_id], origin=Origin.MANUAL, created_by="bob")
        upload(anna, editor, sz("a", "bad"), on=1)
        moves.restore(tenant_id=acme.pk, pairs=[(profile_id, good.backup_id)], created_by="bob")
        late = upload(anna, editor, sz("a", "bad, and open all night"), on=2)
        assert (late.result, late.version) == (UploadResult.STALE, 3)
        assert current(anna) == ([sz("a", "good")], 3)
        row = Backup.objects.select_related("snapshot").get(pk=late.backup_id)
        assert (row.origin, row.created_by, row.profile_id) == (Origin.STALE_UPLOAD, "WS-1", profile_id)
        assert list(store.read_items(row.snapshot)) == [sz("a", "bad, and open all night")]
        assert Event.objects.filter(verb="settings.upload-stale", subject_id=anna.pk).count() == 1


@pytest.mark.django_db
def test_an_upload_of_a_version_that_never_was_is_stale_too(acme, anna, editor):
    with acme.context():
        upload(anna, editor, sz("a", "1"))
        assert upload(anna, editor, sz("a", "2"), on=7).result is UploadResult.STALE
        assert upload(anna, editor, sz("a", "3"), on=None).result is UploadResult.STALE


@pytest.mark.django_db
def test_a_refused_upload_leaves_nothing(acme, anna, editor):
    with acme.context():
        with pytest.raises(ImportRejected):
            upload(anna, editor, file("a", b"a"), sz("a", "1", key="HKLM\\Software"))
        assert not any(model.objects.exists() for model in (SettingsProfile, Snapshot, Event))


@pytest.mark.django_db
@pytest.mark.spec("INV-5")
def test_a_user_who_changes_group_keeps_one_data_set(acme, anna, editor):
    with acme.context():
        upload(anna, editor, sz("a", "1"))
        moves.back_up(
            tenant_id=acme.pk, profile_ids=SettingsProfile.objects.values_list("pk", flat=True), origin="manual",
            created_by="bob",
        )  # fmt: skip
        ManagedUser.objects.filter(pk=anna.pk).update(group=PersonalizationGroup.objects.get(name="Sales"))
        moved = ManagedUser.objects.get(pk=anna.pk)
        assert upload(moved, editor, sz("a", "2"), on=1).version == 2
        assert (SettingsProfile.objects.count(), Backup.objects.count()) == (1, 1)
        assert Event.objects.order_by("-id").first().group_id == acme.sales


@pytest.mark.django_db(transaction=True)
def test_two_first_uploads_at_once_make_one_profile_and_one_stale_backup():
    acme = factories.world("acme", "Acme Industries")
    anna, editor = factories.managed_user(acme, "anna"), factories.settings_group(acme, "Text editor")
    starting, results = threading.Barrier(2), []

    def run(text):
        try:
            starting.wait(30)
            with acme.context():
                results.append(upload(anna, editor, sz("a", text)).result)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[text]) for text in "12"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(result.value for result in results) == ["saved", "stale"]
    with acme.context():
        assert (SettingsProfile.objects.count(), Backup.objects.count()) == (1, 1)


@pytest.mark.django_db
@pytest.mark.spec("AC-SBK-6")
@given(uploads=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=12))
@examples(15, 500)
def test_no_upload_is_ever_lost_and_none_overwrites_what_it_has_not_seen(acme, editor, uploads):
    """Three endpoints, each with the version it saw last, upload states in any order."""
    user = factories.managed_user(acme, f"u{ManagedUser.objects.count()}{hash(tuple(uploads))}")
    seen = {}
    with acme.context():
        expected = None
        for number, (endpoint, state) in enumerate(uploads):
            version = SettingsProfile.objects.filter(managed_user=user).values_list("version", flat=True).first()
            done = upload(user, editor, sz("a", str(state)), on=seen.get(endpoint))
            if done.result is UploadResult.SAVED:
                assert seen.get(endpoint) == version, number
                expected = state
            elif done.result is UploadResult.STALE:
                kept = Backup.objects.select_related("snapshot").get(pk=done.backup_id)
                assert list(store.read_items(kept.snapshot)) == [sz("a", str(state))]
            else:
                assert expected == state
            seen[endpoint] = done.version
            assert current(user) == ([sz("a", str(expected))], done.version)
