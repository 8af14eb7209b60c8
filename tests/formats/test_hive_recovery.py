"""Hives that were not closed properly, with their transaction logs."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from regipy.recovery import apply_transaction_logs

from personalization.formats.errors import ImportRejected
from personalization.formats.hive import read_hive
from personalization.formats.hive.recovery import marvin32 as our_marvin32
from personalization.formats.items import RegistryValue
from personalization.formats.limits import Limits
from tests.formats.hives import (
    HiveBuilder,
    Key,
    changed_pages,
    log_entry,
    make_dirty,
    marvin32,
    new_log,
    old_log,
    read_with_hivex,
    sealed,
)
from tests.formats.strategies import examples


def state(number: int, padding: int = 0) -> bytes:
    """A user's hive at one moment: HKCU\\Software\\Acme has the value 'state', and as much more as `padding` asks."""
    values = [("state", 4, number.to_bytes(4, "little"))]
    values += [(f"pad {i}", 3, bytes([number]) * 3000) for i in range(padding)]
    return HiveBuilder(Key("root", [], [Key("Software", [], [Key("Acme", values)])])).build()


STATES = [state(number, padding=4) for number in range(4)]
GROWN = state(9, padding=12)


def entry(sequence: int, before: bytes, after: bytes) -> bytes:
    return log_entry(sequence, len(after) - 4096, changed_pages(before, after))


@pytest.fixture
def hive(tmp_path):
    """Writes a hive and its logs, and reads the state in it."""

    def read(data: bytes, *logs: bytes, **options) -> int:
        path = tmp_path / "NTUSER.DAT"
        path.write_bytes(data)
        paths = []
        for number, log in enumerate(logs, start=1):
            paths.append(tmp_path / f"NTUSER.DAT.LOG{number}")
            paths[-1].write_bytes(log)
        [found] = [item for item in read_hive(path, logs=paths, **options) if getattr(item, "name", "") == "state"]
        assert isinstance(found, RegistryValue)
        assert isinstance(found.data, bytes)
        return int.from_bytes(found.data, "little")

    return read


def test_a_clean_hive_needs_no_logs_and_ignores_them(hive):
    assert hive(STATES[0]) == 0
    assert hive(STATES[0], new_log(STATES[0], 1, entry(1, STATES[0], STATES[1]))) == 0


def test_a_dirty_hive_without_logs_is_refused_unless_allowed(hive):
    dirty = make_dirty(STATES[0], (2, 1))
    with pytest.raises(ImportRejected, match=r"byte 0: .*transaction logs \(.LOG1, .LOG2\) are needed"):
        hive(dirty)
    assert hive(dirty, allow_dirty=True) == 0


def test_entries_of_the_new_format_are_applied_in_order(hive):
    dirty = make_dirty(STATES[0], (2, 1))
    log = new_log(STATES[0], 1, entry(1, STATES[0], STATES[1]), entry(2, STATES[1], STATES[2]))
    assert hive(dirty, log) == 2
    assert hive(dirty, b"", log) == 2


def test_entries_left_over_from_earlier_rounds_are_not_applied(hive):
    dirty = make_dirty(STATES[0], (6, 5))
    stale = entry(3, STATES[1], STATES[3])
    log = new_log(STATES[0], 5, entry(5, STATES[0], STATES[1]), stale)
    assert hive(dirty, log) == 1


def test_two_logs_follow_each_other_whichever_comes_first(hive):
    dirty = make_dirty(STATES[0], (2, 1))
    first = new_log(STATES[0], 1, entry(1, STATES[0], STATES[1]))
    second = new_log(STATES[0], 2, entry(2, STATES[1], STATES[2]), entry(3, STATES[2], STATES[3]))
    assert hive(dirty, first, second) == 3
    assert hive(dirty, second, first) == 3


def test_a_log_older_than_the_hive_is_passed_over(hive):
    dirty = make_dirty(STATES[1], (6, 5))
    old = new_log(STATES[0], 2, entry(2, STATES[1], STATES[0]))
    current = new_log(STATES[1], 5, entry(5, STATES[1], STATES[2]))
    assert hive(dirty, old, current) == 2
    with pytest.raises(ImportRejected, match="do not belong to it"):
        hive(dirty, old)


def test_a_second_log_that_does_not_follow_is_left_alone(hive):
    dirty = make_dirty(STATES[0], (2, 1))
    first = new_log(STATES[0], 1, entry(1, STATES[0], STATES[1]))
    later = new_log(STATES[0], 7, entry(7, STATES[1], STATES[3]))
    assert hive(dirty, first, later) == 1


def test_recovery_stops_at_the_first_torn_entry(hive):
    dirty = make_dirty(STATES[0], (2, 1))
    torn = bytearray(entry(2, STATES[1], STATES[2]))
    torn[-1] ^= 1
    assert hive(dirty, new_log(STATES[0], 1, entry(1, STATES[0], STATES[1]), bytes(torn))) == 1
    header_torn = bytearray(entry(2, STATES[1], STATES[2]))
    header_torn[33] ^= 1
    assert hive(dirty, new_log(STATES[0], 1, entry(1, STATES[0], STATES[1]), bytes(header_torn))) == 1
    cut = entry(2, STATES[1], STATES[2])[:-512]
    assert hive(dirty, new_log(STATES[0], 1, entry(1, STATES[0], STATES[1]), cut)) == 1
    with pytest.raises(ImportRejected, match="do not belong to it"):
        hive(dirty, new_log(STATES[0], 1, bytes(torn)))


