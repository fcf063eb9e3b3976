"""The second reference of the calendar phrases counts days one by one, and imports nothing of the rules package."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from capa_sync.model.record import CapaRecord
from capa_sync.model.values import ValueState
from tests.reference.by_words import Reference, Truth

ZONE = ZoneInfo("Europe/London")
HOLIDAYS = {date(2025, 5, 5), date(2025, 5, 26)}
_UNKNOWN = frozenset({ValueState.UNMAPPED, ValueState.UNREADABLE, ValueState.ERROR})


def midnight(day: date) -> datetime:
    """Return when a day starts in London."""
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)


def local(instant: datetime) -> date:
    """Return the London date of an instant."""
    return instant.astimezone(ZONE).date()


def held_at(record: CapaRecord, tick: datetime) -> bool:
    """Return whether the record was on hold at the end of a day."""
    return any(pause.start < tick and (pause.end is None or tick <= pause.end) for pause in record.pauses)


def ends(start: date, now: datetime) -> list[datetime]:
    """Return the ends of the days after a day that have come by now."""
    found = []
    day = start + timedelta(days=1)
    while midnight(day + timedelta(days=1)) <= now:
        found.append(midnight(day + timedelta(days=1)))
        day += timedelta(days=1)
    return found


def works(tick: datetime) -> bool:
    """Return whether the day that ends then is a business day."""
    day = local(tick) - timedelta(days=1)
    return day.weekday() < 5 and day not in HOLIDAYS


def day_of(record: CapaRecord, field: str) -> date | None:
    """Return a field's local day, None when it is empty."""
    data = record.fields[field].data
    if isinstance(data, datetime):
        return local(data)
    return data if isinstance(data, date) else None


def ago(field: str, days: int) -> Reference:
    """Return the reference of `more than N days ago` for a date."""

    def reference(record: CapaRecord, now: datetime) -> bool:
        day = day_of(record, field)
        return day is not None and now >= midnight(day + timedelta(days=1 + days))

    return reference


def business_ago(field: str, days: int) -> Reference:
    """Return the reference of `more than N business days ago`, counting the ends of business days one by one."""

    def reference(record: CapaRecord, now: datetime) -> bool:
        day = local(record.created_at) if field == "created_at" else day_of(record, field)
        return day is not None and sum(map(works, ends(day, now))) >= days

    return reference


def contain_passed(record: CapaRecord, now: datetime) -> bool:
    """Count business days off hold since it was found, and compare with the grade's number."""
    day = day_of(record, "detected_at") or local(record.created_at)
    allowed = {"major": 5, "observation": 20, "ofi": 20}.get(str(record.fields["grade"].data), 10)
    return sum(works(tick) and not held_at(record, tick) for tick in ends(day, now)) >= allowed


def ago_off_hold(field: str, days: int) -> Reference:
    """Return the reference of `more than N days ago without days on hold`, counting days off hold one by one."""

    def reference(record: CapaRecord, now: datetime) -> bool:
        day = day_of(record, field)
        return day is not None and sum(not held_at(record, tick) for tick in ends(day, now)) >= days

    return reference


def due_after_contain(record: CapaRecord, _: datetime) -> bool:
    """Count the business days from the day it was found to the due date, and compare with the grade's number."""
    due, found = day_of(record, "due_at"), day_of(record, "detected_at")
    if due is None or found is None:
        return False
    allowed = {"major": 5, "observation": 20, "ofi": 20}.get(str(record.fields["grade"].data), 10)
    return sum(map(works, ends(found, midnight(due + timedelta(days=1))))) >= allowed


def late_actions(record: CapaRecord, now: datetime, days: int) -> set[str]:
    """Return the open actions whose due date ended so many days off hold ago, counting them one by one."""
    found = set()
    for action in record.actions:
        due = action.due_at.data
        is_open = action.kind != "correction" and not action.cancelled and action.done_at is None
        if is_open and isinstance(due, date) and sum(not held_at(record, tick) for tick in ends(due, now)) >= days:
            found.add(action.id)
    return found


def not_overdue(days: int) -> Reference:
    """Return the reference of `none is overdue by more than N days`."""
    return lambda record, now: not late_actions(record, now, days)


def spell(stage: str, days: int) -> Reference:
    """Return the reference of `became A more than N days ago`: go back over the stages to where the spell began."""

    def reference(record: CapaRecord, now: datetime) -> bool:
        if record.stage != stage:
            return False
        began = None
        for change in record.timeline:
            if change.field == "stage":
                began = (began or change.at) if change.new.data == stage else None
        wall = began.astimezone(ZONE).replace(tzinfo=None) + timedelta(days=days)  # type: ignore[union-attr]
        return now >= wall.replace(tzinfo=ZONE)

    return reference


def _apart(left: str, right: str, test: Callable[[int], bool]) -> Reference:
    """Return the reference of a comparison of two days."""

    def reference(record: CapaRecord, _: datetime) -> Truth:
        if {record.fields[left].state, record.fields[right].state} & _UNKNOWN:
            return None
        here, there = day_of(record, left), day_of(record, right)
        if here is None or there is None:
            return False
        ordinal = here.toordinal() - there.toordinal()
        return test(ordinal)

    return reference


COMPARED: dict[str, Reference] = {
    "due_at: on or before detected_at": _apart("due_at", "detected_at", lambda days: days < 1),
    "occurred_at: on or before effectiveness_due": _apart("occurred_at", "effectiveness_due", lambda days: days < 1),
    "occurred_at: within 9 days of effectiveness_due": _apart(
        "occurred_at", "effectiveness_due", lambda days: -10 < days < 10
    ),
    "occurred_at: at least 20 days after effectiveness_due": _apart(
        "occurred_at", "effectiveness_due", lambda days: days > 19
    ),
}
"""Line of a rule that compares two days -> its reference, on every ticket."""

BY_DAYS: dict[str, Reference] = {
    "due_at: more than 7 days ago": ago("due_at", 7),
    "due_at: not in the past": lambda r, now: day_of(r, "due_at") is not None and not ago("due_at", 0)(r, now),
    "due_at: not more than 3 days ago": lambda r, now: (
        day_of(r, "due_at") is not None and not ago("due_at", 3)(r, now)
    ),
    "created_at: more than 2 business days ago": business_ago("created_at", 2),
    "detected_at: more than 9 business days ago": business_ago("detected_at", 9),
    "identified_at: past the contain deadline": contain_passed,
    "due_at: more than 7 days ago without days on hold": ago_off_hold("due_at", 7),
    "due_at: not before the contain deadline of detected_at": due_after_contain,
    "actions: none is overdue by more than 1 day": not_overdue(1),
    "actions: none is overdue by more than 14 days": not_overdue(14),
    "stage: became planned more than 5 days ago": spell("planned", 5),
    "detected_at: not more than 9 business days ago": lambda r, now: (
        day_of(r, "detected_at") is not None and not business_ago("detected_at", 9)(r, now)
    ),
}
"""Line of a rule about time -> its reference, on tickets that can be read as a whole."""

FACTS: dict[str, Callable[[CapaRecord, datetime], object]] = {
    "actions: none is overdue by more than 1 day": lambda record, now: late_actions(record, now, 1),
    "actions: none is overdue by more than 14 days": lambda record, now: late_actions(record, now, 14),
}
"""Line of a rule -> what it names beside its truth: one more late action is a change too."""
