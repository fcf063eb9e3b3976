"""Fields of a record that a ticket of its own holds, such as an effectiveness review kept as a sub-task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from capa_sync.mapping.binding import BoundAction, BoundField, BoundFieldSource, BoundMapping
from capa_sync.mapping.children import ChildTicket
from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.timeline import (
    NO_STEPS,
    Birth,
    Step,
    TicketHistory,
    birth_of,
    combine,
    first_filled,
    replay,
)
from capa_sync.model.values import BLANK, EMPTY, UNMAPPED, Value, ValueState


class Filled(NamedTuple):
    """A field of the record as an action's ticket has it.

    Attributes:
        now, born: its value now, and when the ticket was created. birth: of that ticket; None where it is unread.
        steps: the changes between. hiding: what the ticket says of being confidential, where it is or may be; else
            None.
    """

    field: BoundField
    now: Value
    born: Value = EMPTY
    birth: Birth | None = None
    steps: Sequence[Step] = NO_STEPS
    hiding: Value | None = None


def filled_by(bound: BoundMapping, children: Sequence[ChildTicket], people: PeopleDirectory) -> Iterator[Filled]:
    """Yield each field that the ticket of an action place holds; of several tickets of a place the newest counts.

    A cancelled ticket does not count. While one that may count cannot be read, the fields are unreadable.
    """
    for action in bound.actions:
        if action.fills:
            yield from _of_place(bound, action, [child for child in children if _may_be_of(child, action)], people)


def _may_be_of(child: ChildTicket, action: BoundAction) -> bool:
    """Return whether a child belongs to an action place; an unread one of unknown type may belong to any."""
    if child.bound is action:
        return True
    return child.history is None and not child.ref.link_type and child.ref.relation == action.entry.origin.value


def _of_place(
    bound: BoundMapping, action: BoundAction, children: Sequence[ChildTicket], people: PeopleDirectory
) -> Iterator[Filled]:
    unread = [child for child in children if child.history is None]
    if unread:
        name = unread[0].ref.key or unread[0].ref.id
        value = Value(ValueState.UNREADABLE, reason=f"{name}, which holds it, cannot be read")
        yield from (Filled(field, value) for field in action.fills)
        return
    read = [child.history for child in children if child.history is not None]
    counting = [history for history in read if not _is_cancelled(action, history)]
    if counting:
        newest = max(counting, key=lambda history: (history.ticket.created_at, history.ticket.id))
        hiding = _hiding(bound, newest, people)
        yield from (_filled(bound, field, newest, people)._replace(hiding=hiding) for field in action.fills)


def _hiding(bound: BoundMapping, history: TicketHistory, people: PeopleDirectory) -> Value | None:
    """Return the value by which a ticket hides its texts; one without that field is as its record is."""
    there = (part for part in bound.confidential if history.has(part.field_id))
    values = (_part(bound, part, history, people)[0] for part in there)
    return next((value for value in values if value.is_yes_or_unreadable), None)


def _is_cancelled(action: BoundAction, history: TicketHistory) -> bool:
    return any(
        (history.raw_now(field_id, absent_is_empty=True) or BLANK) in options
        for field_id, options in action.cancelled
    )


def _filled(bound: BoundMapping, field: BoundField, history: TicketHistory, people: PeopleDirectory) -> Filled:
    parts = [_part(bound, part, history, people) for part in field.parts]
    born, steps = combine([(born, steps) for _, born, steps in parts])
    return Filled(field, first_filled([now for now, _, _ in parts]), born, birth_of(history), steps)


def _part(
    bound: BoundMapping, part: BoundFieldSource, history: TicketHistory, people: PeopleDirectory
) -> tuple[Value, Value, Sequence[Step]]:
    if part.constant is not None:
        constant = part.constant(people)
        return constant, constant, NO_STEPS
    if part.convert is None:
        return UNMAPPED, UNMAPPED, NO_STEPS
    raw = history.raw_now(part.field_id, absent_is_empty=bound.facts.absent_is_empty)
    if raw is None:
        reason = f"'{part.label}' of {history.ticket.key} cannot be read"
        now = Value(ValueState.UNREADABLE, reason=reason)
    else:
        now = EMPTY if raw is BLANK else part.convert(raw, people)
    born, steps = replay(history, part.field_id, part.convert, now, people)
    return now, born, steps
