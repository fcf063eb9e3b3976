"""Register numbers, and the derived rows of the register: records, their actions, birth rows and joins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from capa_sync.model.record import Action, FieldChange
from capa_sync.store.chain import Chain
from capa_sync.store.chained_ranges import number_entries
from capa_sync.store.database import Database, Params, Row
from capa_sync.store.judged_rows import Cell, action_row, birth_rows_of, register_row_of
from capa_sync.store.replacing import replace_rows


class Records:
    """The rows behind `v_register`, `v_actions` and the birth rows of `v_changes`."""

    def __init__(self, db: Database, chain: Chain) -> None:
        self._db = db
        self._chain = chain

    # --- numbers ---------------------------------------------------------------------------------------------------
    def register_no(self, source: str, ticket_id: str, year: int) -> str:
        """Return the ticket's register number; the first call assigns it in `year`, later calls return the same.

        Form `NC-YYYY-NNNN`; numbers count up within a year.
        """
        self.give_numbers(source, {ticket_id: year})
        sql = "SELECT year, serial FROM register_number WHERE source = ? AND ticket_id = ?"
        year, serial = self._db.rows(sql, (source, ticket_id))[0]
        return f"NC-{year:04d}-{serial:04d}"

    def give_numbers(self, source: str, years: Mapping[str, int]) -> None:
        """Assign register numbers to tickets (id -> year) in this order; existing numbers stay."""
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
            self._chain.append(list(number_entries(rows)))

    def _last_serial(self, year: int) -> int:
        return int(self._db.value("SELECT MAX(serial) FROM register_number WHERE year = ?", (year,)) or 0)

    # --- rows ------------------------------------------------------------------------------------------------------
    def save_row(self, source: str, ticket_id: str, columns: Mapping[str, Cell]) -> None:
        """Store a record's row; an equal row changes nothing. `columns` and errors as in `register_row_of`."""
        self.replace_register_rows(source, {ticket_id: register_row_of(source, ticket_id, columns)})

    def save_actions(self, source: str, ticket_id: str, actions: Iterable[Action]) -> None:
        """Store a record's actions; equal ones change nothing."""
        self.replace_actions(source, {ticket_id: [action_row(source, ticket_id, action) for action in actions]})

    def save_births(self, source: str, ticket_id: str, timeline: Iterable[FieldChange]) -> None:
        """Store the values of mapped fields at the ticket's creation: the timeline's changes of origin `birth`."""
        self.replace_births(source, {ticket_id: birth_rows_of(source, ticket_id, timeline)})

    def replace_register_rows(self, source: str, rows: Mapping[str, Row]) -> None:
        """Store the rows of many records, by ticket id; equal ones change nothing."""
        replace_rows(self._db, "register_row", source, {ticket_id: [row] for ticket_id, row in rows.items()})

    def replace_actions(self, source: str, rows: Mapping[str, Sequence[Params]]) -> None:
        """Store the action rows of many records, by ticket id; equal ones change nothing."""
        replace_rows(self._db, "action", source, rows)

    def replace_births(self, source: str, rows: Mapping[str, Sequence[Params]]) -> None:
        """Store the birth rows of many records, by ticket id; equal ones change nothing."""
        replace_rows(self._db, "birth", source, rows)

    def replace_disagreements(self, source: str, rows: Mapping[str, Sequence[Params]]) -> None:
        """Store in what the tickets of joined records disagree, by the primary's id; equal ones change nothing."""
        replace_rows(self._db, "disagreement", source, rows)

    def has_row(self, source: str, ticket_id: str) -> bool:
        """Return whether a ticket has a row in the register."""
        sql = "SELECT 1 FROM register_row WHERE source = ? AND ticket_id = ?"
        return self._db.row(sql, (source, ticket_id)) is not None

    def owner_id(self, source: str, ticket_id: str) -> str:
        """Return the person id of a record's owner; "" for none."""
        row = self._db.row(
            "SELECT owner_id FROM register_row WHERE source = ? AND ticket_id = ?", (source, ticket_id)
        )
        return str(row[0] or "") if row is not None else ""

    def remove_row(self, source: str, ticket_id: str) -> None:
        """Remove all that stands in the register of a ticket as a record: it is a duplicate or an action now.

        Its births too: those of a joined record are with the ticket that carries it.
        """
        for table in ("register_row", "action", "birth", "disagreement", "similar_key", "earlier_match"):
            replace_rows(self._db, table, source, {ticket_id: []})

    # --- joins -----------------------------------------------------------------------------------------------------
    def save_join(self, source: str, ticket_id: str, other_source: str, other_key: str) -> list[tuple[str, str]]:
        """Store which ticket of another source this ticket names as the same nonconformity; "" for none.

        Returns (source, id) of the tickets that were or are joined with it; none when nothing changed.
        """
        rows: list[Params] = [(source, ticket_id, other_source, other_key)] if other_key else []
        if self._db.rows("SELECT * FROM joined WHERE source = ? AND ticket_id = ?", (source, ticket_id)) == rows:
            return []
        before = self.joined(source, ticket_id)
        replace_rows(self._db, "joined", source, {ticket_id: rows})
        return sorted({*before, *self.joined(source, ticket_id)})

    @property
    def has_joins(self) -> bool:
        """Return whether any ticket names another as the same nonconformity."""
        return self._db.row("SELECT 1 FROM joined LIMIT 1") is not None

    def joined(self, source: str, ticket_id: str) -> list[tuple[str, str]]:
        """Return (source, id) of mirrored tickets joined with this ticket, in either direction."""
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
