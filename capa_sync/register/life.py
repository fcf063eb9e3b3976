"""What the register shows of a record's life: closures, re-plans, implementation, and the counted periods."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capa_sync.model.record import (
    SIDE_STAGES,
    STAGE_ORDER,
    Action,
    ActionKind,
    ActionOrigin,
    CapaRecord,
    FieldChange,
    Stage,
)
from capa_sync.model.values import ValueState

_COUNTED = frozenset({ActionKind.CORRECTIVE, ActionKind.PREVENTIVE})
_IMPLEMENTED = frozenset(stage.value for stage in STAGE_ORDER[STAGE_ORDER.index(Stage.IMPLEMENTED) :])
_ENDED = frozenset({Stage.CLOSED, *SIDE_STAGES})
_CLOSED = Stage.CLOSED.value
_STAYING = frozenset(stage.value for stage in _ENDED)


def counted_actions(record: CapaRecord) -> list[Action]:
    """Return the actions that remove or prevent causes; cancelled ones and emptied fields are left out."""
    return [action for action in record.actions if action.kind in _COUNTED and is_there(action)]


def is_there(action: Action) -> bool:
    """Return whether an action exists now: it is not cancelled, and its field was not emptied."""
    is_emptied = action.origin is ActionOrigin.FIELD and action.text.state is ValueState.EMPTY
    return not action.cancelled and not is_emptied


def changes_of(record: CapaRecord, name: str) -> list[FieldChange]:
    """Return the timeline rows of one field."""
    return [row for row in record.timeline if row.field == name]


def last_entry(record: CapaRecord, stage: Stage) -> FieldChange | None:
    """Return the row by which a stage was last entered, None when the timeline has no such row."""
    entry = None
    for row in changes_of(record, "stage"):
        if row.new.data == stage.value and row.old.data != stage.value:
            entry = row
    return entry


def closure(record: CapaRecord) -> FieldChange | None:
    """Return the row by which a closed record was closed, None while it is not closed."""
    return last_entry(record, Stage.CLOSED) if record.stage is Stage.CLOSED else None


def reopens(record: CapaRecord) -> int:
    """Return how often a closed record went back to a working stage."""
    left = [row.new for row in record.timeline if row.field == "stage" and row.old.data == _CLOSED]
    return sum([new.is_filled and new.data not in _STAYING for new in left])


def replans(record: CapaRecord, timezone: str) -> int:
    """Return how often a person moved the due date to a later one; a first or an emptied date does not count."""
    moves, before = 0, None
    for row in changes_of(record, "due_at"):
        if before is None and isinstance(row.old.data, date):
            before = row.old.data
        if not isinstance(row.new.data, date):
            continue
        if before is not None and row.human and end_of(row.new.data, timezone) > end_of(before, timezone):
            moves += 1
        before = row.new.data
    return moves


def implemented_at(record: CapaRecord) -> datetime | None:
    """Return when the last counted action was done, None while one is open.

    Without actions: the first entry into stage implemented or later, if the record is in such a stage now.
    """
    done = [action.done_at for action in counted_actions(record)]
    if done:
        return None if None in done else max(at for at in done if at is not None)
    if record.stage not in _IMPLEMENTED:
        return None
    return next((row.at for row in changes_of(record, "stage") if row.new.data in _IMPLEMENTED), None)


def start_of(day: date, timezone: str) -> datetime:
    """Return the instant at which a local day begins; an instant is returned unchanged."""
    if isinstance(day, datetime):
        return day
    return _midnight(day, timezone)


@lru_cache(maxsize=4096)
def _midnight(day: date, timezone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def end_of(day: date, timezone: str) -> datetime:
    """Return the instant at which a deadline ends: 24:00 local for a date, the instant itself otherwise."""
    return day if isinstance(day, datetime) else start_of(day + timedelta(days=1), timezone)


class Spans(NamedTuple):
    """The instants between which days open and days late are counted; an end of None means "until `as_of`"."""

    open_from: datetime
    open_until: datetime | None
    late_from: datetime | None
    late_until: datetime | None


def spans(record: CapaRecord, due: date | None, implemented: datetime | None, timezone: str) -> Spans:
    """Return the spans: open from detection (or creation) until the record ended, late from its due date.

    `implemented` is when the last counted action was done (`implemented_at`).
    """
    detected = record.fields["detected_at"].data
    begun = start_of(detected, timezone) if isinstance(detected, date) else record.created_at
    ended = last_entry(record, record.stage) if record.stage in _ENDED else None
    end = ended.at if ended is not None else None
    late = end_of(due, timezone) if due is not None else None
    return Spans(begun, end, late, implemented or end)


def first_filled(record: CapaRecord, name: str) -> datetime | None:
    """Return when a field that is filled was first filled; for one that no history names, the creation."""
    if not record.fields[name].is_filled:
        return None
    rows = changes_of(record, name)
    return next((row.at for row in rows if row.new.is_filled), record.created_at if not rows else None)
