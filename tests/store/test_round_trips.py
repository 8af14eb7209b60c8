"""What goes into the store comes out of it, once, checked, or not at all."""

import hashlib
import io
import os
import tracemalloc

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, transaction
from hypothesis import given
from hypothesis import strategies as st

from audit.models import Event
from personalization import store
from personalization.formats import compression, manifest
from personalization.formats.errors import ImportRejected
from personalization.formats.items import BlobRef, File, InMemory, RegistryValue
from personalization.models import Blob, Snapshot, SnapshotBlob
from tests.formats.strategies import all_items, examples
from tests.store.conftest import damage, file, sz

pytestmark = pytest.mark.django_db


def contents_of(items):
    """(item, data or file contents) of items that `read_items` gave, for comparison."""
    return [(item, item.source.open().read() if isinstance(item, File) else None) for item in items]


@given(items=all_items)
@examples(25, 500)
def test_any_settings_come_back_item_for_item_with_their_contents(acme, items):
    with acme.context():
        snapshot = store.put_snapshot(tenant_id=acme.pk, items=items)
        assert contents_of(store.read_items(snapshot)) == contents_of(items)
        totals = manifest.totals(store.read_manifest_bytes(snapshot))
        assert (snapshot.size, snapshot.value_count, snapshot.file_count) == (totals.bytes, totals.values, totals.files)


@given(states=st.lists(all_items, max_size=6))
@examples(15, 300)
def test_many_states_are_stored_as_one_by_one(acme, states):
    with acme.context():
        many = store.put_snapshots(tenant_id=acme.pk, states=states)
        assert [store.put_snapshot(tenant_id=acme.pk, items=state).pk for state in states] == [row.pk for row in many]
        assert store.verify(tenant_id=acme.pk).damaged == ()


def test_equal_settings_and_equal_contents_are_stored_once(acme):
    with acme.context():
        first = store.put_snapshot(tenant_id=acme.pk, items=[sz("a", "1"), file("x.bin", b"x" * 5000)])
        again = store.put_snapshot(tenant_id=acme.pk, items=[file("x.bin", b"x" * 5000), sz("a", "1")])
        other = store.put_snapshot(tenant_id=acme.pk, items=[file("y.bin", b"x" * 5000)])
        assert again.pk == first.pk != other.pk
        assert (Snapshot.objects.count(), Blob.objects.count(), SnapshotBlob.objects.count()) == (2, 1, 2)


def test_equal_contents_of_two_tenants_are_stored_for_each(acme, globex):
    for world in (acme, globex):
        with world.context():
            store.put_snapshot(tenant_id=world.pk, items=[file("x.bin", b"same")])
            assert Blob.objects.count() == 1


def test_short_data_lies_in_the_manifest_and_long_data_in_a_blob(acme):
    def value(size):
        return RegistryValue("HKCU\\Software\\Acme", str(size), 3, b"d" * size)

    with acme.context():
        snapshot = store.put_snapshot(tenant_id=acme.pk, items=[value(1024), value(1025)])
        assert [bytes(row.digest) for row in Blob.objects.all()] == [hashlib.sha256(b"d" * 1025).digest()]
        by_name = {item.name: item for item in store.read_manifest(snapshot)}
        assert isinstance(by_name["1025"].data, BlobRef)
        assert by_name["1024"].data == b"d" * 1024


def test_contents_that_come_beside_the_items_are_taken_from_there(acme):
    data = b"contents" * 1000
    ref = File("%APPDATA%\\a.bin", len(data), hashlib.sha256(data).digest())
    with acme.context():
        with pytest.raises(store.ContentsMissing) as missing:
            store.put_snapshot(tenant_id=acme.pk, items=[ref])
        assert missing.value.refs == (BlobRef(ref.sha256, ref.size),)
        store.put_snapshot(tenant_id=acme.pk, items=[ref], contents={ref.sha256: InMemory(data)})
        assert store.read_blob(tenant_id=acme.pk, digest=ref.sha256) == data
        store.put_snapshot(tenant_id=acme.pk, items=[ref, sz("a", "1")])  # now the store has them


@pytest.mark.parametrize(
    ("size", "digest_of", "contents"),
    [(3, b"abc", b"abd"), (4, b"abc", b"abc"), (2, b"abc", b"abc"), (3, b"abc", b"abcd"), (0, b"", b"a")],
    ids=["other", "shorter", "longer", "grown", "not empty"],
)
def test_contents_that_are_not_what_is_said_of_them_are_refused_and_nothing_stays(acme, size, digest_of, contents):
    lying = File("%APPDATA%\\a.bin", size, hashlib.sha256(digest_of).digest(), InMemory(contents))
    with acme.context():
        with pytest.raises(ImportRejected, match=r"a\.bin"):
            store.put_snapshot(tenant_id=acme.pk, items=[file("0.bin", b"fine"), lying])
        assert (Snapshot.objects.count(), Blob.objects.count()) == (0, 0)


