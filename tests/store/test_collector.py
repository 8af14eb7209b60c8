"""The collector takes what nothing refers to, and never anything else, whoever works beside it (INV-4)."""

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization import store
from personalization.formats.items import File
from personalization.models import Backup, Blob, Origin, SettingsProfile, Snapshot
from tests import factories
from tests.conftest import DEEP
from tests.formats.strategies import examples
from tests.store.conftest import file, outdate, sz


def put(world, *items):
    return store.put_snapshot(tenant_id=world.pk, items=items)


def profile(world, user, group, snapshot, variant=""):
    return SettingsProfile.objects.create(
        tenant=world.tenant, managed_user=user, settings_group=group, snapshot=snapshot, variant=variant,
        saved_at=timezone.now(),
    )  # fmt: skip


def backup(world, of, snapshot, **columns):
    return Backup.objects.create(
        tenant=world.tenant, profile=of, snapshot=snapshot, created_at=timezone.now(), origin=Origin.MANUAL, **columns
    )


@pytest.mark.django_db
@pytest.mark.spec("INV-4", "AC-BGS-3")
def test_what_a_profile_or_a_backup_refers_to_stays_and_the_rest_goes(acme, anna, editor):
    with acme.context():
        current, old, deleted, orphan = (put(acme, file(name, name.encode() * 400)) for name in "abcd")
        mine = profile(acme, anna, editor, current)
        backup(acme, mine, old)
        backup(acme, mine, deleted, deleted_at=timezone.now())
        outdate(acme.pk)
        assert store.collect(tenant_id=acme.pk) == store.Collected(snapshots=1, blobs=1)
        assert set(Snapshot.objects.values_list("pk", flat=True)) == {current.pk, old.pk, deleted.pk}
        assert not Snapshot.objects.filter(pk=orphan.pk).exists()
        assert store.verify(tenant_id=acme.pk) == store.Verified(snapshots=3, blobs=3, damaged=())


@pytest.mark.django_db
def test_what_was_wanted_within_a_day_stays(acme):
    with acme.context():
        snapshot = put(acme, file("a", b"a"))
        almost = timezone.now() - timedelta(hours=23, minutes=50)
        for model in (Snapshot, Blob):
            model.objects.update(last_wanted_at=almost)
        assert store.collect(tenant_id=acme.pk) == store.Collected(0, 0)
        assert put(acme, file("a", b"a")).pk == snapshot.pk


@pytest.mark.django_db
@pytest.mark.parametrize("again", [put, lambda world, item: store.keep(tenant_id=world.pk, snapshot_ids=_ids())])
def test_wanting_an_old_row_again_keeps_it(acme, again):
    with acme.context():
        put(acme, sz("a", "1"))
        outdate(acme.pk)
        again(acme, sz("a", "1"))
        assert store.collect(tenant_id=acme.pk) == store.Collected(0, 0)


def _ids():
    return list(Snapshot.objects.values_list("pk", flat=True))


@pytest.mark.django_db
def test_a_blob_that_another_snapshot_needs_stays(acme, anna, editor):
    with acme.context():
        shared = file("shared", b"s" * 100)
        profile(acme, anna, editor, put(acme, shared, sz("a", "1")))
        put(acme, shared, file("alone", b"x"))
        outdate(acme.pk)
        assert store.collect(tenant_id=acme.pk) == store.Collected(snapshots=1, blobs=1)
        assert bytes(Blob.objects.get().digest) == shared.sha256


@pytest.mark.django_db
def test_the_collector_of_one_tenant_leaves_the_others_alone(acme, globex):
    for world in (acme, globex):
        with world.context():
            put(world, file("a", b"a"))
            outdate(world.pk)
    with acme.context():
        assert store.collect(tenant_id=globex.pk) == store.Collected(0, 0)
        assert store.collect(tenant_id=acme.pk) == store.Collected(1, 1)
    with globex.context():
        assert Snapshot.objects.count() == 1


