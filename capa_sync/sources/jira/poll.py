"""A poll: what was touched since the watermark less the overlap, in one request when nothing was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from capa_sync.model.ticket import Cursor, Page
from capa_sync.sources.jira.facts import prove_identity
from capa_sync.sources.jira.family import Family
from capa_sync.sources.jira.outside import Outside
from capa_sync.sources.jira.paging import ALL_FIELDS
from capa_sync.sources.jira.query import NEWEST_CHANGE_FIRST
from capa_sync.sources.jira.site import Issue, Site
from capa_sync.sources.jira.sweep import SweepState, instant_ms
from capa_sync.sources.jira.sweeping import Sweeping
from capa_sync.sources.jira.times import epoch_ms
from capa_sync.sources.jira.whole import Draft


def newest_of(issues: list[Issue]) -> tuple[int, str] | None:
    """The highest `updated` (epoch ms) of some rows and the ticket that has it; None when none tells one."""
    stamps = [(ms, str(issue["id"])) for issue in issues if (ms := instant_ms(issue, "updated")) is not None]
    return max(stamps, default=None)


class Poll:
    """Polls one site. The cursor's state is `mark` (epoch ms) and `newest` (the ticket that had it)."""

    def __init__(self, site: Site, outside: Outside, family: Family, sweeping: Sweeping) -> None:
        self._site = site
        self._outside = outside
        self._family = family
        self._sweeping = sweeping
        self._settled: int | None = None

    def read(self, state: Mapping[str, Any]) -> Iterator[Page]:
        """Yield what changed. More than one page of it becomes a sweep that can be taken up again."""
        site, since = self._site, self._since(int(state["mark"]))
        self._settled = None
        jql = site.query.where(site.query.since("updated", since), order=NEWEST_CHANGE_FIRST)
        rows = site.search.page(jql, ALL_FIELDS, site.options.page_size)
        asked_at = site.client.answered_at
        newest = newest_of(rows.issues)
        is_quiet = True
        if newest is not None and rows.place is not None:
            sweep = SweepState(since=since, mark=site.plausible(newest[0]), newest=newest[1])
            for page in self._sweeping.run({**state, "sweep": sweep.as_json()}, "sweep"):
                is_quiet = is_quiet and not page.readings
                yield page
            self._settle(asked_at, is_quiet=is_quiet)
            return
        told = {str(issue["id"]) for issue in rows.issues}
        if state.get("newest") not in told:
            # the inclusive condition must give the last known ticket back: believed only when we are still ourselves
            prove_identity(site.client, site.facts.me)
        page = self._page(rows.issues, since, self._after(state, newest))
        yield page
        self._settle(asked_at, is_quiet=not page.readings)

    def _since(self, mark: int) -> int:
        """Where to look from: the overlap behind the mark, or less of it once it is known to hide nothing."""
        early = mark - self._overlap
        return early if self._settled is None else max(early, min(mark, self._settled))

    @property
    def _overlap(self) -> int:
        return int(self._site.options.overlap.total_seconds() * 1000)

    def _settle(self, asked_at: datetime | None, *, is_quiet: bool) -> None:
        """Remember, in this process only, up to when everything has been seen.

        What was touched more than the overlap before a poll was in the index by then. A poll that found nothing new
        proves that the mirror has it all, so the next need not walk through the same overlap again: after a bulk
        edit that would be thousands of tickets at every poll. A second overlap makes up for a proxy's wrong clock.
        """
        self._settled = epoch_ms(asked_at) - 2 * self._overlap if asked_at is not None and is_quiet else None

    def _after(self, state: Mapping[str, Any], newest: tuple[int, str] | None) -> dict[str, Any]:
        if newest is None:
            newest = self._sweeping.newest()  # the last known ticket left: look on from the newest that is there
        if newest is None:
            return dict(state)
        return {**state, "mark": self._site.plausible(newest[0]), "newest": newest[1]}

    def _page(self, issues: list[Issue], since: int, after: dict[str, Any]) -> Page:
        site, family = self._site, self._family
        drafts = [Draft.of(issue) for issue in issues]
        for draft in drafts:
            if site.kinship.may_be_action(draft.fields):
                self._outside.note_inside(draft.id)
        changed = site.whole(draft for draft in drafts if not site.is_unchanged(draft))
        actions = site.whole(self._outside.changed(since))
        readings, skipped = family.read_with_kin([*changed, *actions], frozenset(draft.id for draft in actions))
        cursor = Cursor(after, site.present_at(after["mark"]))
        return Page(tuple(readings), cursor, complete=True, skipped=tuple(skipped))
