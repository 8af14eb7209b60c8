"""One user's whole profile: what a dozen programs keep in the registry and in files, made up but true to kind."""

from __future__ import annotations

import random

from personalization.formats.items import File, in_memory_file
from tests.formats.hives import Key

SZ, EXPAND, BINARY, DWORD, BIG_ENDIAN, LINK, MULTI, QWORD = 1, 2, 3, 4, 5, 6, 7, 11


def text(value: str) -> bytes:
    return (value + "\0").encode("utf-16-le")


def texts(*values: str) -> bytes:
    return ("".join(value + "\0" for value in values) + "\0").encode("utf-16-le")


def dword(value: int) -> bytes:
    return value.to_bytes(4, "little")


def program(vendor: str, name: str, values=(), keys=()) -> tuple[str, Key]:
    return vendor, Key(name, list(values), list(keys))


def make_programs(*, many: int = 15_000) -> list[tuple[str, Key]]:
    """(vendor, key of the program). `many` values lie in the last one."""
    noise = random.Random(7)
    return [
        program("Post", "Mail", [
            ("Signature", SZ, text("Mit freundlichen Grüßen\r\nAlice")),
            ("Accounts", MULTI, texts("alice@acme.example", "", "support@acme.example", "")),
            ("Cache", BINARY, noise.randbytes(70_000)),
        ], [Key("Regeln", [(f"Regel {i}", SZ, text(f"von:{i}@acme.example → Ordner „{i}“")) for i in range(40)])]),
        program("Weltblick", "Browser", [
            ("Homepage", EXPAND, text("%HOMEDRIVE%\\start.html")),
            ("Zoom", DWORD, dword(125)),
            ("LastVisit", QWORD, (133_500_000_000_000_000).to_bytes(8, "little")),
        ], [Key("Lesezeichen", [("日本語", SZ, text("https://例え.jp")), ("emoji 😀", SZ, text("😀"))])]),
        program("Inkwell", "Editor", [
            ("Recent", MULTI, texts(*(f"C:\\Users\\alice\\Dokumente\\Entwurf {i}.txt" for i in range(600)))),
            ("Empty list", MULTI, texts()), ("List of one empty text", MULTI, texts("")),
            ("Unterminated", MULTI, "a\0b".encode("utf-16-le")),
        ]),
        program("Shellwerk", "Terminal", [("Colours", BINARY, bytes(range(48))), ("", SZ, text("Standard"))]),
        program("Kontor", "ERP", [
            ("Layout", BINARY, noise.randbytes(16_344)), ("Layout+1", BINARY, noise.randbytes(16_352)),
            ("Mandant", SZ, text("Übersee-Handelsgesellschaft mbH")), ("Odd", SZ, b"odd"),
        ], [Key(f"Maske {i:03}", [("Spalten", MULTI, texts("Nr", "", "Betrag")), ("Breite", DWORD, dword(i))])
            for i in range(120)]),
        program("Fernblick", "Remote", [("Link", LINK, text("\\Registry\\User\\x")), ("Rev", BIG_ENDIAN, b"\0\0\0\1")]),
        program("Rechenwerk", "Sheets", [("None", 0, b""), ("None with data", 0, b"\1\2\3"), ("Hw", 8, bytes(16)),
                                         ("Full", 9, bytes(20)), ("Req", 10, bytes(24)), ("Own", 0x00200000, b"own")]),
        program("Bildhaus", "Pictures", [("Ж", SZ, text("Ж")), ("ελ", SZ, text("ελ")), ("עב", SZ, text("עב"))]),
        program("Notiz", "Notes", [], [Key("Empty"), Key("Tief", [], [Key("Tiefer", [], [Key("Am tiefsten")])])]),
        program("Kalender", "Calendar", [(f"Termin {i}", QWORD, i.to_bytes(8, "little")) for i in range(300)]),
        program("Drucker", "Print", [("Default", SZ, text("\\\\print01\\Flur-2")), ("DevMode", BINARY, bytes(220))]),
        program("Baukasten", "IDE", [
            (f"Option {i:05}", (SZ, DWORD, BINARY, MULTI)[i % 4],
             (text(f"Wert {i}"), dword(i), i.to_bytes(5, "big"), texts(str(i), ""))[i % 4]) for i in range(many)
        ]),
    ]  # fmt: skip


def as_hive(programs: list[tuple[str, Key]]) -> Key:
    return Key("", [], [
        Key("Software", [], [Key(vendor, [], [key]) for vendor, key in programs]),
        Key("Control Panel", [], [Key("Desktop", [("Wallpaper", SZ, text("%APPDATA%\\wall.jpg"))])]),
    ])  # fmt: skip


def as_template(vendor: str, key: Key) -> bytes:
    """The settings location template of a program: its key with everything below, and its folder in Roaming."""
    namespace = "http://schemas.microsoft.com/UserExperienceVirtualization/2013A/SettingsLocationTemplate"
    return (
        f'<SettingsLocationTemplate xmlns="{namespace}"><Name>{key.name}</Name><ID>{vendor}{key.name}</ID>'
        f"<Version>1</Version><Processes><Process><Filename>{key.name.lower()}.exe</Filename></Process></Processes>"
        f'<Settings><Registry><Path Recursive="true">SOFTWARE\\{vendor}\\{key.name}</Path></Registry>'
        f"<File><Root><EnvironmentVariable>APPDATA</EnvironmentVariable></Root>"
        f'<Path Recursive="true">{vendor}\\{key.name}</Path></File></Settings></SettingsLocationTemplate>'
    ).encode()


def make_files(programs: list[tuple[str, Key]]) -> list[File]:
    noise = random.Random(8)
    return [
        in_memory_file(f"%APPDATA%\\{vendor}\\{key.name}\\{name}", noise.randbytes(noise.randrange(5000)))
        for vendor, key in programs
        for name in ("Einstellungen.xml", "état.db")
    ] + [in_memory_file("%DOCUMENTS%\\Brief.txt", b"Liebe Olga")]
