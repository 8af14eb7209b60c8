"""A circuit breaker per directory and process: one that is down costs a few people seconds, not every thread."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from accounts.directory.config import DirectoryConfig
from accounts.directory.errors import CredentialsRefused, DirectoryUnavailable, Outage

FAILURES_TO_OPEN = 3
SECONDS_OPEN = 15.0
LARGEST_REGISTER = 1000

# Failures that say something about the way to the directory; the others would not go away by waiting.
COUNTED = {Outage.DOWN, Outage.SLOW, Outage.TLS, Outage.SERVICE_ACCOUNT, Outage.PROTOCOL}


class CircuitBreaker:
    """Closed: calls go through. Open, after 3 failures in a row: calls fail at once. After 15 s one call tries."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._is_trying = False

    @property
    def is_open(self) -> bool:
        return self._opened_at is not None

    @contextmanager
    def watch(self, *, forced: bool = False) -> Iterator[None]:
        """Let the block ask the directory, and learn from how it ends; `forced` asks even while the circuit is open.

        Raises DirectoryUnavailable (CIRCUIT_OPEN) instead of entering the block while the circuit is open.
        """
        is_trial = self._enter(forced)
        try:
            yield
        except DirectoryUnavailable as outage:
            self._leave(failed=outage.reason in COUNTED, is_trial=is_trial)
            raise
        except CredentialsRefused:
            self._leave(failed=False, is_trial=is_trial)
            raise
        except BaseException:
            with self._lock:
                self._is_trying = self._is_trying and not is_trial
            raise
        self._leave(failed=False, is_trial=is_trial)

    def _enter(self, forced: bool) -> bool:
        with self._lock:
            if self._opened_at is None or forced:
                return False
            if self._is_trying or self._clock() - self._opened_at < SECONDS_OPEN:
                raise DirectoryUnavailable(Outage.CIRCUIT_OPEN)
            self._is_trying = True
            return True

    def _leave(self, *, failed: bool, is_trial: bool) -> None:
        with self._lock:
            if is_trial:
                self._is_trying = False
            if not failed:
                self._failures, self._opened_at = 0, None
                return
            self._failures += 1
            # A call that started before the circuit opened and fails late must not prolong it.
            if is_trial or (self._opened_at is None and self._failures >= FAILURES_TO_OPEN):
                self._opened_at = self._clock()


_register: OrderedDict[DirectoryConfig, CircuitBreaker] = OrderedDict()
_register_lock = threading.Lock()


def breaker_of(config: DirectoryConfig) -> CircuitBreaker:
    """Return the breaker of this connection; a corrected connection is another value and starts closed."""
    with _register_lock:
        breaker = _register.setdefault(config, CircuitBreaker())
        _register.move_to_end(config)
        if len(_register) > LARGEST_REGISTER:
            _register.popitem(last=False)
        return breaker


def forget_breakers() -> None:
    """Start with closed circuits, as a new process does."""
    with _register_lock:
        _register.clear()
