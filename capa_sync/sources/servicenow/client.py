"""Sends all requests to a ServiceNow instance; the only module that uses pysnow (docs/servicenow.md 7.4).

Each request has a `client.resource()` of its own, since a shared one mixes up threads and parameters. Answers are
buffered, not streamed. Session, sign-in, answer check and retry policy are our own; writes are not retried.
"""

from __future__ import annotations

import re
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson
import requests
from requests.auth import AuthBase

from capa_sync import __version__
from capa_sync.errors import (
    AnswerTooLarge,
    Authentication,
    BadAnswer,
    DeliveryUnknown,
    Fatal,
    Retryable,
    SourceError,
    WriteRefused,
)
from capa_sync.model.address import check_address
from capa_sync.model.clock import Clock
from capa_sync.redaction import conceal
from capa_sync.sources.budget import Budget, Rate
from capa_sync.sources.cookies import cookies_refused
from capa_sync.sources.downloads import AttachmentDownloads
from capa_sync.sources.environment import read_environment_once
from capa_sync.sources.retry import RetryPolicy
from capa_sync.sources.servicenow.answers import NotFound, PageCut, TableAnswer, answer_check, read_headers
from capa_sync.sources.servicenow.auth import TIMEOUT, ClientCredentialsAuth, build_auth
from capa_sync.sources.servicenow.cells import Row, lean, value_of
from capa_sync.sources.servicenow.network import translated
from capa_sync.sources.servicenow.options import ServiceNowOptions
from capa_sync.sources.servicenow.pace import Pace
from capa_sync.sources.servicenow.pagesize import SMALLEST_PAGE, PageSizes
from capa_sync.sources.sizes import goal_of
from capa_sync.sources.transport import hold_to

# pysnow warns at its import that libmagic is missing; we send no attachments (docs/servicenow.md 7.1)
warnings.filterwarnings("ignore", message="Missing the python-magic library")
import pysnow  # noqa: E402

T = TypeVar("T")
SYS_ID = re.compile(r"[0-9A-Za-z_-]{1,32}")


