"""What the launcher tells the person at the terminal."""

from collections.abc import Sequence


def say(sentence: str) -> None:
    """Print one line at once, marked as the launcher's own."""
    print(f"[roamkeep] {sentence}", flush=True)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text in aligned columns under their heads, indented."""
    lines = [tuple(heads), *map(tuple, rows)]
    widths = [max(len(str(line[column])) for line in lines) for column in range(len(heads))]
    return "\n".join(
        ("  " + "  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True))).rstrip()
        for line in lines
    )
