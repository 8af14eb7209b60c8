"""Real hives of real users, read as hivex reads them."""

import pytest

from personalization.formats import manifest
from personalization.formats.errors import ImportRejected
from personalization.formats.hive import read_hive
from tests.formats.hive_trees import described
from tests.formats.hives import read_with_hivex, sealed


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["NTUSER.DAT", "NTUSER_modified.DAT"])
def test_a_real_hive_is_read_value_for_value_as_hivex_reads_it(real_hive, name):
    path = real_hive(name)
    found = described(path)
    assert len(found) > 5000
    assert found == read_with_hivex(path)


@pytest.mark.realdata
def test_the_two_states_of_one_user_differ_by_what_changed(real_hive):
    before, after = (manifest.encode(read_hive(real_hive(name))) for name in ("NTUSER.DAT", "NTUSER_modified.DAT"))
    found = manifest.diff(before, after)
    assert 0 < len(found.added) + len(found.removed) + len(found.changed) < 100
    assert manifest.totals(before).values > 4000


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["NTUSER_with_winscp.DAT", "transactions_NTUSER.DAT"])
def test_a_real_dirty_hive_without_its_logs_is_refused_unless_allowed(real_hive, name):
    path = real_hive(name)
    with pytest.raises(ImportRejected, match="not closed properly"):
        list(read_hive(path))
    try:
        found = described(path, allow_dirty=True)
    except ImportRejected as refused:
        assert "damaged" in str(refused)
    else:
        assert found == read_with_hivex(path)


@pytest.mark.realdata
def test_a_real_damaged_hive_is_refused(real_hive, monkeypatch):
    path = real_hive("corrupted_system_hive")
    with pytest.raises(ImportRejected, match="not a user's hive"):
        list(read_hive(path))
    anonymous = bytearray(path.read_bytes())
    anonymous[48:112] = bytes(64)
    path.write_bytes(sealed(anonymous[:512]) + bytes(anonymous[512:]))
    with pytest.raises(ImportRejected, match="At byte"):
        list(read_hive(path, allow_dirty=True))