# A few contents, so that states share them; every step is one thing that somebody does.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["upload", "back up", "drop backup", "clear", "a day goes by", "collect"]),
        st.sets(st.integers(0, 4), max_size=3),
        st.integers(0, 2),
    ),
    max_size=25,
)


@pytest.mark.django_db
@pytest.mark.spec("INV-4", "AC-BGS-3")
@given(steps=STEPS)
@examples(30, 1000)
def test_no_order_of_work_loses_a_referenced_blob_or_keeps_an_orphan(acme, anna, editor, steps):
    def state(numbers):
        return [file(str(number), bytes([number]) * 50) for number in numbers]

    with suppress(_RolledBack), acme.context(), transaction.atomic():
        for what, numbers, who in steps:
            mine = SettingsProfile.objects.filter(variant=str(who)).first()
            if what == "upload":
                snapshot = put(acme, *state(numbers))
                if mine:
                    mine.snapshot = snapshot
                    mine.save()
                else:
                    profile(acme, anna, editor, snapshot, variant=str(who))
            elif what == "back up" and mine and mine.snapshot_id:
                backup(acme, mine, mine.snapshot)
            elif what == "drop backup" and mine:
                Backup.objects.filter(profile=mine).delete()
            elif what == "clear" and mine:
                SettingsProfile.objects.filter(pk=mine.pk).update(snapshot=None)
            elif what == "a day goes by":
                outdate(acme.pk)
            elif what == "collect":
                store.collect(tenant_id=acme.pk)
        assert store.verify(tenant_id=acme.pk).damaged == ()
        outdate(acme.pk)
        store.collect(tenant_id=acme.pk)
        referenced = {
            pk for model in (SettingsProfile, Backup) for pk in model.objects.values_list("snapshot", flat=True)
        }
        assert set(_ids()) == referenced - {None}
        named = {ref for row in Snapshot.objects.all() for ref in _blobs(row)}
        assert {bytes(row.digest) for row in Blob.objects.all()} == named
        raise _RolledBack


class _RolledBack(Exception):
    pass


def _blobs(snapshot):
    return {item.sha256 for item in store.read_manifest(snapshot)}


@pytest.mark.django_db(transaction=True)
@pytest.mark.spec("INV-4")
def test_a_collector_and_uploaders_that_race_lose_nothing():
    acme = factories.world("acme", "Acme Industries")
    anna, editor = factories.managed_user(acme, "anna"), factories.settings_group(acme, "Text editor")
    rounds = 300 if DEEP else 25
    errors, starting = [], threading.Barrier(3)

    def in_thread(work):
        def run():
            try:
                for number in range(rounds):
                    starting.wait(30)
                    if work is collect:
                        with acme.context():
                            outdate(acme.pk)
                    starting.wait(30)
                    with acme.context():
                        work(number)
            except BaseException as error:  # noqa: BLE001 - told below
                starting.abort()
                errors.append(error)
            finally:
                connection.close()

        return threading.Thread(target=run)

    def upload(variant):
        def work(number):
            # The old state of the one is the new state of the other, and both were outdated before the round began.
            items = [file(str(n), bytes([n]) * 500) for n in range(number % 3, number % 3 + 3)]
            snapshot = put(acme, *items, sz("round", str((number + int(variant)) % 2)))
            SettingsProfile.objects.filter(variant=variant).update(snapshot=snapshot)

        return work

    def collect(number):
        store.collect(tenant_id=acme.pk)

    with acme.context():
        for variant in "01":
            profile(acme, anna, editor, None, variant=variant)
    threads = [in_thread(upload("0")), in_thread(upload("1")), in_thread(collect)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    with acme.context():
        assert store.verify(tenant_id=acme.pk).damaged == ()
        for mine in SettingsProfile.objects.select_related("snapshot"):
            files = [item for item in store.read_items(mine.snapshot) if isinstance(item, File)]
            assert len([item.source.open().read() for item in files]) == 3
