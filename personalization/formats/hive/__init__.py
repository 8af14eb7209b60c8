"""NTUSER.DAT: a user's registry hive, whole or with its transaction logs.

Structures are parsed by regipy's definitions; walking them is ours, because regipy's own iteration decodes text (losing
odd bytes, empty strings of REG_MULTI_SZ and Latin-1 names), passes over what it cannot read, and follows loops; and
because its recovery applies log entries that are stale. Source of the format: "Windows registry file format
specification", M. Suhanov.
"""

from personalization.formats.hive.reader import is_hive, read_hive

__all__ = ["is_hive", "read_hive"]
