"""One connection to a directory server: encrypted before anything is said, bounded in time, closed in the end."""

import contextlib
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence

import ldap  # noqa: TID251 - this package alone speaks LDAP
from django.views.decorators.debug import sensitive_variables
from ldap.controls import RequestControl, SimplePagedResultsControl  # noqa: TID251
from ldap.controls.sss import SSSResponseControl  # noqa: TID251
from ldap.ldapobject import SimpleLDAPObject  # noqa: TID251
from pyasn1.error import PyAsn1Error

from accounts.directory.config import DirectoryConfig, is_blank
from accounts.directory.deadline import Deadline
from accounts.directory.errors import CredentialsRefused, DirectoryUnavailable, Outage, Refusal
from accounts.directory.tunnel import Tunnel

PAGE_SIZE = 500  # Active Directory gives at most 1,000 at once
MOST_EMPTY_PAGES = 100  # in a row; servers may send some while they look on

Result = tuple[str, Mapping[str, list[bytes]]]

# What a server answers to a bind that it will not accept (RFC 4511 appendix A); all are refusals of this account.
REFUSED_BIND = (
    ldap.INVALID_CREDENTIALS,
    ldap.INAPPROPRIATE_AUTH,
    ldap.UNWILLING_TO_PERFORM,
    ldap.CONSTRAINT_VIOLATION,
    ldap.INSUFFICIENT_ACCESS,
    ldap.NO_SUCH_OBJECT,
    ldap.INVALID_DN_SYNTAX,
)
# The Windows error that Active Directory puts into the diagnostic message of a refused bind ([MS-ERREF] 2.2).
AD_BIND_ERRORS = {
    "525": Refusal.UNKNOWN,
    "52e": Refusal.WRONG_PASSWORD,
    "530": Refusal.NOT_ALLOWED_NOW,
    "531": Refusal.NOT_ALLOWED_NOW,
    "532": Refusal.PASSWORD_EXPIRED,
    "533": Refusal.DISABLED,
    "568": Refusal.NOT_ALLOWED_NOW,
    "701": Refusal.EXPIRED,
    "773": Refusal.PASSWORD_EXPIRED,
    "775": Refusal.LOCKED,
}
OUTAGES: tuple[tuple[type[ldap.LDAPError], Outage], ...] = (
    (ldap.SERVER_DOWN, Outage.DOWN),
    (ldap.UNAVAILABLE, Outage.DOWN),
    (ldap.BUSY, Outage.DOWN),
    (ldap.TIMEOUT, Outage.SLOW),
    (ldap.TIMELIMIT_EXCEEDED, Outage.SLOW),
    (ldap.CONFIDENTIALITY_REQUIRED, Outage.TLS),
    (ldap.STRONG_AUTH_REQUIRED, Outage.TLS),
    (ldap.SIZELIMIT_EXCEEDED, Outage.TOO_LARGE),
    (ldap.ADMINLIMIT_EXCEEDED, Outage.TOO_LARGE),
    (ldap.INSUFFICIENT_ACCESS, Outage.SERVICE_ACCOUNT),
    (ldap.FILTER_ERROR, Outage.MISCONFIGURED),
    (ldap.INVALID_DN_SYNTAX, Outage.MISCONFIGURED),
    (ldap.NO_SUCH_OBJECT, Outage.MISCONFIGURED),
    (ldap.REFERRAL, Outage.MISCONFIGURED),
)


