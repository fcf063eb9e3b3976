"""Whole histories of Cloud tickets: a thousand tickets at a time, and what the bulk answer leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from capa_sync.errors import BadAnswer, Retryable
from capa_sync.sources.jira.client import JiraClient

T = TypeVar("T")
_BULK = 1000
_ENTRIES = 10_000
_RECORDS = 100
_PAGE = 100
_ATTEMPTS = 3


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Histories:
    """Reads changelogs of a Jira Cloud."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client

    def read(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """Return ticket id -> all its history entries; a ticket the answer is silent about has no key here."""
        found: dict[str, list[Any]] = {}
        for some in chunks(ids, _BULK):
            found.update(self._read_bulk(list(some)))
        return found

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
        body: dict[str, Any] = {"issueIdsOrKeys": ids, "maxResults": _ENTRIES}
        while True:
            answer = self._client.post("changelog/bulkfetch", body)
            for id_, entries in self._entries(answer):
                # the entries of one ticket may be split over pages; an entry told twice is one entry
                found.setdefault(id_, {}).update((str(entry.get("id")), entry) for entry in entries)
            token = answer.get("nextPageToken")
            if not token:
                return {id_: list(entries.values()) for id_, entries in found.items()}, len(tokens) + 1
            if token in tokens:
                raise self._bad("the bulk changelog gives the same page token again")
            tokens.add(token)
            body["nextPageToken"] = token

    def _entries(self, answer: Any) -> Iterator[tuple[str, list[Any]]]:
        logs = answer.get("issueChangeLogs") if isinstance(answer, dict) else None
        if not isinstance(logs, list):
            raise self._bad("the bulk changelog gives no list")
        for log in logs:
            entries = log.get("changeHistories") if isinstance(log, dict) else None
            if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
                raise self._bad("the bulk changelog gives no entries for a ticket")
            yield str(log.get("issueId")), entries

    def _visible(self, ids: Sequence[str]) -> list[str]:
        body = {"issueIdsOrKeys": list(ids), "fields": ["updated"]}
        return [str(one["id"]) for one in issues_of(self._client, self._client.post("issue/bulkfetch", body))]

    def read_silent(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        """Read the tickets that the bulk answer was silent about: by their own count, or entry by entry.

        A ticket without any history is returned with an empty list; one that is gone or hidden has no key.
        """
        found: dict[str, list[Any]] = {}
        for some in chunks(ids, _RECORDS):
            body = {"issueIdsOrKeys": list(some), "fields": ["updated"], "expand": ["changelog"]}
            for issue in issues_of(self._client, self._client.post("issue/bulkfetch", body)):
                log = issue.get("changelog")
                is_empty = isinstance(log, dict) and log.get("total") == 0
                whole = [] if is_empty else self.read_one(str(issue["id"]))
                if whole is not None:
                    found[str(issue["id"])] = whole
        return found

    def read_one(self, id_: str) -> list[Any] | None:
        """Read one ticket's history page by page, until its own total is reached; None when it is gone."""
        entries: dict[str, Any] = {}
        start = 0
        while True:
            params = {"startAt": start, "maxResults": _PAGE}
            answer = self._client.find(f"issue/{id_}/changelog", params)
            if answer is None:
                return None
            values, total = (answer.get("values"), answer.get("total")) if isinstance(answer, dict) else (None, None)
            if not isinstance(values, list) or not isinstance(total, int):
                raise self._bad("a ticket's changelog gives no list")
            entries.update((str(one.get("id")), one) for one in values)
            start += len(values)
            if start >= total:
                return list(entries.values())
            if not values:
                raise self._bad(f"a ticket's changelog promises {total} entries and ends after {start}")

    def _bad(self, words: str) -> BadAnswer:
        return BadAnswer(self._client.source, f"{words}; the page is refused")


def issues_of(client: JiraClient, answer: Any) -> list[dict[str, Any]]:
    """The issues of an `issue/bulkfetch` answer. Raises BadAnswer when it holds no list of them."""
    issues = answer.get("issues") if isinstance(answer, dict) else None
    if not isinstance(issues, list) or not all(isinstance(one, dict) and one.get("id") for one in issues):
        raise BadAnswer(client.source, "the bulk fetch gives no list of issues; the page is refused")
    return issues
