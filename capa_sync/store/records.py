"""Register numbers, and the derived rows of the register: records, their actions, birth rows and joins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from capa_sync.model.record import Action, FieldChange
from capa_sync.model.ticket import Origin
from capa_sync.model.values import Value
from capa_sync.store.columns import day_or_instant_text, digest_of, instant_text, optional_text
from capa_sync.store.database import Database, Params, Row
from capa_sync.store.migrations import REGISTER_COLUMNS
from capa_sync.store.replacing import replace_rows

Cell = str | int | date | datetime | None

# The contract's columns. How far a copy is behind is no property of the record, and what a later version adds must
# not change the hash of an unchanged one.
_HASHED = REGISTER_COLUMNS[: REGISTER_COLUMNS.index("row_hash")]
_COLUMNS = frozenset(REGISTER_COLUMNS)


def row_hash(columns: Mapping[str, Cell]) -> str:
    """Return SHA-256 hex over a register row's stored columns in the view's order, absent ones as empty."""
    return digest_of(str(_cell(columns.get(name)) or "") for name in _HASHED)


class Records:
    """The rows behind `v_register`, `v_actions` and the birth rows of `v_changes`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # --- numbers ---------------------------------------------------------------------------------------------------
    def register_no(self, source: str, ticket_id: str, year: int) -> str:
        """Return the ticket's register number, given out once in the year told then and never again.

        Form `NC-YYYY-NNNN`; numbers count up within a year.
        """
        self.give_numbers(source, {ticket_id: year})
        sql = "SELECT year, serial FROM register_number WHERE source = ? AND ticket_id = ?"
        held = self._db.rows(sql, (source, ticket_id))[0]
        return f"NC-{held[0]:04d}-{held[1]:04d}"

    def give_numbers(self, source: str, years: Mapping[str, int]) -> None:
        """Give each ticket (id -> year) its register number, in this order; those that have one keep it."""
        with self._db.transaction():
            sql = "SELECT ticket_id FROM register_number WHERE source = ? AND ticket_id IN (?)"
            known = {row[0] for row in self._db.rows_in(sql, (source,), list(years))}
            fresh = {ticket_id: year for ticket_id, year in years.items() if ticket_id not in known}
            last = {year: self._last_serial(year) for year in set(fresh.values())}
            rows: list[Params] = []
            for ticket_id, year in fresh.items():
                last[year] += 1
                rows.append((source, ticket_id, year, last[year]))
            self._db.execute_many("INSERT INTO register_number VALUES (?,?,?,?)", rows)

    def _last_serial(self, year: int) -> int:
        return int(self._db.value("SELECT MAX(serial) FROM register_number WHERE year = ?", (year,)) or 0)

    # --- rows ------------------------------------------------------------------------------------------------------
    def save_row(self, source: str, ticket_id: str, columns: Mapping[str, Cell]) -> None:
        """Store a record's row; an equal one changes nothing.

        `columns` are those of `v_register` without `register_no`, `source`, `days_late`, `days_open` and
        `synced_at`, which the view adds; dates and instants as such or as text. Besides: `confidential` (yes/no),
        and the instants between which days are counted, where they differ from the plain reading: `open_from`
        (else detected_at), `open_until` (else closed_at), `late_from` (else the end of due_at), `late_until` (else
        implemented_at). `row_hash` is worked out when it is not given. Raises ValueError for an unknown column.
        """
        self.save_rows(source, {ticket_id: columns})

    def save_rows(self, source: str, columns: Mapping[str, Mapping[str, Cell]]) -> None:
        """Store the rows of many records, by ticket id, as `save_row` does for one."""
        rows = {ticket_id: [_register_row(source, ticket_id, cells)] for ticket_id, cells in columns.items()}
        replace_rows(self._db, "register_row", source, rows)

    def save_actions(self, source: str, ticket_id: str, actions: Iterable[Action]) -> None:
        """Store a record's actions; equal ones change nothing."""
        self.save_all_actions(source, {ticket_id: actions})

    def save_all_actions(self, source: str, actions: Mapping[str, Iterable[Action]]) -> None:
        """Store the actions of many records, by ticket id."""
        rows = {each: [_action_row(source, each, action) for action in found] for each, found in actions.items()}
        replace_rows(self._db, "action", source, rows)

    def save_births(self, source: str, ticket_id: str, timeline: Iterable[FieldChange]) -> None:
        """Store what mapped fields held when the ticket was made: the timeline's changes of origin `birth`."""
        self.save_all_births(source, {ticket_id: timeline})

    def save_all_births(self, source: str, timelines: Mapping[str, Iterable[FieldChange]]) -> None:
        """Store the births of many records, by ticket id."""
        rows = {each: _birth_rows(source, each, timeline) for each, timeline in timelines.items()}
        replace_rows(self._db, "birth", source, rows)

    def remove_row(self, source: str, ticket_id: str) -> None:
        """Take a ticket's row and actions out of the register, as when it is judged with another or set aside."""
        for table in ("register_row", "action"):
            replace_rows(self._db, table, source, {ticket_id: []})

    # --- joins -----------------------------------------------------------------------------------------------------
    def save_join(self, source: str, ticket_id: str, other_source: str, other_key: str) -> list[tuple[str, str]]:
        """Store which ticket of another source this one says to be the same as; "" for none.

        Returns (source, id) of the tickets that were joined with it or are now; none where nothing changed.
        """
        rows: list[Params] = [(source, ticket_id, other_source, other_key)] if other_key else []
        if self._db.rows("SELECT * FROM joined WHERE source = ? AND ticket_id = ?", (source, ticket_id)) == rows:
            return []
        before = self.joined(source, ticket_id)
        replace_rows(self._db, "joined", source, {ticket_id: rows})
        return sorted({*before, *self.joined(source, ticket_id)})

    @property
    def has_joins(self) -> bool:
        """Tell whether any ticket at all names another as its twin."""
        return self._db.row("SELECT 1 FROM joined LIMIT 1") is not None

    def joined(self, source: str, ticket_id: str) -> list[tuple[str, str]]:
        """Return (source, id) of mirrored tickets joined with this one, whichever of the two names the other."""
        if not self.has_joins:
            return []
        rows = self._db.rows(
            """SELECT m.source, m.ticket_id FROM joined j JOIN mirror m ON m.source = j.other_source AND m.nr IN (
                SELECT nr FROM ticket WHERE ticket_key = j.other_key UNION
                SELECT nr FROM old_key WHERE ticket_key = j.other_key)
                WHERE j.source = ? AND j.ticket_id = ?
            UNION SELECT j.source, j.ticket_id FROM joined j WHERE j.other_source = ? AND j.other_key IN (
                SELECT ticket_key FROM ticket WHERE source = ? AND ticket_id = ? UNION
                SELECT o.ticket_key FROM old_key o JOIN mirror m ON m.nr = o.nr
                WHERE m.source = ? AND m.ticket_id = ?) ORDER BY 1, 2""",
            (source, ticket_id, source, source, ticket_id, source, ticket_id),
        )
        return [(row[0], row[1]) for row in rows]


