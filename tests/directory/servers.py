"""Servers that misbehave on purpose: a TCP proxy that cuts or stalls, and an LDAP server that answers what it is told.

The LDAP server is written with pyasn1's LDAP module and shares no code with what it tests.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable

from pyasn1.codec.ber import encoder
from pyasn1.type import univ
from pyasn1_modules import rfc2251

from launcher.certificates import Certificates

PAGED_RESULTS = "1.2.840.113556.1.4.319"
START_TLS = b"1.3.6.1.4.1.1466.20037"
BIND, SEARCH, EXTENDED = 0x60, 0x63, 0x77  # the tags of requests (RFC 4511 appendix B)


class Proxy:
    """Carries connections to a target; `cut` ends them all and takes no more; `limit` stops answers after n bytes."""

    def __init__(self, target: tuple[str, int], *, host: str = "", limit: int | None = None) -> None:
        self.target = target
        self.limit = limit
        self.connections = 0
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((host or target[0], 0))
        self.host, self.port = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"ldap://{self.host}:{self.port}"

    def cut(self) -> None:
        # Closing a socket does not wake the thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_) -> None:
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(self.target)
                self._sockets += [client, server]
                threading.Thread(target=self._carry, args=(client, server, None), daemon=True).start()
                threading.Thread(target=self._carry, args=(server, client, self.limit), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, limit: int | None) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if limit is not None:
                    data = data[: max(0, limit - carried)]
                    carried += len(data)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class ScriptedServer:
    """An LDAP server with our certificate whose answers come from `on_bind` and `on_search`.

    `seen` lists what arrived, in order: ("starttls",), ("bind", dn, password), ("search", base, encoded filter).
    `on_bind(dn)` returns (result code, diagnostic message); `on_search(base)` a list of messages made by `entry`,
    `reference` and `done`. `start_tls` is the result code of StartTLS, and `slip_in` what is said
    in the clear right behind it.
    """

    def __init__(
        self,
        certificates: Certificates,
        *,
        start_tls: int = 0,
        slip_in: bytes = b"",
        on_bind: Callable[[str], tuple[int, str]] = lambda dn: (0, ""),
        on_search: Callable[[str], list] | None = None,
    ) -> None:
        self.seen: list[tuple] = []
        self.plain_after_refusal = b""
        self._start_tls = start_tls
        self._slip_in = slip_in
        self._on_bind = on_bind
        self._on_search = on_search or (lambda base: [done()])
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.certificate, certificates.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    def __enter__(self) -> "ScriptedServer":
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.settimeout(10)
            received = _receive(connection)
            if received is None:
                return
            number, kind, parts = received
            self.seen.append(("starttls",) if (kind, parts[0]) == (EXTENDED, START_TLS) else ("in the clear", kind))
            _send(connection, number, _extended(self._start_tls), behind=self._slip_in)
            if self._start_tls:
                self.plain_after_refusal += connection.recv(65536)
                return
            # A client that refuses our certificate ends the handshake; nothing more is heard of it.
            with self._context.wrap_socket(connection, server_side=True) as secured:
                while (received := _receive(secured)) is not None:
                    self._answer(secured, *received)

    def _answer(self, connection: socket.socket, number: int, kind: int, parts: list[bytes]) -> None:
        if kind == BIND:
            dn = parts[1].decode()
            self.seen.append(("bind", dn, parts[2].decode()))
            code, words = self._on_bind(dn)
            response = rfc2251.BindResponse()
            _set_result(response, code, words)
            _send(connection, number, response)
        elif kind == SEARCH:
            base = parts[0].decode()
            self.seen.append(("search", base, parts[6]))
            for message in self._on_search(base):
                if isinstance(message, Half):
                    connection.sendall(_encoded(number, message.operation)[: message.sent])
                    time.sleep(message.silence)
                else:
                    _send(connection, number, message)


class Half:
    """Stands for a message of which so many bytes are sent, and then nothing for so many seconds."""

    def __init__(self, operation, sent: int, silence: float) -> None:
        self.operation = operation
        self.sent = sent
        self.silence = silence


def entry(dn: str, attributes: dict[str, list[bytes]]) -> rfc2251.SearchResultEntry:
    """Return one search result."""
    message = rfc2251.SearchResultEntry()
    message["objectName"] = dn.encode()
    listed = message["attributes"]
    for place, (name, values) in enumerate(attributes.items()):
        listed[place]["type"] = name.encode()
        for position, value in enumerate(values):
            listed[place]["vals"][position] = value
    if not attributes:
        listed.clear()
    return message


def reference(url: str) -> rfc2251.SearchResultReference:
    """Return a continuation reference, as Active Directory sends for its other partitions."""
    message = rfc2251.SearchResultReference()
    message[0] = url.encode()
    return message


def done(code: int = 0, words: str = "", referral: str = "", cookie: bytes = b"") -> rfc2251.SearchResultDone:
    """Return the end of a search; with a cookie it promises another page (RFC 2696)."""
    message = rfc2251.SearchResultDone()
    _set_result(message, code, words)
    if referral:
        message["referral"][0] = referral.encode()
    if cookie:
        message.paging_cookie = cookie
    return message


def black_hole() -> socket.socket:
    """Return a listener that accepts connections and never says a word."""
    return socket.create_server(("127.0.0.1", 0))


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Wait until the condition holds; say whether it did in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _extended(code: int) -> rfc2251.ExtendedResponse:
    message = rfc2251.ExtendedResponse()
    _set_result(message, code, "")
    return message


def _set_result(message, code: int, words: str) -> None:
    message["resultCode"] = code
    message["matchedDN"] = b""
    message["errorMessage"] = words.encode()


def _send(connection: socket.socket, number: int, operation, behind: bytes = b"") -> None:
    connection.sendall(_encoded(number, operation) + behind)


def _encoded(number: int, operation) -> bytes:
    message = rfc2251.LDAPMessage()
    message["messageID"] = number
    name = operation.__class__.__name__
    choice = {
        "BindResponse": "bindResponse",
        "SearchResultEntry": "searchResEntry",
        "SearchResultDone": "searchResDone",
        "SearchResultReference": "searchResRef",
        "ExtendedResponse": "extendedResp",
    }[name]
    message["protocolOp"][choice] = operation
    cookie = getattr(operation, "paging_cookie", b"")
    if cookie:
        value = univ.Sequence()
        value[0], value[1] = univ.Integer(0), univ.OctetString(cookie)
        message["controls"][0]["controlType"] = PAGED_RESULTS.encode()
        message["controls"][0]["controlValue"] = encoder.encode(value)
    return encoder.encode(message)


def _receive(connection: socket.socket) -> tuple[int, int, list[bytes]] | None:
    """Return (number, tag of the operation, its parts) of the next message, None at the end of the connection."""
    head = _exactly(connection, 2)
    if head is None:
        return None
    length = head[1]
    if length & 0x80:
        more = _exactly(connection, length & 0x7F) or b""
        length = int.from_bytes(more, "big")
    body = _exactly(connection, length)
    if body is None:
        return None
    (_, number), (kind, operation), *_ = _elements(body)
    is_constructed = bool(kind & 0x20)
    return int.from_bytes(number, "big"), kind, [v for _, v in _elements(operation)] if is_constructed else []


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Return the (tag, value) pairs that BER data consists of (X.690 8.1)."""
    found, at = [], 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        found.append((tag, data[at : at + length]))
        at += length
    return found


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            return None
        data += part
    return data
