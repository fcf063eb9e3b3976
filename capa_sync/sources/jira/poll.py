"""A poll: reads what changed since the watermark less the overlap; one request when nothing changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from capa_sync.model.ticket import Cursor, Page
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.facts import prove_identity
from capa_sync.sources.jira.out_of_scope import OutOfScope
from capa_sync.sources.jira.paging import ALL_FIELDS, Rows
from capa_sync.sources.jira.query import NEWEST_CHANGE_FIRST, not_ahead
from capa_sync.sources.jira.related_reader import RelatedTicketReader
from capa_sync.sources.jira.site import Issue, SiteReader
from capa_sync.sources.jira.sweep import SweepState, instant_ms
from capa_sync.sources.jira.sweeping import Sweeping
from capa_sync.sources.jira.times import epoch_ms

_AHEAD_MS = 60_000
"""An `updated` further ahead of the tracker's present than this is not explained by the whole seconds of a Date."""


def newest_of(issues: list[Issue], present: int) -> tuple[int, str] | None:
    """Return the highest `updated` (epoch ms) of some rows up to the tracker's present, and its ticket."""
    updates = [(ms, str(issue["id"])) for issue in issues if (ms := instant_ms(issue, "updated")) is not None]
    return max((update for update in updates if update[0] <= present), default=None)


def _crowd_ahead(rows: Rows, present: int) -> int:
    """Count the tickets with a future `updated`, when they fill the page and more pages follow; else return 0."""
    updates = [instant_ms(issue, "updated") for issue in rows.issues]
    is_crowd = rows.place is not None and all(ms is not None and ms > present + _AHEAD_MS for ms in updates)
    return len(updates) if is_crowd else 0


def _joined(ahead: Rows, until_now: Rows) -> Rows:
    """Return the rows of both pages; the place is that after the second."""
    issues = {str(issue["id"]): issue for issue in (*ahead.issues, *until_now.issues)}
    return Rows(list(issues.values()), until_now.place)


def _reaches(issues: list[Issue], state: Mapping[str, Any]) -> bool:
    """Tell whether a page, newest first, contains the last known ticket unchanged."""
    return any(
        str(issue["id"]) == state.get("newest") and instant_ms(issue, "updated") == state["mark"] for issue in issues
    )


