"""Signs requests with an OAuth token of the client-credentials grant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import requests
from requests.auth import AuthBase

from capa_sync.model.clock import Clock
from capa_sync.sources.bearer import renewed_after


class BearerAuth(AuthBase):
    """Signs requests with a bearer token that is renewed before it ends."""

    def __init__(self, clock: Clock, fetch: Callable[[], tuple[str, timedelta]]) -> None:
        self._clock = clock
        self._fetch = fetch
        self._token = ""
        self._renew_at: datetime | None = None
        self._got_at = clock.now()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request. Raises what `fetch` raises."""
        now = self._clock.now()
        if self._renew_at is None or not self._got_at <= now < self._renew_at:
            self._token, life = self._fetch()
            self._got_at, self._renew_at = now, now + renewed_after(life)
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
