"""Reads issues by id, from the database and not from the search index; as many at once as their size allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from capa_sync.errors import AccessDenied, AnswerTooLarge, BadAnswer
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.shapes import is_issue, one_issue
from capa_sync.sources.sizes import Oversized, PageSize

Issue = dict[str, Any]
ALL_FIELDS = ("*all",)
OUTLINE = ("created", "updated", "project", "issuetype", "parent")
"""Fields of a ticket too large to be read: its place, and when it was updated."""
_RECORDS = 100


class ById:
    """Reads issues by id or key; gone or hidden ones are left out.

    Data Center's are read one by one, whole ones with their changelog.

    Attributes:
        refused: ids of those for which the newest answer was a refusal (403).
    """

    def __init__(self, client: JiraClient) -> None:
        self._client = client
        self._size = PageSize(client.goal)
        self.refused: set[str] = set()

    def whole(self, ids: Sequence[str]) -> Iterator[Issue]:
        """Read all fields; a ticket larger than an answer may be is returned as `Oversized`."""
        return self._read(ids, ALL_FIELDS)

    def some(self, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Issue]:
        """Read a few small fields."""
        return self._read(ids, fields)

    def _read(self, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Issue]:
        left = list(ids)
        while left:
            count = self._size.of(_RECORDS) if fields == ALL_FIELDS and self._client.is_cloud else _RECORDS
            some, left = left[:count], left[count:]
            if self._client.is_cloud:
                yield from self._bulk(some, fields)
            else:
                yield from (found for id_ in some if (found := self._shown(id_, fields)) is not None)

    def _bulk(self, ids: Sequence[str], fields: Sequence[str]) -> list[Issue]:
        try:
            answer = self._client.post("issue/bulkfetch", {"issueIdsOrKeys": list(ids), "fields": list(fields)})
            found = issues_of(self._client, answer)
        except AnswerTooLarge:
            if fields != ALL_FIELDS:
                raise
            if len(ids) == 1:
                return [Oversized(issue) for issue in self._bulk(ids, OUTLINE)]
            self._size.halve(len(ids))
            middle = len(ids) // 2
            return [*self._bulk(ids[:middle], fields), *self._bulk(ids[middle:], fields)]
        if fields == ALL_FIELDS:
            self._size.learn(len(found), self._client.answered_bytes)
        return found

    def _shown(self, id_: str, fields: Sequence[str]) -> Issue | None:
        self.refused.discard(id_)
        try:
            return self._one(id_, fields)
        except AccessDenied:
            self.refused.add(id_)
            return None

    def _one(self, id_: str, fields: Sequence[str]) -> Issue | None:
        is_whole = fields == ALL_FIELDS
        asked = {"expand": "changelog"} if is_whole else {"fields": ",".join(fields)}
        try:
            found = self._client.find(f"issue/{id_}", asked)
        except AnswerTooLarge:
            if not is_whole:
                raise
            found = self._client.find(f"issue/{id_}", {"fields": ",".join(OUTLINE)})
            return Oversized(one_issue(self._client.source, found, id_)) if found is not None else None
        return one_issue(self._client.source, found, id_) if found is not None else None


def issues_of(client: JiraClient, answer: Any) -> list[Issue]:
    """Return the issues of an `issue/bulkfetch` answer. Raises BadAnswer when it has no list of them."""
    issues = answer.get("issues") if isinstance(answer, dict) else None
    if not isinstance(issues, list) or not all(map(is_issue, issues)):
        raise BadAnswer(client.source, "the bulk fetch gives no list of issues; the page is refused")
    return issues
