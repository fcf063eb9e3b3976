"""Out-of-scope action tickets, which the query does not name: polled by their ids."""

from __future__ import annotations

from capa_sync.sources.jira.children import parent_of
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.paging import ALL_FIELDS
from capa_sync.sources.jira.site import SiteReader


class OutOfScope:
    """Knows which mirrored actions the query does not name; learned once in each process, then kept up to date."""

    def __init__(self, site: SiteReader) -> None:
        self._site = site
        self._inside: set[str] = set()
        self._out_of_scope: set[str] = set()

    def note_inside(self, id_: str) -> None:
        """Note an action that a search for the query has just returned."""
        self._inside.add(id_)
        self._out_of_scope.discard(id_)

    def note_out_of_scope(self, id_: str) -> None:
        """Note an action that the query does not name."""
        self._out_of_scope.add(id_)
        self._inside.discard(id_)

    def learn(self, in_scope: frozenset[str]) -> None:
        """Replace all by the result of a census: the ids that the query names."""
        self._inside, self._out_of_scope = set(in_scope), set()
        self._site.gone.clear()
        self._site.assembler.forget_refused()

    def ids(self) -> list[str]:
        """Return the ids of mirrored action tickets outside the query, in the order of the mirror."""
        mirrored = self._site.lookup.action_ids(self._site.name)
        unknown = [id_ for id_ in mirrored if id_ not in self._inside and id_ not in self._out_of_scope]
        if unknown:
            inside = self._site.in_query(unknown)
            self._inside |= inside
            self._out_of_scope |= set(unknown) - inside
        return [id_ for id_ in mirrored if id_ in self._out_of_scope]

    def changed(self, since: int | None) -> list[Draft]:
        """Return drafts of the tickets changed since an instant, without those that the mirror holds unchanged.

        The same request returns the sub-tasks created since then, because Jira does not update their parents. Those
        of a mirrored record are actions. Without a ticket outside the query nothing is requested.
        """
        site, ids = self._site, self.ids()
        born = site.query.subtasks_born_since(since) if site.kinship.has_subtasks else ""
        rows = site.search_ids(ids, ALL_FIELDS, site.query.since("updated", since), also=born)
        drafts = [draft for draft in map(Draft.of, rows) if not site.is_unchanged(draft)]
        known = set(ids)
        strangers = [draft for draft in drafts if draft.id not in known]
        adopted = self._adopt(strangers) if strangers else set()
        return [draft for draft in drafts if draft.id in known or draft.id in adopted]

    def _adopt(self, drafts: list[Draft]) -> set[str]:
        """Accept the drafts that are children of a mirrored record and that the query does not name."""
        site, actions = self._site, set(self._site.lookup.action_ids(self._site.name))
        parents = {draft.id: parent_of(draft.fields) for draft in drafts}
        children = [
            draft.id
            for draft in drafts
            if site.kinship.is_child(draft.fields)
            and site.is_mirrored(parents[draft.id])
            and parents[draft.id] not in actions
        ]
        adopted = set(children) - site.in_query(children) if children else set()
        for id_ in adopted:
            self.note_out_of_scope(id_)
        return adopted
