"""The request budget of one source: a maximum number of requests in a unit of time, shared by its sessions."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from capa_sync.errors import Retryable
from capa_sync.model.light import light

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_FORM = re.compile(r"(\d{1,6})\s*/\s*(s|min|h)")


@light
class Rate:
    """`count` requests every `per`."""

    count: int
    per: timedelta

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read `10/s`, `300/min` or `5000/h`. Raises ValueError that names the allowed form."""
        found = _FORM.fullmatch(text.strip())
        if found is None or int(found[1]) < 1:
            message = f"{text!r} is no request budget; write for example 10/s, 300/min or 5000/h"
            raise ValueError(message)
        return cls(int(found[1]), timedelta(seconds=_UNITS[found[2]]))


class Budget:
    """A token bucket for one second's requests, at least one.

    Args:
        source: the source's name, for the error at shutdown.
        rate: how fast tokens return; None means no limit.
        stop: set at shutdown; a wait then ends.
        monotonic: seconds that never go back; not the settable test clock, which may not advance.
        is_instant: tests only: count the waits without spending them.
    """

    def __init__(
        self,
        source: str,
        rate: Rate | None,
        stop: threading.Event,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        is_instant: bool = False,
    ) -> None:
        self._source = source
        self._stop = stop
        self._monotonic = monotonic
        self._is_instant = is_instant
        self._lock = threading.Lock()
        self._interval = rate.per.total_seconds() / rate.count if rate else 0.0
        self._burst = max(1.0, 1.0 / self._interval) if self._interval else 1.0
        # the instant at which the bucket would be full again; the only state (generic cell rate algorithm)
        self._full_at = monotonic()
        self._rests_until = self._full_at
        self.waited = 0.0

    def take(self) -> None:
        """Wait until one request may be sent. Raises Retryable when the stop event is set meanwhile."""
        seconds = self._reserve()
        if seconds > 0:
            self.waited += seconds
            if not self._is_instant and self._stop.wait(seconds):
                raise Retryable(self._source, "stopped while waiting for the request budget")

    def rest(self, seconds: float) -> None:
        """Hold back the requests of all sessions for so many seconds: the tracker asked one of them to wait."""
        with self._lock:
            self._rests_until = max(self._rests_until, self._monotonic() + seconds)

    def _reserve(self) -> float:
        with self._lock:
            now = self._monotonic()
            rest = self._rests_until - now
            if not self._interval:
                return max(0.0, rest)
            full_at = max(self._full_at, now)
            wait = full_at - now - (self._burst - 1.0) * self._interval
            self._full_at = full_at + self._interval
        return max(0.0, rest, wait)
