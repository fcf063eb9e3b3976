"""Independent references of the phrases about time: plain SQL over a table of changes, and day-by-day counting.

They share no code with the phrases; where both agree on thousands of made-up lives, both mean the same.
"""

# ruff: noqa: S608 - the queries are fixed texts of this file
from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from capa_sync.model.record import CapaRecord
from capa_sync.model.values import Value, ValueState

Reference = Callable[[CapaRecord, datetime], bool]
ZONE = ZoneInfo("Europe/London")
HOLIDAYS = {date(2025, 5, 5), date(2025, 5, 26)}


def database(record: CapaRecord) -> sqlite3.Connection:
    """Return a record's history as three tables; instants in seconds, dates as the second at which they end."""
    db = sqlite3.connect(":memory:")
    db.execute("create table change (seq, grp, at, field, old, new, filled, human, birth, action)")
    db.execute("create table action (id, kind, cancelled, text, text_grp, start_grp)")
    db.execute("create table note (at, human)")
    for seq, c in enumerate(record.timeline):
        row = (seq, c.group, c.at.timestamp(), c.field, stored(c.old), stored(c.new))
        flags = (c.new.state == "filled", c.human, c.origin == "birth", c.action_id)
        db.execute("insert into change values (?,?,?,?,?,?,?,?,?,?)", (*row, *flags))
    for a in record.actions:
        row = (a.id, str(a.kind), a.cancelled, a.text.data, a.text_first_group, a.started_group)
        db.execute("insert into action values (?,?,?,?,?,?)", row)
    for note in record.comments:
        db.execute("insert into note values (?,?)", (note.at.timestamp(), note.human))
    return db


def stored(value: Value) -> object:
    """Return a value as a cell; a placeholder is its text, which no filled value of these lives equals."""
    return value.text if value.state == "placeholder" else plain(value.data)


def plain(data: object) -> object:
    """Return a value as SQL can hold it."""
    if isinstance(data, date) and not isinstance(data, datetime):
        return midnight(data + timedelta(days=1)).timestamp()
    if isinstance(data, datetime):
        return data.timestamp()
    return ",".join(data) if isinstance(data, tuple) else data


def midnight(day: date) -> datetime:
    """Return when a day starts in London."""
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)


def sql(query: str, **values: object) -> Reference:
    """Return the reference that is one SQL expression over the tables."""

    def reference(record: CapaRecord, _: datetime) -> bool:
        db = database(record)
        try:
            return bool(db.execute(f"{COMMON} select {query}", values).fetchone()[0])
        finally:
            db.close()

    return reference


COMMON = """
with first as (select field, min(grp) as grp from change where filled group by field),
status as (select new, min(seq) as seq from change where field = 'source_status' group by new),
implemented as (select min(grp) as grp from change where field = 'stage' and new = 'implemented'),
started as (
  select min(grp) as grp from (
    select text_grp as grp from action where kind <> 'correction'
    union all select start_grp from action where kind <> 'correction'
    union all select grp from implemented)),
closing as (
  select max(grp) as grp from change where field = 'stage' and new = 'closed' and (old <> 'closed' or birth)),
stage as (select new from change where field = 'stage' order by seq desc limit 1),
late as (
  select c.* from change c where exists (select 1 from stage where new = 'closed')
  and c.grp > (select grp from closing) and c.human and c.old is not c.new),
due as (
  select c.seq, c.at, c.grp, c.human, c.new, (
    select coalesce(p.new, p.old) from change p
    where p.field = 'due_at' and p.seq < c.seq and p.new is not null order by p.seq desc limit 1) as before
  from change c where c.field = 'due_at' and c.new is not null),
move as (select *, lead(at) over (order by seq) as upto from (
  select * from due where human and before is not null and new > before))
"""


def first(field: str) -> str:
    """Return the SQL of the group in which a field was first filled."""
    return f"(select grp from first where field = '{field}')"