def test_a_known_blob_with_another_size_is_refused(acme):
    with acme.context():
        store.put_snapshot(tenant_id=acme.pk, items=[file("a.bin", b"abc")])
        with pytest.raises(ImportRejected, match="size"):
            store.put_snapshot(tenant_id=acme.pk, items=[File("%APPDATA%\\b", 4, hashlib.sha256(b"abc").digest())])


def test_an_item_outside_the_users_settings_is_refused_whoever_made_it(acme):
    with acme.context(), pytest.raises(ImportRejected, match="HKEY_LOCAL_MACHINE"):
        store.put_snapshot(tenant_id=acme.pk, items=[sz("a", "1", key="HKLM\\Software")])


def test_nothing_stored_is_a_state_too(acme):
    with acme.context():
        snapshot = store.put_snapshot(tenant_id=acme.pk, items=[])
        assert (list(store.read_items(snapshot)), snapshot.size) == ([], 0)


class Slow:
    """Incompressible contents that are made while they are read: nobody holds them whole."""

    def __init__(self, size):
        self.size = size
        self.seed = os.urandom(1 << 18)

    def open(self):
        pieces = self.size // len(self.seed)
        seed = self.seed

        class Stream(io.RawIOBase):
            left = pieces

            def read(self, size=-1):
                self.left -= 1
                return hashlib.sha256(bytes([self.left % 256])).digest() + seed[32:] if self.left >= 0 else b""

        return Stream()

    def digest(self):
        hasher, stream = hashlib.sha256(), self.open()
        while piece := stream.read():
            hasher.update(piece)
        return hasher.digest()


def test_a_large_file_is_never_held_in_memory_while_it_is_stored(acme):
    size = 30 << 20
    source = Slow(size)
    large = File("%APPDATA%\\large.bin", size, source.digest(), source)
    with acme.context():
        tracemalloc.start()
        try:
            store.put_snapshot(tenant_id=acme.pk, items=[large])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(store.read_blob(tenant_id=acme.pk, digest=large.sha256)) == size
    assert peak < size / 4, f"{peak >> 20} MB for a file of {size >> 20} MB"


@pytest.mark.spec("INV-1")
def test_stored_bytes_cannot_be_changed_by_the_application(acme):
    with acme.context():
        store.put_snapshot(tenant_id=acme.pk, items=[file("a.bin", b"abc")])
        for model, column in ((Snapshot, "manifest"), (Snapshot, "digest"), (Blob, "stored"), (Blob, "digest")):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                model.objects.update(**{column: b"x"})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [Snapshot, Blob])
@pytest.mark.parametrize("stored", [b"", b"no zstd frame", compression.compress(b"something else")])
def test_damaged_bytes_are_never_handed_out_and_leave_an_event(acme, model, stored):
    with acme.context():
        snapshot = store.put_snapshot(tenant_id=acme.pk, items=[file("a.bin", b"abc")])
    damage(model, **{"manifest" if model is Snapshot else "stored": stored})
    with pytest.raises(store.StoreDamaged), acme.context():
        contents_of(store.read_items(snapshot))
    with acme.context():
        event = Event.objects.get(verb="store.damaged")
        assert (event.outcome, event.labels["kind"]) == ("failed", model._meta.model_name)
        assert len(store.verify(tenant_id=acme.pk).damaged) == 1


@pytest.mark.django_db(transaction=True)
def test_a_blob_that_is_gone_is_damage_too(acme):
    with acme.context(), pytest.raises(store.StoreDamaged):
        store.read_blob(tenant_id=acme.pk, digest=bytes(32))


@pytest.mark.django_db(transaction=True)
def test_the_check_of_the_whole_store_names_what_is_damaged_and_fails(acme, globex):
    for world in (acme, globex):
        with world.context():
            store.put_snapshot(tenant_id=world.pk, items=[file("a.bin", world.slug.encode())])
    out = io.StringIO()
    call_command("verify_store", "globex", stdout=out)
    damage(Blob, stored=b"x")
    with pytest.raises(CommandError):
        call_command("verify_store", stdout=out)
    said = out.getvalue().splitlines()
    assert said[0] == "globex: 1 snapshots and 1 blobs are intact."
    assert f"acme: blob {hashlib.sha256(b'acme').hexdigest()} is damaged." in said
