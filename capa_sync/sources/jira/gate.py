"""Holds back requests to one endpoint, and to no other, for as long as the tracker asked (docs/jira.md 7)."""

from __future__ import annotations

import re
from datetime import datetime

from capa_sync.errors import ENDPOINT, NotBefore, Retryable
from capa_sync.model.clock import Clock
from capa_sync.model.days import utc_words
from capa_sync.model.write import ASKED_TO_WAIT
from capa_sync.ports.mirror import EndpointHolds
from capa_sync.sources.retry import LONGEST_WAIT

_ID = re.compile(r"(?<=/)(?:\d+|[A-Z][A-Z0-9_]*-\d+)(?=/|$)")


class EndpointGate:
    """Knows which endpoints must wait; shared by the reader and the writer of one source.

    Args:
        source: its name.
        clock: our own clock.
        holds: stores instants across a restart; None keeps them in this process alone.
    """

    def __init__(self, source: str, clock: Clock, holds: EndpointHolds | None = None) -> None:
        self._source = source
        self._clock = clock
        self._holds = holds
        self._until: dict[str, datetime] | None = None
        self._noted_at: dict[str, datetime] = {}

    def pass_through(self, method: str, path: str) -> None:
        """Return once the request may be sent.

        Raises:
            Retryable, NotBefore: the tracker asked us to wait with such requests; nothing was sent.
        """
        endpoint = endpoint_of(method, path)
        until, now = self._known().get(endpoint), self._clock.now()
        noted_at = self._noted_at.get(endpoint)
        if until is None or until <= now or (noted_at is not None and noted_at > now):
            return  # an instant noted in the future was computed while our clock was ahead
        message = f"{endpoint}: {ASKED_TO_WAIT} {utc_words(until)}"
        if until - now > LONGEST_WAIT:
            raise NotBefore(self._source, message, until, ENDPOINT)
        raise Retryable(self._source, message, until - now, ENDPOINT)

    def note(self, method: str, path: str, fault: Retryable | NotBefore) -> None:
        """Store a wait, where the tracker asked for one endpoint and named a time."""
        if fault.scope != ENDPOINT:
            return
        wish = fault.retry_after if isinstance(fault, Retryable) else None
        until = fault.until if isinstance(fault, NotBefore) else wish and self._clock.now() + wish
        if until:
            endpoint, now = endpoint_of(method, path), self._clock.now()
            self._known()[endpoint], self._noted_at[endpoint] = until, now
            if self._holds is not None:
                self._holds.hold_endpoint(self._source, endpoint, until, now)

    def _known(self) -> dict[str, datetime]:
        if self._until is None:
            self._until = dict(self._holds.endpoint_holds(self._source)) if self._holds is not None else {}
        return self._until


def endpoint_of(method: str, path: str) -> str:
    """Return the endpoint of a request without the ids in its path: `POST issue/*/comment`."""
    return f"{method} {_ID.sub('*', path)}"
