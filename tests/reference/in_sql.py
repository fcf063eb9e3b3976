"""The reference of the phrases about states, orders, counts, people and closure: plain SQL over a ticket's tables.

It imports nothing of the rules package. NULL is cannot tell.
"""

# ruff: noqa: S608 - the queries are fixed texts of this file
from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from capa_sync.model.record import CapaRecord
from capa_sync.model.values import Value
from tests.reference.by_days import midnight
from tests.reference.by_words import Reference, Truth

_TABLES = """
create table change (seq, grp, at, field, old, new, filled, human, birth, action, by);
create table action (id, kind, cancelled, origin, readable, done, text, text_grp, start_grp, owner,
  text_state, owner_state, due_state, evidence_state);
create table note (at, human);
create table value (field, state, data);
create table person (id, active);
create table meta (mapped, problem);
"""


class Tables:
    """The tables of one ticket at a time, so that SQLite compiles each query once."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", cached_statements=500)
        self._db.executescript(_TABLES)
        self._held: CapaRecord | None = None

    def ask(self, query: str, record: CapaRecord) -> Truth:
        """Return the truth of a query about a record."""
        if record is not self._held:
            self._fill(record)
        (found,) = self._db.execute(query).fetchone()
        return None if found is None else bool(found)

    def _fill(self, record: CapaRecord) -> None:
        tables = {
            "change": _changes(record),
            "action": _actions(record),
            "note": ((note.at.timestamp(), note.human) for note in record.comments),
            "value": _values(record),
            "person": record.people_active.items(),
            "meta": [(record.actions_mapped, record.actions_problem)],
        }
        for table, rows in tables.items():
            self._db.execute(f"delete from {table}")
            for row in rows:
                self._db.execute(f"insert into {table} values ({','.join('?' * len(row))})", row)
        self._held = record


def _changes(record: CapaRecord) -> Iterator[tuple[object, ...]]:
    for seq, c in enumerate(record.timeline):
        flags = (c.new.state == "filled", c.human, c.origin == "birth", c.action_id, c.by)
        yield (seq, c.group, c.at.timestamp(), c.field, stored(c.old), stored(c.new), *flags)


def _actions(record: CapaRecord) -> Iterator[tuple[object, ...]]:
    for a in record.actions:
        states = (str(value.state) for value in (a.text, a.owner, a.due_at, a.evidence))
        done = a.done_at is not None
        yield (a.id, str(a.kind), a.cancelled, str(a.origin), a.readable, done, a.text.data, a.text_first_group,
               a.started_group, a.owner.data, *states)  # fmt: skip


def _values(record: CapaRecord) -> Iterator[tuple[object, ...]]:
    for name, value in record.fields.items():
        is_list = isinstance(value.data, tuple)
        yield name, str(value.state), json.dumps(value.data) if is_list else stored(value)
    yield "stage", "filled", str(record.stage)
    yield "source_status", "filled", record.source_status
    yield "presence", "filled", str(record.presence)
    yield "profile", "filled", "standard"
    yield "attachments", "unreadable" if record.attachments is None else "filled", record.attachments


def stored(value: Value) -> object:
    """Return a value as a cell; a placeholder is its text, which no filled value of these lives equals."""
    return value.text if value.state == "placeholder" else plain(value.data)


def plain(data: object) -> object:
    """Return a value as SQL can hold it: instants in seconds, dates as the second at which they end."""
    if isinstance(data, date) and not isinstance(data, datetime):
        return midnight(data + timedelta(days=1)).timestamp()
    if isinstance(data, datetime):
        return data.timestamp()
    return ",".join(data) if isinstance(data, tuple) else data


_HELD = Tables()


def sql(query: str) -> Reference:
    """Return the reference that is one SQL expression over the tables."""
    whole = f"{COMMON} select {query}"
    return lambda record, _: _HELD.ask(whole, record)


COMMON = """
with counted as (
  select * from action where kind in ('corrective', 'preventive') and not cancelled
  and not (origin = 'field' and text_state = 'empty')),
unseen as (
  select problem <> '' or exists (select 1 from action where not readable)
  or (not mapped and not exists (select 1 from action)) as some from meta),
first as (select field, min(grp) as grp from change where filled group by field),
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


UNKNOWN = "('unmapped', 'unreadable', 'error')"


