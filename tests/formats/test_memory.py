"""Memory of the readers: bounded by the caps, not by the input."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

from tests.formats.archives import Archive, Member, pack
from tests.formats.hives import HiveBuilder, Key
from tests.formats.strategies import DEEP

MIB = 1024**2
SCALE = 8 if DEEP else 1
ALLOWED = 40 * MIB
LINES, VALUES = (2_400, 255) if DEEP else (600, 200)  # 25,000 bytes each, 256 KiB each: within what one import may hold

SCRIPT = """
import sys
from pathlib import Path
from django.conf import settings
settings.configure(USE_I18N=False)
from personalization.formats.bundle import open_source
from personalization.formats.errors import ImportRejected
from personalization.formats.hive import read_hive
from personalization.formats.reg import read_reg

def peak():
    # getrusage would also count what the parent had before the fork
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

before = peak()
for name in sys.argv[1:]:
    path = Path(name)
    try:
        if path.suffix == ".reg":
            with path.open("rb") as stream:
                result = sum(1 for _ in read_reg(stream))
        elif path.suffix == ".dat":
            result = sum(1 for _ in read_hive(path))
        else:
            with open_source(path, spool_folder=path.parent) as source:
                result = len(source.changes)
    except ImportRejected as refusal:
        result = f"refused: {refusal}"
    print(path.name, peak() - before, result, sep="\\t", flush=True)
"""


def measure(paths: list[Path]) -> dict[str, tuple[int, str]]:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, paths)],
        capture_output=True, text=True, timeout=600, cwd=root, env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {name: (int(growth), result) for name, growth, result in rows}


def test_large_and_hostile_input_stays_within_bounds(tmp_path):
    """One process reads a .reg export, a hive and an archive, each far larger than what it may hold in memory, and then
    files made to exhaust it."""
    export = tmp_path / "large.reg"
    with export.open("wb") as stream:
        stream.write(b"REGEDIT4\n[HKEY_CURRENT_USER\\A]\n")
        line = b"hex:" + b",".join([b"41"] * 25_000) + b"\n"
        for i in range(LINES):
            stream.write(b'"v%d"=' % i + line)
    values = [(f"v{i}", 3, bytes([i % 256]) * (256 * 1024)) for i in range(VALUES)]
    hive = HiveBuilder(Key("root", [], [Key("Software", values)])).write(tmp_path / "large.dat")
    archive = tmp_path / "large.zip"
    packed = pack(bytes(range(256)) * (20 * MIB // 256), 8)
    crc = zlib.crc32(bytes(range(256)) * (20 * MIB // 256))
    members = [Member(b"Documents/%d" % i, packed=packed, size=20 * MIB, crc=crc) for i in range(3)]
    archive.write_bytes(Archive(members).build())

    endless_line = tmp_path / "line.reg"
    endless_line.write_bytes(b"REGEDIT4\n[HKEY_CURRENT_USER\\A]\n" + b'"a"=hex:' + b"00," * (30 * MIB * SCALE))
    endless_text = tmp_path / "text.reg"
    endless_text.write_bytes(b"REGEDIT4\n[HKEY_CURRENT_USER\\A]\n" + b'"a"="' + b"lorem ipsum\n" * (6 * MIB * SCALE))
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(Archive([Member(b"Documents/a", b"", packed=pack(bytes(64 * MIB), 8), size=100)]).build())
    table = tmp_path / "table.zip"
    body = b"PK\3\4" + bytes(80 * MIB)
    table.write_bytes(body + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, 80 * MIB, 4, 0))
    liar = tmp_path / "liar.dat"
    builder = HiveBuilder(Key("root", [], [Key("Software", [("v", 3, bytes(100))])]))
    vk = builder.data.find(b"vk")
    struct.pack_into("<I", builder.data, vk + 4, 0x7FFFFFFF)
    builder.write(liar)

    found = measure([export, hive, archive, endless_line, endless_text, bomb, table, liar])
    sizes = {path.name: path.stat().st_size for path in (export, hive)}
    assert not DEEP or min(sizes.values()) > ALLOWED
    assert found["large.reg"][1] == str(LINES + 1)
    assert found["large.dat"][1] == str(VALUES + 2)
    assert found["large.zip"][1] == "3"
    assert "too long" in found["line.reg"][1]
    assert "no closing quotation mark" in found["text.reg"][1]
    assert "not what the archive says" in found["bomb.zip"][1]
    assert "too large" in found["table.zip"][1]
    assert "holds more than" in found["liar.dat"][1]
    assert max(growth for growth, _result in found.values()) < ALLOWED, found
