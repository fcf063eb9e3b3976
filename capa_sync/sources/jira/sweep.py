"""A sweep over everything in scope, or everything touched since an instant, that a kill does not throw back.

Tickets are read by the order of their creation, which nothing can change: an edit during the sweep moves no ticket
past the reader. What is touched behind the reader has an `updated` above the mark that was taken before the first
page, and the next poll begins below that mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from capa_sync.errors import BadAnswer
from capa_sync.sources.jira.paging import ALL_FIELDS, START, BadRequest, Place, Rows, Search, Shifted
from capa_sync.sources.jira.query import JqlQuery
from capa_sync.sources.jira.times import epoch_ms, read_instant

_MINUTE = 60_000
_RESTARTS = 20


@dataclass(frozen=True, slots=True)
class SweepState:
    """Where a sweep stands; kept in the cursor.

    Attributes:
        since: only tickets updated since then (epoch ms), None for all.
        mark: the highest `updated` (epoch ms) in scope when the sweep began, and `newest` the ticket that had it.
        bound: creation instant (epoch ms) that the running search begins at, None for the beginning.
        reached: creation minute of the last ticket read: a new search may begin there without losing any.
        place: within the running search.
        tail: set once all pages are read: id of the last outside action read after them.
    """

    since: int | None
    mark: int
    newest: str
    bound: int | None = None
    reached: int | None = None
    place: Place = START
    tail: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The form kept in the cursor."""
        place = {"token": self.place.token, "start": self.place.start, "last": self.place.last}
        return {
            "since": self.since,
            "mark": self.mark,
            "newest": self.newest,
            "bound": self.bound,
            "reached": self.reached,
            "place": place,
            "tail": self.tail,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> SweepState:
        """Read what `as_json` wrote."""
        return cls(
            since=raw["since"],
            mark=raw["mark"],
            newest=raw["newest"],
            bound=raw["bound"],
            reached=raw["reached"],
            place=Place(**raw["place"]),
            tail=raw["tail"],
        )

    def begun_again(self) -> SweepState:
        """The same sweep with a new search from the last ticket's creation minute."""
        return replace(self, bound=self.reached, place=START)


@dataclass(frozen=True, slots=True)
class SweepPage:
    """A page of a sweep with the state after it, None after the last."""

    rows: Rows
    after: SweepState | None


class Sweep:
    """Walks over tickets from a state on."""

    def __init__(self, source: str, search: Search, query: JqlQuery, page_size: int) -> None:
        self._source = source
        self._search = search
        self._query = query
        self._size = page_size

    def pages(self, state: SweepState) -> Iterator[SweepPage]:
        """Yield page after page. A lost place costs a new search from the last ticket's creation minute."""
        here: SweepState | None = state
        restarts = 0
        while here is not None:
            try:
                rows = self._page(here)
            except (Shifted, BadRequest):
                restarts += 1
                if here.place == START or restarts > _RESTARTS:
                    raise
                here = here.begun_again()
                continue
            here = self._after(here, rows)
            yield SweepPage(rows, here)

    def _page(self, state: SweepState) -> Rows:
        jql = self._query.where(self._query.since("updated", state.since), self._query.since("created", state.bound))
        rows = self._search.page(jql, ALL_FIELDS, self._size, state.place, changelog=True)
        minutes = [ms // _MINUTE * _MINUTE for issue in rows.issues if (ms := _created(issue)) is not None]
        if minutes != sorted(minutes) or (minutes and minutes[0] < (state.reached or 0) and state.place != START):
            raise BadAnswer(self._source, "a page of the search contradicts its order; it is refused")
        return rows

    def _after(self, state: SweepState, rows: Rows) -> SweepState | None:
        if rows.place is None:
            return None
        reached = state.reached
        for issue in rows.issues:
            created = _created(issue)
            if created is not None:
                reached = created // _MINUTE * _MINUTE
        return replace(state, reached=reached, place=rows.place)


def _created(issue: Mapping[str, Any]) -> int | None:
    """Creation instant of a row, None for one that tells none (it will be skipped with a reason)."""
    return instant_ms(issue, "created")


def instant_ms(issue: Mapping[str, Any], field: str) -> int | None:
    """An instant of a raw issue in epoch ms, None when it tells none that can be read."""
    fields = issue.get("fields")
    try:
        return epoch_ms(read_instant(fields.get(field))) if isinstance(fields, dict) else None
    except (TypeError, ValueError, OverflowError):
        return None
