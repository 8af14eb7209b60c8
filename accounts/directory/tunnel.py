"""The encrypted way to a server, made by Python's ssl; libldap speaks through it as if it were in the clear.

libldap's own TLS cannot be trusted to end: with GnuTLS, as Debian builds it, a server that falls silent during the
handshake keeps the thread busy for ever, whatever time limits are set. So StartTLS (RFC 4511 4.14) and the handshake
happen here, and a thread carries the bytes between libldap and the server; libldap's time limits hold for the rest.
"""

import contextlib
import selectors
import socket
import ssl
import threading
from functools import lru_cache
from pathlib import Path

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error, SubstrateUnderrunError
from pyasn1_modules import rfc2251

from accounts.directory.config import DirectoryConfig
from accounts.directory.deadline import Deadline
from accounts.directory.errors import DirectoryUnavailable, Outage

START_TLS = "1.3.6.1.4.1.1466.20037"
LARGEST_ANSWER = 16_384  # bytes of an answer to StartTLS
CHUNK = 65_536
FAREWELL = 0.25  # seconds for the last words of a connection


class Tunnel:
    """An encrypted connection whose other end, `descriptor`, is handed to libldap, which then owns and closes it."""

    def __init__(self, config: DirectoryConfig, deadline: Deadline) -> None:
        """Connect and encrypt. Raises DirectoryUnavailable; nothing but StartTLS was said when this returns."""
        self._patience = config.timeout
        self._inner, libldap = socket.socketpair()
        self._stands = threading.Event()
        self._failure: DirectoryUnavailable | None = None
        self._thread = threading.Thread(target=self._run, args=(config, deadline), name="directory-tunnel", daemon=True)
        self._thread.start()
        try:
            # Only a wait of our own is sure to end: the resolver of host names takes the time it likes.
            if not self._stands.wait(deadline.allow(config.connect_timeout + config.timeout)):
                raise DirectoryUnavailable(Outage.SLOW, "no connection")
            if self._failure:
                raise self._failure
        except DirectoryUnavailable:
            libldap.close()
            raise
        self.descriptor = libldap.detach()

    def wait_closed(self) -> None:
        """Wait until the thread has said farewell; libldap's end is closed by now."""
        self._thread.join(FAREWELL)

    def _run(self, config: DirectoryConfig, deadline: Deadline) -> None:
        with self._inner:
            try:
                self._outer = _encrypted(config, deadline)
            except DirectoryUnavailable as outage:
                self._failure = outage
                return
            except Exception as error:
                self._failure = DirectoryUnavailable(Outage.PROTOCOL, type(error).__name__)
                return
            finally:
                self._stands.set()
            with self._outer, selectors.DefaultSelector() as ready, contextlib.suppress(OSError):
                # When this ends, libldap learns it from the end of its connection.
                ready.register(self._inner, selectors.EVENT_READ)
                ready.register(self._outer, selectors.EVENT_READ)
                while self._carry_once(ready):
                    pass

    def _carry_once(self, ready: selectors.BaseSelector) -> bool:
        """Carry what has arrived on either side; say whether both still stand."""
        sides = {key.fileobj for key, _ in ready.select()}
        if self._inner in sides:
            request = self._inner.recv(CHUNK)
            if not request:
                return False
            self._send(request)
        if self._outer in sides:
            while True:
                try:
                    answer = self._outer.recv(CHUNK)
                except ssl.SSLWantReadError:
                    break  # a part of a record, or one that TLS keeps for itself
                if not answer:
                    return False
                self._inner.sendall(answer)
        return True

    def _send(self, request: bytes) -> None:
        rest = memoryview(request)
        while rest:
            try:
                rest = rest[self._outer.send(rest) :]
            except ssl.SSLWantWriteError:
                with selectors.DefaultSelector() as writable:
                    writable.register(self._outer, selectors.EVENT_WRITE)
                    if not writable.select(self._patience):
                        raise TimeoutError from None


def _encrypted(config: DirectoryConfig, deadline: Deadline) -> ssl.SSLSocket:
    """Return a connection that is encrypted with a certificate that was checked, ready to be read without waiting."""
    plain = _dial(config, deadline)
    try:
        if not config.is_ldaps:
            _start_tls(plain, config, deadline)
        plain.settimeout(deadline.allow(config.timeout))
        secured = _context(config.ca_file).wrap_socket(plain, server_hostname=config.host)
        secured.setblocking(False)
    except BaseException as error:
        plain.close()
        raise _outage(error) from None
    return secured


def _outage(error: BaseException) -> BaseException:
    if isinstance(error, TimeoutError):
        return DirectoryUnavailable(Outage.SLOW, "while the connection was encrypted")
    if isinstance(error, ssl.SSLCertVerificationError):
        return DirectoryUnavailable(Outage.TLS, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return DirectoryUnavailable(Outage.TLS, error.reason or "the handshake failed")
    if isinstance(error, OSError):
        return DirectoryUnavailable(Outage.DOWN, error.strerror or type(error).__name__)
    return error


def _dial(config: DirectoryConfig, deadline: Deadline) -> socket.socket:
    try:
        connection = socket.create_connection((config.host, config.port), deadline.allow(config.connect_timeout))
    except TimeoutError:
        raise DirectoryUnavailable(Outage.SLOW, "no connection") from None
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that no DNS label can hold
        raise DirectoryUnavailable(Outage.DOWN, getattr(error, "strerror", None) or type(error).__name__) from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # requests are small and wait for answers
    return connection


def _start_tls(connection: socket.socket, config: DirectoryConfig, deadline: Deadline) -> None:
    """Ask for TLS and read the answer, which must be yes and must be all that the server said."""
    request = rfc2251.LDAPMessage()
    request["messageID"] = 1
    request["protocolOp"]["extendedReq"]["requestName"] = START_TLS.encode()
    connection.settimeout(deadline.allow(config.timeout))
    connection.sendall(encoder.encode(request))
    by = Deadline(deadline.allow(config.timeout))
    answer = b""
    while len(answer) < LARGEST_ANSWER:
        connection.settimeout(by.allow(config.timeout))
        part = connection.recv(CHUNK)
        if not part:
            raise DirectoryUnavailable(Outage.DOWN, "the connection ended before TLS")
        answer += part
        try:
            message, rest = decoder.decode(answer, asn1Spec=rfc2251.LDAPMessage())
        except SubstrateUnderrunError:
            continue
        except (PyAsn1Error, ValueError, TypeError):
            break
        operation = message["protocolOp"]
        is_answer = operation.getName() == "extendedResp"
        # What follows the answer in the clear could be anybody's; after the handshake it would pass for the server's.
        if is_answer and int(operation["extendedResp"]["resultCode"]) == 0 and not rest:
            return
        break
    raise DirectoryUnavailable(Outage.TLS, "the server does not do StartTLS")


def _context(ca_file: str) -> ssl.SSLContext:
    try:
        changed = Path(ca_file).stat().st_mtime_ns if ca_file else 0
        return _context_as_of(ca_file, changed)
    except (OSError, ValueError) as error:
        raise DirectoryUnavailable(
            Outage.TLS, f"the file of authorities cannot be used: {type(error).__name__}"
        ) from None


@lru_cache(maxsize=64)
def _context_as_of(ca_file: str, changed: int) -> ssl.SSLContext:
    """Return the rules of TLS: host name and chain are checked, TLS 1.2 at least; made again when the file changed."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
