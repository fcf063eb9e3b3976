"""Checks each answer before pysnow reads it: JSON, complete, no error inside (docs/servicenow.md 0.5, 7.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import requests

from capa_sync.errors import (
    AccessDenied,
    Authentication,
    BadAnswer,
    DeliveryUnknown,
    Fatal,
    NotBefore,
    Retryable,
    SourceError,
    WriteRefused,
)
from capa_sync.model.clock import Clock
from capa_sync.model.light import light
from capa_sync.model.patterns import COUNT, CUT_SHORT
from capa_sync.model.visible import one_line
from capa_sync.model.write import TICKET_GONE
from capa_sync.redaction import redacted
from capa_sync.sources.answer_heads import NOT_FINAL, is_final
from capa_sync.sources.decoding import decode_json
from capa_sync.sources.retry import not_by_tracker, overload
from capa_sync.sources.servicenow.cells import Row
from capa_sync.sources.sizes import Oversized
from capa_sync.sources.wish import read_http_date

_MOST_READ = 20_000
"""Characters of an error that are searched for secrets: it may be as long as any answer; little of it is shown."""
_IS_AN_INSTANCE = "check `url`: is the address that of a ServiceNow instance, or did a proxy answer?"
_EMPTY = b'{"display_value":"","value":""}'
"""An empty cell in both forms; most cells of a wide table are empty. A JSON string cannot contain these bytes."""


class NoSuchTable(Fatal):
    """The table does not exist, or its plug-in is not licensed (400 "Invalid table")."""


class NotFound(SourceError):
    """No such record, or one hidden from us (404)."""


class PageCut(SourceError):
    """The instance gave up on the request or its answer was cut short: ask for fewer rows."""


class QueryTooLong(SourceError):
    """The address was too long for the instance (414): ask for fewer ids."""


@light
class TableAnswer:
    """One page of a list.

    Attributes:
        rows: as the API returned them. limit, offset: as requested; the limit is applied before access rules, so
            fewer rows than the limit prove nothing (facts 0.2).
        total: X-Total-Count: all matches before access rules; None when the answer has none.
        has_links: the answer had a Link header. has_next: it named a next page.
        at: the instance's clock, None when it sent no Date.
    """

    rows: list[Row]
    limit: int
    offset: int
    total: int | None
    has_links: bool
    has_next: bool
    at: datetime | None

    def as_outlines(self) -> TableAnswer:
        """Return the same answer with its rows marked as records too large to be read."""
        return replace(self, rows=[Oversized(row) for row in self.rows])

    @property
    def is_end(self) -> bool:
        """Tell whether nothing can follow: the page is empty, or the count is reached."""
        if self.rows:
            return not self.has_next and self.total == self.offset + len(self.rows)
        if self.has_next:
            return self.total is not None and self.offset >= self.total
        return self.has_links or self.total is None or self.total <= self.offset + self.limit

    @property
    def is_last_by_emptiness(self) -> bool:
        """Tell the same by an empty page alone, for sweeps that must not rely on a count."""
        return not self.rows and self.is_end


def read_headers(headers: Any) -> tuple[int | None, bool, bool, datetime | None]:
    """Return total, has_links, has_next and the instance's instant, from an answer's headers."""
    count, link, date = headers.get("X-Total-Count", ""), headers.get("Link", ""), headers.get("Date", "")
    total = int(count) if COUNT.fullmatch(count) else None
    return total, bool(link), 'rel="next"' in link, read_http_date(date)


def answer_check(source: str, clock: Clock) -> Callable[..., None]:
    """Return the response hook, which raises our errors and leaves the parsed body for pysnow."""

    def check(response: requests.Response, **_: Any) -> None:
        try:
            if not 200 <= response.status_code < 300:
                raise _error_for(source, response, clock.now())
            body = _parse(source, response)
        except SourceError as error:
            if response.request.method == "PATCH":
                raise _write_error(source, response.status_code, error, clock.now()) from None
            raise
        # otherwise pysnow would parse the body again
        setattr(response, "json", lambda **_kw: body)  # noqa: B010 - a method of another library's class

    return check


def _write_error(source: str, status: int, error: SourceError, now: datetime) -> SourceError:
    """Return the error of a failed write: after a clear refusal it was not applied, otherwise that is unknown.

    A 404 of the instance says that the record is not there for us, and its 403 that we may not; any other is of a
    proxy or firewall, and may be over soon.
    """
    if status in (401, 429) or 300 <= status < 400:
        return error
    if isinstance(error, NotFound):
        return WriteRefused(source, f"{error.message}; the record {TICKET_GONE}", permanent=True)
    if status == 404 or (status == 403 and isinstance(error, Retryable)):
        return WriteRefused(source, error.message, permanent=False)
    if 400 <= status < 500 and not isinstance(error, PageCut):
        return WriteRefused(source, error.message, permanent=True)
    wish = getattr(error, "retry_after", None) or (error.until - now if isinstance(error, NotBefore) else None)
    return DeliveryUnknown(source, error.message, wish)


def _parse(source: str, response: requests.Response) -> Row:
    if not response.headers.get("Content-Type", "").startswith("application/json"):
        raise BadAnswer(source, f"{_where(response)} was answered with {_kind(response)} instead of JSON")
    try:
        body = decode_json(response.content.replace(_EMPTY, b'""'))  # 8 % of a backfill (measured)
    except ValueError:
        cancelled = CUT_SHORT.search(response.content.decode("utf-8", "replace"))  # `text` would guess the encoding
        why = "the instance cancelled the request" if cancelled else "the answer is broken JSON"
        raise PageCut(source, f"{_where(response)}: {why}") from None
    if not isinstance(body, dict):
        raise PageCut(source, f"{_where(response)}: the answer is no JSON object")
    if body.get("error"):
        raise _error_inside(source, response, body)
    result = body.get("result")
    if not isinstance(result, dict) and not (isinstance(result, list) and all(isinstance(r, dict) for r in result)):
        raise BadAnswer(source, f"{_where(response)}: the answer holds no records")
    return body


def _error_inside(source: str, response: requests.Response, body: Row) -> SourceError:
    said = _said(body)
    if CUT_SHORT.search(said):
        return PageCut(source, f"{_where(response)}: {said}")
    return BadAnswer(source, f"{_where(response)} was answered with 200 and an error inside: {said or 'no words'}")


def _error_for(source: str, response: requests.Response, now: datetime) -> SourceError:
    status, where = response.status_code, _where(response)
    if not is_final(status):
        return BadAnswer(source, f"{where}: {NOT_FINAL} ({status})", do=_IS_AN_INSTANCE)
    said = _said_by(response)
    if CUT_SHORT.search(said):
        return PageCut(source, f"{where}: {said}")
    later = overload(source, status, response.headers, now, where)
    if later is not None:
        return later
    reason = f"{where}: {said}" if said else f"{where} was answered with {status}"
    if status < 400:
        return Fatal(source, f"{where} redirects elsewhere ({status})", do=_IS_AN_INSTANCE)
    if status == 401:
        return Authentication(source, "the user name, password, key or token was not accepted (401)")
    if status == 403 and _decides(_table_of(where)) and not _is_by_the_instance(response):
        return not_by_tracker(source, status, where)
    if status == 404 and "no record" not in said.lower():  # of a proxy, or of a path that the instance lacks
        return Fatal(source, reason, do=_IS_AN_INSTANCE)
    if status == 403 and response.request.method == "GET" and (table := _table_of(where)):
        ask = f"ask the admin of the instance for a read ACL or a role that shows {table} to our account"
        return AccessDenied(source, f"our account may not read {table}: {reason}", do=ask)
    if status == 400 and "invalid table" in said.lower():
        return NoSuchTable(
            source, reason, do="check `table` and the mapping: is the name right, and its plug-in active?"
        )
    kinds: dict[int, type[SourceError]] = {403: AccessDenied, 404: NotFound, 414: QueryTooLong}
    return kinds.get(status, Fatal)(source, reason)


def _where(response: requests.Response) -> str:
    """Return method and path without the query, which may hold data of tickets."""
    path = (response.request.path_url or "").partition("?")[0]
    return f"{response.request.method} {path}"


def _table_of(where: str) -> str:
    """Return the table that a request of the Table API names, "" for another request."""
    return where.partition("/api/now/table/")[2].partition("/")[0]


def _kind(response: requests.Response) -> str:
    kind = one_line(response.headers.get("Content-Type", "")).partition(";")[0] or "no content type"
    if kind != "text/html":
        return kind
    if b"hibernat" in response.content.lower():
        return "the page of a hibernating instance; wake it up,"
    return "a web page (a sign-in or a proxy?)"


def _decides(table: str) -> bool:
    """Tell whether a refusal of this table means that a record is gone, or its history closed.

    Tables about tables only inform us; a gateway with a list of what it lets through may close them for good.
    """
    return not table.startswith("sys_") or table.startswith(("sys_audit", "sys_journal"))


def _is_by_the_instance(response: requests.Response) -> bool:
    """Tell whether the instance itself refused: it does so with an object of JSON that names the error."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return False
    return isinstance(body, dict) and "error" in body


def _said_by(response: requests.Response) -> str:
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return ""
    return _said(body) if isinstance(body, dict) else ""


def _said(body: Row) -> str:
    """Return what an error answer says, "" where it says nothing in words; whatever it holds, this raises nothing."""
    error = body.get("error")
    if not isinstance(error, dict):
        return _clean(error)
    message, detail = _clean(error.get("message")), _clean(error.get("detail"))
    return message if not detail or detail in message else f"{message} ({detail})"


def _clean(text: Any) -> str:
    if not isinstance(text, str):
        return ""
    # redact before cutting: half a secret would not be recognised
    return " ".join(one_line(redacted(" ".join(text.split())[:_MOST_READ])).split())[:300]
