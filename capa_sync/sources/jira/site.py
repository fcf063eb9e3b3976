"""Reads of one Jira after the sign-in: finds tickets by id, also when some of the ids no longer exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from capa_sync.model.clock import Clock
from capa_sync.model.patterns import QUOTED
from capa_sync.model.site import SiteFacts
from capa_sync.model.ticket import Presence
from capa_sync.ports.mirror import MirrorLookup
from capa_sync.sources.jira.absent import Absent
from capa_sync.sources.jira.byid import ById
from capa_sync.sources.jira.changes import FieldNames
from capa_sync.sources.jira.children import Kinship
from capa_sync.sources.jira.client import BadRequest, JiraClient
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.history import chunks
from capa_sync.sources.jira.options import JiraOptions
from capa_sync.sources.jira.paging import ALL_FIELDS, Search
from capa_sync.sources.jira.parse import JiraParser
from capa_sync.sources.jira.people import JiraAccounts
from capa_sync.sources.jira.query import OLDEST_FIRST, ScopeQuery, ids_condition
from capa_sync.sources.jira.shapes import one_issue
from capa_sync.sources.jira.times import epoch_ms, from_epoch_ms
from capa_sync.sources.jira.whole import Assembler

IDS_AT_ONCE = 500
Issue = dict[str, Any]


class SiteReader:
    """Holds what reading needs after the sign-in, and finds tickets by id.

    Attributes:
        gone: ids that Jira called unknown; no search names them again until the next census.
    """

    def __init__(
        self,
        client: JiraClient,
        options: JiraOptions,
        query: ScopeQuery,
        facts: SiteFacts,
        lookup: MirrorLookup,
        parser: JiraParser,
        people: JiraAccounts,
        clock: Clock,
    ) -> None:
        self.client = client
        self.options = options
        self.query = query
        self.facts = facts
        self.lookup = lookup
        self.search = Search(client)
        self._by_id = ById(client)
        self.kinship = Kinship(options.children)
        self.absent = Absent(client, lookup)
        self.assembler = Assembler(
            client,
            parser,
            FieldNames(facts.fields),
            people,
            options.overlap,
            lookup,
            self._is_known_late,
            self.absent.complete,
            self.absent.may_ask,
        )
        self.gone: set[str] = set()
        self._clock = clock
        self._signed_in_at = clock.now()

    @property
    def name(self) -> str:
        """The source's name."""
        return self.options.name

    def is_unchanged(self, draft: Draft) -> bool:
        """Tell whether the mirror holds exactly this record already, as present."""
        if self._is_held(draft):
            return True
        if self.is_mirrored(draft.id):
            self.absent.carry_refused(draft)
        return self._is_held(draft)

    def _is_held(self, draft: Draft) -> bool:
        self.absent.carry(draft)
        if self.lookup.known_digest(self.name, draft.id) != draft.part.digest:
            return False
        return self.lookup.presence(self.name, draft.id) is Presence.PRESENT

    def _is_known_late(self, draft: Draft) -> bool:
        """Tell whether the mirror holds this record already, with a history that is newer by the same amount."""
        if draft.history is None or not self._is_held(draft):
            return False
        return self.lookup.newest_change(self.name, draft.id) == draft.history.newest_at

    def is_mirrored(self, id_: str) -> bool:
        """Tell whether the mirror knows the ticket at all."""
        return self.lookup.known_digest(self.name, id_) is not None

    def present(self) -> datetime:
        """Return the tracker's present: the Date of its newest answer, else its serverTime, else our clock."""
        date, server = self.client.answered_at, self.facts.server_time
        if date is not None:
            return date
        now = self._clock.now()
        return now if server is None else server + max(now - self._signed_in_at, timedelta(0))

    def is_followed(self, id_: str) -> bool:
        """Tell whether the mirror holds the ticket as present, so that polls return its changes."""
        return self.lookup.is_present(self.name, id_)

    def plausible(self, mark: int) -> int:
        """Limit a mark to the tracker's present: a ticket with a future update time must not hide later changes."""
        return min(mark, epoch_ms(self.present()))

    def present_at(self, mark: int | None) -> datetime | None:
        """Return a mark as an instant."""
        return None if mark is None else from_epoch_ms(mark)

    def search_ids(
        self,
        ids: Iterable[str],
        fields: Sequence[str],
        *conditions: str,
        field: str = "id",
        also: str = "",
        changelog: bool = False,
        order: str = OLDEST_FIRST,
    ) -> list[Issue]:
        """Search tickets whose id (or parent) is one of these; ids that Jira does not know are left out.

        The first request also returns the tickets for which the condition `also` holds.
        """
        found: list[Issue] = []
        for some in chunks([id_ for id_ in ids if id_ not in self.gone], IDS_AT_ONCE):

            def ask(known: Sequence[str], also: str = also) -> list[Issue]:
                wanted = ids_condition(field, known)
                jql = " AND ".join([f"({wanted} OR {also})" if also else wanted, *filter(None, conditions)])
                return self._all_rows(f"{jql} {order}", fields, changelog=changelog)

            rows, unknown = self._known_of(list(some), ask)
            self.gone |= unknown
            found, also = found + rows, ""
        return found

    def _known_of(self, ids: list[str], ask: Callable[[Sequence[str]], list[Issue]]) -> tuple[list[Issue], set[str]]:
        """Search the ids that Jira knows; return the rows, and the ids that Jira called unknown."""
        lost: set[str] = set()
        with self.client.identity.proven_once():
            while left := [id_ for id_ in ids if id_ not in lost]:
                try:
                    return ask(left), lost
                except BadRequest as error:
                    unknown = set(QUOTED.findall(error.message)) & set(left) or set(left) - self.existing(left)
                    if not unknown:
                        raise
                    lost |= unknown
        return [], lost

    def _all_rows(self, jql: str, fields: Sequence[str], *, changelog: bool) -> list[Issue]:
        size = self.options.page_size if len(fields) > 1 or fields[0] != "id" else 5 * IDS_AT_ONCE
        return [issue for rows in self.search.pages(jql, fields, size, changelog=changelog) for issue in rows.issues]

    def touched_since(self, ms: int | None) -> list[str]:
        """Return the ids of all tickets that the query names and that changed since an instant; only ids are read."""
        jql = self.query.where(self.query.since("updated", ms))
        pages = self.search.pages(jql, ["id"], 10 * IDS_AT_ONCE if self.client.is_cloud else 2 * IDS_AT_ONCE)
        return list(dict.fromkeys(str(issue["id"]) for rows in pages for issue in rows.issues))

    def in_query(self, ids: Iterable[str]) -> set[str]:
        """Return which of these tickets (by id) the configured query names."""
        return {str(row["id"]) for row in self.search_ids(ids, ["id"], f"({self.query.scope})")}

    def existing(self, ids: Iterable[str]) -> set[str]:
        """Return which of these exist and are visible, according to the database and not to the search index."""
        found: set[str] = set()
        for issue in self._by_id.some(list(ids), ["updated"]):
            found |= {str(issue["id"]), str(issue.get("key"))}
        return found & set(ids)

    def listed(self, ids: Sequence[str]) -> set[str]:
        """Return which of these a bulk request finds: in the database on Cloud, by a search on Data Center."""
        if self.client.is_cloud:
            return self.existing(ids)
        return {str(row["id"]) for row in self.search_ids(ids, ["id"])}

    def issues(self, ids: Sequence[str]) -> list[Issue]:
        """Read tickets by id or key as raw issues; gone or hidden ones are left out."""
        return list(self._by_id.whole(ids))

    def fetch(self, ids: Sequence[str]) -> list[Draft]:
        """Read tickets by id or key, also those outside the query or the index; gone or hidden ones are left out."""
        drafts = {str(row["id"]): Draft.of(row) for row in self._by_id.whole(ids)}
        for draft in drafts.values():
            draft.is_by_id = True
        return list(drafts.values())

    def whole(self, drafts: Iterable[Draft]) -> list[Draft]:
        """Return drafts that can be assembled: Data Center's are searched again by id where they lack a changelog."""
        found = list(drafts)
        bare = [draft.id for draft in found if draft.changelog is None and not draft.is_oversized]
        if self.client.is_cloud or not bare:
            return found
        again = map(Draft.of, self.search_ids(bare, ALL_FIELDS, changelog=True))
        fresh = {draft.id: draft for draft in (*found, *again) if draft.changelog is not None or draft.is_oversized}
        fresh.update((draft.id, draft) for draft in self.fetch([id_ for id_ in bare if id_ not in fresh]))
        refused = self._by_id.refused  # named by the search, so they are there: their history alone is unknown
        return [fresh.get(draft.id, draft) for draft in found if draft.id in fresh or draft.id in refused]

    def answers_alone(self, id_: str) -> bool:
        """Send a request for one ticket alone, and tell whether it is visible to us."""
        found = self.client.find_shown(f"issue/{id_}", {"fields": "updated"})
        return found is not None and bool(one_issue(self.client.source, found, id_))
