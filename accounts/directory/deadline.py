"""How long a call may take, over all its steps."""

import math
import time

from accounts.directory.errors import DirectoryUnavailable, Outage


class Deadline:
    """The moment by which everything must be done; `seconds` of None never comes."""

    def __init__(self, seconds: float | None) -> None:
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    def allow(self, seconds: float) -> float:
        """Return how long one step may take, at most `seconds`; raises DirectoryUnavailable (SLOW) at the end."""
        left = min(seconds, self._end - time.monotonic())
        if left <= 0:
            raise DirectoryUnavailable(Outage.SLOW, "the whole call took too long")
        return left
