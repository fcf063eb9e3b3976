"""The canonical history: change groups in chronological order, creation, and replay of one field's changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from capa_sync.mapping.history_names import EarlierName, NamedHistory, SharedName, history_name
from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.texts import fold, squash
from capa_sync.mapping.values import Converter
from capa_sync.model.record import FieldChange
from capa_sync.model.ticket import Origin, RawChange, SourceTicket
from capa_sync.model.values import BLANK, EMPTY, Raw, Value, ValueState

BIRTH_GROUP = 0
"""Group of the rows for the record's creation; it is the lowest."""


class Step(NamedTuple):
    """One change of a canonical value, or a gap: a change that is missing between two recorded changes."""

    group: int
    at: datetime
    by: str
    entry: str
    origin: Origin
    label: str
    old: Value
    new: Value


NO_STEPS: Sequence[Step] = ()
AMBIGUOUS = Value(ValueState.UNREADABLE, reason="the history does not say which field it means")
"""The value of a field at creation, where its history is ambiguous."""


class TicketHistory:
    """One ticket's changes by field id, the group of each change, and the present values.

    Attributes:
        ticket: as read. changes: field id -> its changes in chronological order, for fields that have any.
        birth_group: of its creation (0 for the record itself). end_group: for present values that differ from the
            last recorded value. ambiguous: field id -> why its history is ambiguous: several fields share the name
            in the entry, or its earlier entries have a name that the mapping lacks (`renamed`).
    """

    def __init__(
        self,
        ticket: SourceTicket,
        history_ids: Mapping[str, str],
        shared: Mapping[str, SharedName],
        named: NamedHistory | None = None,
    ) -> None:
        self.ticket = ticket
        self.birth_group = BIRTH_GROUP
        self.end_group = 0
        self.ambiguous: dict[str, str] = {}
        self.groups: dict[int, int] = {}
        self.changes: dict[str, list[RawChange]] = {}
        self.renamed: dict[str, EarlierName] = {}
        others: dict[str, RawChange] = {}
        for change in ticket.changes:
            id_ = change.field_id if named is None else named.id_of(change)
            field_id = history_ids.get(id_)
            if field_id is None and id_.startswith("name:"):
                key = history_name(id_[5:])
                field_id = history_ids.get(key)
                if key in shared:
                    field_id = None
                    self.ambiguous |= dict.fromkeys(shared[key].ids, shared[key].reason)
                elif field_id is None:
                    others[key] = change
            if field_id is not None:
                self.changes.setdefault(field_id, []).append(change)
        if named is not None and ticket.changes:
            self.renamed = named.broken(ticket, self.changes, others)
            self.ambiguous = {id_: found.reason for id_, found in self.renamed.items()} | self.ambiguous

    def changes_of(self, field_id: str) -> Sequence[RawChange]:
        """Return a field's changes in chronological order."""
        return self.changes.get(field_id, ())

    def has(self, field_id: str) -> bool:
        """Return whether an answer, present or earlier, or the history contains a field."""
        return field_id in self.ticket.values or field_id in self.ticket.lost or field_id in self.changes

    def raw_now(self, field_id: str, *, absent_is_empty: bool) -> Raw | None:
        """Return the present value of a field; None when it cannot be read.

        An absent key means empty where the tracker omits empty fields, unless an earlier answer contained it or the
        history shows a value. It means empty for every tracker when the history shows that the field was emptied.
        """
        raw = self.ticket.values.get(field_id)
        if raw is not None:
            return raw
        changes = self.changes.get(field_id)
        if changes:
            return BLANK if changes[-1].new.is_blank else None
        return BLANK if absent_is_empty and field_id not in self.ticket.lost else None

    @cached_property
    def link_changes(self) -> Sequence[RawChange]:
        """Return the changes of links to other tickets (`Link` in Jira's history) in chronological order."""
        return [change for change in self.ticket.changes if fold(change.field_name) == "link"]

    def end_at(self) -> datetime:
        """Return the latest instant that the ticket itself contains."""
        last = self.ticket.changes[-1].at if self.ticket.changes else self.ticket.created_at
        return max(last, self.ticket.updated_at)


def number_groups(record: TicketHistory, children: Sequence[TicketHistory]) -> None:
    """Number every set of changes saved together, over the record and its children.

    A ticket's own order is kept even where its instants run backwards; tickets are merged by instant.
    """
    if not children:
        for change in record.ticket.changes:
            record.groups.setdefault(change.order, len(record.groups) + 1)
        record.end_group = len(record.groups) + 1
        return
    events: list[tuple[datetime, int, int, int | None]] = []
    for index, history in enumerate((record, *children)):
        at = history.ticket.created_at
        if index:
            events.append((at, index, 0, None))
        seen: set[int] = set()
        for change in history.ticket.changes:
            at = max(at, change.at)
            if change.order not in seen:
                seen.add(change.order)
                events.append((at, index, len(seen), change.order))
    events.sort(key=lambda event: event[:3])
    histories = (record, *children)
    for group, (_, index, _, order) in enumerate(events, start=1):
        if order is None:
            histories[index].birth_group = group
        else:
            histories[index].groups[order] = group
    for history in histories:
        history.end_group = len(events) + 1


