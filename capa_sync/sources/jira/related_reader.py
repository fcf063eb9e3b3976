"""Reads tickets together with the related tickets (actions and parents) that their change concerns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from capa_sync.model.ticket import Reading, Role, Skip
from capa_sync.sources.jira.children import parent_of
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.out_of_scope import OutOfScope
from capa_sync.sources.jira.site import SiteReader

InQuery = Callable[[str], bool | None]
"""Tells whether the configured query names a ticket; None when that is not known."""


def inside(_id: str) -> bool:
    """Answer for tickets that a search for the query returned: the query names them."""
    return True


def out_of_scope(_id: str) -> bool:
    """Answer for tickets that are read only because a record names them: the query does not name them."""
    return False


def unknown(_id: str) -> None:
    """Answer for tickets that are read by id: not known."""
    return


class RelatedTicketReader:
    """Assembles drafts and reads their related tickets."""

    def __init__(self, site: SiteReader, out_of_scope: OutOfScope) -> None:
        self._site = site
        self._out_of_scope = out_of_scope

    def read(self, drafts: Sequence[Draft], in_query: InQuery) -> tuple[list[Reading], list[Skip]]:
        """Make readings of drafts; `in_query` tells by id whether the query names one, as far as that is known."""
        for draft in drafts:
            self._site.absent.complete(draft)
        kinship = self._site.kinship
        unsure = any(in_query(draft.id) is None for draft in drafts)
        known = set(self._site.lookup.action_ids(self._site.name)) if unsure else set()

        def role_of(draft: Draft) -> Role:
            is_inside = in_query(draft.id)
            is_outside = draft.id in known if is_inside is None else not is_inside
            return Role.ACTION if is_outside or kinship.is_child(draft.fields) else Role.RECORD

        actions = {draft.id for draft in drafts if role_of(draft) is Role.ACTION}
        readings, skipped = self._site.assembler.assemble(drafts, role_of, self._named_children(drafts, actions))
        known_places = [
            Reading(reading.ticket, reading.parts, reading.role, in_query(reading.ticket.id)) for reading in readings
        ]
        return known_places, skipped

    def read_with_related(self, drafts: Sequence[Draft], in_query: InQuery) -> tuple[list[Reading], list[Skip]]:
        """Make readings of changed drafts, and of the actions and parents that their change concerns."""
        readings, skipped = self.read(drafts, in_query)
        if readings:
            present = {reading.ticket.id for reading in readings}
            for related, lost in (
                self.actions_of(readings, present, is_sweep=False),
                self.parents_of(readings, present),
            ):
                readings, skipped = [*readings, *related], [*skipped, *lost]
        return readings, skipped

    def _named_children(self, drafts: Iterable[Draft], actions: Collection[str]) -> dict[str, list[dict[str, Any]]]:
        """Search tickets that name these as their parent, where the mapping uses such children (of epics)."""
        if not self._site.kinship.has_children:
            return {}
        found: dict[str, list[dict[str, Any]]] = {draft.id: [] for draft in drafts if draft.id not in actions}
        listed = [sub for draft in drafts for sub in draft.fields.get("subtasks") or () if isinstance(sub, dict)]
        subtasks = [sub.get("id") for sub in listed]
        for row in self._site.search_ids(list(found), ["issuetype", "parent"], field="parent"):
            fields = row.get("fields")
            if not isinstance(fields, dict):
                continue
            kind = fields.get("issuetype")  # one that is left out takes no child away
            if row["id"] in subtasks or (isinstance(kind, dict) and kind.get("subtask")):
                continue
            parent = parent_of(fields)
            if parent in found:
                found[parent].append({"id": str(row["id"]), "key": row.get("key")})
        return found

    def actions_of(
        self, readings: Iterable[Reading], present: set[str], *, is_sweep: bool
    ) -> tuple[list[Reading], list[Skip]]:
        """Read the actions that records name and that the mirror lacks or holds as gone.

        Args:
            readings: the records' readings.
            present: ids that are read anyway.
            is_sweep: a sweep is running; it returns the actions that the query names.
        """
        wanted: dict[str, None] = {}
        for reading in readings:
            if reading.role is Role.RECORD:
                wanted.update((ref.id or ref.key, None) for ref in self._site.kinship.actions_of(reading.ticket))
        missing = [id_ for id_ in wanted if id_ not in present and not self._site.is_followed(id_)]
        if not missing:
            return [], []
        inside = self._site.in_query(missing)
        drafts = self._site.fetch([id_ for id_ in missing if not (is_sweep and id_ in inside)])
        for draft in drafts:
            if draft.id not in inside:
                self._out_of_scope.note_out_of_scope(draft.id)
        return self.read(drafts, inside.__contains__)

    def parents_of(self, readings: Iterable[Reading], present: set[str]) -> tuple[list[Reading], list[Skip]]:
        """Read the mirrored parents of changed actions: Jira does not update a parent when a child is created.

        A parent may have got further actions meanwhile. They are read too: its own row, which comes later, shows
        nothing new any more.
        """
        wanted: dict[str, None] = {}
        for reading in readings:
            ticket = reading.ticket
            if reading.role is not Role.ACTION:
                continue
            former = [id_ for change in ticket.changes if change.field_id == "parent" for id_ in change.old.ids]
            wanted.update((id_, None) for id_ in (ticket.parent, *former) if id_)
        ids = [id_ for id_ in wanted if id_ not in present and self._site.is_mirrored(id_)]
        drafts = [draft for draft in self._site.fetch(ids) if not self._site.is_unchanged(draft)] if ids else []
        parents, skipped = self.read(drafts, unknown)
        actions, lost = self.actions_of(parents, {*present, *ids}, is_sweep=False)
        return [*parents, *actions], [*skipped, *lost]