def before(left: str, right: str) -> str:
    """Return the SQL of `left` in order before `right`; true while `right` never was."""
    return f"{right} is null or ({left} is not null and {left} <= {right})"


REASONED = """not exists (select 1 from move m where not exists (
    select 1 from change r where r.field = 'replan_reason' and r.human and r.filled and r.grp >= m.grp)
  and not exists (
    select 1 from note n where n.human and n.at >= m.at - 86400 and (m.upto is null or n.at < m.upto)))"""
DONE = "(select seq from status where new = 'Done')"
APPROVED = "(select min(seq) from status where new in ('Approved', 'Pre-Approved'))"


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


def not_overdue(days: int) -> Reference:
    """Return the reference of `none is overdue by more than N days`, counting days off hold one by one."""

    def reference(record: CapaRecord, now: datetime) -> bool:
        for action in record.actions:
            due = action.due_at.data
            if action.kind == "correction" or action.cancelled or action.done_at or not isinstance(due, date):
                continue
            if sum(not held_at(record, tick) for tick in ends(due, now)) >= days:
                return False
        return True

    return reference


def emptied(field: str) -> Reference:
    """Return the reference of `emptied again`: nothing stands there now, and something did."""

    def reference(record: CapaRecord, _: datetime) -> bool:
        stood = [change.new.state is ValueState.FILLED for change in record.timeline if change.field == field]
        return any(stood) and record.fields[field].state is not ValueState.FILLED

    return reference


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


REFERENCES: dict[str, Reference] = {
    "root_cause: filled before plan_approved_by was first filled": sql(
        before(first("root_cause"), first("plan_approved_by"))
    ),
    "root_cause: filled before action started": sql(before(first("root_cause"), "(select grp from started)")),
    "root_cause: filled before the record first became implemented": sql(
        before(first("root_cause"), "(select grp from implemented)")
    ),
    "effectiveness_result: filled before the record last became closed": sql(
        before(first("effectiveness_result"), "(select grp from closing)")
    ),
    "source_status: was one of Approved, Pre-Approved before it first became Done": sql(before(APPROVED, DONE)),
    "stage: has been planned": sql("exists (select 1 from change where field = 'stage' and new = 'planned')"),
    "grade: has been major": sql("exists (select 1 from change where field = 'grade' and new = 'major')"),
    "root_cause: emptied again": emptied("root_cause"),
    "effectiveness_result: emptied again": emptied("effectiveness_result"),
    "description: changed after root_cause was first filled": sql(
        f"""exists (select 1 from change where field = 'description' and human and old is not new
        and grp > {first("root_cause")})"""
    ),
    "actions: changed after root_cause was first filled": sql(
        f"""exists (select 1 from change where field = 'actions' and human and grp > {first("root_cause")}
        and action not in (select id from action where kind = 'correction'))"""
    ),
    "actions: changed after extent_result last changed": sql(
        """exists (select 1 from change where field = 'actions' and human
        and grp > (select max(grp) from change where field = 'extent_result' and (birth or old is not new))
        and action not in (select id from action where kind = 'correction'))"""
    ),
    "root_cause: changed at most 1 times after the record first became planned": sql(
        """(select count(*) from change where field = 'root_cause' and human and old is not new and grp >
        (select min(grp) from change where field = 'stage' and new = 'planned')) <= 1"""
    ),
    "due_at: moved later at most 1 times": sql("(select count(*) from move) <= 1"),
    "due_at: each later move has a reason": sql(REASONED),
    "due_at: never moved after it had passed": sql("not exists (select 1 from move where at >= before)"),
    "root_cause: unchanged by a human since closing": sql(
        "not exists (select 1 from late where field = 'root_cause')"
    ),
    "due_at: each change since closing has a reason": sql(
        """not exists (select 1 from late l where field = 'due_at' and not exists (
        select 1 from note n where n.human and n.at >= l.at))"""
    ),
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
}
"""Line of a rule -> its reference."""
