"""The sign-in methods: basic, OAuth client credentials, API key (docs/servicenow.md 6)."""

from __future__ import annotations

import threading
from datetime import datetime
from functools import partial

import orjson
import requests
from requests.auth import AuthBase, HTTPBasicAuth

from capa_sync.errors import Authentication, Fatal, Retryable
from capa_sync.model.clock import Clock
from capa_sync.redaction import conceal
from capa_sync.sources.bearer import not_signed_in, read_token, renewed_after
from capa_sync.sources.retry import overload
from capa_sync.sources.servicenow.network import translated
from capa_sync.sources.servicenow.options import ServiceNowOptions
from capa_sync.sources.transport import hold_to

TIMEOUT = (3.05, 70)
"""Seconds to connect and to wait for an answer; the platform cancels a request at 60 s (facts 1.4)."""


class ApiKey(AuthBase):
    """Sends an API key in its header."""

    def __init__(self, header: str, key: str) -> None:
        self._header, self._key = header, key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        request.headers[self._header] = self._key
        return request


class ClientCredentialsAuth(AuthBase):
    """Fetches a bearer token when there is none, and again before it expires; there is no refresh token."""

    def __init__(self, options: ServiceNowOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at: datetime | None = None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request. Raises Authentication or Retryable when no token can be fetched."""
        request.headers["Authorization"] = f"Bearer {self._current()}"
        return request

    def forget(self) -> None:
        """Delete the token after a 401, so that the next request signs in again."""
        with self._lock:
            self._renew_at = None

    def _current(self) -> str:
        with self._lock:
            if self._renew_at is None or self._clock.now() >= self._renew_at:
                self._token, self._renew_at = self._fetch()
            return self._token

    def _fetch(self) -> tuple[str, datetime]:
        name, auth = self._options.name, self._options.auth
        url = auth.token_url or f"{self._options.url.rstrip('/')}/oauth_token.do"
        form = {"grant_type": "client_credentials", "client_id": auth.user, "client_secret": auth.secret}
        try:
            with hold_to(requests.Session(), name, self._options.limits) as session:
                asked = partial(session.post, url, data=form, timeout=TIMEOUT, allow_redirects=False)
                answer = translated(name, url, asked, writes=False)
        except Retryable as error:
            raise Retryable(name, f"sign-in: {error.message.removeprefix('no answer: ')}") from None
        except Fatal as error:
            raise not_signed_in(name, error) from None
        later = overload(name, answer.status_code, answer.headers, self._clock.now(), "sign-in")
        if later is not None:
            raise later
        return self._read(answer)

    def _read(self, answer: requests.Response) -> tuple[str, datetime]:
        name = self._options.name
        if answer.status_code != 200:
            raise Authentication(
                name,
                f"the client id or secret was not accepted ({answer.status_code}); is the grant type "
                "client_credentials switched on, with an OAuth application user?",
            )
        try:
            body = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            body = None
        token, life = read_token(name, body)
        conceal(token, is_passing=True)
        return token, self._clock.now() + renewed_after(life)


def build_auth(options: ServiceNowOptions, clock: Clock) -> AuthBase:
    """Return the object that signs each request. Raises Fatal for a method that ServiceNow does not have."""
    auth = options.auth
    if auth.method == "basic":
        # requests would encode as latin-1 and fail for other letters; the platform reads UTF-8
        return HTTPBasicAuth(auth.user.encode(), auth.secret.encode())
    if auth.method == "oauth-client-credentials":
        return ClientCredentialsAuth(options, clock)
    if auth.method == "api-key":
        return ApiKey(auth.header, auth.secret)
    raise Fatal(options.name, f"auth method {auth.method!r} is none that ServiceNow has")
