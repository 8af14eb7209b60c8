"""Run Samba without root: the server in a network namespace of its own, and a relay from a loopback port to it.

    python3 samba_namespace.py PORT LDAPI-SOCKET COMMAND …

The server cannot bind port 389 as an ordinary user, but unix sockets are reached across network namespaces: each
connection to the loopback port is carried to the server's `ldapi` socket, byte by byte, so that StartTLS works through.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1  # netdevice(7)
PR_SET_PDEATHSIG = 1  # prctl(2)
NAMESPACE = ["unshare", "--user", "--map-root-user", "--net", "--"]


def main(port: int, path: str, command: list[str]) -> int:
    """Start the server and relay until it ends; a stop signal is passed on to it."""
    relay = socket.create_server(("127.0.0.1", port))
    inside = [sys.executable, "-I", __file__, "inside", *command]
    server = subprocess.Popen([*NAMESPACE, *inside], preexec_fn=_die_with_parent)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.terminate())
    threading.Thread(target=_accept, args=(relay, path), daemon=True).start()
    return server.wait()


def run_inside(command: list[str]) -> None:
    """Become the server, inside the namespace, once its loopback interface is up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as interface:
        fcntl.ioctl(interface, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    # Entering the namespace raised our rights, which makes the kernel forget whom we die with.
    _die_with_parent()
    os.execvp(command[0], command)  # noqa: S606 - the command line comes from our own launcher


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _accept(relay: socket.socket, path: str) -> None:
    while True:
        client, _ = relay.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(path)
        except OSError:
            client.close()
            server.close()
            continue
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=_carry, args=(source, target), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    if sys.argv[1] == "inside":
        run_inside(sys.argv[2:])
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