def replay(
    history: TicketHistory, field_id: str, convert: Converter, now: Value, people: PeopleDirectory
) -> tuple[Value, Sequence[Step]]:
    """Return a field's value at creation and the steps that lead from it to `now`.

    Where two recorded values do not match, a gap step of origin `observed` joins them at the latest possible instant;
    values that differ only in markup match.
    """
    changes = history.changes.get(field_id)
    if changes is None:
        return now, NO_STEPS
    steps: list[Step] = []
    held = changes[0].old
    birth = current = EMPTY if held is BLANK else convert(held, people)
    for change in changes:
        group, before, old = history.groups[change.order], change.old, current
        if before is not held and not _same_raw(held, before):
            old = convert(before, people)
            if meets(current, old):
                old = current
            else:
                steps.append(Step(group, change.at, "", "", _OBSERVED, change.field_name, current, old))
        held = change.new
        current = EMPTY if held is BLANK else convert(held, people)
        steps.append(Step(group, change.at, change.by, change.entry, change.origin, change.field_name, old, current))
    if now is current or now.state is ValueState.UNREADABLE or now == current:
        return birth, steps
    if meets(current, now) or _same_raw(held, history.ticket.values.get(field_id, BLANK)):
        steps[-1] = steps[-1]._replace(new=now)
    else:
        label = changes[-1].field_name
        steps.append(Step(history.end_group, history.end_at(), "", "", _OBSERVED, label, current, now))
    return birth, steps


def _same_raw(first: Raw, second: Raw) -> bool:
    """Return whether both mean the same in the tracker (the history of a reference may lack its present name)."""
    if first.ids or second.ids:
        return first.ids == second.ids
    return first.text == second.text and first.media_only == second.media_only


def meets(first: Value, second: Value) -> bool:
    """Return whether two values differ only in markup, case and punctuation, which histories render differently."""
    if first is second:
        return True
    if first.state is not second.state:
        return False
    if first.data == second.data and (first.data is not None or first.text == second.text):
        return True
    if isinstance(first.data, str) and isinstance(second.data, str):
        bare = squash(first.data)
        return bool(bare) and bare == squash(second.data)
    return first.data is None and second.data is None and squash(first.text) == squash(second.text)


def combine(parts: Sequence[tuple[Value, Sequence[Step]]]) -> tuple[Value, Sequence[Step]]:
    """Return the value at creation and the steps of "the first filled of several places"."""
    held = [birth for birth, _ in parts]
    value = birth = first_filled(held)
    events = [(step.group, index, step) for index, (_, own) in enumerate(parts) for step in own]
    if not events:
        return birth, NO_STEPS
    steps: list[Step] = []
    for _, index, step in sorted(events, key=lambda event: event[:2]):
        held[index] = step.new
        new = first_filled(held)
        if new != value:
            steps.append(step._replace(old=value, new=new))
            value = new
    return birth, steps


_RANK = {
    state: rank
    for rank, state in enumerate(
        (
            ValueState.FILLED,
            ValueState.ERROR,
            ValueState.UNREADABLE,
            ValueState.PLACEHOLDER,
            ValueState.EMPTY,
            ValueState.UNMAPPED,
        )
    )
}


def _rank(value: Value) -> int:
    return _RANK[value.state]


def first_filled(values: Sequence[Value]) -> Value:
    """Return the first filled value; without one, the value with the strongest evidence that not all are empty."""
    return min(values, key=_rank)


class Birth(NamedTuple):
    """When, in which group and by whom a ticket was created."""

    group: int
    at: datetime
    by: str


def birth_of(history: TicketHistory) -> Birth:
    """Return when and by whom a ticket was created."""
    ticket = history.ticket
    return Birth(history.birth_group, ticket.created_at, ticket.created_by)


_UNBORN = frozenset({ValueState.EMPTY, ValueState.UNMAPPED, ValueState.UNREADABLE})
_OBSERVED, _BIRTH = Origin.OBSERVED, Origin.BIRTH


def add_rows(
    rows: list[FieldChange],
    name: str,
    birth: Birth,
    value: Value,
    steps: Iterable[Step],
    people: PeopleDirectory,
    label: str = "",
    action: str = "",
) -> None:
    """Add the timeline rows of one canonical field: its value at creation, if it had one, and its changes."""
    if value.state not in _UNBORN:
        group, at, account = birth
        by, human = people.author(account) if account else _LOST
        rows.append(FieldChange(at, group, name, EMPTY, value, by, human, _BIRTH, "", label, action))
    for group, at, account, entry, origin, step_label, old, new in steps:
        if old.state is new.state and old.data == new.data and (old.data is not None or old.text == new.text):
            continue
        by, human = people.author(account) if account else (_LOST if origin is not _OBSERVED else _NOBODY)
        rows.append(FieldChange(at, group, name, old, new, by, human, origin, entry, step_label, action))


_LOST: tuple[str | None, bool] = (None, True)
"""A change whose author is unknown counts as a person's."""

_NOBODY: tuple[str | None, bool] = (None, False)
"""A change that only we observed may have no human author."""
