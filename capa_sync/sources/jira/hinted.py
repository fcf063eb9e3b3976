"""Reads tickets that a hint names, as a poll would read them once the search index knows their change."""

from __future__ import annotations

from collections.abc import Sequence

from capa_sync.model.ticket import Cursor, Page
from capa_sync.sources.jira.client import BadRequest
from capa_sync.sources.jira.history import chunks
from capa_sync.sources.jira.out_of_scope import OutOfScope
from capa_sync.sources.jira.query import ids_condition
from capa_sync.sources.jira.related_reader import RelatedTicketReader
from capa_sync.sources.jira.site import SiteReader

_AT_ONCE = 50
"""Maximum tickets that Cloud reconciles in one search (docs/jira.md 1)."""


class Hinted:
    """Reads hinted tickets of one Jira."""

    def __init__(self, site: SiteReader, out_of_scope: OutOfScope, related_reader: RelatedTicketReader) -> None:
        self._site = site
        self._out_of_scope = out_of_scope
        self._related_reader = related_reader

    def read(self, ids: Sequence[str], cursor: Cursor) -> Page:
        """Read those that are in scope or mirrored actions; see `ports.Source`."""
        site = self._site
        named = list(dict.fromkeys(id_ for id_ in ids if id_.isascii() and id_.isdigit()))
        inside = {id_ for some in chunks(named, _AT_ONCE) for id_ in self._in_scope(list(some))}
        actions = set(site.lookup.action_ids(site.name)).intersection(named) - inside
        wanted = [id_ for id_ in named if id_ in inside or id_ in actions]
        drafts = [draft for draft in site.fetch(wanted) if not site.is_unchanged(draft)]
        for draft in drafts:
            if draft.id in inside and site.kinship.may_be_action(draft.fields):
                self._out_of_scope.note_inside(draft.id)
        readings, skipped = self._related_reader.read_with_related(drafts, inside.__contains__)
        return Page(tuple(readings), cursor, complete=False, skipped=tuple(skipped))

    def _in_scope(self, ids: list[str]) -> set[str]:
        """Return which of these the query names: mirrored ones by their present state, others by the index.

        A ticket that the index does not know yet is left to the poll: if it were mirrored now, a census would miss
        it. An id that Jira does not know is not noted as gone, because anybody can invent one.
        """
        site = self._site
        while ids:
            jql = f"{ids_condition('id', ids)} AND ({site.query.scope}) ORDER BY created ASC, key ASC"
            mirrored = [id_ for id_ in ids if site.is_mirrored(id_)]
            try:
                pages = list(site.search.pages(jql, ["id"], _AT_ONCE, reconciled=mirrored))
            except BadRequest:
                there = site.existing(ids)  # Jira names one unknown id at a time
                if there.issuperset(ids):
                    raise
                ids = [id_ for id_ in ids if id_ in there]
            else:
                return {str(issue["id"]) for rows in pages for issue in rows.issues} & set(ids)
        return set()
