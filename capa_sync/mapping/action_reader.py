"""Reads the fields of an action from the ticket that holds them, with their history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time

from capa_sync.mapping.binding import BoundAction, BoundFieldSource, BoundMapping
from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.timeline import AMBIGUOUS, NO_STEPS, Step, TicketHistory, add_rows, birth_of, replay
from capa_sync.model.record import FieldChange
from capa_sync.model.values import BLANK, EMPTY, UNMAPPED, Value, ValueState

_NONE = frozenset({ValueState.EMPTY, ValueState.UNMAPPED})


class ActionReader:
    """Reads an action's fields from one ticket, with their history."""

    def __init__(
        self, bound: BoundMapping, action: BoundAction, history: TicketHistory, people: PeopleDirectory
    ) -> None:
        self.absent_is_empty = bound.facts.absent_is_empty
        self.confidential = bound.confidential
        self.action = action
        self.history = history
        self.birth = birth_of(history)
        self.people = people
        self.rows: list[FieldChange] = []

    def value(self, part: BoundFieldSource | None) -> tuple[Value, Value, Sequence[Step]]:
        """Return the value of a place now, at creation, and the steps between."""
        if part is None:
            return UNMAPPED, UNMAPPED, NO_STEPS
        if part.constant is not None:
            constant = part.constant(self.people)
            return constant, constant, NO_STEPS
        if part.convert is None:
            return UNMAPPED, UNMAPPED, NO_STEPS
        raw = self.history.raw_now(part.field_id, absent_is_empty=self.absent_is_empty)
        if raw is None:
            reason = f"'{part.label}' of {self.history.ticket.key} cannot be read"
            now = Value(ValueState.UNREADABLE, reason=reason)
        else:
            now = EMPTY if raw is BLANK else part.convert(raw, self.people)
        birth, steps = replay(self.history, part.field_id, part.convert, now, self.people)
        return now, birth, steps

    def text(self, action_id: str) -> tuple[Value, datetime | None, int | None]:
        """Return the text, and when and in which group it was first filled; add its rows."""
        part = self.action.text
        now, born, steps = self.value(part)
        if part.field_id in self.history.ambiguous:
            add_rows(self.rows, "actions", self.birth, AMBIGUOUS, steps, self.people, part.label, action_id)
            return now, None, None
        add_rows(self.rows, "actions", self.birth, born, steps, self.people, part.label, action_id)
        if born.is_filled:
            return now, self.birth.at, self.birth.group
        first = next((step for step in steps if step.new.is_filled), None)
        return now, first.at if first else None, first.group if first else None

    def own(self, part: BoundFieldSource | None, action_id: str) -> Value:
        """Return another field of the action; add rows for its changes, but not for its creation."""
        now, _, steps = self.value(part)
        if part is not None and steps:
            add_rows(self.rows, "actions", self.birth, UNMAPPED, steps, self.people, part.label, action_id)
        return now

    def inherited(self, name: str, own: Value, fields: Mapping[str, Value]) -> Value:
        """Return the record's value where the action has no value and the mapping allows it to inherit one."""
        has_none = own.state in _NONE
        return fields[name] if has_none and name in self.action.entry.inherit else own


def instant_of(value: Value) -> datetime | None:
    """Return a time value as an instant; a day counts from its start in UTC."""
    if isinstance(value.data, datetime):
        return value.data
    if isinstance(value.data, date):
        return datetime.combine(value.data, time(), UTC)
    return None
