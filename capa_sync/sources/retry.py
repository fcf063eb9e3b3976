"""The retry policy of all sources: which requests are sent again, when, how often, and who waits.

Reads are sent again after a lost connection, a time-out, 429, 500, 502, 503 and 504; writes never are, because a
write whose answer was lost may have been applied (docs/jira.md 0.1). The client libraries' own retries are off.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import tenacity

from capa_sync.errors import ALL, ENDPOINT, TICKET, NotBefore, Retryable
from capa_sync.model.clock import Clock
from capa_sync.model.write import TOO_MANY
from capa_sync.sources.wish import wish_of

T = TypeVar("T")
LONGEST_WAIT = timedelta(seconds=60)
"""A longer wait that a tracker asks for is respected, but no worker sleeps for it: the daemon stores its end."""
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
NOT_BY_TRACKER = "the answer {status} is not the tracker's own: a proxy or a firewall stands between"
_FIRST_WAIT, _DOUBLINGS = 2.0, 4  # docs/jira.md 7: base 2 s, doubled, times U(0.7, 1.3)
_log = logging.getLogger("capa_sync.sources")


def overload(
    source: str, status: int, headers: Mapping[str, str], now: datetime, what: str
) -> Retryable | NotBefore | None:
    """Return the error for a status that means "not now"; None for every other status.

    Args:
        source: the source's name.
        status: HTTP status.
        headers: of the answer; read by their usual spelling (requests' own mapping ignores case).
        now: our own instant, to convert an HTTP date to a wait.
        what: the request in a few words, without secrets.
    """
    if status not in RETRIED_STATUSES:
        return None
    wait = wish_of(status, headers, now)
    limited = status == 429
    scope = _scope(headers.get("RateLimit-Reason", "")) if limited else ALL
    message = f"{what}: " + (TOO_MANY if limited else f"the tracker answered {status}")
    if wait is not None and wait > LONGEST_WAIT:
        reason = f"{message}; it asks us to wait {int(wait.total_seconds())} s"
        return NotBefore(source, reason, now + wait, scope)
    return Retryable(source, message, wait, scope)


def not_by_tracker(source: str, status: int, what: str) -> Retryable:
    """Return the error for a refusal that the tracker did not give: it says nothing of the ticket, and may pass."""
    return Retryable(source, f"{what}: {NOT_BY_TRACKER.format(status=status)}")


def _scope(reason: str) -> str:
    """Return what must wait (docs/jira.md 7): that endpoint, that ticket, or everything."""
    return {"jira-burst-based": ENDPOINT, "jira-per-issue-on-write": TICKET}.get(reason.strip().lower(), ALL)


class Outage:
    """Whether requests of a source fail at present; the sessions of a source share one. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_on = False

    def begin(self) -> bool:
        """Note a failed request; return whether the one before it succeeded."""
        with self._lock:
            was_on, self._is_on = self._is_on, True
        return not was_on

    def end(self) -> None:
        """Note a request that succeeded."""
        self._is_on = False


class RetryPolicy:
    """Sends a read again until it succeeds, or attempts or time run out.

    Args:
        source: the source's name, for errors and log lines.
        clock: our own clock.
        stop: set at shutdown: a wait then ends at once, and the read is abandoned with Retryable.
        attempts: maximum number of sends, the first included.
        total: no wait begins that would end later than this after the first send.
        is_instant: tests only: waits take no time.
        jitter: returns a number in [0.7, 1.3]; it multiplies each wait that we choose ourselves.
        rest: called with the seconds that the tracker asks us to wait, to hold back the source's other sessions.
        outage: that of the source, where it has several sessions; its first failed request is one line in the log.
    """

    def __init__(
        self,
        source: str,
        clock: Clock,
        stop: threading.Event,
        *,
        attempts: int = 5,
        total: timedelta = timedelta(seconds=180),
        is_instant: bool = False,
        jitter: Callable[[], float] = lambda: random.uniform(0.7, 1.3),  # noqa: S311 - spreads load, no secret
        rest: Callable[[float], None] | None = None,
        outage: Outage | None = None,
    ) -> None:
        self.source = source
        self.clock = clock
        self.stop = stop
        self.is_instant = is_instant
        self.waits: list[float] = []
        self._attempts = attempts
        self._total = total
        self._jitter = jitter
        self._rest = rest
        self._outage = outage or Outage()

    def read(self, send: Callable[[], T]) -> T:
        """Call `send` until it returns; it raises Retryable when it may be called again.

        Raises:
            Retryable: the last one, when attempts or time ran out, or at shutdown.
            NotBefore: the tracker asked for a longer wait than a worker may sleep.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Retryable),
            stop=tenacity.stop_after_attempt(self._attempts) | tenacity.stop_before_delay(self._total),
            wait=self._wait,
            sleep=self._sleep,
            before_sleep=self._log_retry,
            reraise=True,
        )
        result: T = retrying(self._unless_stopping, send)
        self._outage.end()
        return result

    def _unless_stopping(self, send: Callable[[], T]) -> T:
        if self.stop.is_set():
            raise Retryable(self.source, "stopped before the request was sent")  # `_sleep` ends the loop
        return send()

    def _wait(self, state: tenacity.RetryCallState) -> float:
        asked = _error_of(state).retry_after
        if asked is not None:
            if self._rest is not None:
                self._rest(asked.total_seconds())
            return asked.total_seconds() * max(1.0, self._jitter())
        return _FIRST_WAIT * 2.0 ** min(state.attempt_number - 1, _DOUBLINGS) * self._jitter()

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.stop.wait(0 if self.is_instant else seconds):
            raise Retryable(self.source, "stopped while waiting to send a request again")

    def _log_retry(self, state: tenacity.RetryCallState) -> None:
        """Log the first failed request of an outage; the end of the cycle is logged when the last attempt fails."""
        if not self._outage.begin():
            return
        _log.warning(
            'action=request_failed source=%s problem="%s" next="sent again in %.0f s, %d times at most and within '
            '%d s; then the cycle ends, and the next poll goes on from there"',
            self.source,
            _error_of(state).message.replace('"', "'"),
            state.next_action.sleep if state.next_action else 0.0,
            self._attempts - 1,
            self._total.total_seconds(),
        )


def _error_of(state: tenacity.RetryCallState) -> Retryable:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, Retryable):  # pragma: no cover - the retry predicate lets nothing else through
        raise TypeError(type(error).__name__)
    return error
