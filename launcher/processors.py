"""What this machine gives us: processors and memory."""

import os


def processor_count() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0))


def memory_bytes() -> int:
    """Return the machine's memory in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
