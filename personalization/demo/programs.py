"""What programs of the demo keep for a person, after the person has used them `n` times.

Each function is pure: the same desk and number give the same items, the next number gives the next believable edit.
Paths and formats are those that the programs really use.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from personalization.demo.desks import Desk
from personalization.formats.items import File, Item, RegistryValue, in_memory_file
from personalization.formats.values import RegistryType, encode_value


def text(path: str, name: str, value: str) -> RegistryValue:
    """Return a REG_SZ value."""
    return RegistryValue(path, name, RegistryType.SZ, encode_value(RegistryType.SZ, value))


def expand(path: str, name: str, value: str) -> RegistryValue:
    """Return a REG_EXPAND_SZ value."""
    return RegistryValue(path, name, RegistryType.EXPAND_SZ, encode_value(RegistryType.EXPAND_SZ, value))


def number(path: str, name: str, value: int) -> RegistryValue:
    """Return a REG_DWORD value."""
    return RegistryValue(path, name, RegistryType.DWORD, encode_value(RegistryType.DWORD, value))


def texts(path: str, name: str, values: list[str]) -> RegistryValue:
    """Return a REG_MULTI_SZ value."""
    return RegistryValue(path, name, RegistryType.MULTI_SZ, encode_value(RegistryType.MULTI_SZ, values))


def raw(path: str, name: str, data: bytes) -> RegistryValue:
    """Return a REG_BINARY value."""
    return RegistryValue(path, name, RegistryType.BINARY, data)


def lines(path: str, *rows: str) -> File:
    """Return a text file with line ends of Windows."""
    return in_memory_file(path, ("\r\n".join(rows) + "\r\n").encode())


@dataclass(frozen=True)
class Program:
    """One settings group of the demo. `days` is the usual number of days between two uses; `domains` who has it."""

    name: str
    kind: str
    description: str
    executables: tuple[str, ...]
    days: int
    items: Callable[[Desk, int], list[Item]]
    domains: tuple[str, ...] = ()
    share: float = 1.0

    def is_used_by(self, desk: Desk) -> bool:
        return (not self.domains or desk.domain in self.domains) and desk.dice(self.name, "has").random() < self.share


_DOCUMENTS = (
    "Budget 2026,Forecast Q3,Travel expenses,Meeting notes,Price list,Contract draft,Supplier list,Stock count,"
    "Roadmap,Test report,Release plan,Invoice 10442,Invoice 10518,Customer visit,Training plan,Shift plan,"
    "Quality audit,Cost centre 4711,Offer 2231,Packing list,Year-end closing,Maintenance,Site plan,Risk register"
)


def _recent(desk: Desk, program: str, n: int, suffix: str, keep: int = 5) -> list[str]:
    """The newest documents first; each use opens one more."""
    dice, names = desk.dice(program, "documents"), _DOCUMENTS.split(",")
    opened = [dice.choice(names) for _ in range(n + keep)]
    return list(dict.fromkeys(f"{name}.{suffix}" for name in reversed(opened)))[:keep]


def _window(desk: Desk, program: str, n: int) -> tuple[int, int, int, int]:
    """Left, top, width, height: somebody moves a window now and then, not at each use."""
    dice = desk.dice(program, "window", n // 2)
    left, top = dice.randrange(0, 900, 8), dice.randrange(0, 300, 8)
    return left, top, dice.randrange(800, 1500, 10), dice.randrange(600, 1000, 10)


def _mail(desk: Desk, n: int) -> list[Item]:
    left, top, width, height = _window(desk, "mail", n)
    profile = f"%APPDATA%\\Thunderbird\\Profiles\\{desk.dice('mail').randrange(16**8):08x}.default-release"
    role = {"FINANCE": "Accounting", "SALES": "Sales", "ENG": "Engineering"}.get(desk.domain, desk.organisation.name)
    phone = 1000 + desk.dice("phone").randrange(9000)
    closing = "Kind regards" if n < 3 or desk.dice("closing").random() < 0.6 else "Best wishes"
    company = desk.organisation.name
    return [
        lines(
            f"{profile}\\prefs.js",
            "// Mozilla User Preferences",
            f'user_pref("mail.identity.id1.fullName", "{desk.name}");',
            f'user_pref("mail.identity.id1.useremail", "{desk.mail}");',
            'user_pref("mail.identity.id1.htmlSigFormat", true);',
            f'user_pref("mail.server.server1.hostname", "imap.{desk.organisation.dns_name}");',
            f'user_pref("mail.server.server1.userName", "{desk.account}");',
            f'user_pref("mail.pane_config.dynamic", {n // 3 % 3});',
            f'user_pref("mailnews.start_page_override.mstone", "128.{n}.0");',
        ),
        in_memory_file(
            f"{profile}\\xulstore.json",
            json.dumps({"main-window": {"screenX": left, "screenY": top, "width": width, "height": height}}).encode(),
        ),
        lines(
            "%APPDATA%\\Thunderbird\\Signatures\\default.html",
            f"<p>{closing}</p>",
            f"<p><b>{desk.name}</b><br>{role}<br>{company}<br>Tel. +49 30 5550 {phone}</p>",
        ),
    ]


def _browser(desk: Desk, n: int) -> list[Item]:
    profile = f"%APPDATA%\\Mozilla\\Firefox\\Profiles\\{desk.dice('browser').randrange(16**8):08x}.default-release"
    sites = ["intranet", "tickets", "wiki", "canteen", "travel", "payroll", "erp", "learning"]
    domain = desk.organisation.dns_name
    marked = [{"title": site.title(), "uri": f"https://{site}.{domain}/"} for site in sites[: 3 + n % 5]]
    return [
        lines(
            f"{profile}\\prefs.js",
            f'user_pref("browser.startup.homepage", "https://intranet.{domain}/");',
            f'user_pref("browser.download.dir", "C:\\\\Users\\\\{desk.account}\\\\Downloads");',
            'user_pref("intl.accept_languages", "de, en-US, en");',
            f'user_pref("browser.zoom.full", {str(desk.dice("zoom").random() < 0.5).lower()});',
            f'user_pref("browser.toolbars.bookmarks.visibility", "{"always" if n > 1 else "newtab"}");',
            f'user_pref("places.history.expiration.transient_current_max_pages", {112000 + 37 * n});',
        ),
        in_memory_file(
            f"{profile}\\bookmarks.json",
            json.dumps(marked, indent=1).encode(),
        ),
        text("HKCU\\Software\\Mozilla\\Firefox\\Launcher", "Profile", profile.rpartition("\\")[2]),
    ]


def _editor(desk: Desk, n: int) -> list[Item]:
    left, top, width, height = _window(desk, "editor", n)
    theme = "DarkModeDefault.xml" if desk.dice("theme").random() < 0.4 or n > 3 else "stylers.xml"
    folder = f"C:\\Users\\{desk.account}\\Documents"
    files = "".join(f'<File filename="{folder}\\{name}" />' for name in _recent(desk, "editor", n, "txt"))
    return [
        lines(
            "%APPDATA%\\Notepad++\\config.xml",
            '<?xml version="1.0" encoding="UTF-8" ?>',
            "<NotepadPlus><GUIConfigs>",
            f'<GUIConfig name="AppPosition" x="{left}" y="{top}" width="{width}" height="{height}" isMaximized="no" />',
            f'<GUIConfig name="TabSetting" replaceBySpace="{"yes" if n > 2 else "no"}" size="4" />',
            f'<GUIConfig name="stylerTheme" path="{theme}" />',
            f'</GUIConfigs><History nbMaxFile="10">{files}</History></NotepadPlus>',
        ),
    ]


def _terminal(desk: Desk, n: int) -> list[Item]:
    base = "HKCU\\Software\\SimonTatham\\PuTTY\\Sessions"
    hosts = ["build01", "db-test", "gitlab", "jump", "metrics", "plc-line3"][: 2 + min(n, 4)]
    items: list[Item] = [number("HKCU\\Software\\SimonTatham\\PuTTY", "RandSeedFileVersion", 2)]
    for host in hosts:
        key = f"{base}\\{host}"
        items += [
            text(key, "HostName", f"{host}.{desk.organisation.dns_name}"),
            number(key, "PortNumber", 22),
            text(key, "UserName", desk.account),
            text(key, "Font", "Consolas" if n < 3 else "Cascadia Mono"),
            number(key, "FontHeight", 10 + n % 3),
            number(key, "ScrollbackLines", 2000 * (1 + n // 2)),
        ]
    return items


ERP_SERVER = "erp01"
BROKEN_ERP_SERVER = "erp10"  # digits swapped by last night's roll-out: the story of the demo


def erp(desk: Desk, n: int, *, broken: bool = False) -> list[Item]:
    """Return the settings of the ERP client; `broken` names a server that does not exist."""
    base = "HKCU\\Software\\Ledgerline\\ERP Client"
    left, top, width, height = _window(desk, "erp", n)
    server = f"{BROKEN_ERP_SERVER if broken else ERP_SERVER}.{desk.organisation.dns_name}"
    columns = ["Number", "Date", "Partner", "", "Amount", *(["Currency"] if n > 1 else [])]
    rectangle = b"".join(value.to_bytes(4, "little") for value in (left, top, width, height))
    return [
        text(f"{base}\\Connection", "Server", server),
        number(f"{base}\\Connection", "Port", 3300),
        text(f"{base}\\Connection", "Database", "PROD"),
        number(f"{base}\\Connection", "TimeoutSeconds", 30),
        text(f"{base}\\Connection", "LastUser", f"{desk.domain}\\{desk.account}"),
        raw(f"{base}\\View", "MainWindow", rectangle),
        texts(f"{base}\\View", "Columns", columns),
        number(f"{base}\\View", "RowsPerPage", 50 if n < 4 else 100),
        texts(f"{base}\\Recent", "Transactions", [f"FB{50 + (7 * k) % 45:02d}" for k in range(n, n + 6)]),
        expand(f"{base}\\Export", "Folder", "%USERPROFILE%\\Documents\\ERP exports"),
        text(f"{base}\\Export", "DecimalSeparator", ","),
        lines(
            "%APPDATA%\\Ledgerline\\layout.ini",
            "[Booking]",
            "GridFont=Segoe UI,9",
            f"SplitterPosition={240 + 12 * n}",
            f"LastPeriod=2026-{1 + n % 12:02d}",
        ),
    ]


def _cad(desk: Desk, n: int) -> list[Item]:
    parts = "".join(f'<FCText Name="MRU{i}">{name}</FCText>' for i, name in enumerate(_recent(desk, "cad", n, "FCStd")))
    unit = "mm" if desk.dice("units").random() < 0.8 else "in"
    return [
        lines(
            "%APPDATA%\\FreeCAD\\user.cfg",
            '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>',
            '<FCParameters><FCParamGroup Name="Root"><FCParamGroup Name="BaseApp"><FCParamGroup Name="Preferences">',
            f'<FCParamGroup Name="Units"><FCText Name="Schema">{unit}</FCText>'
            f'<FCInt Name="Decimals" Value="{2 + n % 3}"/></FCParamGroup>',
            '<FCParamGroup Name="View"><FCText Name="NavigationStyle">Gui::CADNavigationStyle</FCText>'
            f'<FCUInt Name="BackgroundColor" Value="{3216000000 + 65793 * n}"/></FCParamGroup>',
            f'<FCParamGroup Name="RecentFiles">{parts}</FCParamGroup>',
            "</FCParamGroup></FCParamGroup></FCParamGroup></FCParameters>",
        ),
        lines("%APPDATA%\\FreeCAD\\Macro\\bom.FCMacro", *(f"# revision {k}" for k in range(n // 2 + 1))),
        number("HKCU\\Software\\FreeCAD\\Window", "Maximized", n % 2),
    ]


def _spreadsheet(desk: Desk, n: int) -> list[Item]:
    rows = [
        f'<item oor:path="/org.openoffice.Office.Histories/Histories/PickList/{i}"><value>{name}</value></item>'
        for i, name in enumerate(_recent(desk, "calc", n, "ods", keep=8))
    ]
    left, top, width, height = _window(desk, "calc", n)
    office, place = "/org.openoffice", f"{left},{top},{width},{height}"
    return [
        lines(
            "%APPDATA%\\LibreOffice\\4\\user\\registrymodifications.xcu",
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<oor:items xmlns:oor="http://openoffice.org/2001/registry">',
            f'<item oor:path="/org.openoffice.UserProfile/Data"><value>{desk.name}</value></item>',
            f'<item oor:path="{office}.Setup/Office/Factories/Calc"><value>{place};1</value></item>',
            f'<item oor:path="{office}.Office.Calc/Grid/ShowGrid"><value>{str(n % 4 != 3).lower()}</value></item>',
            *rows,
            "</oor:items>",
        ),
        lines(
            "%APPDATA%\\LibreOffice\\4\\user\\wordbook\\standard.dic",
            "OOoUserDict1",
            "lang: <none>",
            "type: positive",
            "---",
            *["Kučera", "Łukasz", "Lieferschein", "Skonto", "Zollnummer", "Rückstellung"][: 2 + n % 5],
        ),
    ]


def _chat(desk: Desk, n: int) -> list[Item]:
    left, top, width, height = _window(desk, "chat", n)
    config = {
        "version": 3,
        "teams": [{"name": desk.organisation.name, "url": f"https://chat.{desk.organisation.dns_name}", "order": 0}],
        "showTrayIcon": True,
        "minimizeToTray": n % 3 != 0,
        "notifications": {"flashWindow": 2, "bounceIcon": False},
        "spellCheckerLocales": ["de", "en-US"][: 1 + n % 2],
        "zoomLevel": n // 2 % 3,
    }
    bounds = {"x": left, "y": top, "width": width, "height": height, "maximized": False, "fullscreen": False}
    return [
        in_memory_file("%APPDATA%\\Mattermost\\config.json", json.dumps(config, indent=2).encode()),
        in_memory_file("%APPDATA%\\Mattermost\\bounds-info.json", json.dumps(bounds).encode()),
        number("HKCU\\Software\\Mattermost", "AutoStart", 1),
    ]


def _vpn(desk: Desk, n: int) -> list[Item]:
    gateway = "vpn-eu2" if n > 2 else "vpn-eu1"
    return [
        number("HKCU\\Software\\OpenVPN-GUI", "silent_connection", n % 2),
        number("HKCU\\Software\\OpenVPN-GUI", "show_balloon", 1),
        text("HKCU\\Software\\OpenVPN-GUI", "ovpn_ext", "ovpn"),
        text(f"HKCU\\Software\\OpenVPN-GUI\\configs\\{desk.organisation.slug}", "username", desk.account),
        lines(
            f"%USERPROFILE%\\OpenVPN\\config\\{desk.organisation.slug}.ovpn",
            "client",
            "dev tun",
            "proto udp",
            f"remote {gateway}.{desk.organisation.dns_name} 1194",
            "remote-cert-tls server",
            "auth-user-pass",
            "verb 3",
        ),
    ]


def _pdf(desk: Desk, n: int) -> list[Item]:
    files = [
        line
        for name in _recent(desk, "pdf", n, "pdf", keep=6)
        for line in (
            "\t[",
            f"\t\tFilePath = C:\\Users\\{desk.account}\\Documents\\{name}",
            f"\t\tOpenCount = {1 + len(name) % 7}",
            "\t]",
        )
    ]
    return [
        lines(
            "%LOCALAPPDATA%\\SumatraPDF\\SumatraPDF-settings.txt",
            "RememberOpenedFiles = true",
            f"DefaultZoom = {'fit width' if n % 2 else '100'}",
            f"UiLanguage = {'de' if n else 'en'}",
            "FileStates [",
            *files,
            "]",
        ),
    ]


APPLICATION = "application"
PROGRAMS = (
    Program("Mail client", APPLICATION, "Thunderbird: accounts, signature, window", ("thunderbird.exe",), 1, _mail),
    Program("Web browser", APPLICATION, "Firefox: preferences and bookmarks", ("firefox.exe",), 1, _browser, share=0.8),
    Program("Text editor", APPLICATION, "Notepad++", ("notepad++.exe",), 4, _editor, ("ENG", "IT", "FINANCE"), 0.5),
    Program(
        "Terminal", APPLICATION, "PuTTY: sessions and fonts", ("putty.exe", "pageant.exe"), 6, _terminal, ("ENG", "IT")
    ),
    Program(
        "ERP client",
        APPLICATION,
        "Ledgerline: connection, views, exports",
        ("erpclient.exe",),
        1,
        erp,
        ("FINANCE", "SALES", "WAREHOUSE", "ACME"),
    ),
    Program(
        "CAD", APPLICATION, "FreeCAD: units, navigation, macros", ("freecad.exe",), 3, _cad, ("ENG", "GLOBEX"), 0.8
    ),
    Program(
        "Spreadsheet",
        APPLICATION,
        "LibreOffice Calc",
        ("scalc.exe", "soffice.bin"),
        2,
        _spreadsheet,
        ("FINANCE", "SALES", "ACME", "GLOBEX"),
    ),
    Program("Team chat", APPLICATION, "Mattermost", ("mattermost.exe",), 2, _chat, share=0.5),
    Program("VPN client", APPLICATION, "OpenVPN", ("openvpn-gui.exe",), 21, _vpn, ("SALES", "ACME", "IT")),
    Program("PDF reader", APPLICATION, "SumatraPDF", ("sumatrapdf.exe",), 5, _pdf, share=0.4),
)
