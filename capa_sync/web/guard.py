"""The guard in front of the page: which requests are allowed, and what every answer contains; plain ASGI."""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from capa_sync.model.page import PageOptions
from capa_sync.model.visible import inert_markup
from capa_sync.model.visitor import Visitor
from capa_sync.web.cookies import with_own_cookies
from capa_sync.web.downloads import Downloads
from capa_sync.web.faults import is_of_the_request, log_error, safe_message
from capa_sync.web.forms import headers_for_the_site, read_form, replayed
from capa_sync.web.inert import inert_csv
from capa_sync.web.masking import HARMLESS, REGISTER
from capa_sync.web.sign_ins import SignIns
from capa_sync.web.visitors import refusal_of_form
from capa_sync.web.whole_csv import without_paging

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PATHS = re.compile(
    rf"/|/records?|/rules|/trends|/sync|/sign-in|/waive|/explain|/page/[a-z]+\.(css|js)|/workshop(/(rule|preview|request|draft))?|/favicon\.ico|/{REGISTER}(\.json)?|/{REGISTER}/({'|'.join(HARMLESS)})(\.json|\.csv)?"
    r"|/-/static/[\w-][\w.-]*\.(css|js|svg|png)"
)
_WITHOUT_SIGN_IN = frozenset({"/sign-in", "/page/style.css", "/favicon.ico"})
_OPTIONS = re.compile(
    r"_(sort|sort_desc|sort_by_desc|facet|facet_date|facet_array|facet_size|size|next|shape|nl|stream|dl|header|col"
    r"|nocol|json|json_infinity|labels|nofacet|nosuggest|nocount|search|filter_(column|op|value)(_\d+)?)"
)
"""Datasette's parameters that only page, sort, shape or filter; all others that begin with `_` are refused."""
_LONGEST_QUERY = 16_384
"""Bytes of the parameters of an address."""

_POLICY = b"default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; "
_EDITOR = "/workshop/rule"
_EDITOR_POLICY = _POLICY + b"script-src 'self'; connect-src 'self'; "
"""The editor alone has a script, of our own package."""
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
    policy = _EDITOR_POLICY if path == _EDITOR else _POLICY
    policy = _DATASETTE_POLICY if path.startswith(f"/{REGISTER}") else policy
    return [(b"content-security-policy", policy + b"frame-ancestors 'none'"), *_HEADERS]


class ViewGuard:
    """Allows GET requests for pages and views, and forms, with an accepted Host header; makes answers harmless.

    Args:
        sites: whether texts of confidential tickets are masked -> the page behind it.
        hosts: accepted Host headers; another one may come from DNS rebinding by a web page.
        options: of the page. The host of `public_url` is accepted too, and links between pages use its scheme, which
            the proxy does not pass on.
        sign_ins: decides who sends a request.
    """

    def __init__(
        self, sites: Mapping[bool, App], hosts: frozenset[str], options: PageOptions, sign_ins: SignIns
    ) -> None:
        self._sites, self._sign_ins, self._downloads = sites, sign_ins, Downloads(options)
        self._scheme, _, rest = options.public_url.partition("://")
        self._public = rest.partition("/")[0].lower()
        self._hosts = hosts | ({self._public} - {""})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; lifespan events go to the page unchanged."""
        if scope["type"] == "lifespan":
            await self._sites[True](scope, receive, send)
            return
        if scope["type"] != "http":
            return
        scope = {**scope, "headers": with_own_cookies(scope["headers"])}
        outgoing = _Outgoing(send, scope["path"], is_secure=self._is_public(scope) and self._scheme == "https")
        try:
            await self._answer(scope, receive, outgoing)
        except Exception as error:  # noqa: BLE001 - the outermost handler: the log gets the error, made safe
            is_mistake = bool(scope["query_string"]) and is_of_the_request(error)
            if not is_mistake:
                log_error(scope["path"], safe_message(error))
            if 0 < outgoing.status < 500:
                raise ConnectionAbortedError from None  # the answer has begun: a cut connection shows the error
            outgoing.status = 500
            if is_mistake:
                outgoing.refusal = 400, "this page cannot be shown with these parameters; open it without them"
        else:
            if outgoing.status >= 500:
                log_error(scope["path"], f"status {outgoing.status}")
        if outgoing.status >= 500:
            await _refuse(send, scope["path"], *outgoing.refusal)

    async def _answer(self, scope: Scope, receive: Receive, outgoing: _Outgoing) -> None:
        """Answer a request from an accepted host by who sends it."""
        refusal = self._refused_host(scope)
        visitor = None
        if refusal is None:
            visitor = await asyncio.to_thread(self._sign_ins.visitor, scope) if self._sign_ins.is_on else Visitor()
            scope = {**scope, "visitor": visitor or Visitor()}
            refusal = _refusal(scope)
        if refusal is not None:
            await _refuse(outgoing, scope["path"], *refusal)
            return
        if visitor is None and scope["path"] not in _WITHOUT_SIGN_IN:
            await _ask_to_sign_in(outgoing, scope)
            return
        is_form = scope["method"] == "POST"
        if is_form:
            body, refusal = await read_form(receive)
            if refusal is not None:
                await _refuse(outgoing, scope["path"], *refusal)
                return
            receive = replayed(body, receive)
        scope = {**scope, "headers": headers_for_the_site(scope["headers"], is_form=is_form)}
        if scope["path"].endswith(".csv"):
            scope = {**scope, "query_string": without_paging(scope["query_string"])}
        if self._downloads.is_one(scope):
            await asyncio.to_thread(self._downloads.record, scope)
        if self._is_public(scope):
            scope = {**scope, "scheme": self._scheme}
        await self._sites[scope["visitor"].role.is_masked](scope, receive, outgoing)

    def _is_public(self, scope: Scope) -> bool:
        return _host_of(scope) == self._public

    def _refused_host(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason for a Host header that is not the page's own, None for one that is."""
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 421, "this page is served under its own address, and for the host of public_url, only"
        return None