class Poll:
    """Polls one Jira. The cursor's state is `mark` (epoch ms) and `newest` (the ticket that had it)."""

    def __init__(
        self, site: SiteReader, out_of_scope: OutOfScope, related_reader: RelatedTicketReader, sweeping: Sweeping
    ) -> None:
        self._site = site
        self._out_of_scope = out_of_scope
        self._related_reader = related_reader
        self._sweeping = sweeping
        self._settled: int | None = None

    def read(self, state: Mapping[str, Any]) -> Iterator[Page]:
        """Yield what changed. When that is more than one page, a sweep begins, which can be continued.

        A mark in the tracker's future was taken while its clock was ahead: then everything is read again.
        """
        site, since = self._site, self._since(int(state["mark"]))
        self._settled = None
        rows = self._touched(since)
        asked_at = site.client.answered_at
        present = epoch_ms(site.present())
        if int(state["mark"]) > present + self._overlap:
            yield from self._sweeping.run({name: state[name] for name in state if name != "mark"}, "sweep")
            return
        crowd = _crowd_ahead(rows, present)
        if crowd:
            rows = _joined(rows, self._touched(since, until_now=True))
        newest = newest_of(rows.issues, present)
        is_quiet = True
        if newest is not None and rows.place is not None:
            sweep = SweepState(since=since, mark=newest[0], newest=newest[1])
            for page in self._sweeping.run({**state, "sweep": sweep.as_json()}, "sweep"):
                is_quiet = is_quiet and not page.readings
                yield page
            self._settle(asked_at, is_quiet=is_quiet)
            return
        missing = [] if _reaches(rows.issues, state) else self._left_out(rows, since)
        if len(missing) > site.options.page_size:
            sweep = SweepState(since=since, mark=int(state["mark"]), newest=str(state.get("newest") or ""))
            yield from self._sweeping.run({**state, "sweep": sweep.as_json()}, "sweep")
            return
        if missing:
            rows = Rows([*rows.issues, *site.issues(missing)], None)
            newest = newest_of(rows.issues, present)
        returned = {str(issue["id"]) for issue in rows.issues}
        is_newest_there = state.get("newest") in returned
        if not is_newest_there:
            # the inclusive condition must return the last known ticket: without it, our identity is proven first
            prove_identity(site.client, site.facts.me)
        after = dict(state) if newest is None and is_newest_there else self._after(state, newest)
        page = replace(self._page(rows.issues, since, after), stamped_ahead=crowd)
        yield page
        self._settle(asked_at, is_quiet=not page.readings)

    def _touched(self, since: int, *, until_now: bool = False) -> Rows:
        """Read one page of what changed since an instant, newest first; `until_now` leaves out future ones."""
        query = self._site.query
        bound = not_ahead("updated") if until_now else ""
        jql = query.where(query.since("updated", since), bound, order=NEWEST_CHANGE_FIRST)
        return self._site.search.page(jql, ALL_FIELDS, self._site.options.page_size)

    def _left_out(self, rows: Rows, since: int) -> list[str]:
        """Return ids that a page left out: the last known ticket is not at its end, so it may be incomplete."""
        returned = {str(issue["id"]) for issue in rows.issues}
        return [id_ for id_ in self._site.touched_since(since) if id_ not in returned]

    def _since(self, mark: int) -> int:
        """Return where to read from: the overlap behind the mark, or less once nothing can be hidden there."""
        early = mark - self._overlap
        return early if self._settled is None else max(early, min(mark, self._settled))

    @property
    def _overlap(self) -> int:
        return int(self._site.options.overlap.total_seconds() * 1000)

    def _settle(self, asked_at: datetime | None, *, is_quiet: bool) -> None:
        """Remember, in this process only, up to which instant everything has been seen.

        What changed more than the overlap before a poll was in the index by then. A poll that found nothing new
        proves that the mirror has it all, so the next poll need not read the same overlap again: after a bulk edit
        that would be thousands of tickets at every poll. A second overlap allows for a wrong clock of a proxy.
        """
        self._settled = epoch_ms(asked_at) - 2 * self._overlap if asked_at is not None and is_quiet else None

    def _after(self, state: Mapping[str, Any], newest: tuple[int, str] | None) -> dict[str, Any]:
        if newest is None:
            newest = self._sweeping.newest()  # the last known ticket is gone: continue from the newest one in scope
            if newest is None or newest[0] > int(state["mark"]):
                return dict(state)  # what changed since then is still to be read
        return {**state, "mark": self._site.plausible(newest[0]), "newest": newest[1]}

    def _page(self, issues: list[Issue], since: int, after: dict[str, Any]) -> Page:
        site, related_reader = self._site, self._related_reader
        drafts = [Draft.of(issue) for issue in issues]
        for draft in drafts:
            if site.kinship.may_be_action(draft.fields):
                self._out_of_scope.note_inside(draft.id)
        changed = site.whole(draft for draft in drafts if not site.is_unchanged(draft))
        named = {draft.id for draft in changed}
        actions = site.whole(self._out_of_scope.changed(since))
        read = named.union(draft.id for draft in actions)
        waiting = site.fetch([id_ for id_ in site.absent.take_waiting() if id_ not in read])
        unsure = {draft.id for draft in waiting}
        readings, skipped = related_reader.read_with_related(
            [*changed, *actions, *waiting], lambda id_: None if id_ in unsure else id_ in named
        )
        cursor = Cursor(after, site.present_at(after["mark"]))
        return Page(tuple(readings), cursor, complete=True, skipped=tuple(skipped))
