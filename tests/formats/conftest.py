"""Where the shared hives lie, and what happens without them: their tests are left out by name, never skipped."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

HIVES = Path(__file__).resolve().parents[3] / "shared" / "data" / "hives"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if HIVES.is_dir():
        return
    here = Path(__file__).parent
    left_out = [item for item in items if here in item.path.parents and item.get_closest_marker("realdata")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not HIVES.is_dir():
        terminalreporter.section("real data")
        terminalreporter.line(f"Tests marked realdata were left out: there are no hives in {HIVES}.")


@pytest.fixture
def real_hive(tmp_path: Path):
    """Unpacks one of the shared hives and returns its path."""

    def unpack(name: str) -> Path:
        path = tmp_path / name
        path.write_bytes(lzma.decompress((HIVES / f"{name}.xz").read_bytes()))
        return path

    return unpack
