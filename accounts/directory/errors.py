"""The two ways in which asking a directory fails: it cannot be asked, or it does not accept the credentials."""

from enum import Enum

from django.utils.translation import gettext_lazy as _


class Outage(Enum):
    """Why a directory could not be asked. The value goes to logs and events, `sentence` to people."""

    DOWN = "down"
    SLOW = "slow"
    TLS = "tls"
    CIRCUIT_OPEN = "circuit-open"
    SERVICE_ACCOUNT = "service-account"
    MISCONFIGURED = "misconfigured"
    TOO_LARGE = "too-large"
    PROTOCOL = "protocol"

    @property
    def sentence(self):
        """Return the translatable sentence for a person who tests or uses the connection."""
        return SENTENCES[self]


SENTENCES = {
    Outage.DOWN: _("The directory cannot be reached."),
    Outage.SLOW: _("The directory did not answer in time."),
    Outage.TLS: _(
        "No secure connection to the directory: check StartTLS, the certificate and the name in the address."
    ),
    Outage.CIRCUIT_OPEN: _("The directory failed several times and is asked again in a few seconds."),
    Outage.SERVICE_ACCOUNT: _("The directory does not accept the service account."),
    Outage.MISCONFIGURED: _("The directory connection is not set up correctly."),
    Outage.TOO_LARGE: _("The directory has more to tell than can be shown; search for a name instead."),
    Outage.PROTOCOL: _("The directory gave an answer that cannot be used."),
}


class DirectoryUnavailable(Exception):
    """The directory could not be asked, so nothing may change: neither rights nor groups nor accounts.

    The text is for logs and carries no credentials; people read `reason.sentence`.
    """

    def __init__(self, reason: Outage, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason


class Refusal(Enum):
    """Why credentials were not accepted: for the audit event alone. The person reads one neutral sentence."""

    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    EMPTY_PASSWORD = "empty-password"
    WRONG_PASSWORD = "wrong-password"
    DISABLED = "disabled"
    LOCKED = "locked"
    EXPIRED = "expired"
    PASSWORD_EXPIRED = "password-expired"
    NOT_ALLOWED_NOW = "not-allowed-now"


class CredentialsRefused(Exception):
    """Nobody was signed in. The text is the same whatever the reason, so that it may reach a page unseen."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__("The directory did not accept the credentials.")
        self.reason = reason
