"""Turns sweeps into pages that can be committed: the backfill, a sweep after many changes, the periodic full read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

from capa_sync.errors import Fatal
from capa_sync.model.light import light
from capa_sync.model.ticket import Cursor, Page, Reading, Skip
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.facts import prove_identity
from capa_sync.sources.jira.history import chunks
from capa_sync.sources.jira.out_of_scope import OutOfScope
from capa_sync.sources.jira.portion import Portion
from capa_sync.sources.jira.query import NEWEST_CHANGE_FIRST
from capa_sync.sources.jira.related_reader import RelatedTicketReader, inside, out_of_scope, unknown
from capa_sync.sources.jira.site import SiteReader
from capa_sync.sources.jira.sweep import Sweep, SweepPage, SweepState, instant_ms


@light
class _Batch:
    """Drafts of some pages of the search, and the last of these pages."""

    drafts: list[Draft]
    last: SweepPage


class Sweeping:
    """Runs sweeps of one site."""

    def __init__(self, site: SiteReader, out_of_scope: OutOfScope, related_reader: RelatedTicketReader) -> None:
        self._site = site
        self._out_of_scope = out_of_scope
        self._related_reader = related_reader
        self._sweep = Sweep(site.name, site.search, site.query, site.options.page_size)
        self._portion = Portion(site.options.page_size, site.options.batch if site.client.is_cloud else 1)

    def newest(self) -> tuple[int, str] | None:
        """Return the highest `updated` (epoch ms) in scope and its ticket, None when nothing is in scope."""
        jql = self._site.query.where(order=NEWEST_CHANGE_FIRST)
        for rows in self._site.search.pages(jql, ["updated"], 1):
            for issue in rows.issues:
                ms = instant_ms(issue, "updated")
                if ms is None:
                    raise Fatal(self._site.name, f"ticket {issue['id']} has no instant of its last change")
                return ms, str(issue["id"])
        return None

    def run(self, state: Mapping[str, Any], slot: str) -> Iterator[Page]:
        """Begin or continue the sweep stored in `state[slot]`, and yield its pages.

        At its end the slot `sweep` moves the watermark to the sweep's mark; `full` leaves the watermark to the polls.
        """
        begun = SweepState.from_json(state[slot]) if slot in state else self._begin()
        rest = {name: value for name, value in state.items() if name != slot}
        if begun is None:
            prove_identity(self._site.client, self._site.facts.me)
            yield Page((), self._cursor(rest), complete=True)
            return
        total = self._total(begun)
        seen: set[str] = set()
        if begun.tail is None:
            for batch in self._batches(begun):
                if begun.since is not None:  # the ids of a whole backfill would be a tenth of a kilobyte each
                    seen.update(draft.id for draft in batch.drafts)
                yield self._page(batch, begun, rest, slot, total)
        if begun.since is not None:
            yield from self._left_out(begun, seen, rest, slot)
        yield from self._tail(begun, rest, slot)
        yield from self._waiting(begun, rest, slot)
        prove_identity(self._site.client, self._site.facts.me)  # proves that no answer was an anonymous one
        yield Page((), self._cursor(self._ended(begun, rest, slot)), complete=True, total=total)

    def _begin(self) -> SweepState | None:
        newest = self.newest()
        return SweepState(None, self._site.plausible(newest[0]), newest[1]) if newest else None

    def _ended(self, begun: SweepState, rest: dict[str, Any], slot: str) -> dict[str, Any]:
        if slot == "full" and "mark" in rest:
            return rest
        return {**rest, "mark": begun.mark, "newest": begun.newest}

    def _cursor(self, state: Mapping[str, Any]) -> Cursor:
        return Cursor(dict(state), self._site.present_at(state.get("mark")))

    def _total(self, begun: SweepState) -> int | None:
        """Read Cloud's estimate, for progress bars; Data Center states a total in each page."""
        if not self._site.client.is_cloud or begun.since is not None:
            return None
        jql = f"({self._site.query.scope})"
        answer = self._site.client.post("search/approximate-count", {"jql": jql})
        count = answer.get("count") if isinstance(answer, dict) else None
        return count if isinstance(count, int) else None

    def _batches(self, begun: SweepState) -> Iterator[_Batch]:
        """Collect pages until a bulk request for their histories is worth it; Data Center's pages contain them.

        Rows become drafts as soon as their page is read: they are still in the processor's cache then.
        """
        drafts: list[Draft] = []
        for sweep_page in self._sweep.pages(begun):
            drafts += _drafts(sweep_page)
            if len(drafts) >= self._portion.rows or sweep_page.after is None:
                yield _Batch(drafts, sweep_page)
                drafts = []

    def _page(self, batch: _Batch, begun: SweepState, rest: dict[str, Any], slot: str, total: int | None) -> Page:
        """Read what some pages of the search name, as one page: it is committed at once, which costs one fsync."""
        last = batch.last
        readings, skipped = self._read(batch.drafts, is_whole=begun.since is None)
        batch.drafts.clear()  # else these rows would stay in memory while the next ones are read
        self._portion.learn(readings)
        after = last.after or replace(begun, tail="")
        cursor = self._cursor({**rest, slot: after.as_json()})
        page_total = last.rows.total if total is None else total
        return Page(tuple(readings), cursor, complete=False, total=page_total, skipped=tuple(skipped))

    def _read(self, drafts: list[Draft], *, is_whole: bool) -> tuple[list[Reading], list[Skip]]:
        site, related_reader = self._site, self._related_reader
        drafts = list({draft.id: draft for draft in drafts}.values())  # the rows of two pages may overlap
        for draft in drafts:
            if site.kinship.may_be_action(draft.fields):
                self._out_of_scope.note_inside(draft.id)
        if not is_whole:
            drafts = site.whole(draft for draft in drafts if not site.is_unchanged(draft))
        readings, skipped = related_reader.read(drafts, inside)
        present = {draft.id for draft in drafts}
        related, lost = related_reader.actions_of(readings, present, is_sweep=True)
        readings, skipped = [*readings, *related], [*skipped, *lost]
        if not is_whole:
            parents, lost = related_reader.parents_of(readings, present)
            readings, skipped = [*readings, *parents], [*skipped, *lost]
        return readings, skipped

    def _left_out(self, begun: SweepState, seen: Set[str], rest: dict[str, Any], slot: str) -> Iterator[Page]:
        """Read tickets changed since then that no page returned: a page may be incomplete, the next full read far."""
        found = self._site.touched_since(begun.since)
        for some in chunks([id_ for id_ in found if id_ not in seen], self._site.options.page_size):
            drafts = [draft for draft in self._site.fetch(some) if not self._site.is_unchanged(draft)]
            readings, skipped = self._related_reader.read_with_related(drafts, inside)
            if readings or skipped:
                cursor = self._cursor({**rest, slot: replace(begun, tail="").as_json()})
                yield Page(tuple(readings), cursor, complete=False, skipped=tuple(skipped))

    def _tail(self, begun: SweepState, rest: dict[str, Any], slot: str) -> Iterator[Page]:
        """Read the out-of-scope actions: all of them in a full read, the changed ones in a sweep since an instant."""
        if begun.since is not None:
            drafts = self._site.whole(self._out_of_scope.changed(begun.since))
            readings, skipped = self._related_reader.read(drafts, out_of_scope)
            if readings or skipped:
                cursor = self._cursor({**rest, slot: replace(begun, tail="").as_json()})
                yield Page(tuple(readings), cursor, complete=False, skipped=tuple(skipped))
        elif slot == "full":
            yield from self._all_actions(begun, rest, slot)

    def _waiting(self, begun: SweepState, rest: dict[str, Any], slot: str) -> Iterator[Page]:
        """Read tickets that wait for what an answer left out: after many changes, polls are sweeps for a while."""
        drafts = self._site.fetch(self._site.absent.take_waiting())
        if drafts:
            readings, skipped = self._related_reader.read_with_related(drafts, unknown)
            cursor = self._cursor({**rest, slot: replace(begun, tail="").as_json()})
            yield Page(tuple(readings), cursor, complete=False, skipped=tuple(skipped))

    def _all_actions(self, begun: SweepState, rest: dict[str, Any], slot: str) -> Iterator[Page]:
        ids = sorted(self._out_of_scope.ids())
        for some in chunks([id_ for id_ in ids if id_ > (begun.tail or "")], self._site.options.page_size):
            drafts = self._site.fetch(some)
            readings, skipped = self._related_reader.read(drafts, out_of_scope)
            cursor = self._cursor({**rest, slot: replace(begun, tail=some[-1]).as_json()})
            yield Page(tuple(readings), cursor, complete=False, skipped=tuple(skipped))


def _drafts(sweep_page: SweepPage) -> list[Draft]:
    """Turn a page's rows into drafts, and empty the page, so that a row that is read again can be freed."""
    drafts = [Draft.of(issue) for issue in sweep_page.rows.issues]
    sweep_page.rows.issues.clear()
    return drafts
