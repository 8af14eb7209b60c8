"""Benchmarks of what people read: lists, searches, rights, rendering."""

from importlib import import_module

MODULES = ("lists", "search", "permissions", "render", "isolation", "members")


def load() -> None:
    """Import the modules, which register their benchmarks."""
    for name in MODULES:
        import_module(f"benchmarks.read.{name}")
