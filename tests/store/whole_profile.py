"""One person's whole profile: a dozen programs, every registry type, and everything that programs do although nobody
would expect it. Made by this module alone."""

from __future__ import annotations

import hashlib

from launcher.demo_people import ACME
from personalization.demo.desks import Desk
from personalization.demo.nights import EVERYTHING
from personalization.formats.collection import canonical
from personalization.formats.items import Folder, Item, RegistryKey, RegistryValue, in_memory_file

ODDITIES = "HKCU\\Software\\Oddities"
MANY = 15_000


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def noise(size: int, seed: str) -> bytes:
    blocks = -(-size // 32)
    return b"".join(hashlib.sha256(f"{seed}{block}".encode()).digest() for block in range(blocks))[:size]


def oddities() -> list[Item]:
    """Every type with well-formed and malformed data, names and sizes at the limits of Windows."""
    values = [RegistryValue(f"{ODDITIES}\\Types", f"type {type}", type, noise(17, str(type))) for type in range(13)]
    values += [RegistryValue(f"{ODDITIES}\\Types", f"empty {type}", type, b"") for type in range(13)]
    strings = {
        "empty ones": "first\0\0\0last\0\0",
        "none": "\0",
        "one empty": "\0\0",
        "not ended": "a\0b",
        "umlauts": "Größe\0日本語\0😀\0\0",
    }
    values += [RegistryValue(f"{ODDITIES}\\Lists", name, 7, utf16(text)) for name, text in strings.items()]
    lengths = (1023, 1024, 1025, 16_344, 16_345, 16_385, 100_000, 1 << 20)
    values += [RegistryValue(f"{ODDITIES}\\Long", f"{size}", 3, noise(size, "long")) for size in lengths]
    values += [
        RegistryValue(f"{ODDITIES}\\Names", "", 1, utf16("default value\0")),
        RegistryValue(f"{ODDITIES}\\Names", 'quo"te\\back', 1, utf16('C:\\"x"\0')),
        RegistryValue(f"{ODDITIES}\\Names", "línea\nnueva", 1, utf16("line\r\nbreak\0")),
        RegistryValue(f"{ODDITIES}\\Names", "\ud800 alone", 1, utf16("\udfff\0")),
        RegistryValue(f"{ODDITIES}\\Names\\Schlüssel\\ключ\\鍵", "Ø", 1, utf16("ohne Ende")),
        RegistryValue(f"{ODDITIES}\\Names", "n" * 16_383, 4, b"\1\0\0\0"),
        RegistryValue(f"{ODDITIES}\\Names", "three bytes of four", 4, b"\1\0\0"),
        RegistryValue(f"{ODDITIES}\\Names", "0x31", 0x31, b"unknown type"),
    ]
    return [*values, RegistryKey(f"{ODDITIES}\\Nothing in it")]


def many() -> list[Item]:
    """15,000 values in one program."""
    return [
        RegistryValue(f"HKCU\\Software\\Many\\{number % 50:02d}", f"{number:05d}", 4, number.to_bytes(4, "little"))
        for number in range(MANY)
    ]


def files() -> list[Item]:
    return [
        in_memory_file("%APPDATA%\\Oddities\\empty", b""),
        in_memory_file("%APPDATA%\\Oddities\\Größe 日本 😀.txt", b"Inhalt"),
        in_memory_file("%LOCALAPPDATA%\\Oddities\\big.bin", noise(3 << 20, "big")),
        in_memory_file("%DOCUMENTS%\\Notes\\letter.txt", b"Dear Bob"),
        in_memory_file("%USERPROFILE%\\.oddrc", b"x = 1"),
        Folder("%APPDATA%\\Oddities\\Empty folder"),
    ]


def programs() -> list[Item]:
    """What the fifteen programs of the demo keep for one person."""
    desk = Desk(ACME, "anna.test", "Anna Test", "FINANCE")
    return [item for program in EVERYTHING for item in program.items(desk, 3)]


def registry() -> list[Item]:
    return canonical(item for item in everything() if isinstance(item, RegistryKey | RegistryValue))


def everything() -> list[Item]:
    """All of it, in normal form."""
    return canonical([*programs(), *oddities(), *many(), *files()])
