"""Loopback ports and sockets: which are free, which answer."""

import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Say whether this loopback TCP port can be bound now."""
    with socket.socket() as probe:
        # Ports of a server that just stopped linger in TIME_WAIT; servers set the same option.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port(preferred: int = 0) -> int:
    """Return the preferred loopback TCP port, or one chosen by the kernel when it is taken or 0."""
    if preferred and is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def answers(address: Path | tuple[str, int]) -> bool:
    """Say whether something accepts connections at a unix socket path or at a (host, port)."""
    if isinstance(address, tuple):
        family, target = socket.AF_INET, address
    else:
        family, target = socket.AF_UNIX, str(address)
    with socket.socket(family) as client:
        client.settimeout(1)
        try:
            client.connect(target)
        except OSError:
            return False
        return True
