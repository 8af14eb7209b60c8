"""Shorthands for settings, and the shared hives where they exist."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from personalization.formats.items import RegistryValue, in_memory_file
from personalization.formats.values import RegistryType, encode_value
from personalization.models import Blob, Snapshot
from tests import factories
from tests.conftest import as_owner
from tests.formats.conftest import HIVES, real_hive

__all__ = ["real_hive"]


def pytest_collection_modifyitems(config, items):
    if HIVES.is_dir():
        return
    here = __file__.rpartition("/")[0]
    left_out = [item for item in items if str(item.path).startswith(here) and item.get_closest_marker("realdata")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def sz(name, text, key="HKCU\\Software\\Acme"):
    return RegistryValue(key, name, RegistryType.SZ, encode_value(RegistryType.SZ, text))


def file(name, data):
    return in_memory_file(f"%APPDATA%\\Acme\\{name}", data)


def outdate(tenant_id):
    """Make everything look as if nobody had wanted it for longer than a day. Inside the tenant's context."""
    long_ago = timezone.now() - timedelta(hours=25)
    for model in (Snapshot, Blob):
        model.objects.filter(tenant_id=tenant_id).update(last_wanted_at=long_ago)


def damage(model, **columns):
    """Change stored bytes as only the owner of the tables can. For tests with real transactions."""
    with as_owner():
        assert model.objects.update(**columns)


@pytest.fixture
def anna(acme):
    return factories.managed_user(acme, "anna")


@pytest.fixture
def editor(acme):
    return factories.settings_group(acme, "Text editor")