def test_a_hive_grows_with_its_log_up_to_the_cap(hive):
    dirty = make_dirty(STATES[0], (2, 1))
    log = new_log(STATES[0], 1, entry(1, STATES[0], GROWN))
    assert len(GROWN) > len(STATES[0])
    assert hive(dirty, log) == 9
    with pytest.raises(ImportRejected, match="larger than"):
        hive(dirty, log, limits=Limits(hive_bytes=len(STATES[0])))
    with pytest.raises(ImportRejected, match="transaction log is larger than 100 bytes"):
        hive(dirty, log, limits=Limits(log_bytes=100))
    claims_4_gib = log_entry(1, 0xFFFFF000, {})
    with pytest.raises(ImportRejected, match="larger than"):
        hive(dirty, new_log(STATES[0], 1, claims_4_gib))


def test_a_page_outside_the_hive_ends_recovery(hive):
    dirty = make_dirty(STATES[0], (2, 1))
    outside = log_entry(1, len(STATES[0]) - 4096, {0x7FFFF000: bytes(4096)})
    with pytest.raises(ImportRejected, match="do not belong to it"):
        hive(dirty, new_log(STATES[0], 1, outside))


def test_a_damaged_header_is_taken_from_the_log(hive):
    broken = bytearray(make_dirty(STATES[0], (2, 1)))
    broken[100] ^= 1
    log = new_log(STATES[0], 1, entry(1, STATES[0], STATES[1]))
    assert hive(bytes(broken), log) == 1
    # Without a header to start from, only the log with the latest entries counts.
    latest = new_log(STATES[0], 7, entry(7, STATES[0], STATES[3]))
    assert hive(bytes(broken), log, latest) == 3
    for logs in ((), (b"",), (bytes(1000),)):
        with pytest.raises(ImportRejected, match="header of the registry hive is damaged|do not belong"):
            hive(bytes(broken), *logs, allow_dirty=True)


def test_the_old_format_is_applied(hive):
    dirty = make_dirty(STATES[0], (2, 1))
    assert hive(dirty, old_log(STATES[0], STATES[1], 2)) == 1
    assert hive(dirty, old_log(STATES[0], GROWN_IN_PLACE, 2)) == 7


GROWN_IN_PLACE = state(7, padding=4)


def test_a_large_old_log_has_a_longer_bitmap(hive):
    """Above 2 MiB the bitmap takes more than one sector."""
    before, after = state(0, padding=800), state(1, padding=800)
    assert len(before) > 2 * 1024**2
    assert hive(make_dirty(before, (2, 1)), old_log(before, after, 2)) == 1


def test_an_old_log_of_another_time_or_half_written_is_refused(hive):
    dirty = make_dirty(STATES[0], (2, 1))
    other = bytearray(old_log(STATES[0], STATES[1], 2))
    struct.pack_into("<Q", other, 12, 99)
    cut = old_log(STATES[0], STATES[1], 2)[:-512]
    for log in (sealed(other[:512]) + bytes(other[512:]), cut):
        with pytest.raises(ImportRejected, match="do not belong to it"):
            hive(dirty, log)


# regipy leaves the files it opens to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_regipy_and_hivex_agree_on_a_simple_log(hive, tmp_path):
    """An independent recovery followed by an independent reader; with stale entries or growth regipy errs."""
    dirty = make_dirty(STATES[0], (2, 1))
    log = new_log(STATES[0], 1, entry(1, STATES[0], STATES[1]))
    assert hive(dirty, log) == 1
    recovered = tmp_path / "by regipy"
    apply_transaction_logs(str(tmp_path / "NTUSER.DAT"), str(tmp_path / "NTUSER.DAT.LOG1"), None, str(recovered))
    recovered.write_bytes(make_dirty(recovered.read_bytes(), (2, 2)))
    assert read_with_hivex(recovered)["HKCU\\Software\\Acme", "state"] == (4, "01000000")


@examples(30)
@given(st.binary(max_size=100))
def test_two_writings_of_the_hash_agree(data):
    assert our_marvin32(data) == marvin32(data)


def test_the_hash_is_that_of_windows():
    """Hash-2 of an entry that Windows 10 wrote: the first 32 bytes of it, and what it has there."""
    head = bytes.fromhex("48764c45001e0000000000000300000000500000010000005d1e700717a84647")
    assert our_marvin32(head) == 0xE637DCAFF6877267


GOOD_LOGS = (
    new_log(STATES[0], 1, entry(1, STATES[0], STATES[1])),
    new_log(STATES[0], 2, entry(2, STATES[1], STATES[2])),
)
OLD = old_log(STATES[0], STATES[1], 2)


@examples(40)
@given(
    st.sampled_from(["new", "old"]),
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 2**16), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5
    ),
    st.booleans(),
)
def test_mutated_logs_recover_or_are_refused_and_nothing_else(tmp_path, kind, edits, keep_checksum):
    logs = [bytearray(log) for log in (GOOD_LOGS if kind == "new" else (OLD, OLD))]
    for number, position, replacement in edits:
        log = logs[number]
        # Half of the edits in the headers, where they do most.
        position %= 600 if position % 2 else len(log)
        log[position : position + len(replacement)] = replacement
    path = tmp_path / "NTUSER.DAT"
    path.write_bytes(make_dirty(STATES[0], (2, 1)))
    paths = []
    for number, log in enumerate(logs):
        paths.append(tmp_path / f"LOG{number}")
        paths[-1].write_bytes((sealed(log[:512]) if keep_checksum else bytes(log[:512])) + bytes(log[512:]))
    try:
        list(read_hive(path, logs=paths))
    except ImportRejected as refused:
        assert str(refused).startswith("At byte") or "log" in str(refused)
