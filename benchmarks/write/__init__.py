"""Benchmarks of what changes settings: the nightly backup, restores, tasks of many users, and what they cost beside."""

from importlib import import_module

MODULES = ("snapshot", "restore", "tasks", "first", "beside", "licences")


def load() -> None:
    """Import the modules, which register their benchmarks."""
    for name in MODULES:
        import_module(f"benchmarks.write.{name}")
