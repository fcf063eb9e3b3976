"""A sweep over everything in scope, or everything changed since an instant; a killed process can continue it.

Tickets are read in the order of their creation, which nothing can change: an edit during the sweep moves no ticket
past the reader. A ticket edited behind the reader gets an `updated` above the mark that was taken before the first
page, and the next poll begins below that mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from capa_sync.errors import BadAnswer
from capa_sync.model.light import light
from capa_sync.sources.advance import Advance
from capa_sync.sources.jira.paging import ALL_FIELDS, START, BadRequest, Rows, Search, SearchPlace, Shifted
from capa_sync.sources.jira.query import ScopeQuery
from capa_sync.sources.jira.times import epoch_ms, read_instant

_MINUTE = 60_000
_RESTARTS = 20


@light
class SweepState:
    """The progress of a sweep; the cursor stores it.

    Attributes:
        since: only tickets updated since then (epoch ms), None for all.
        mark: the highest `updated` (epoch ms) in scope when the sweep began. newest: the ticket that had it.
        bound: creation instant (epoch ms) at which the running search begins, None for the beginning.
        reached: creation minute of the last ticket read: a new search from there loses no ticket.
        place: the position within the running search.
        tail: set once all pages are read: id of the last out-of-scope action read after them.
    """

    since: int | None
    mark: int
    newest: str
    bound: int | None = None
    reached: int | None = None
    place: SearchPlace = START
    tail: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the form that the cursor stores."""
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
            place=SearchPlace(**raw["place"]),
            tail=raw["tail"],
        )

    def begun_again(self) -> SweepState:
        """Return the same sweep with a new search from the last ticket's creation minute."""
        return replace(self, bound=self.reached, place=START)


@light
class SweepPage:
    """A page of a sweep, and the state after it; that is None after the last page."""

    rows: Rows
    after: SweepState | None


class Sweep:
    """Reads tickets page by page from a stored state on."""

    def __init__(self, source: str, search: Search, query: ScopeQuery, page_size: int) -> None:
        self._source = source
        self._search = search
        self._query = query
        self._size = page_size

    def pages(self, state: SweepState) -> Iterator[SweepPage]:
        """Yield the pages. When a place is lost, a new search begins at the last ticket's creation minute."""
        here: SweepState | None = state
        restarts, advance = 0, self._advance()
        while here is not None:
            try:
                rows, minutes = self._page(here)
            except (Shifted, BadRequest):
                restarts += 1
                if here.place == START or restarts > _RESTARTS:
                    raise
                here, advance = here.begun_again(), self._advance()
                continue
            after = _after(here, rows, minutes)
            if after is not None and after.reached != here.reached:
                advance.forget()  # a row of an earlier minute would contradict the order
            rows.noted_by(advance)
            here = after
            yield SweepPage(rows, here)

    def _advance(self) -> Advance:
        return Advance(self._source, "the search")

    def _page(self, state: SweepState) -> tuple[Rows, list[int]]:
        """Return a page and the creation minutes of its tickets."""
        jql = self._query.where(self._query.since("updated", state.since), self._query.since("created", state.bound))
        rows = self._search.page(jql, ALL_FIELDS, self._size, state.place, changelog=True)
        minutes = _in_order(state, rows)
        if minutes is None:
            raise BadAnswer(self._source, "a page of the search contradicts its order; it is refused")
        return rows, minutes


def _after(state: SweepState, rows: Rows, minutes: Sequence[int]) -> SweepState | None:
    """Return the state after a page, None after the last one."""
    if rows.place is None:
        return None
    reached = next((minute for minute in reversed(minutes) if minute <= state.mark), state.reached)
    return replace(state, reached=reached, place=rows.place)


def _in_order(state: SweepState, rows: Rows) -> list[int] | None:
    """Return the creation minutes (epoch ms) of a page in their order; None where the page contradicts the order.

    One row of several may have another instant than the place where the tracker lists it: a wrong value of one ticket
    stops no sweep. It is left out here, and so is one that lies after everything that the sweep is to read.
    """
    minutes = [ms // _MINUTE * _MINUTE for issue in rows.issues if (ms := _created(issue)) is not None]
    least = state.reached or 0 if state.place != START else 0
    wrong = next((place for place, pair in enumerate(pairwise([least, *minutes])) if pair[0] > pair[1]), None)
    if wrong is None:
        return minutes
    for odd in (wrong, wrong - 1):
        others = [minute for place, minute in enumerate(minutes) if place != odd]
        if len(others) > 1 and others == sorted(others) and others[0] >= least:
            return others
    return None


def _created(issue: Mapping[str, Any]) -> int | None:
    """Return a row's creation instant, None when it has none (the ticket is skipped later, with a reason)."""
    return instant_ms(issue, "created")


def instant_ms(issue: Mapping[str, Any], field: str) -> int | None:
    """Return an instant of a raw issue in epoch ms, None when it is missing or unreadable."""
    fields = issue.get("fields")
    try:
        return epoch_ms(read_instant(fields.get(field))) if isinstance(fields, dict) else None
    except (TypeError, ValueError, OverflowError):
        return None
