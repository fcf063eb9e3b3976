"""Reads whole histories of Cloud tickets: up to a thousand tickets in a bulk request, and the rest one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from capa_sync.errors import AnswerTooLarge, BadAnswer
from capa_sync.model.amounts import count_of
from capa_sync.sources.advance import MOST_OF_ONE, Advance
from capa_sync.sources.jira.byid import issues_of
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.shapes import counted_rows, entry_ids, is_count, is_id
from capa_sync.sources.sizes import PageSize

T = TypeVar("T")
_BULK = 1000
_ENTRIES = 10_000
_RECORDS = 100
_PAGE = 100
TOO_LARGE: list[Any] = []
"""This very object replaces a history of which one entry alone is larger than an answer may be."""
REFUSED: list[Any] = []
"""This very object replaces a history that Jira refuses to show, although it shows the ticket."""


def unique(entries: Iterable[Any]) -> dict[object, Any]:
    """Return id -> history entry, one of each id; an entry without an id has its place instead."""
    found: dict[object, Any] = {}
    for place, entry in enumerate(entries):
        id_ = entry.get("id")
        found.setdefault(place if id_ is None else str(id_), entry)
    return found


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Histories:
    """Reads changelogs of a Jira Cloud."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client
        # a thousand small tickets fit one page; tickets that need a second page are requested again
        self._size = PageSize(client.most // 2)
        self._at_once = _BULK

    def read(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """Return ticket id -> all its history entries, or TOO_LARGE.

        A ticket that is missing in the answer, or has an empty list there, has no key here: no count says that it
        has no history.
        """
        found: dict[str, list[Any]] = {}
        left = list(ids)
        while left:
            some, left = left[: self._at_once], left[self._at_once :]
            found.update(self._bounded(some))
        return found

    def _bounded(self, ids: list[str]) -> dict[str, list[Any]]:
        """Read some tickets in one page; in halves where that is too large or incomplete.

        Only an answer of one page has each ticket's history whole or not at all: of several pages one may be lost,
        and no count would show it.
        """
        try:
            found = self._one_page(ids)
        except AnswerTooLarge:
            if len(ids) == 1:
                return {ids[0]: TOO_LARGE}
            found = None
        if found is not None:
            return found
        if len(ids) == 1:
            alone = self.read_one(ids[0])
            return {} if alone is None else {ids[0]: alone}
        self._at_once = middle = len(ids) // 2
        return {**self._bounded(ids[:middle]), **self._bounded(ids[middle:])}

    def _one_page(self, ids: list[str]) -> dict[str, list[Any]] | None:
        """Return the histories of some tickets, None where they need more than one page."""
        body: dict[str, Any] = {"issueIdsOrKeys": ids}
        answer = self._page(body)
        found: dict[str, dict[str, Any]] = {}
        for id_, entries in self._entries(answer):
            # an entry that comes twice is one entry
            named = zip(entry_ids(self._client.source, entries, "the bulk changelog"), entries, strict=True)
            found.setdefault(id_, {}).update(named)
        if not found.keys() <= set(ids):
            raise self._bad("the bulk changelog names tickets that were not requested")
        count = sum(map(len, found.values()))
        self._size.learn(count, self._client.answered_bytes)
        token = answer.get("nextPageToken")
        if token is not None and not isinstance(token, str):
            raise self._bad("the bulk changelog gives a page token that is none")
        if token:
            return None
        if len(ids) == self._at_once and 4 * count < body["maxResults"]:
            self._at_once = min(_BULK, 2 * self._at_once)
        return {id_: list(entries.values()) for id_, entries in found.items() if entries}

    def _page(self, body: dict[str, Any]) -> Any:
        """Read one page of entries; halve its size as long as the answer is too large."""
        while True:
            asked = body["maxResults"] = self._size.of(_ENTRIES)
            try:
                return self._client.post("changelog/bulkfetch", body)
            except AnswerTooLarge:
                if asked == 1:
                    raise
                self._size.halve(asked)

    def _entries(self, answer: Any) -> Iterator[tuple[str, list[Any]]]:
        logs = answer.get("issueChangeLogs") if isinstance(answer, dict) else None
        if not isinstance(logs, list):
            raise self._bad("the bulk changelog gives no list")
        for log in logs:
            entries = log.get("changeHistories") if isinstance(log, dict) else None
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise self._bad("the bulk changelog gives no entries for a ticket")
            if not is_id(log.get("issueId")):
                raise self._bad("the bulk changelog does not say whose the entries are")
            yield log["issueId"], entries

    def read_silent(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """Read the tickets of which the bulk answer shows no entry: one by one, where they have any history.

        A ticket without any history is returned with an empty list; one that is gone or hidden has no key. The
        history of one that is there may be REFUSED.
        """
        found: dict[str, list[Any]] = {}
        for some in chunks(ids, _RECORDS):
            for id_, count in self._counted(some):
                whole = [] if count == 0 else self.read_one(id_, count)
                found[id_] = REFUSED if whole is None else whole
        return found

    def _counted(self, ids: Sequence[str]) -> list[tuple[str, int | None]]:
        """Return which of these tickets exist, and the number of history entries that each of them states."""
        body = {"issueIdsOrKeys": list(ids), "fields": ["updated"], "expand": ["changelog"]}
        try:
            issues = issues_of(self._client, self._client.post("issue/bulkfetch", body))
        except AnswerTooLarge:
            if len(ids) == 1:
                return [(ids[0], None)]
            middle = len(ids) // 2
            return [*self._counted(ids[:middle]), *self._counted(ids[middle:])]
        return [(str(issue["id"]), _total(issue.get("changelog"))) for issue in issues]

    def read_one(self, id_: str, count: int | None = None) -> list[Any] | None:
        """Read one ticket's history page by page, until its own total is reached; None when it is not shown.

        `count` is the total that another answer stated; when it differs or is missing, the history is read twice.
        """
        found = self._read_alone(id_)
        if found is not None and found is not TOO_LARGE and len(found) != count:
            again = self._read_alone(id_)
            return again if again is None or again is TOO_LARGE or len(again) >= len(found) else found
        return found

    def _read_alone(self, id_: str) -> list[Any] | None:
        entries: dict[str, Any] = {}
        start, what = 0, f"the changelog of {id_}"
        advance = Advance(self._client.source, what, most=MOST_OF_ONE)
        while True:
            asked = self._size.of(_PAGE)
            try:
                answer = self._client.find_shown(f"issue/{id_}/changelog", {"startAt": start, "maxResults": asked})
            except AnswerTooLarge:
                if asked == 1:
                    return TOO_LARGE
                self._size.halve(asked)
                continue
            if answer is None:
                return None
            values, total = counted_rows(self._client.source, answer, "values", what)
            ids = entry_ids(self._client.source, values, what)
            advance.note(ids, total=total)
            entries.update(zip(ids, values, strict=True))
            start += len(values)
            if start >= total:
                return list(entries.values())
            if not values:
                raise self._bad(f"a ticket's changelog promises {count_of(total, 'entry')} and ends after {start}")
            self._size.learn(len(values), self._client.answered_bytes)

    def _bad(self, words: str) -> BadAnswer:
        return BadAnswer(self._client.source, f"{words}; the page is refused")


def _total(log: Any) -> int | None:
    total = log.get("total") if isinstance(log, dict) else None
    return total if is_count(total) else None
