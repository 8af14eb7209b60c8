"""Windows settings of the demo: the same shape as `programs`, from the keys that Windows itself keeps."""

from __future__ import annotations

import hashlib
from functools import cache

from personalization.demo.desks import Desk
from personalization.demo.programs import Program, expand, number, raw, text, texts
from personalization.formats.items import Item, in_memory_file

_DESKTOP = "HKCU\\Control Panel\\Desktop"
_THEME = "HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Themes\\Personalize"
_POINTER_CURVE = bytes(8) + bytes.fromhex("156e000000000000004001000000000029dc0300000000000000280000000000")
_EXPLORER = "HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"


@cache
def _picture(number: int) -> bytes:
    """Bytes that do not compress, as a photograph's: 24 kB, one of a few that the company offers."""
    noise = b"".join(hashlib.sha256(f"wallpaper {number} {block}".encode()).digest() for block in range(768))
    return b"\xff\xd8\xff\xe0\0\x10JFIF\0" + noise + b"\xff\xd9"


def _wallpaper(desk: Desk, n: int) -> list[Item]:
    choice = desk.dice("wallpaper", n // 2).randrange(12)
    accent = desk.dice("accent", n).choice([0xFFD77800, 0xFF0063B1, 0xFF107C10, 0xFF744DA9, 0xFF5D5A58])
    return [
        expand(_DESKTOP, "Wallpaper", "%APPDATA%\\Microsoft\\Windows\\Themes\\TranscodedWallpaper"),
        text(_DESKTOP, "WallpaperStyle", "10"),
        text(_DESKTOP, "TileWallpaper", "0"),
        raw(_DESKTOP, "TranscodedImageCache", bytes([0x7A, 0xC3, 1, 0]) + _picture(choice)[:1400]),
        number("HKCU\\Software\\Microsoft\\Windows\\DWM", "AccentColor", accent),
        number(f"{_EXPLORER}\\Accent", "AccentColorMenu", accent),
        number(_THEME, "AppsUseLightTheme", int(desk.dice("light", n).random() < 0.7)),
        in_memory_file("%APPDATA%\\Microsoft\\Windows\\Themes\\TranscodedWallpaper", _picture(choice)),
    ]


def _mouse(desk: Desk, n: int) -> list[Item]:
    mouse, keyboard = "HKCU\\Control Panel\\Mouse", "HKCU\\Control Panel\\Keyboard"
    return [
        text(mouse, "MouseSensitivity", str(8 + desk.dice("mouse", n).randrange(8))),
        text(mouse, "DoubleClickSpeed", str(400 + 50 * (n % 4))),
        text(mouse, "SwapMouseButtons", str(int(desk.dice("left-handed").random() < 0.1))),
        raw(mouse, "SmoothMouseXCurve", _POINTER_CURVE),
        text(keyboard, "KeyboardDelay", str(n % 3)),
        text(keyboard, "KeyboardSpeed", "31"),
        text(keyboard, "InitialKeyboardIndicators", "2"),
        text("HKCU\\Keyboard Layout\\Preload", "1", "00000407"),
        text("HKCU\\Keyboard Layout\\Preload", "2", "00000409"),
    ]


def _taskbar(desk: Desk, n: int) -> list[Item]:
    advanced = f"{_EXPLORER}\\Advanced"
    pinned = ["File Explorer", "Firefox", "Thunderbird", "ERP client", "Mattermost", "LibreOffice Calc"]
    links = [
        in_memory_file(
            f"%APPDATA%\\Microsoft\\Internet Explorer\\Quick Launch\\User Pinned\\TaskBar\\{name}.lnk",
            b"L\0\0\0\x01\x14\x02\0" + name.encode("utf-16-le"),
        )
        for name in pinned[: 3 + n % 4]
    ]
    return [
        number(advanced, "TaskbarAl", int(n < 2)),
        number(advanced, "HideFileExt", int(desk.dice("extensions").random() < 0.5)),
        number(advanced, "Hidden", 1 + int(n % 3 == 0)),
        number(advanced, "ShowTaskViewButton", n % 2),
        number(advanced, "TaskbarGlomLevel", desk.dice("glom", n).randrange(3)),
        raw(
            f"{_EXPLORER}\\StuckRects3", "Settings", bytes.fromhex("30000000feffffff") + bytes([2 + n % 2]) + bytes(39)
        ),
        *links,
    ]


def _region(desk: Desk, n: int) -> list[Item]:
    base = "HKCU\\Control Panel\\International"
    german = desk.dice("language").random() < 0.7
    return [
        text(base, "LocaleName", "de-DE" if german else "en-GB"),
        text(base, "sCountry", "Deutschland" if german else "United Kingdom"),
        text(base, "sShortDate", "yyyy-MM-dd" if n > 2 else "dd.MM.yyyy" if german else "dd/MM/yyyy"),
        text(base, "sTimeFormat", "HH:mm:ss"),
        text(base, "sDecimal", "," if german else "."),
        text(base, "sThousand", "." if german else ","),
        text(base, "sCurrency", "€" if german else "£"),
        text(base, "iFirstDayOfWeek", str(n % 2 * 6)),
        text(f"{base}\\Geo", "Name", "DE" if german else "GB"),
        texts(f"{base}\\User Profile", "Languages", ["de-DE", "en-US"] if german else ["en-GB"]),
    ]


def _drives(desk: Desk, n: int) -> list[Item]:
    items: list[Item] = []
    shares = [("H", f"home$\\{desk.account}"), ("P", "projects"), ("S", "scans"), ("T", "templates")]
    for letter, share in shares[: 2 + n % 3]:
        key = f"HKCU\\Network\\{letter}"
        server = f"\\\\files{1 + n // 3}.{desk.organisation.dns_name}"
        items += [
            text(key, "RemotePath", f"{server}\\{share}"),
            text(key, "ProviderName", "Microsoft Windows Network"),
            number(key, "ConnectionType", 1),
            number(key, "DeferFlags", 4),
        ]
    printer = f"PRN-{desk.domain[:3]}-{1 + desk.dice('printer', n // 2).randrange(4)}"
    device = "HKCU\\Software\\Microsoft\\Windows NT\\CurrentVersion"
    return [
        *items,
        text(f"{device}\\Windows", "Device", f"\\\\print01\\{printer},winspool,Ne01:"),
        text(f"{device}\\Devices", f"\\\\print01\\{printer}", "winspool,Ne01:"),
    ]


WINDOWS = "windows"
WINDOWS_SETTINGS = (
    Program(
        "Wallpaper and colours",
        WINDOWS,
        "Background picture, accent colour, light or dark",
        (),
        30,
        _wallpaper,
        share=0.8,
    ),
    Program("Mouse and keyboard", WINDOWS, "Speed, buttons, layouts", (), 45, _mouse, share=0.5),
    Program("Taskbar and Explorer", WINDOWS, "Pinned programs, Explorer options", (), 14, _taskbar, share=0.6),
    Program("Regional format", WINDOWS, "Language, dates, numbers, currency", (), 60, _region, share=0.6),
    Program("Drives and printers", WINDOWS, "Mapped drives, default printer", (), 25, _drives, share=0.5),
)
