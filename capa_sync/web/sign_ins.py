"""Who is signed in: session cookies, the trusted proxy, and the reader on loopback who needs no sign-in."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from itsdangerous import BadData, URLSafeSerializer

from capa_sync.model.page import PageOptions
from capa_sync.model.page_access import PageToken, VisitKind, token_digest
from capa_sync.model.visitor import AccessRole, Visitor
from capa_sync.web.cookies import SESSION, own_cookies

ATTEMPTS, PER = 10, timedelta(minutes=1)
"""Failed sign-ins from one address within this time after which none from it is looked at."""
_MOST_ADDRESSES, _LONGEST_ADDRESS = 10_000, 45
"""How many addresses are remembered, and how many characters of one."""
AHEAD = timedelta(minutes=10)
"""How far the begin of a session may lie in the future: a clock that is set back a little ends no session."""
_NAME = re.compile(r"[^\x00-\x20\x7f-\xff]{1,100}")
_FORWARDED = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})
"""Headers of proxies: a request that has one does not come from this machine alone."""


class SignIns:
    """Decides who sends a request, and keeps sessions.

    A session is a signed cookie with the digest of its token; name, role and last day are looked up in the file of
    tokens at each request, so that a line that is taken away ends its sessions.

    Attributes:
        secret: the key of all signatures, which lives as long as the process.

    Args:
        options: of the page. local: Host headers that only somebody on this machine can have meant.
    """

    def __init__(self, options: PageOptions, local: frozenset[str] = frozenset()) -> None:
        self._access, self._clock = options.access, options.clock
        self._local, self._zone = local, ZoneInfo(options.timezone)
        self.secret = secrets.token_urlsafe(32)
        self._signer = URLSafeSerializer(self.secret, salt="capa-sync session")
        self._ended: set[str] = set()
        self._failed: dict[str, deque[datetime]] = {}
        self._seen: dict[str, datetime] = {}

    @property
    def is_on(self) -> bool:
        """Whether anybody can sign in."""
        return self._access.is_on

    @property
    def takes_tokens(self) -> bool:
        """Whether there is a file of tokens."""
        return self._access.tokens is not None

    def visitor(self, scope: Mapping[str, Any]) -> Visitor | None:
        """Return who sends a request, None for somebody who has to sign in first.

        Raises UserError when the file of tokens has a mistake, CapaSyncError when a sign-in cannot be recorded.
        """
        if not self.is_on:
            return Visitor()
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        return self._proxied(headers) or self._in_session(headers) or self._local_reader(scope, headers)

    def sign_in(self, token: str, address: str) -> str | None:
        """Return the cookie's value for a valid token, None for any other, or too soon after many of these.

        Raises UserError when the file of tokens has a mistake, CapaSyncError when the sign-in cannot be recorded.
        """
        found = None if self.is_held(address) else self._token(token_digest(token.strip()))
        if found is None:
            self._note_failure(address)
            return None
        self._access.record(VisitKind.SIGN_IN, {"by": found.name, "role": found.role.value, "way": "token"})
        content = [found.digest, int(self._clock.now().timestamp()), secrets.token_urlsafe(9)]
        return str(self._signer.dumps(content))

    def is_held(self, address: str) -> bool:
        """Return whether so many sign-ins from an address failed lately that none is looked at."""
        failed = self._failed.get(address, deque())
        while failed and abs(self._clock.now() - failed[0]) >= PER:  # a clock that is set back holds nobody up
            failed.popleft()
        return len(failed) >= ATTEMPTS

    def sign_out(self, headers: list[tuple[bytes, bytes]]) -> None:
        """End the session of a request, also for who kept a copy of its cookie."""
        content = self._content(headers)
        if content is not None:
            self._ended.add(content[2])

    def _proxied(self, headers: list[tuple[bytes, bytes]]) -> Visitor | None:
        proxy = self._access.proxy
        if proxy is None:
            return None
        given = _only(headers, proxy.secret_header) or ""
        name = _only(headers, proxy.user_header) or ""
        if not hmac.compare_digest(given.encode(), proxy.secret.encode()) or _NAME.fullmatch(name) is None:
            return None
        role = proxy.role_of(name)
        self._record_first(name, role)
        return Visitor(name, role)

    def _record_first(self, name: str, role: AccessRole) -> None:
        """Record the first request of a person whom the proxy names, and again when a session is over.

        One that was recorded in the future is over too: our clock was ahead.
        """
        now = self._clock.now()
        since = self._seen.get(name)
        if since is None or not timedelta(0) <= now - since < self._access.session:
            self._access.record(VisitKind.SIGN_IN, {"by": name, "role": role.value, "way": "proxy"})
            self._seen[name] = now

    def _in_session(self, headers: list[tuple[bytes, bytes]]) -> Visitor | None:
        content = self._content(headers)
        if content is None or content[2] in self._ended:
            return None
        age = self._clock.now() - datetime.fromtimestamp(content[1], UTC)
        found = self._token(content[0]) if -AHEAD <= age < self._access.session else None
        return None if found is None else Visitor(found.name, found.role)

    def _content(self, headers: list[tuple[bytes, bytes]]) -> tuple[str, int, str] | None:
        """Return digest of the token, begin and number of the session whose cookie a request has, None without."""
        value = own_cookies(headers).get(SESSION.encode())
        with suppress(BadData):
            if value is not None:
                digest, begun, number = self._signer.loads(value)
                return digest, begun, number
        return None

    def _local_reader(self, scope: Mapping[str, Any], headers: list[tuple[bytes, bytes]]) -> Visitor | None:
        """Return a reader for a request that was made on this machine, to a name of this machine."""
        names = {name for name, _ in headers}
        is_local = (_only(headers, "host") or "").lower() in self._local and not names & _FORWARDED
        return Visitor() if is_local and is_loopback((scope.get("client") or ("",))[0]) else None

    def _token(self, digest: str) -> PageToken | None:
        """Return the token of a digest that counts today, None without one."""
        tokens = self._access.tokens() if self._access.tokens is not None else ()
        today = self._clock.now().astimezone(self._zone).date()
        return next((t for t in tokens if t.digest == digest and (t.until is None or today <= t.until)), None)

    def _note_failure(self, address: str) -> None:
        if len(self._failed) >= _MOST_ADDRESSES:
            self._failed.clear()
        failed = self._failed.setdefault(address, deque(maxlen=ATTEMPTS))
        if len(failed) < ATTEMPTS:
            failed.append(self._clock.now())


def address_of(scope: Mapping[str, Any]) -> str:
    """Return from where a request comes; where a proxy of this machine sends it, the last address that it names."""
    address = str((scope.get("client") or ("",))[0])
    named = (_only(scope["headers"], "x-forwarded-for") or "").rpartition(",")[2].strip()
    return (
        f"{named[:_LONGEST_ADDRESS]} by {address}"
        if named.isprintable() and named and is_loopback(address)
        else address
    )


def is_loopback(address: str) -> bool:
    """Return whether an address is one of this machine to itself."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _only(headers: list[tuple[bytes, bytes]], name: str) -> str | None:
    """Return the value of a header that is there once, None for none and for several."""
    found = [value for given, value in headers if given == name.lower().encode()]
    return found[0].decode("latin-1") if len(found) == 1 else None
