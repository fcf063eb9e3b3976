"""Finds and orders issues by JQL; serves Cloud's pages by token and Data Center's pages by offset."""

from __future__ import annotations

import base64
import bisect
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from capa_sync.sandbox.jira.access import JiraAccess, Viewer
from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.jql import ParsedJql, parse_jql
from capa_sync.sandbox.jira.jql_dates import mentions_now
from capa_sync.sandbox.jira.jql_fields import JqlFields
from capa_sync.sandbox.jira.jql_match import JqlContext, Matcher, Test
from capa_sync.sandbox.jira.settings import JiraSandboxSettings
from capa_sync.sandbox.jira.state import Issue, JiraState, Snapshot

Rows = list[tuple[tuple[Any, ...], int]]
_UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
_EXPIRED = "The provided next page token is invalid or expired."


@dataclass(frozen=True)
class _Cursor:
    jql: str
    key: tuple[Any, ...]
    page: int
    issued: int


class _Descending:
    """Reverses the order of a sort value."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(other.value == self.value)

    __hash__ = None  # type: ignore[assignment]


class Finder:
    """Finds issues of one site; callers hold the state's lock."""

    def __init__(
        self, state: JiraState, access: JiraAccess, settings: JiraSandboxSettings, now: Callable[[], int]
    ) -> None:
        self._state = state
        self._access = access
        self._settings = settings
        self._now = now
        self._found: OrderedDict[Any, Rows] = OrderedDict()
        self._cursors: OrderedDict[str, _Cursor] = OrderedDict()

    def matching(self, viewer: Viewer, jql: str, reconcile: Iterable[int] = (), *, bounded: bool = False) -> Rows:
        """Return all matches in order, each with its sort key.

        Raises:
            JiraError: 400, the query is wrong, or `bounded` is set and it has no restriction.
        """
        query = parse_jql(jql)
        is_kept = (
            not mentions_now(query.where) and not self._settings.index_lag_s and not self._settings.anonymous_projects
        )
        if bounded and query.where is None:
            raise JiraError(400, _UNBOUNDED)
        fresh = frozenset(reconcile)
        who = (viewer.account, viewer.zone.key, viewer.sees_all, tuple(self._settings.revoked_permissions))
        key = (
            self._state.version,
            jql,
            who,
            fresh,
            self._settings.index_granularity_ms,
            self._settings.epoch_literals,
        )
        if is_kept and key in self._found:
            self._found.move_to_end(key)
            return self._found[key]
        rows = self._rows(viewer, query, fresh)
        if is_kept:
            self._found[key] = rows
            while len(self._found) > 8:
                self._found.popitem(last=False)
        return rows

    def test(self, viewer: Viewer, query: ParsedJql) -> Test:
        """Return the compiled query for one viewer."""
        return Matcher(self._state, self._settings, self._context(viewer)).compile(query.where)

    def _context(self, viewer: Viewer) -> JqlContext:
        return JqlContext(
            viewer.user,
            viewer.zone,
            self._now(),
            lambda project: self._access.can_browse(viewer, project),
            lambda issue: self._access.can_see(viewer, issue),
        )

    def _rows(self, viewer: Viewer, query: ParsedJql, fresh: frozenset[int]) -> Rows:
        test, now = self.test(viewer, query), self._now()
        is_lagging = self._settings.index_lag_s > 0
        order = self._order(viewer, query)
        open_projects = {
            id_ for id_, project in self._state.projects.items() if self._access.can_browse(viewer, project)
        }
        rows: Rows = []
        for issue in self._state.issues.values():
            if issue.project not in open_projects or (issue.is_hidden and not viewer.sees_all):
                continue
            snap = issue.indexed(now) if is_lagging and issue.id not in fresh else issue.live()
            if snap is not None and test(issue, snap):
                rows.append((order(issue, snap), issue.id))
        rows.sort()
        return rows

    def _order(self, viewer: Viewer, query: ParsedJql) -> Callable[[Issue, Snapshot], tuple[Any, ...]]:
        fields = JqlFields(self._state, self._settings.index_granularity_ms, viewer.zone)
        parts = [(fields.sort_value(name), down) for name, down in query.order]

        def key(issue: Issue, snap: Snapshot) -> tuple[Any, ...]:
            values: list[Any] = []
            for value_of, down in parts:
                value = value_of(issue, snap)
                values.append(value is None)
                values.append(_sort_value(value, down=down))
            return (*values, -issue.id if not parts else issue.id)

        return key

    def stale(self, issue: Issue) -> Snapshot | None:
        """Return the issue as the lagging index has it; None if the site does not serve stale fields."""
        found = issue.indexed(self._now()) if self._settings.stale_fields else None
        if found is None or self._settings.stale_stamps:
            return found
        live = issue.live()
        return replace(found, key=live.key, created=live.created, updated=live.updated)

    def cloud_page(
        self, viewer: Viewer, jql: str, token: str | None, size: int, reconcile: Iterable[int]
    ) -> tuple[list[Issue], str | None]:
        """Return one page of Cloud's search and the token of the next page.

        Raises:
            JiraError: 400, the query or the token is wrong.
        """
        cursor = self._cursor(token, jql)
        rows = self.matching(viewer, jql, reconcile, bounded=True)
        start = bisect.bisect_right(rows, cursor.key, key=lambda row: row[0]) if cursor.page else 0
        page = cursor.page + 1
        size = self._size(size, len(rows)) if page != self._settings.empty_page_at else 0
        taken = rows[start : start + size]
        if start + size >= len(rows):
            return self._issues(taken), None
        key = taken[-1][0] if taken else cursor.key
        if self._settings.repeat_token_from and page >= self._settings.repeat_token_from:
            return self._issues(taken), token or self._token(_Cursor(jql, key, page, self._now()))
        return self._issues(taken), self._token(_Cursor(jql, key, page, self._now()))

    def _size(self, asked: int, total: int) -> int:
        if self._settings.short_pages:
            asked = min(asked, self._settings.short_pages)
        if self._settings.serve_lists_in_two_pages and total > 1:
            asked = min(asked, (total + 1) // 2)
        return max(1, asked)

    def _issues(self, rows: Rows) -> list[Issue]:
        served = rows[: len(rows) - self._settings.withhold_rows] if self._settings.withhold_rows else rows
        return [self._state.issues[id_] for _key, id_ in served]

    def _cursor(self, token: str | None, jql: str) -> _Cursor:
        if not token:
            return _Cursor(jql, (), 0, self._now())
        found = self._cursors.get(token)
        if found is None or found.jql != jql or self._now() - found.issued > self._settings.token_ttl_s * 1000:
            raise JiraError(400, _EXPIRED)
        return found

    def _token(self, cursor: _Cursor) -> str:
        token = base64.urlsafe_b64encode(f"sandbox-{self._state.next_id('token')}".encode()).decode()
        self._cursors[token] = cursor
        while len(self._cursors) > 20_000:
            self._cursors.popitem(last=False)
        return token

    def offset_page(self, viewer: Viewer, jql: str, start: int, asked: int) -> tuple[list[Issue], int, int]:
        """Return one page of Data Center's search: the issues, the page size used, the total."""
        rows = self.matching(viewer, jql)
        size = self._size(min(asked, self._settings.dc_page_cap), len(rows)) if asked > 0 else 0
        return self._issues(rows[start : start + size]), size, len(rows)


def _sort_value(value: Any, *, down: bool) -> Any:
    if value is None:
        return 0
    if not down:
        return value
    return -value if isinstance(value, int | float) else _Descending(value)
