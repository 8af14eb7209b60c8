"""Hard caps of every reader: what an import may cost."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB, GIB = 1024, 1024**2, 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps of one import. Sizes in bytes; a reader stops with `ImportRejected` at the first one passed.

    The vendor's endpoints copy at most 1,000 files of at most 30 MB at one logon (spec, section 4.15, S29). The cap on
    one file is kept; the cap on their number is wider, since one import may hold every program of a user at once.
    """

    registry_items: int = 300_000
    """Keys and values together, deletions and keys passed on the way included. A user's hive holds 5,000 to 100,000; so
    many take about 150 MB of memory until they are a manifest."""
    text_bytes: int = 64 * MIB
    """Paths and names of all items together, each item with its whole path, as `tally.text_cost` measures them. A hive
    of 17,000 items has 4 MB of them. It bounds the memory of an import: a small hive can give one path of 130,000
    characters to every key."""
    value_bytes: int = 4 * MIB
    """Data of one registry value; Microsoft gives 1 MB as the limit of the standard format."""
    registry_bytes: int = 64 * MIB
    """Data of all registry values together: it is held in memory."""
    depth: int = 512
    """Nesting of registry keys (the limit of Windows) and of folders."""
    hive_bytes: int = 512 * MIB
    """An NTUSER.DAT, also after recovery."""
    log_bytes: int = 64 * MIB
    """One transaction log; it is checked by a hash, entry by entry."""
    reg_bytes: int = 512 * MIB
    """A .reg export."""
    files: int = 100_000
    """Files and folders of a folder or an archive, folders passed on the way included."""
    file_bytes: int = 30 * MIB
    """One file of a user (registry files have their own cap)."""
    total_bytes: int = 2 * GIB
    """Everything unpacked: also the most disk that an import takes."""
    archive_ratio: int = 200
    """Unpacked over packed size of a whole archive; asked only above `archive_ratio_floor`."""
    archive_ratio_floor: int = 64 * MIB
    central_directory_bytes_per_file: int = 512
    """An archive's table of contents is read into memory, so its size is capped by the number of files allowed."""
    template_bytes: int = 4 * MIB
    template_elements: int = 200_000
    manifest_bytes: int = 64 * MIB
    """One settings state in the store. Writing refuses what reading would: a web worker reads two of them at once to
    compare them."""


DEFAULT_LIMITS = Limits()