def state(field: str, test: str) -> str:
    """Return the SQL of a test of the present value; NULL while the value is not known."""
    return f"(select case when state in {UNKNOWN} then null else {test} end from value where field = '{field}')"


def is_in(field: str, *words: str, among: bool = True) -> str:
    """Return the SQL of `is one of`; an empty value meets no comparison."""
    listed = ", ".join(f"'{word}'" for word in words)
    return state(field, f"state = 'filled' and lower(data) {'' if among else 'not'} in ({listed})")


def emptied(field: str) -> str:
    """Return the SQL of `emptied again`: nothing stands there now, and something did."""
    stood = f"exists (select 1 from change where field = '{field}' and filled)"
    gone = state(field, "state <> 'filled'")
    return f"{stood} and {gone}"


def count_is(count: str, test: str, *, most: bool) -> str:
    """Return the SQL of a count of actions; there may be more where some cannot be read."""
    told, other = (0, 1) if most else (1, 0)
    breaks = f"not ({count} {test})" if most else f"{count} {test}"
    return f"case when {breaks} then {told} when (select some from unseen) then null else {other} end"


def each(rows: str, *parts: str) -> str:
    """Return the SQL of `each has …` over some of the actions."""
    lacks = " or ".join(f"{part}_state in ('empty', 'placeholder')" for part in parts)
    hides = " or ".join(f"{part}_state in {UNKNOWN}" for part in parts)
    return f"""case when exists (select 1 from counted where {rows} and ({lacks})) then 0
    when (select some from unseen) or exists (select 1 from counted where {rows} and ({hides})) then null
    else 1 end"""


def person(field: str, what: str) -> str:
    """Return the SQL of the state or the data of a person's field."""
    return f"(select {what} from value where field = '{field}')"


def same(left: str, right: str) -> str:
    """Return the SQL of `same person as`."""
    one, other = person(left, "state"), person(right, "state")
    return f"""case when {one} in {UNKNOWN} or {other} in {UNKNOWN} then null
    when {one} <> 'filled' or {other} <> 'filled' then 0
    else {person(left, "data")} = {person(right, "data")} end"""


def other_than(left: str, people: str, unsure: str) -> str:
    """Return the SQL of `not the same person as …` for a set of people, some of whom may be unknown."""
    return f"""case when {person(left, "state")} in ('empty', 'placeholder') then 0
    when {person(left, "state")} in {UNKNOWN} then null
    when {person(left, "data")} in ({people}) then 0
    when not exists ({people}) or {unsure} then null else 1 end"""


def by_other(left: str, floor: str, field: str) -> str:
    """Return the SQL of an order that somebody else than a field names must have met."""
    filled = f"(select by from change where field = '{left}' and filled order by seq limit 1)"
    human = f"(select human from change where field = '{left}' and filled order by seq limit 1)"
    named = f"(select data from value where field = '{field}' and state = 'filled')"
    in_time = before(first(left), floor)
    return f"""case when {first(left)} is null then {in_time} when not ({in_time}) then 0
    when not {human} then null else {filled} <> {named} end"""


REASONED = """not exists (select 1 from move m where not exists (
    select 1 from change r where r.field = 'replan_reason' and r.human and r.filled and r.grp >= m.grp)
  and not exists (
    select 1 from note n where n.human and n.at >= m.at - 86400 and (m.upto is null or n.at < m.upto)))"""
DONE = "(select seq from status where new = 'Done')"
APPROVED = "(select min(seq) from status where new in ('Approved', 'Pre-Approved'))"


OPEN = "(select count(*) from counted where readable and not done)"
ACTIONS = "(select count(*) from counted)"
LISTED = "case when state = 'filled' then json_array_length(data) else 0 end"
OWNERS = "select owner from counted where owner_state = 'filled'"
OWNER_HIDDEN = f"(select some from unseen) or exists (select 1 from counted where owner_state in {UNKNOWN})"
NAMED = "select data from value where field = 'owner' and state = 'filled'"
NAMED_HIDDEN = f"{person('owner', 'state')} in {UNKNOWN}"
NEEDED = """case when (select count(*) from counted) then 'yes'
  when (select mapped from meta) and (select some from unseen) and
    (select data is not 'yes' from value where field = 'action_needed') then null
  else (select case when state in ('unmapped', 'unreadable', 'error') then null else coalesce(data, '') end
    from value where field = 'action_needed') end"""
