"""The one retry policy of all sources: what may be sent again, when, how often, and who waits.

Reads are sent again after a lost connection, a time-out, 429, 500, 502, 503 and 504; writes never are, for a
write whose answer was lost may have been applied (facts/jira.md 0.1). The client libraries' own retries are off.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

import tenacity

from capa_sync.errors import NotBefore, Retryable
from capa_sync.model.clock import Clock

T = TypeVar("T")
LONGEST_WAIT = timedelta(seconds=60)
"""A tracker that asks for more gets it, but no worker sleeps for it: the daemon stores the instant."""
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
_FIRST_WAIT, _DOUBLINGS = 2.0, 4  # facts/jira.md 7: base 2 s, doubled, times U(0.7, 1.3)
_log = logging.getLogger("capa_sync.sources")


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read a `Retry-After` header: whole or broken seconds, or an HTTP date; None when absent or unreadable."""
    text = (value or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return _until(text, now)
    return timedelta(seconds=min(seconds, 7 * 86_400.0)) if 0 <= seconds < float("inf") else None


def _until(text: str, now: datetime) -> timedelta | None:
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return max(timedelta(0), aware - now)


def overload(
    source: str, status: int, headers: Mapping[str, str], now: datetime, what: str
) -> Retryable | NotBefore | None:
    """Name the error for a status that says "not now"; None for every other status.

    Args:
        source: the source's name.
        status: HTTP status.
        headers: of the answer; looked up by their usual spelling (requests' own mapping ignores case).
        now: our own instant, to turn an HTTP date into a wait.
        what: the request in a few words, without secrets.
    """
    if status not in RETRIED_STATUSES:
        return None
    wait = parse_retry_after(headers.get("Retry-After"), now)
    if wait is None and status == 429:
        wait = _reset(headers.get("X-RateLimit-Reset"), now)
    limited = status == 429
    message = f"{what}: " + ("too many requests (429)" if limited else f"the tracker answered {status}")
    if wait is not None and wait > LONGEST_WAIT:
        return NotBefore(source, f"{message}; it asks us to wait {int(wait.total_seconds())} s", now + wait)
    return Retryable(source, message, wait, _scope(headers.get("RateLimit-Reason", "")))


def _reset(value: str | None, now: datetime) -> timedelta | None:
    """Read Jira's X-RateLimit-Reset (ISO 8601) or ServiceNow's (Unix seconds)."""
    text = (value or "").strip()
    try:
        instant = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return max(timedelta(0), instant - now) if instant.tzinfo else None


def _scope(reason: str) -> str:
    """Tell what must wait (facts/jira.md 7): that endpoint, that ticket, or everything."""
    if reason == "jira-burst-based":
        return "endpoint"
    return "ticket" if reason == "jira-per-issue-on-write" else "all"


class RetryPolicy:
    """Sends a read again until it succeeds or attempts or time run out.

    Args:
        source: name for errors and log lines.
        clock: our own clock.
        stop: set at shutdown: a wait ends at once and the read is abandoned with Retryable.
        attempts: sends at most, the first included.
        total: no wait is begun that would end later than this after the first send.
        is_instant: tests only: do not spend the waits.
        jitter: a number in [0.7, 1.3] that each wait of our own choice is multiplied by.
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
    ) -> None:
        self.source = source
        self.clock = clock
        self.stop = stop
        self.is_instant = is_instant
        self.waits: list[float] = []
        self._attempts = attempts
        self._total = total
        self._jitter = jitter

    def read(self, send: Callable[[], T]) -> T:
        """Call `send` until it returns; it raises Retryable for what may be sent again.

        Raises:
            Retryable: the last one, when attempts or time ran out, or when we are stopping.
            NotBefore: the tracker asked for a longer wait than a worker may sleep.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Retryable),
            stop=tenacity.stop_after_attempt(self._attempts) | tenacity.stop_before_delay(self._total),
            wait=self._wait,
            sleep=self._sleep,
            before_sleep=self._tell,
            reraise=True,
        )
        result: T = retrying(self._unless_stopping, send)
        return result

    def _unless_stopping(self, send: Callable[[], T]) -> T:
        if self.stop.is_set():
            raise Retryable(self.source, "stopped before the request was sent")  # `_sleep` ends the loop
        return send()

    def _wait(self, state: tenacity.RetryCallState) -> float:
        asked = _error_of(state).retry_after
        if asked is not None:
            return asked.total_seconds() * max(1.0, self._jitter())
        return _FIRST_WAIT * 2.0 ** min(state.attempt_number - 1, _DOUBLINGS) * self._jitter()

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.stop.wait(0 if self.is_instant else seconds):
            raise Retryable(self.source, "stopped while waiting to send a request again")

    def _tell(self, state: tenacity.RetryCallState) -> None:
        wait = state.next_action.sleep if state.next_action else 0.0
        detail = {"action": "retry_request", "source": self.source, "wait_s": round(wait, 1)}
        _log.info("%s; sent again in %.1f s", _error_of(state), wait, extra=detail)


def _error_of(state: tenacity.RetryCallState) -> Retryable:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, Retryable):  # pragma: no cover - the retry predicate lets nothing else through
        raise TypeError(type(error).__name__)
    return error
