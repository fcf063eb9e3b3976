"""Whole histories of Cloud tickets: a thousand tickets at a time, and what the bulk answer leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from capa_sync.errors import AnswerTooLarge, BadAnswer, Retryable
from capa_sync.sources.jira.byid import issues_of
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.shapes import counted_rows, entry_ids, is_id
from capa_sync.sources.sizes import PageSize

T = TypeVar("T")
_BULK = 1000
_ENTRIES = 10_000
_RECORDS = 100
_PAGE = 100
_ATTEMPTS = 3
TOO_LARGE: list[Any] = []
"""Stands, as this very object, for a history of which one entry alone is larger than an answer may be."""


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Histories:
    """Reads changelogs of a Jira Cloud."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client
        # one page for a thousand small tickets, for a second one costs a look at each of them
        self._size = PageSize(client.most // 2)

    def read(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """Return ticket id -> all its history entries, or TOO_LARGE.

        A ticket that the answer is silent about has no key here.
        """
        found: dict[str, list[Any]] = {}
        for some in chunks(ids, _BULK):
            found.update(self._bounded(list(some)))
        return found

    def _bounded(self, ids: list[str]) -> dict[str, list[Any]]:
        """Read one bulk; in halves where an entry of one of its tickets is larger than an answer may be."""
        try:
            return self._read_bulk(ids)
        except AnswerTooLarge:
            if len(ids) == 1:
                return {ids[0]: TOO_LARGE}
            middle = len(ids) // 2
            return {**self._bounded(ids[:middle]), **self._bounded(ids[middle:])}

    def _read_bulk(self, ids: list[str]) -> dict[str, list[Any]]:
        """Read one bulk, again when a ticket vanished meanwhile: its entries' absence may have shifted a page."""
        for _attempt in range(_ATTEMPTS):
            found, pages = self._pages(ids)
            if pages == 1:
                return found
            left = [id_ for some in chunks(ids, _RECORDS) for id_ in self._visible(some)]
            if len(left) == len(ids):
                return found
            ids = left
            if not ids:
                return {}
        raise Retryable(self._client.source, "tickets vanish faster than their histories can be read")

    def _pages(self, ids: list[str]) -> tuple[dict[str, list[Any]], int]:
        found: dict[str, dict[str, Any]] = {}
        tokens: set[str] = set()
        before = 0
        body: dict[str, Any] = {"issueIdsOrKeys": ids}
        while True:
            answer = self._page(body)
            for id_, entries in self._entries(answer):
                # the entries of one ticket may be split over pages; an entry told twice is one entry
                named = zip(entry_ids(self._client.source, entries, "the bulk changelog"), entries, strict=True)
                found.setdefault(id_, {}).update(named)
            self._size.learn(sum(map(len, found.values())) - before, self._client.answered_bytes)
            before = sum(map(len, found.values()))
            token = answer.get("nextPageToken")
            if token is not None and not isinstance(token, str):
                raise self._bad("the bulk changelog gives a page token that is none")
            if not token:
                return {id_: list(entries.values()) for id_, entries in found.items()}, len(tokens) + 1
            if token in tokens:
                raise self._bad("the bulk changelog gives the same page token again")
            tokens.add(token)
            body["nextPageToken"] = token

    def _page(self, body: dict[str, Any]) -> Any:
        """Ask for one page of entries, for half as many as long as the answer is too large."""
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
            if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
                raise self._bad("the bulk changelog gives no entries for a ticket")
            if not is_id(log.get("issueId")):
                raise self._bad("the bulk changelog does not say whose the entries are")
            yield log["issueId"], entries

    def _visible(self, ids: Sequence[str]) -> list[str]:
        body = {"issueIdsOrKeys": list(ids), "fields": ["updated"]}
        return [str(one["id"]) for one in issues_of(self._client, self._client.post("issue/bulkfetch", body))]

    def read_silent(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """Read the tickets that the bulk answer was silent about: by their own count, or entry by entry.

        A ticket without any history is returned with an empty list; one that is gone or hidden has no key.
        """
        found: dict[str, list[Any]] = {}
        for some in chunks(ids, _RECORDS):
            for id_, is_empty in self._counted(some):
                whole = [] if is_empty else self.read_one(id_)
                if whole is not None:
                    found[id_] = whole
        return found

    def _counted(self, ids: Sequence[str]) -> list[tuple[str, bool]]:
        """Tell which of these tickets there are, and whether their history is empty by its own count."""
        body = {"issueIdsOrKeys": list(ids), "fields": ["updated"], "expand": ["changelog"]}
        try:
            issues = issues_of(self._client, self._client.post("issue/bulkfetch", body))
        except AnswerTooLarge:
            if len(ids) == 1:
                return [(ids[0], False)]
            middle = len(ids) // 2
            return [*self._counted(ids[:middle]), *self._counted(ids[middle:])]
        logs = [(str(issue["id"]), issue.get("changelog")) for issue in issues]
        return [(id_, isinstance(log, dict) and log.get("total") == 0) for id_, log in logs]

    def read_one(self, id_: str) -> list[Any] | None:
        """Read one ticket's history page by page, until its own total is reached; None when it is gone."""
        entries: dict[str, Any] = {}
        start = 0
        while True:
            asked = self._size.of(_PAGE)
            try:
                answer = self._client.find(f"issue/{id_}/changelog", {"startAt": start, "maxResults": asked})
            except AnswerTooLarge:
                if asked == 1:
                    return TOO_LARGE
                self._size.halve(asked)
                continue
            if answer is None:
                return None
            what = f"the changelog of {id_}"
            values, total = counted_rows(self._client.source, answer, "values", what)
            entries.update(zip(entry_ids(self._client.source, values, what), values, strict=True))
            start += len(values)
            if start >= total:
                return list(entries.values())
            if not values:
                raise self._bad(f"a ticket's changelog promises {total} entries and ends after {start}")
            self._size.learn(len(values), self._client.answered_bytes)

    def _bad(self, words: str) -> BadAnswer:
        return BadAnswer(self._client.source, f"{words}; the page is refused")