ACTIVE = f"""case when {person("owner", "state")} in {UNKNOWN} then null
  when {person("owner", "state")} <> 'filled' then 0
  else (select active from person where id = {person("owner", "data")}) end"""
LATER_STAGES = "data in ('planned', 'implemented', 'verified', 'closed')"

PRESENT: dict[str, Reference] = {
    "root_cause: filled": sql(state("root_cause", "state = 'filled'")),
    "grade: not filled": sql(state("grade", "state <> 'filled'")),
    "owner: empty": sql(state("owner", "state = 'empty'")),
    "why_chain: filled": sql(state("why_chain", "state = 'filled'")),
    "due_at: filled": sql(state("due_at", "state = 'filled'")),
    "training_needed: empty": sql(state("training_needed", "state = 'empty'")),
    "actions: filled": sql(count_is(ACTIONS, ">= 1", most=False)),
    "action_owners: filled": sql(f"case when exists ({OWNERS}) then 1 when {OWNER_HIDDEN} then null else 0 end"),
    "grade: is major": sql(is_in("grade", "major")),
    "grade: is not minor": sql(is_in("grade", "minor", among=False)),
    "source: is one of internal_audit, supplier, monitoring, other": sql(
        is_in("source", "internal_audit", "supplier", "monitoring", "other")
    ),
    "source: is not one of internal_audit, supplier, monitoring, other": sql(
        is_in("source", "internal_audit", "supplier", "monitoring", "other", among=False)
    ),
    "stage: is one of planned, closed": sql(is_in("stage", "planned", "closed")),
    "stage: is not closed": sql(is_in("stage", "closed", among=False)),
    "presence: is present": sql(is_in("presence", "present")),
    'source_status: is "pre-approved"': sql(is_in("source_status", "pre-approved")),
    "training_needed: is yes": sql(state("training_needed", "data is 'yes'")),
    "training_needed: is no": sql(state("training_needed", "data is 'no'")),
    "action_needed: is no": sql(f"({NEEDED}) = 'no'"),
    "action_needed: is yes": sql(f"({NEEDED}) = 'yes'"),
    "stage: at least planned": sql(state("stage", LATER_STAGES)),
    "requirement_ref: at least 2": sql(state("requirement_ref", f"{LISTED} >= 2")),
    "requirement_ref: at most 1": sql(state("requirement_ref", f"{LISTED} <= 1")),
    "attachments: at least 1": sql(state("attachments", "data >= 1")),
    "actions: at least 2": sql(count_is(ACTIONS, ">= 2", most=False)),
    "actions: at most 1": sql(count_is(ACTIONS, "<= 1", most=True)),
    "actions: at most 0 are open": sql(count_is(OPEN, "<= 0", most=True)),
    "actions: each has text, owner, due_at": sql(each("readable", "text", "owner", "due")),
    "actions: each done one has evidence": sql(each("readable and done", "evidence")),
    "owner: an active person": sql(ACTIVE),
    "raised_by: same person as owner": sql(same("raised_by", "owner")),
    "raised_by: not the same person as owner": sql(other_than("raised_by", NAMED, NAMED_HIDDEN)),
    "raised_by: not the same person as any of owner, action_owners": sql(
        other_than("raised_by", f"{NAMED} union {OWNERS}", f"({NAMED_HIDDEN} or {OWNER_HIDDEN})")
    ),
}
"""Line of a rule about the present -> its reference, on every ticket."""

HISTORY: dict[str, Reference] = {
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
    "root_cause: emptied again": sql(emptied("root_cause")),
    "effectiveness_result: emptied again": sql(emptied("effectiveness_result")),
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
    "replans: at most 1": sql("(select count(*) from move) <= 1"),
    "root_cause: filled before the record first became planned by someone other than owner": sql(
        by_other("root_cause", "(select min(grp) from change where field = 'stage' and new = 'planned')", "owner")
    ),
    "effectiveness_result: filled before the record last became closed by someone other than owner": sql(
        by_other("effectiveness_result", "(select grp from closing)", "owner")
    ),
}
"""Line of a rule about the history -> its reference, on tickets that can be read as a whole."""