class Connection:
    """An encrypted connection; use `connected` to have it bound and closed. Only one thread may use it."""

    def __init__(self, config: DirectoryConfig, deadline: Deadline) -> None:
        self._config = config
        self._deadline = deadline
        self._tunnel: Tunnel | None = None
        self._ldap: SimpleLDAPObject | None = None

    def open(self) -> None:
        """Connect and encrypt: nothing but StartTLS was said when this returns."""
        self._tunnel = Tunnel(self._config, self._deadline)
        with _translated():
            try:
                # The name in the address is used for nothing: the connection is made.
                self._ldap = SimpleLDAPObject("ldap://directory", fileno=self._tunnel.descriptor)
            except BaseException:
                os.close(self._tunnel.descriptor)
                raise
            self._ldap.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
            self._ldap.set_option(ldap.OPT_REFERRALS, ldap.OPT_OFF)
            self._ldap.set_option(ldap.OPT_DEREF, ldap.DEREF_NEVER)
            self._ldap.set_option(ldap.OPT_NETWORK_TIMEOUT, self._config.connect_timeout)
            self._ldap.set_option(ldap.OPT_TIMEOUT, self._config.timeout)

    def close(self) -> None:
        connection, self._ldap = self._ldap, None
        if connection is not None:
            with contextlib.suppress(ldap.LDAPError, OSError):
                connection.unbind_ext_s()
        if self._tunnel is not None:
            self._tunnel.wait_closed()

    def bind_service_account(self) -> None:
        """Bind as the account that reads the directory. Raises DirectoryUnavailable (SERVICE_ACCOUNT) when refused."""
        try:
            self.bind(self._config.bind_dn, self._config.bind_password)
        except CredentialsRefused as refused:
            raise DirectoryUnavailable(Outage.SERVICE_ACCOUNT, refused.reason.value) from None

    @sensitive_variables("password")
    def bind(self, dn: str, password: str) -> None:
        """Bind with name and password. Raises CredentialsRefused, also for a password that is none."""
        if is_blank(password) or is_blank(dn):
            raise CredentialsRefused(Refusal.EMPTY_PASSWORD)
        with _translated():
            try:
                self._answer(self._begin().simple_bind(dn, password))
            except REFUSED_BIND as error:
                raise CredentialsRefused(_refusal(error)) from None

    def read(self, base: str, scope: int, filter: str, attributes: Sequence[str]) -> list[Result]:
        """Return everything that matches, page after page; see `pages`."""
        return [result for page, _ in self.pages(base, scope, filter, attributes) for result in page]

    def pages(
        self,
        base: str,
        scope: int,
        filter: str,
        attributes: Sequence[str],
        *,
        size: int = PAGE_SIZE,
        control: RequestControl | None = None,
    ) -> Iterator[tuple[list[Result], bool]]:
        """Yield (results, whether the server sorted them) page by page (RFC 2696); nothing for a base that is gone.

        `control` goes with each request, for sorting (RFC 2891); a server that is too busy for one that it may leave
        out is asked again without. Referrals and references are not followed.
        """
        paging = SimplePagedResultsControl(True, size, "")
        empty = 0
        while empty < MOST_EMPTY_PAGES:
            controls = [paging, control] if control else [paging]
            with _translated():
                try:
                    begun = self._begin()
                    seconds = math.ceil(self._deadline.allow(self._config.timeout))
                    message = begun.search_ext(
                        base, scope, filter, list(attributes), serverctrls=controls, timeout=seconds
                    )
                    results, answered = self._answer(message)
                except ldap.NO_SUCH_OBJECT:
                    return
                except ldap.BUSY:
                    if control is None or control.criticality or paging.cookie:
                        raise
                    control = None
                    continue
            yield (
                [(dn, values) for dn, values in results if dn is not None],
                any(isinstance(c, SSSResponseControl) and c.sortResult == 0 for c in answered),
            )
            cookies = [c.cookie for c in answered if isinstance(c, SimplePagedResultsControl)]
            if not cookies or not cookies[0]:
                return
            paging.cookie = cookies[0]
            empty = 0 if results else empty + 1
        raise DirectoryUnavailable(Outage.PROTOCOL, "pages without end")

    # -- details -------------------------------------------------------------------------------------------------

    def _begin(self) -> SimpleLDAPObject:
        """Return the libldap object for one request, unless the time of the whole call is over."""
        if self._ldap is None:
            raise DirectoryUnavailable(Outage.DOWN, "not connected")
        self._deadline.allow(self._config.timeout)
        return self._ldap

    def _answer(self, message: int) -> tuple[list[Result], list]:
        """Return results and response controls of a request."""
        assert self._ldap is not None
        seconds = self._deadline.allow(self._config.timeout)
        _, results, _, controls = self._ldap.result3(message, all=1, timeout=seconds)
        return results or [], controls or []


@contextlib.contextmanager
def connected(config: DirectoryConfig, deadline: Deadline, *, as_service: bool = True) -> Iterator[Connection]:
    """Open a connection, bound as the service account unless told otherwise, for the length of a `with` block."""
    connection = Connection(config, deadline)
    try:
        connection.open()
        if as_service:
            connection.bind_service_account()
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn what libldap and the decoding of answers raise into DirectoryUnavailable."""
    try:
        yield
    except ldap.LDAPError as error:
        raise DirectoryUnavailable(_outage(error), _describe(error)) from None
    except (PyAsn1Error, ValueError, AssertionError, OSError) as error:
        # Text that is not UTF-8, controls that do not decode: python-ldap and pyasn1 raise these for odd answers.
        raise DirectoryUnavailable(Outage.PROTOCOL, type(error).__name__) from None


def _outage(error: ldap.LDAPError) -> Outage:
    return next((outage for kind, outage in OUTAGES if isinstance(error, kind)), Outage.PROTOCOL)


def _refusal(error: ldap.LDAPError) -> Refusal:
    code = re.search(r"AcceptSecurityContext error, data ([0-9a-f]+)", _information(error))
    return AD_BIND_ERRORS.get(code[1], Refusal.WRONG_PASSWORD) if code else Refusal.WRONG_PASSWORD


def _information(error: ldap.LDAPError) -> str:
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return str(details.get("info", ""))


def _describe(error: ldap.LDAPError) -> str:
    """Return the kind of an error and the server's own words, shortened: they name options, never secrets of ours."""
    words = "".join(c if c.isprintable() else " " for c in _information(error))[:200].strip()
    return f"{type(error).__name__} {words}".strip()