class TableClient:
    """Reads lists and records of tables, and patches the configured columns of the configured table.

    Args:
        options: the source's options.
        clock: our own clock.
        stop: set at shutdown; waits then end.
        shared: the source's request budget, sign-in and pace, when other sessions of it exist; else the client makes
            them.

    Attributes:
        pace: how long answers take, and the instance's clock.
    """

    def __init__(
        self,
        options: ServiceNowOptions,
        clock: Clock,
        stop: threading.Event,
        shared: tuple[Budget, AuthBase, Pace] | None = None,
    ) -> None:
        for url in filter(None, (options.url, options.auth.token_url)):
            if wrong := check_address(url, allow_http=options.allow_http):
                raise Fatal(options.name, wrong)
        conceal(options.auth.secret, options.auth.user)
        self.source = options.name
        self.stop = stop
        self._writable = (options.table, options.written_columns)
        self._shared = shared or (_budget(options, stop), build_auth(options, clock), Pace())
        self._budget, self._auth, self.pace = self._shared
        is_instant, rest = options.waits_are_instant, self._budget.rest
        outage = self.pace.outage
        self._policy = RetryPolicy(options.name, clock, stop, is_instant=is_instant, rest=rest, outage=outage)
        self._made_of = (options, clock, stop)
        self._sizes = PageSizes(goal_of(options.limits.answer))
        self.most = options.limits.answer
        """Bytes that an answer may have."""
        self._answered_bytes = 0
        self._is_cookie_refused = False
        self._session = hold_to(requests.Session(), options.name, options.limits)
        read_environment_once(self._session, options.url)
        self._session.auth = self._auth
        self._session.hooks["response"].append(self._measure)
        self._session.hooks["response"].append(answer_check(options.name, clock))
        parts = urlsplit(options.url)
        self._client = pysnow.Client(
            host=(parts.netloc + parts.path).rstrip("/"), use_ssl=parts.scheme == "https", session=self._session
        )
        self._session.headers["User-Agent"] = f"capa-sync/{__version__}"  # pysnow has just put its own there

    def _measure(self, response: requests.Response, **_: Any) -> None:
        self._answered_bytes = len(response.content)
        self._is_cookie_refused = cookies_refused(self._session, response)

    def downloads(self) -> AttachmentDownloads:
        """Return what fetches attached files with this session's sign-in."""
        options, clock, _stop = self._made_of
        return AttachmentDownloads(
            self.source, options.url, self._session, options.limits, clock, self._policy, self._budget
        )

    def another(self) -> TableClient:
        """Return a client with its own session, for another thread, with the same budget and sign-in."""
        return TableClient(*self._made_of, self._shared)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def rows(
        self,
        table: str,
        query: str,
        *,
        limit: int,
        offset: int = 0,
        fields: Sequence[str] = (),
        display: bool = False,
        counted: bool = True,
        linked: bool = True,
        outline: Sequence[str] = (),
    ) -> TableAnswer:
        """Read one page; halve its size each time the instance gives up on it or the answer is too large.

        Args:
            table: the table's name.
            query: an encoded query written by capa-sync.
            limit: maximum number of rows.
            offset: rows to skip.
            fields: columns; all when empty.
            display: request display texts beside the raw values.
            counted: let the instance count all matches.
            linked: let it send links to further pages; not for long lists of ids, which the links would repeat.
            outline: columns to request, instead of all, for a single row that is larger than an answer may be; the
                row is returned as `Oversized`. Without them AnswerTooLarge is raised.

        Raises:
            SourceError: its class says what to do.
        """
        while True:
            size = self._sizes.of(table, fields, limit)
            send = partial(self._page, table, query, size, offset, fields, display, counted, linked)
            is_smallest = size <= SMALLEST_PAGE
            first = partial(self.rows, table, query, limit=1, offset=offset, fields=outline)
            if size == 1 and outline and self._sizes.has_large_rows:
                answer = first(counted=counted, linked=linked)
                if self._sizes.are_large(answer.rows):
                    return answer.as_outlines()
            try:
                answer = self._policy.read(partial(self._passing, send) if is_smallest else send)
            except PageCut:
                self._sizes.given_up(table, size)
            except AnswerTooLarge:
                self._sizes.too_large(table, fields, size)
                if size > 1:
                    continue
                if not outline:
                    raise
                answer = first(counted=counted, linked=linked)
                self._sizes.note_large(answer.rows)
                return answer.as_outlines()
            else:
                self._sizes.came_whole(table, fields, limit, len(answer.rows), self._answered_bytes)
                return answer

    def one(self, table: str, sys_id: str, fields: Sequence[str] = (), *, display: bool = False) -> Row | None:
        """Read one record by its id; None when it is gone or hidden. `fields` name its sys_id. Raises SourceError."""
        resource = self._resource(table, fields, display=display)
        path = self._path(sys_id)

        def send() -> Row:
            row = _single(self._send(lambda: resource.request("GET", path_append=path)))
            if value_of(row, "sys_id") != sys_id:
                raise BadAnswer(self.source, f"the answer for {table}/{sys_id} is no such record, or another one")
            return row

        try:
            return self._policy.read(partial(self._passing, send))
        except NotFound:
            return None

    def _passing(self, send: Callable[[], T]) -> T:
        """Treat a cut answer that cannot be made smaller as a fault that may pass."""
        try:
            return send()
        except PageCut as cut:
            raise Retryable(self.source, f"{cut.message} (asked for at most {SMALLEST_PAGE} rows)") from None

    def patch(self, table: str, sys_id: str, values: Mapping[str, str], fields: Sequence[str]) -> Row:
        """Set columns of one record, once, and return the record as answered.

        Raises:
            WriteRefused: not applied: not a column that we may write, or the instance refused it.
            Retryable, NotBefore, Authentication: not applied.
            DeliveryUnknown: sent, and it is not known whether it was applied.
        """
        self._guard(table, sys_id, values)
        resource = self._resource(table, fields)
        body = orjson.dumps(dict(values))
        path = self._path(sys_id)
        response = self._send(lambda: resource.request("PATCH", path_append=path, data=body), writes=True)
        try:
            row = _single(response)
            is_it = value_of(row, "sys_id") == sys_id
        except Exception:  # noqa: BLE001 - whatever pysnow raises for the answer, the write was sent
            is_it = False
        if not is_it:
            reason = "a write was answered without its record"
            raise DeliveryUnknown(self.source, f"{reason}; whether it was applied is not known")
        return row

    def _guard(self, table: str, sys_id: str, values: Mapping[str, str]) -> None:
        """Refuse, before anything is sent, what the settings do not allow us to write (docs/contract.md 8)."""
        allowed_table, columns = self._writable
        forbidden = sorted(set(values) - columns)
        if table != allowed_table or not SYS_ID.fullmatch(sys_id):
            raise WriteRefused(self.source, f"nothing may be written to {table}/{sys_id[:40]}")
        if forbidden or not values:
            raise WriteRefused(self.source, f"nothing may be written to column {', '.join(forbidden) or '(none)'}")

    def _page(
        self,
        table: str,
        query: str,
        limit: int,
        offset: int,
        fields: Sequence[str],
        display: bool,
        counted: bool,
        linked: bool,
    ) -> TableAnswer:
        resource = self._resource(table, (), display=display)
        if not counted:
            resource.parameters.add_custom({"sysparm_no_count": "true"})
        asked = {"query": query, "limit": limit, "offset": offset, "fields": list(fields)}
        try:
            response = self._send(lambda: resource.get(**asked, suppress_pagination_header=not linked))
        except NotFound:  # older versions of the API answer so for an empty list (facts 1.3)
            return TableAnswer([], limit, offset, None, has_links=False, has_next=False, at=None)
        total, has_links, has_next, at = read_headers(response.headers)
        self.pace.note_date(at, self._made_of[1].now())
        rows = [lean(row) for row in response.all()] if display else list(response.all())
        return TableAnswer(rows, limit, offset, total, has_links, has_next, at)

    def _resource(self, table: str, fields: Sequence[str], *, display: bool = False) -> Any:
        resource = self._client.resource(f"/table/{table}", timeout=TIMEOUT)
        resource.parameters.exclude_reference_link = True
        resource.parameters.display_value = "all" if display else False
        if fields:
            resource.parameters.fields = list(fields)
        return resource

    def _send(self, send: Callable[[], Any], *, writes: bool = False) -> Any:
        """Send once within the budget; a read once more with a fresh sign-in after a 401, or without refused cookies.

        A write is sent once: the next attempt looks first whether the ticket shows it. The reads before it were
        accepted with the same token, so a 401 to it alone is about a right, or comes from something in between.
        """
        self._budget.take()
        self._is_cookie_refused = False
        try:
            return self._timed(send, writes=writes)
        except Authentication:
            if isinstance(self._auth, ClientCredentialsAuth):
                self._auth.forget()
            if writes or not isinstance(self._auth, ClientCredentialsAuth):
                raise
        except SourceError:
            if writes or not self._is_cookie_refused:
                raise
        self._budget.take()
        return self._timed(send, writes=writes)

    def _timed(self, send: Callable[[], T], *, writes: bool) -> T:
        begun = time.monotonic()
        answer = translated(self.source, self._made_of[0].url, send, writes=writes)
        self.pace.note(time.monotonic() - begun)
        return answer

    def _path(self, sys_id: str) -> str:
        if not SYS_ID.fullmatch(sys_id):
            raise NotFound(self.source, f"{sys_id[:40]!r} is no sys_id")
        return f"/{sys_id}"


def _budget(options: ServiceNowOptions, stop: threading.Event) -> Budget:
    rate = Rate.parse(options.budget) if options.budget else None
    return Budget(options.name, rate, stop, is_instant=options.waits_are_instant)


def _single(response: Any) -> Row:
    row: Row = response.one()
    return row
