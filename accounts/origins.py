"""Where a sign-in comes from: the browser, by a signed cookie of ours, and the network of its address (decision 29)."""

import ipaddress
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.utils.crypto import get_random_string, salted_hmac

KNOWN_SECONDS = 90 * 86_400
COOKIE = "__Host-browser" if settings.SECURE else "browser"
_SALT = "accounts.origins.browser"
_PREFIX = {4: 24, 6: 56}  # what one site usually gets; a single address would make every DHCP lease a stranger


@dataclass(frozen=True, slots=True)
class Origin:
    """One sender of sign-ins. `browser` and `network` are keyed hashes (hex), `browser` is "" without our cookie."""

    address: str
    browser: str
    network: str

    @property
    def sender(self):
        """The browser, or the network where it has no cookie of ours: who sent the equal ones of decision 31."""
        return self.browser or self.network

    @property
    def keys(self):
        """Every key under which this origin may be known to an account."""
        return [key for key in (self.browser, self.network) if key]


def origin_of(request):
    """Return the Origin of a request."""
    address = address_of(request)
    browser = browser_of(request)
    return Origin(address, _key(f"browser:{browser}") if browser else "", _key(f"network:{network_of(address)}"))


def address_of(request):
    """Return the client's address as text.

    Behind a proxy (`BEHIND_PROXY`) it is the last entry of X-Forwarded-For, the one our own proxy wrote; what stands
    before it comes from the client and is never read. Elsewhere the header is not read at all.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER:
        address = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or address
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "0.0.0.0"  # noqa: S104 - a peer on a local socket has no address
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def network_of(address):
    """Return the network of an address as text: /24 of IPv4, /56 of IPv6."""
    version = ipaddress.ip_address(address).version
    return str(ipaddress.ip_network(f"{address}/{_PREFIX[version]}", strict=False))


def browser_of(request):
    """Return the random name in our signed cookie, or "" where there is none, it is old, or it is not ours."""
    try:
        return signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=KNOWN_SECONDS)
    except signing.BadSignature:
        return ""


def name_browser(request):
    """Return the browser's name, a new one where it has none yet; `remember_browser` sends it along."""
    request.browser_name = getattr(request, "browser_name", "") or browser_of(request) or get_random_string(22)
    return request.browser_name


def browser_key(name):
    """Return the keyed hash of a browser's name."""
    return _key(f"browser:{name}")


def remember_browser(request, response):
    """Set the signed cookie, good for another 90 days. It proves only that somebody signed in from here before."""
    value = signing.dumps(name_browser(request), salt=_SALT)
    response.set_cookie(
        COOKIE, value, max_age=KNOWN_SECONDS, secure=settings.SECURE, httponly=True, samesite="Lax", path="/"
    )


def _key(text):
    return salted_hmac("accounts.origins", text, algorithm="sha256").hexdigest()
