"""Canonical fields that list linked tickets (similar, duplicate, recurrence), with the history of the links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capa_sync.mapping.texts import fold
from capa_sync.mapping.timeline import NO_STEPS, Step, TicketHistory
from capa_sync.model.ticket import RawChange
from capa_sync.model.values import EMPTY, Value, ValueState


def link_history(
    types: frozenset[str], history: TicketHistory, unknown: str = ""
) -> tuple[Value, Value, Sequence[Step]]:
    """Return the keys linked by these types (as read on the record, folded) now, at creation, and the steps between.

    Jira's history calls the field `Link` and contains the other key in the sentence "This issue <type> KEY".
    `unknown`: why the links were not delivered, "" when they were; changes alone do not say which links there are.
    """
    if unknown:
        value = Value(ValueState.UNREADABLE, reason=unknown)
        return value, value, NO_STEPS
    if not history.ticket.children and not history.link_changes:
        return EMPTY, EMPTY, NO_STEPS
    keys = {ref.key for ref in history.ticket.children if ref.relation == "link" and fold(ref.link_type) in types}
    now = _value(keys)
    steps: list[Step] = []
    for change in reversed(history.link_changes):
        if not _is_about(change, types):
            continue
        new = _value(keys)
        keys = (keys - set(change.new.ids)) | set(change.old.ids)
        group = history.groups[change.order]
        steps.append(
            Step(group, change.at, change.by, change.entry, change.origin, change.field_name, _value(keys), new)
        )
    return now, _value(keys), steps[::-1]


def _is_about(change: RawChange, types: frozenset[str]) -> bool:
    text = fold(f"{change.old.text} {change.new.text}")
    return any(f" {link_type} " in f" {text} " for link_type in types)


def _value(keys: Iterable[str]) -> Value:
    items = tuple(sorted(keys))
    return Value(ValueState.FILLED, items, ", ".join(items)) if items else EMPTY
