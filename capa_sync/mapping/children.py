"""Finds which of the tickets that belong to a record are its actions, by the mapping's entries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from capa_sync.mapping.binding import BoundAction, BoundMapping
from capa_sync.mapping.texts import fold
from capa_sync.mapping.timeline import TicketHistory
from capa_sync.model.light import light
from capa_sync.model.record import ActionOrigin
from capa_sync.model.ticket import ChildRef, SourceTicket
from capa_sync.model.values import BLANK


@light
class ChildTicket:
    """A child that an action entry includes: its reference, and its history (None when it cannot be read)."""

    ref: ChildRef
    bound: BoundAction | None
    history: TicketHistory | None


def find_children(
    bound: BoundMapping, ticket: SourceTicket, children: Mapping[str, SourceTicket | None]
) -> list[ChildTicket]:
    """Return the children that are actions by the mapping, and unread children that may be actions.

    A ticket may name another one by several links: of the entries that take one of them, the first counts.
    """
    refs: dict[str, list[ChildRef]] = {}
    for ref in ticket.children:
        if not _is_itself(ref, ticket):
            refs.setdefault(ref.id or ref.key, []).append(ref)
    by_key = {child.key: child for child in children.values() if child is not None}
    for child in children.values():
        if child is not None and child.parent == ticket.id and child.id not in refs and child.key not in refs:
            relation = bound.mapping.children.parent_relation
            refs[child.id] = [ChildRef(child.id, child.key, relation.value)]
    found: list[ChildTicket] = []
    seen: set[str] = set()
    for name, named in refs.items():
        child = children.get(name) or by_key.get(named[0].key)
        taken = ((entry, ref) for entry in bound.actions for ref in named if _takes(entry, ref, child, ticket))
        entry, ref = next(taken, (None, named[0]))
        if entry is not None and (child is None or child.id not in seen):  # else named twice, by id and by key
            seen.update([child.id] if child is not None else [])
            read = TicketHistory(child, bound.history_ids, bound.shared, bound.named) if child is not None else None
            found.append(ChildTicket(ref, entry, read))
    return found


def _is_itself(ref: ChildRef, ticket: SourceTicket) -> bool:
    """Return whether a ticket names itself, as links that an import made may do: it is no action of its own."""
    return ref.id == ticket.id if ref.id else ref.key == ticket.key


def _takes(bound: BoundAction, ref: ChildRef, child: SourceTicket | None, parent: SourceTicket) -> bool:
    """Return whether an entry includes this child; an unread sub-task has no known type, so it may be an action."""
    entry = bound.entry
    if entry.origin.value != ref.relation:
        return False
    match entry.origin:
        case ActionOrigin.FIELD:
            return False  # no ticket
        case ActionOrigin.SUBTASK:
            kind = child.kind if child is not None else ref.link_type
            return not kind or fold(kind) in map(fold, entry.types)
        case ActionOrigin.LINK:
            wanted = child is None or not entry.issue_types or fold(child.kind) in map(fold, entry.issue_types)
            return wanted and fold(ref.link_type) in map(fold, entry.types)
        case ActionOrigin.CHILD:
            if child is None:
                return not ref.link_type or ref.link_type == entry.reference
            if child.kind != entry.table:
                return False
            return ref.link_type == entry.reference or parent.id in child.values.get(entry.reference, BLANK).ids
    assert_never(entry.origin)
