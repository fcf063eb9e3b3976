"""The guard in front of the page: which requests are allowed, and what every answer contains; plain ASGI."""

from __future__ import annotations

import codecs
import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from capa_sync.errors import CapaSyncError
from capa_sync.model.visible import inert_markup, one_line
from capa_sync.model.visitor import Visitor
from capa_sync.web.inert import inert_csv
from capa_sync.web.masking import HARMLESS, REGISTER
from capa_sync.web.visitors import refusal_of_form

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PATHS = re.compile(
    rf"/|/records?|/rules|/trends|/sync|/page/[a-z]+\.css|/favicon\.ico|/{REGISTER}(\.json)?|/{REGISTER}/({'|'.join(HARMLESS)})(\.json|\.csv)?"
    r"|/-/static/[\w-][\w.-]*\.(css|js|svg|png)"
)
_OPTIONS = re.compile(
    r"_(sort|sort_desc|sort_by_desc|facet|facet_date|facet_array|facet_size|size|next|shape|nl|stream|dl|header|col"
    r"|nocol|json|json_infinity|labels|nofacet|nosuggest|nocount|search|filter_(column|op|value)(_\d+)?)"
)
"""Datasette's parameters that only page, sort, shape or filter; all others that begin with `_` are refused."""

_POLICY = b"default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; "
_DATASETTE_POLICY = (
    b"default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    b"connect-src 'self'; form-action 'self'; base-uri 'none'; "
)
"""Datasette's own pages of the views have styles in their markup and a script of its package; ours have neither."""
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def _headers_of(path: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of every answer to a path."""
    policy = _DATASETTE_POLICY if path.startswith(f"/{REGISTER}") else _POLICY
    return [(b"content-security-policy", policy + b"frame-ancestors 'none'"), *_HEADERS]


class ViewGuard:
    """Allows GET requests for pages and views, and forms, with an accepted Host header; makes answers harmless.

    Args:
        app: the page behind it. hosts: accepted Host headers; another one may come from DNS rebinding by a web page.
        public_url: where a proxy shows the page. Its host is accepted too, and links between pages use its scheme,
            which the proxy does not pass on.
    """

    def __init__(self, app: App, hosts: frozenset[str], public_url: str = "") -> None:
        self._app = app
        self._scheme, _, rest = public_url.partition("://")
        self._public = rest.partition("/")[0].lower()
        self._hosts = hosts | ({self._public} - {""})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; lifespan events go to the page unchanged."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        scope = {**scope, "visitor": Visitor()}
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(send, scope["path"], *refusal)
            return
        if _host_of(scope) == self._public:
            scope = {**scope, "scheme": self._scheme}
        outgoing = _Outgoing(send, scope["path"])
        try:
            await self._app(scope, receive, outgoing)
        except Exception as error:  # noqa: BLE001 - the outermost handler: the log gets the error, made safe
            _log_error(scope["path"], _safe_message(error))
            if 0 < outgoing.status < 500:
                raise ConnectionAbortedError from None  # the answer has begun: a cut connection shows the error
            outgoing.status = 500
        else:
            if outgoing.status >= 500:
                _log_error(scope["path"], f"status {outgoing.status}")
        if outgoing.status >= 500:
            await _refuse(send, scope["path"], 500, "the register cannot be shown now; capa-sync's log says why")

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason if a request is not allowed, None if it is."""
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 421, "this page is served on loopback, and through a proxy for the host of public_url, only"
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        is_form = scope["method"] not in ("GET", "HEAD")
        if is_form and (refusal := refusal_of_form(scope, dict(scope["headers"]))) is not None:
            return refusal
        if not (is_form or _PATHS.fullmatch(raw.decode("latin-1"))) or scope["path"].encode() != raw:
            return 404, "there is no such page"
        for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
            if name == "sql" or (name.startswith("_") and not _OPTIONS.fullmatch(name)):
                return 400, "this parameter is not allowed here"
        return None


def _host_of(scope: Scope) -> str:
    return next((value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"), "")


class _Outgoing:
    """Adds our headers to an answer, makes cells inert, and withholds Datasette's error pages.

    Attributes:
        status: status of the answer, 0 before it begins.
    """

    def __init__(self, send: Send, path: str) -> None:
        self.status = 0
        self._send = send
        self._ours = _headers_of(path)
        self._is_csv = path.endswith(".csv")
        self._is_html = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status >= 500:  # the log gets the error, the visitor does not
                return
            message = {**message, "headers": self._headers(message["headers"])}
        elif message["type"] == "http.response.body":
            if self.status >= 500:
                return
            message = {**message, "body": self._inert(message.get("body", b""), message.get("more_body", False))}
        await self._send(message)

    def _headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        ours = {name for name, _ in self._ours}
        kept = [(name, value) for name, value in headers if name.lower() not in ours]
        kind = next((value for name, value in kept if name.lower() == b"content-type"), b"")
        self._is_html = kind.startswith(b"text/html")
        self._is_csv = self._is_csv and self.status == 200
        if self._is_csv or self._is_html:
            kept = [(name, value) for name, value in kept if name.lower() != b"content-length"]
        return [*kept, *self._ours]

    def _inert(self, body: bytes, more: bool) -> bytes:
        """Return what is complete; a row or character that is cut between two messages waits for the rest."""
        if self._is_html:
            return inert_markup(self._decoder.decode(body, final=not more)).encode()
        if not self._is_csv:
            return body
        text, self._rest = inert_csv(self._rest + body, is_end=not more)
        return text


def _safe_message(error: Exception) -> str:
    """Return an error's message if it cannot contain a ticket's text, otherwise only its type."""
    is_safe = isinstance(error, sqlite3.Error | CapaSyncError)
    return f"{type(error).__name__}: {one_line(str(error))[:200]}" if is_safe else type(error).__name__


def _log_error(path: str, kind: str) -> None:
    """Write the log line of an error; the path is from a closed list, `kind` has been made safe."""
    logging.getLogger("capa_sync.web").error("action=page_error path=%s error=%r", path, kind)


async def _refuse(send: Send, path: str, status: int, reason: str) -> None:
    """Answer in one plain line that repeats nothing of the request."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_headers_of(path)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