def _register_row(source: str, ticket_id: str, columns: Mapping[str, Cell]) -> Row:
    if not columns.keys() <= _COLUMNS:
        message = f"no columns of the register: {sorted(columns.keys() - _COLUMNS)}"
        raise ValueError(message)
    cells = {name: _cell(columns.get(name)) for name in REGISTER_COLUMNS}
    if "row_hash" not in columns:
        cells["row_hash"] = row_hash(cells)
    return (source, ticket_id, *cells.values())


def _birth_rows(source: str, ticket_id: str, timeline: Iterable[FieldChange]) -> list[Params]:
    births = {(one.tracker_field or one.field, one.field): one for one in timeline if one.origin is Origin.BIRTH}
    return [
        (source, ticket_id, *names, one.new.text or _words(one.new), instant_text(one.at), one.by or "")
        for names, one in births.items()
    ]


def _cell(cell: Cell) -> str | int | None:
    if isinstance(cell, date):
        return day_or_instant_text(cell)
    return int(cell) if isinstance(cell, bool) else cell


def _action_row(source: str, ticket_id: str, action: Action) -> Row:
    due = action.due_at.data
    return (
        source,
        ticket_id,
        action.id,
        action.key,
        action.origin.value,
        action.kind.value,
        _words(action.text),
        _words(action.owner),
        day_or_instant_text(due) if isinstance(due, date) else None,
        optional_text(action.done_at),
    )


def _words(value: Value) -> str:
    """Return a canonical value as the register shows it; people as their canonical ids."""
    if isinstance(value.data, str):
        return value.data
    if isinstance(value.data, date):
        return day_or_instant_text(value.data)
    return ", ".join(value.data) if isinstance(value.data, tuple) else value.text
