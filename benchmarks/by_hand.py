"""The eight rules of `benchmarks/eight_rules` in hand-written Python: one function a rule, from record to outcome.

Each returns True (ok), False (breach) or None (not applicable). The functions know nothing of texts, evidence,
unknown values or due instants; they show what the same decisions cost without a rule language.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from capa_sync.model.record import CapaRecord, FieldChange, Stage

_PLANNED, _ANALYSED, _IMPLEMENTED = ("planned", "analysed", "implemented")
_DAY = timedelta(days=1)


def _reached(record: CapaRecord, stage: str) -> bool:
    order = ("identified", "contained", "analysed", "planned", "implemented", "verified", "closed")
    return record.stage.value in order and order.index(record.stage.value) >= order.index(stage)


def _first_filled(record: CapaRecord, field: str) -> FieldChange | None:
    return next((c for c in record.timeline if c.field == field and c.new.state == "filled"), None)


def _end(day: object) -> datetime:
    if isinstance(day, datetime):
        return day
    assert isinstance(day, date)
    return datetime.combine(day, time(), UTC) + _DAY


def cause_before_plan(record: CapaRecord, _now: datetime) -> bool | None:
    """Tell whether the root cause was filled before the plan."""
    if not _reached(record, _PLANNED):
        return None
    cause = _first_filled(record, "root_cause")
    planned = next((c for c in record.timeline if c.field == "stage" and c.new.data == "planned"), None)
    return cause is not None and (planned is None or cause.group <= planned.group)


def checked_before_close(record: CapaRecord, _now: datetime) -> bool | None:
    """Tell whether somebody else than the owner checked the effect before the last closing."""
    if record.stage is not Stage.CLOSED:
        return None
    stages = [change for change in record.timeline if change.field == "stage"]
    closings = [change for change in stages if change.new.data == "closed" and change.old.data != "closed"]
    checked = _first_filled(record, "effectiveness_result")
    if checked is None or not closings or checked.group > closings[-1].group:
        return False
    return checked.by != record.fields["owner"].data


def not_overdue(record: CapaRecord, now: datetime) -> bool | None:
    """Tell whether the due date is at most three days ago, or the work is done."""
    due = record.fields["due_at"]
    if due.state != "filled":
        return None
    return _reached(record, _IMPLEMENTED) or now <= _end(due.data) + 3 * _DAY


def corrected_soon(record: CapaRecord, now: datetime) -> bool | None:
    """Tell whether a correction is recorded five days after it was found."""
    found = record.fields["detected_at"]
    since = _end(found.data) if found.state == "filled" else record.created_at
    if now <= since + 5 * _DAY:
        return None
    return record.fields["correction"].state == "filled"


def owner_and_due_date(record: CapaRecord, _now: datetime) -> bool | None:
    """Tell whether a planned record has an owner and a due date."""
    if not _reached(record, _PLANNED):
        return None
    return record.fields["owner"].state == "filled" and record.fields["due_at"].state == "filled"


def similar_considered(record: CapaRecord, _now: datetime) -> bool | None:
    """Tell whether a major one says what the search for similar ones found."""
    if not _reached(record, _ANALYSED) or record.fields["grade"].data != "major":
        return None
    return record.fields["extent_result"].state == "filled"


def real_cause(record: CapaRecord, _now: datetime) -> bool | None:
    """Tell whether the root cause has 20 characters."""
    cause = record.fields["root_cause"]
    if cause.state != "filled":
        return None
    return len(cause.text.strip()) >= 20


def few_moves(record: CapaRecord, _now: datetime) -> bool | None:
    """Tell whether the due date was moved to a later day twice at most."""
    if record.fields["due_at"].state != "filled":
        return None
    moves, before = 0, None
    for change in record.timeline:
        if change.field == "due_at" and isinstance(change.new.data, date):
            moves += before is not None and change.human and _end(change.new.data) > _end(before)
            before = change.new.data
    return moves <= 2


BY_HAND: dict[str, Callable[[CapaRecord, datetime], bool | None]] = {
    "cause-before-plan": cause_before_plan,
    "checked-before-close": checked_before_close,
    "not-overdue": not_overdue,
    "corrected-soon": corrected_soon,
    "owner-and-due-date": owner_and_due_date,
    "similar-considered": similar_considered,
    "real-cause": real_cause,
    "few-moves": few_moves,
}
