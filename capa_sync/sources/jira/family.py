"""Readings of tickets together with the actions and parents that their change concerns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from capa_sync.model.ticket import Reading, Role
from capa_sync.sources.jira.outside import Outside
from capa_sync.sources.jira.site import Site
from capa_sync.sources.jira.whole import Draft, Skip


class Family:
    """Assembles drafts and looks after their kin."""

    def __init__(self, site: Site, outside: Outside) -> None:
        self._site = site
        self._outside = outside

    def read(
        self, drafts: Sequence[Draft], actions: frozenset[str] = frozenset()
    ) -> tuple[list[Reading], list[Skip]]:
        """Make readings of drafts; `actions` are ids that are actions whatever they say of themselves."""
        for draft in drafts:
            self._site.absent.complete(draft)
        known = actions | self._claimed(drafts)

        def role_of(draft: Draft) -> Role:
            return Role.ACTION if draft.id in known else Role.RECORD

        return self._site.assembler.assemble(drafts, role_of, self._named_children(drafts, known))

    def read_with_kin(self, drafts: Sequence[Draft], actions: frozenset[str]) -> tuple[list[Reading], list[Skip]]:
        """Make readings of drafts that changed, and of the actions and parents that their change concerns."""
        readings, skipped = self.read(drafts, actions)
        if readings:
            present = {reading.ticket.id for reading in readings}
            for kin, lost in (
                self.actions_of(readings, present, is_sweep=False),
                self.parents_of(readings, present),
            ):
                readings, skipped = [*readings, *kin], [*skipped, *lost]
        return readings, skipped

    def _claimed(self, drafts: Iterable[Draft]) -> frozenset[str]:
        """Ids of drafts that are actions: children, and tickets that a record in scope names by a link.

        A link from a ticket outside the query makes no action: it would take a record out of the register.
        """
        kinship = self._site.kinship
        found: set[str] = set()
        claims: dict[str, list[str]] = {}
        for draft in drafts:
            if kinship.is_child(draft.fields):
                found.add(draft.id)
            for claimant in kinship.claimants(draft.fields):
                claims.setdefault(claimant, []).append(draft.id)
        for claimant in self._site.in_query(claims) if claims else ():
            found.update(claims.get(claimant, ()))
        return frozenset(found)

    def _named_children(self, drafts: Iterable[Draft], actions: frozenset[str]) -> dict[str, list[dict[str, Any]]]:
        """Ask which tickets name these as their parent, where the mapping looks for such (epics and the like)."""
        if not self._site.kinship.has_children:
            return {}
        found: dict[str, list[dict[str, Any]]] = {draft.id: [] for draft in drafts if draft.id not in actions}
        for row in self._site.search_ids(list(found), ["issuetype", "parent"], field="parent"):
            fields = row.get("fields") or {}
            parent = str((fields.get("parent") or {}).get("id"))
            if parent in found and not (fields.get("issuetype") or {}).get("subtask"):
                found[parent].append({"id": str(row["id"]), "key": row.get("key")})
        return found

    def actions_of(
        self, readings: Iterable[Reading], present: set[str], *, is_sweep: bool
    ) -> tuple[list[Reading], list[Skip]]:
        """Read the actions that records name and the mirror lacks.

        Args:
            readings: just read.
            present: ids that are read anyway.
            is_sweep: a sweep is under way, which brings those that the query names by itself.
        """
        wanted: dict[str, None] = {}
        for reading in readings:
            if reading.role is Role.RECORD:
                wanted.update((ref.id or ref.key, None) for ref in self._site.kinship.actions_of(reading.ticket))
        missing = [id_ for id_ in wanted if id_ not in present and not self._site.is_mirrored(id_)]
        if not missing:
            return [], []
        inside = self._site.in_query(missing)
        drafts = self._site.fetch([id_ for id_ in missing if not (is_sweep and id_ in inside)])
        for draft in drafts:
            if draft.id not in inside:
                self._outside.note_outside(draft.id)
        return self.read(drafts, frozenset(draft.id for draft in drafts))

    def parents_of(self, readings: Iterable[Reading], present: set[str]) -> tuple[list[Reading], list[Skip]]:
        """Read the mirrored parents of actions that changed: Jira does not touch a parent when a child is born."""
        wanted: dict[str, None] = {}
        for reading in readings:
            ticket = reading.ticket
            if reading.role is not Role.ACTION:
                continue
            former = [id_ for change in ticket.changes if change.field_id == "parent" for id_ in change.old.ids]
            wanted.update((id_, None) for id_ in (ticket.parent, *former) if id_)
        ids = [id_ for id_ in wanted if id_ not in present and self._site.is_mirrored(id_)]
        drafts = [draft for draft in self._site.fetch(ids) if not self._site.is_unchanged(draft)] if ids else []
        return self.read(drafts)
