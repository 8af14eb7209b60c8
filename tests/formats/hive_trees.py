"""Trees of keys that the tests of hives write, and what the reader finds in a hive, in a form to compare."""

from personalization.formats.hive import read_hive
from personalization.formats.items import RegistryKey
from tests.formats.hives import SEGMENT, Key


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def profile(*keys: Key, values=()) -> Key:
    return Key("root", list(values), [Key("Software", [], list(keys))])


def described(path, **options) -> dict:
    """What the reader finds, in the form of `read_with_hivex`."""
    return {
        (item.path, None if isinstance(item, RegistryKey) else item.name): (
            None if isinstance(item, RegistryKey) else (int(item.type), item.data.hex())
        )
        for item in read_hive(path, **options)
    }


def expected(key: Key, path: str = "HKCU") -> dict:
    found: dict = {(path, None): None}
    found |= {(path, name): (type, data.hex()) for name, type, data in key.values}
    for child in key.keys:
        found |= expected(child, f"{path}\\{child.name}")
    return found


EVERYTHING = profile(
    Key("Types", [(f"type {number}", number, bytes(range(number % 9))) for number in [*range(12), 16, 0xFFFF0012]]),
    Key("Sizes", [(f"{size} bytes", 3, bytes([size % 251]) * size) for size in (0, 1, 3, 4, 5, 100, 5000, SEGMENT)]),
    Key("Big", [(f"{size}", 3, bytes(i % 253 for i in range(size))) for size in (16_352, 2 * SEGMENT, 100_000)]),
    Key("Texts", [("", 1, utf16("default\0")), ("list", 7, utf16("a\0\0b\0\0")), ("odd", 1, b"abc"), ("nul", 1, b"")]),
    Key("Größe", [("Übung", 1, utf16("é\0"))]),
    Key("日本語", [("語", 1, utf16("語\0"))], [Key("Ж"), Key("emoji \U0001f600")]),
    Key("Many", [(f"v{i}", 4, i.to_bytes(4, "little")) for i in range(300)], [Key(f"k{i}") for i in range(100)]),
    values=[("at the root", 4, b"\1\0\0\0")],
)
