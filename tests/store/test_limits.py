"""What the store takes it can give back: the limits of writing are those of reading."""

import pytest

from personalization import store
from personalization.formats import compression, manifest
from personalization.formats.errors import ImportRejected
from personalization.formats.items import RegistryValue
from personalization.formats.limits import DEFAULT_LIMITS, Limits
from personalization.models import Blob, Snapshot
from personalization.store import reading, writing
from tests.store.conftest import sz

pytestmark = pytest.mark.django_db
MANY = [RegistryValue("HKCU\\Software\\Acme", f"v{number:03}", 3, bytes(100)) for number in range(100)]


def test_settings_larger_than_the_store_would_read_are_refused_before_anything_is_stored(acme):
    blob = RegistryValue("HKCU\\Software\\Acme", "long", 3, bytes(5000))
    size = len(manifest.encode([*MANY, blob]))
    with acme.context():
        with pytest.raises(ImportRejected, match="in the form in which they are stored"):
            store.put_snapshot(tenant_id=acme.pk, items=[*MANY, blob], limits=Limits(manifest_bytes=size - 1))
        assert not Snapshot.objects.exists()
        assert not Blob.objects.exists()
        store.put_snapshot(tenant_id=acme.pk, items=[*MANY, blob], limits=Limits(manifest_bytes=size))
        assert store.verify(tenant_id=acme.pk).damaged == ()


def test_the_largest_settings_that_are_taken_are_read_and_found_intact(acme, monkeypatch):
    size = len(manifest.encode(MANY))
    monkeypatch.setattr(reading, "DEFAULT_LIMITS", Limits(manifest_bytes=size))
    with acme.context():
        snapshot = store.put_snapshot(tenant_id=acme.pk, items=MANY, limits=Limits(manifest_bytes=size))
        assert store.read_manifest(snapshot) == MANY
        assert store.verify(tenant_id=acme.pk).damaged == ()


def test_writing_and_reading_have_one_limit_that_a_worker_can_hold(acme):
    assert writing.DEFAULT_LIMITS is reading.DEFAULT_LIMITS is DEFAULT_LIMITS
    assert DEFAULT_LIMITS.manifest_bytes <= 64 << 20
    whole = bytes(DEFAULT_LIMITS.manifest_bytes)
    packed = compression.compress(whole)
    assert len(reading._unpacked(packed, compression.digest(whole), DEFAULT_LIMITS.manifest_bytes)) == len(whole)


def test_a_merge_does_not_grow_past_the_limits_of_an_import(acme):
    with acme.context():
        snapshot = store.put_snapshot(tenant_id=acme.pk, items=MANY)
        grown = [*store.read_manifest(snapshot), sz("one more", "1")]
        with pytest.raises(ImportRejected, match="more than 100 registry items"):
            store.put_snapshot(tenant_id=acme.pk, items=grown, limits=Limits(registry_items=100))