def is_page(path: str) -> bool:
    """Return whether there is a page at a path."""
    return _PATHS.fullmatch(path) is not None


def _refusal(scope: Scope) -> tuple[int, str] | None:
    """Return status and reason if a request is not allowed to its visitor, None if it is."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    is_form = scope["method"] not in ("GET", "HEAD")
    if is_form and (refusal := refusal_of_form(scope, dict(scope["headers"]))) is not None:
        return refusal
    if not (is_form or is_page(raw.decode("latin-1"))) or scope["path"].encode() != raw:
        return 404, "there is no such page"
    if len(scope["query_string"]) > _LONGEST_QUERY:
        return 400, f"the parameters of an address have at most {_LONGEST_QUERY:,} bytes"
    for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name == "sql" or (name.startswith("_") and not _OPTIONS.fullmatch(name)):
            return 400, "this parameter is not allowed here"
    return None


async def _ask_to_sign_in(send: Send, scope: Scope) -> None:
    """Lead a browser to the form, and from there to what it asked for; refuse anything else in one line."""
    if scope["method"] not in ("GET", "HEAD") or scope["path"].endswith((".csv", ".json")):
        await _refuse(send, scope["path"], 401, "sign in first, at /sign-in")
        return
    wanted = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
    place = f"/sign-in?{urlencode({'next': wanted})}" if wanted != "/" else "/sign-in"
    headers = [(b"location", place.encode("latin-1")), *_headers_of(scope["path"])]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _host_of(scope: Scope) -> str:
    return next((value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"), "")


class _Outgoing:
    """Adds our headers to an answer, makes cells inert, and withholds Datasette's error pages.

    Args:
        is_secure: a browser sends the answer's cookies over TLS alone.

    Attributes:
        status: status of the answer, 0 before it begins. refusal: status and text in place of one of 500.
    """

    def __init__(self, send: Send, path: str, *, is_secure: bool) -> None:
        self.status = 0
        self.refusal = 500, "the register cannot be shown now; capa-sync's log says why"
        self._send, self._is_secure = send, is_secure
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
        if self._is_secure:
            kept = [(name, value + b"; Secure" * (name.lower() == b"set-cookie")) for name, value in kept]
        return [*kept, *self._ours]

    def _inert(self, body: bytes, more: bool) -> bytes:
        """Return what is complete; a row or character that is cut between two messages waits for the rest."""
        if self._is_html:
            return inert_markup(self._decoder.decode(body, final=not more)).encode()
        if not self._is_csv:
            return body
        text, self._rest = inert_csv(self._rest + body, is_end=not more)
        return text


async def _refuse(send: Send, path: str, status: int, reason: str) -> None:
    """Answer in one plain line that repeats nothing of the request."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_headers_of(path)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
