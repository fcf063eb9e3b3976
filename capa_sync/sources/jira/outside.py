"""Action tickets that the query does not name: polled by id, and only those."""

from __future__ import annotations

from capa_sync.sources.jira.paging import ALL_FIELDS
from capa_sync.sources.jira.site import SiteReader
from capa_sync.sources.jira.whole import Draft


class Outside:
    """Knows which mirrored actions lie outside the query; learnt once a process, then kept up to date."""

    def __init__(self, site: SiteReader) -> None:
        self._site = site
        self._inside: set[str] = set()
        self._outside: set[str] = set()

    def note_inside(self, id_: str) -> None:
        """An action that a search for the query has just told."""
        self._inside.add(id_)
        self._outside.discard(id_)

    def note_outside(self, id_: str) -> None:
        """An action that the query was found not to name."""
        self._outside.add(id_)
        self._inside.discard(id_)

    def learn(self, in_scope: frozenset[str]) -> None:
        """Take over the result of a census: the ids that the query names."""
        self._inside, self._outside = set(in_scope), set()
        self._site.gone.clear()
        self._site.assembler.forget_refused()

    def ids(self) -> list[str]:
        """Ids of mirrored action tickets outside the query, in order of the mirror."""
        mirrored = self._site.lookup.action_ids(self._site.name)
        unknown = [id_ for id_ in mirrored if id_ not in self._inside and id_ not in self._outside]
        if unknown:
            inside = self._site.in_query(unknown)
            self._inside |= inside
            self._outside |= set(unknown) - inside
        return [id_ for id_ in mirrored if id_ in self._outside]

    def changed(self, since: int | None) -> list[Draft]:
        """Drafts of those touched since an instant that the mirror does not hold as they are.

        The same request brings the sub-tasks born since then, for Jira does not touch their parents: those of a
        mirrored record are actions. While there is none outside the query at all, none is asked for.
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
        """Take those in that are children of a mirrored record, and that no search for the query tells."""
        site, actions = self._site, set(self._site.lookup.action_ids(self._site.name))
        parents = {draft.id: str((draft.fields.get("parent") or {}).get("id") or "") for draft in drafts}
        children = [
            draft.id
            for draft in drafts
            if site.kinship.is_child(draft.fields)
            and site.is_mirrored(parents[draft.id])
            and parents[draft.id] not in actions
        ]
        adopted = set(children) - site.in_query(children) if children else set()
        for id_ in adopted:
            self.note_outside(id_)
        return adopted
