"""How one directory is reached and read: a value that a connection's row, a form or a test makes."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ldap.dn import is_dn  # noqa: TID251 - this package alone speaks LDAP

from accounts.directory.errors import DirectoryUnavailable, Outage
from accounts.directory.names import same_branch

AD = "ad"
OPENLDAP = "openldap"
PORTS = {"ldap": 389, "ldaps": 636}


@dataclass(frozen=True, slots=True)
class DirectoryConfig:
    """One directory connection; equal values share one circuit breaker.

    `kind` is "ad" or "openldap". `url` is ldap:// (then StartTLS is used and nothing is sent before it) or ldaps://,
    with one host. `ca_file` is a PEM file of accepted authorities; empty means those of the operating system.
    `bind_dn` may have any form that the server binds (on Active Directory also DOMAIN\\name). `domain` is the NetBIOS
    name shown before accounts; empty means the first DC of the base. `user_filter`, `group_filter` and
    `disabled_filter` (RFC 4515) narrow who is seen and say who counts as disabled beyond what the schema tells.
    `follow_member_of` also believes the memberOf values of people and groups, which a directory may let them write
    themselves: only for servers that compute it. Times are in seconds; `call_limit` bounds one whole interactive call
    and `refusal_floor` is how long a refused sign-in takes at least.
    """

    kind: str
    url: str
    base_dn: str
    bind_dn: str
    bind_password: str = field(repr=False)
    start_tls: bool = True
    ca_file: str = ""
    domain: str = ""
    user_filter: str = ""
    group_filter: str = ""
    disabled_filter: str = ""
    follow_member_of: bool = False
    connect_timeout: float = 3.0
    timeout: float = 3.0
    call_limit: float = 5.0
    refusal_floor: float = 0.3

    def __post_init__(self) -> None:
        """Raise DirectoryUnavailable (MISCONFIGURED, with the reason) for what must never be tried on the network."""
        problem = self._problem()
        if problem:
            raise DirectoryUnavailable(Outage.MISCONFIGURED, problem)

    @property
    def is_ad(self) -> bool:
        return self.kind == AD

    @property
    def is_ldaps(self) -> bool:
        return urlsplit(self.url).scheme == "ldaps"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or PORTS[parts.scheme]

    def covers(self, dn: str) -> bool:
        """Say whether a distinguished name is the base or lies below it; names that do not parse never do."""
        return same_branch(dn, self.base_dn)

    def _problem(self) -> str:
        if self.kind not in (AD, OPENLDAP):
            return "the kind is neither ad nor openldap"
        if problem := _url_problem(self.url):
            return problem
        if not self.is_ldaps and not self.start_tls:
            return "passwords would travel unencrypted"
        if not self.base_dn or not is_dn(self.base_dn):
            return "the base is not a distinguished name"
        # A bind with a name and no password is anonymous, and servers call it a success (RFC 4513 5.1.2).
        if is_blank(self.bind_dn) or is_blank(self.bind_password):
            return "the service account needs a name and a password"
        for name in ("user_filter", "group_filter", "disabled_filter"):
            if not _is_one_filter(getattr(self, name)):
                return f"{name} is not one filter in parentheses"
        return ""


def is_blank(secret: str) -> bool:
    """Say whether a password (or name) must not reach a directory: empty, only white space, or cut short by a NUL."""
    return not secret or not secret.strip() or "\0" in secret or not _is_text(secret)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate, from a form that was not sent by a browser
        return False
    return True


def _url_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "the address is not a URL"
    if parts.scheme not in PORTS:
        return "the address must begin with ldap:// or ldaps://"
    if not parts.hostname or any(character.isspace() for character in url):
        return "the address needs exactly one host"
    if port == 0 or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        return "the address may hold a host and a port only"
    return ""


def _is_one_filter(text: str) -> bool:
    """Say whether a filter of the administrator stays closed in itself when it stands among others (RFC 4515)."""
    if not text:
        return True
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth <= 0 and position < len(text) - 1:
            return False
    return depth == 0 and text.startswith("(") and text.endswith(")")
