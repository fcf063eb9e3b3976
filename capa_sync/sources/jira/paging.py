"""Reads pages of a search: Cloud's by token, Data Center's by offset; each is checked before it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from capa_sync.errors import AnswerTooLarge, BadAnswer, Retryable
from capa_sync.model.amounts import count_of
from capa_sync.model.light import light
from capa_sync.sources.advance import Advance
from capa_sync.sources.jira.byid import ALL_FIELDS, OUTLINE, ById
from capa_sync.sources.jira.client import BadRequest, JiraClient
from capa_sync.sources.jira.shapes import is_issue
from capa_sync.sources.sizes import Oversized, PageSize


class Shifted(Retryable):
    """Rows were added or removed while pages were read, so that the next offset would skip some: start again."""


@light
class SearchPlace:
    """The position in a search at which the next page begins.

    Attributes:
        token: Cloud's page token. start: Data Center's offset.
        last: id of the last row before it, which is read again to prove that nothing has moved.
    """

    token: str = ""
    start: int = 0
    last: str = ""


START = SearchPlace()


@light
class Rows:
    """One page: raw issues, the next place (None at the end), and the total where Jira states it."""

    issues: list[dict[str, Any]]
    place: SearchPlace | None
    total: int | None = None

    def noted_by(self, advance: Advance) -> None:
        """Let this page be noted; a Cloud page without tickets counts, and goes on. Raises BadAnswer."""
        token = self.place.token if self.place else ""
        advance.note((str(issue["id"]) for issue in self.issues), total=self.total, token=token)


class Search:
    """Searches one Jira page by page; a page has fewer tickets where they are large."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client
        self._size = PageSize(client.goal)
        self._by_id = ById(client)
        # polls find the newest ticket again and again: a large one is not tried again until it changes
        self._large: dict[str, Any] = {}

    def page(
        self,
        jql: str,
        fields: Sequence[str],
        size: int,
        place: SearchPlace = START,
        *,
        changelog: bool = False,
        reconciled: Sequence[str] = (),
    ) -> Rows:
        """Read one page; `changelog` embeds whole histories, on Data Center only.

        `reconciled` are ids of at most 50 tickets that Cloud matches by their present state, and not by its index. A
        page of whole tickets may have fewer than `size`; one larger than an answer may be is returned as `Oversized`.

        Raises:
            Shifted: Data Center only: the rows before this place have changed.
            BadRequest: Jira does not understand the query or the token.
            BadAnswer: the page contradicts itself.
        """
        body: dict[str, Any] = {"jql": jql, "maxResults": size, "fields": list(fields)}
        if reconciled and self._client.is_cloud:
            body["reconcileIssues"] = [int(id_) for id_ in reconciled]
        if changelog and not self._client.is_cloud:
            body["expand"] = ["changelog"]
        return self._bounded(body, place) if tuple(fields) == ALL_FIELDS else self._page(body, place)

    def _page(self, body: dict[str, Any], place: SearchPlace) -> Rows:
        return self._cloud_page(body, place) if self._client.is_cloud else self._offset_page(body, place)

    def _bounded(self, body: dict[str, Any], place: SearchPlace) -> Rows:
        """Read a page of whole tickets; halve its size as long as the answer is too large."""
        while True:
            asked = self._size.of(body["maxResults"])
            if asked == 1 and self._large:
                rows = self._outline(body, place)
                if all(self._large.get(str(issue["id"])) == _updated(issue) for issue in rows.issues):
                    return replace(rows, issues=[Oversized(issue) for issue in rows.issues])
            try:
                rows = self._page({**body, "maxResults": asked}, place)
            except AnswerTooLarge:
                if asked == 1:
                    return self._alone(body, place)
                self._size.halve(asked)
            else:
                self._size.learn(len(rows.issues), self._client.answered_bytes)
                return rows

    def _alone(self, body: dict[str, Any], place: SearchPlace) -> Rows:
        """Read the one ticket at a place by its id, or only its outline where it is too large even alone."""
        rows = self._outline(body, place)
        if self._client.is_cloud:
            found: list[dict[str, Any]] = [Oversized(issue) for issue in rows.issues]
        else:  # the page also had the row that proves the place: alone the ticket may be small enough
            found = list(self._by_id.whole([str(issue["id"]) for issue in rows.issues]))
        self._large.update((str(issue["id"]), _updated(issue)) for issue in found if isinstance(issue, Oversized))
        return replace(rows, issues=found)

    def _outline(self, body: dict[str, Any], place: SearchPlace) -> Rows:
        """Read the outline of the one ticket at a place."""
        outlined = {name: value for name, value in body.items() if name != "expand"}
        return self._page({**outlined, "maxResults": 1, "fields": list(OUTLINE)}, place)

    def pages(
        self,
        jql: str,
        fields: Sequence[str],
        size: int,
        *,
        changelog: bool = False,
        reconciled: Sequence[str] = (),
    ) -> Iterator[Rows]:
        """Read all pages of a search, from its beginning. Raises BadAnswer when they do not end."""
        place: SearchPlace | None = START
        advance = Advance(self._client.source, "the search")
        while place is not None:
            rows = self.page(jql, fields, size, place, changelog=changelog, reconciled=reconciled)
            rows.noted_by(advance)
            yield rows
            place = rows.place

    def _cloud_page(self, body: dict[str, Any], place: SearchPlace) -> Rows:
        if place.token:
            body["nextPageToken"] = place.token
        answer = self._client.post("search/jql", body)
        issues = self._issues(answer)
        token = answer.get("nextPageToken")
        if token is not None and not isinstance(token, str):
            raise self._bad("the search gives a page token that is none")
        if not token:
            return Rows(issues, None)
        if token == place.token:
            raise self._bad("the search gives the same page token again")
        return Rows(issues, SearchPlace(token=token))

    def _offset_page(self, body: dict[str, Any], place: SearchPlace) -> Rows:
        overlap = 1 if place.last else 0
        start = place.start - overlap
        asked = {**body, "startAt": start, "maxResults": body["maxResults"] + overlap}
        answer = self._client.post("search", asked)
        issues = self._issues(answer)
        total, size = answer.get("total"), answer.get("maxResults")
        if answer.get("startAt") != start or not isinstance(total, int) or not isinstance(size, int):
            raise self._bad("the search returns another position than requested")
        if place.last and (not issues or str(issues[0]["id"]) != place.last):
            raise Shifted(self._client.source, "tickets moved while they were read")
        if (
            overlap and size == overlap and total > place.start
        ):  # a page of one has no room for the row that proves the place
            return self._offset_page(body, SearchPlace(start=place.start))
        if len(issues) < min(max(size, 1), total - start):
            raise self._bad(
                f"the search promises {count_of(min(max(size, 1), total - start), 'ticket')} and gives {len(issues)}"
            )
        end = start + len(issues)
        following = SearchPlace(start=end, last=str(issues[-1]["id"])) if issues and end < total else None
        return Rows(issues[overlap:], following, total)

    def _issues(self, answer: Any) -> list[dict[str, Any]]:
        issues = answer.get("issues") if isinstance(answer, dict) else None
        if not isinstance(issues, list) or not all(map(is_issue, issues)):
            raise self._bad("the search gives no list of issues")
        return issues

    def _bad(self, words: str) -> BadAnswer:
        return BadAnswer(self._client.source, f"{words}; the page is refused")


def _updated(issue: dict[str, Any]) -> Any:
    fields = issue.get("fields")
    return fields.get("updated") if isinstance(fields, dict) else None


__all__ = ["ALL_FIELDS", "START", "BadRequest", "Rows", "Search", "SearchPlace", "Shifted"]
