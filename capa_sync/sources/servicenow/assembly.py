"""Turns rows into readings: each record whole, with history, notes and labels, or skipped with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from capa_sync.errors import Skippable
from capa_sync.model.amounts import count_of
from capa_sync.model.light import light
from capa_sync.model.ticket import Reading, Role, Skip
from capa_sync.ports.mirror import MirrorLookup
from capa_sync.sources.bodies import MOST_ENTRIES, TooMuch
from capa_sync.sources.servicenow.cells import Row, is_table_name, value_of
from capa_sync.sources.servicenow.dictionary import TableFacts
from capa_sync.sources.servicenow.directory import InstanceDirectory
from capa_sync.sources.servicenow.history import Asked, AuditReader, Entries, Past
from capa_sync.sources.servicenow.labels import Mentions, labels_of, learn, mentions_of
from capa_sync.sources.servicenow.parse import ServiceNowParser
from capa_sync.sources.servicenow.parts import (
    AUDIT,
    JOURNAL,
    LABELS,
    REACH,
    RECORD,
    Reach,
    part_of,
    reach_body,
    record_body,
    record_part,
)
from capa_sync.sources.sizes import Oversized, too_large

Refetch = Callable[[Sequence[str]], list[Row]]


@light
class TableSpec:
    """A table spec: the configured table, and for a child table the column that points at the record."""

    table: str
    reference: str = ""

    @property
    def role(self) -> Role:
        """Whether its rows are records, or actions of a record."""
        return Role.ACTION if self.reference else Role.RECORD


@light
class Assembly:
    """Makes readings from rows."""

    directory: InstanceDirectory
    history: AuditReader
    parser: ServiceNowParser
    lookup: MirrorLookup

    def carry(self, table_spec: TableSpec, row: Row) -> None:
        """Fill in number and record reference from the mirror where the answer left them out.

        A column that is missing is hidden from us, not empty: a task does not lose its record by that.
        """
        absent = [column for column in ("number", table_spec.reference) if column and column not in row]
        mirrored = self.lookup.record(self.directory.client.source, value_of(row, "sys_id")) if absent else None
        cells = mirrored.get("row", {}) if mirrored else {}
        row.update({column: cells[column] for column in absent if column in cells})

    def digest(self, table_spec: TableSpec, row: Row) -> str:
        """Return the digest that the row's record part will have."""
        self.carry(table_spec, row)
        try:
            return record_part(
                table_spec.table, table_spec.reference, row, self._facts(table_spec, row).journals
            ).digest
        except TooMuch:
            return ""  # the mirror cannot hold such a row

    def readings(
        self, table_spec: TableSpec, rows: Sequence[Row], now: datetime, refetch: Refetch, asked: Asked | None = None
    ) -> tuple[list[Reading], list[Skip]]:
        """Read the history of these rows and parse them.

        A row that changed while its history was read is read once more, so that values and history agree.

        Args:
            table_spec: of the rows.
            rows: as read, with raw and display values.
            now: the instance's instant; where we may not read the history, our own observation counts from it on.
            refetch: reads rows of this table again by their ids.
            asked: their history, where it was already requested.
        """
        current = {value_of(row, "sys_id"): row for row in rows}
        past = self.history.read(list(current)) if asked is None else self.history.finish(asked)
        stale = [key for key, row in current.items() if past.outran(key, row)]
        if stale:
            current.update({value_of(row, "sys_id"): row for row in refetch(stale)})
            past.renew(self.history.read(stale))
        skipped = self._leave_out(table_spec, current, past)
        for row in current.values():
            self.carry(table_spec, row)
        past = Past(self._kept(AUDIT, past.audit, list(current)), self._kept(JOURNAL, past.notes, list(current)))
        mentions = mentions_of(current, past)
        learn(self.directory, self.directory.table(table_spec.table), list(current.values()), mentions.values())
        found: list[Reading] = []
        for key, row in current.items():
            if entries := _too_many(past, key):
                many = (
                    f"its history has {count_of(entries, 'entry')}, more than the {MOST_ENTRIES} that are worked on"
                )
                skipped.append(Skip(key, value_of(row, "number"), many, self.digest(table_spec, row)))
                continue
            bodies = self._bodies(table_spec, row, past, mentions[key], now)
            try:
                parts = tuple(part_of(kind, body) for kind, body in bodies.items())
                found.append(
                    Reading(self.parser.build(bodies), parts, table_spec.role, in_query=not table_spec.reference)
                )
            except Skippable as error:
                reason = error.message.removeprefix(f"{error.ticket_key}: ")
                skipped.append(Skip(key, error.ticket_key, reason, self.digest(table_spec, row)))
            except TooMuch as much:
                skipped.append(Skip(key, value_of(row, "number"), str(much), self.digest(table_spec, row)))
        return found, skipped

    def _kept(self, kind: str, read: dict[str, Entries] | None, ids: Sequence[str]) -> dict[str, Entries]:
        """Add the history rows that the mirror holds, where we may not read them now, or not all of them.

        What an instance does not show any more is unknown, not gone.
        """
        found = {key: Entries(is_closed=True) for key in ids} if read is None else read
        for key, entries in found.items():
            if not entries.complete or entries.is_closed:
                mirrored = self.lookup.part(self.directory.client.source, key, kind)
                found[key] = entries.with_mirrored(mirrored) if mirrored else entries
        return found

    def _leave_out(self, table_spec: TableSpec, current: dict[str, Row], past: Past) -> list[Skip]:
        """Remove records that are larger than an answer may be, with their history, and return them."""
        large = [key for key, row in current.items() if isinstance(row, Oversized) or past.is_too_large(key)]
        rows = {key: current.pop(key) for key in large}
        why = too_large(self.history.most)
        return [
            Skip(key, value_of(row, "number") or key, why, self.digest(table_spec, row)) for key, row in rows.items()
        ]

    def _bodies(
        self, table_spec: TableSpec, row: Row, past: Past, mentions: Mentions, now: datetime
    ) -> dict[str, Any]:
        """Return the content of each part, by kind."""
        facts, sys_id = self._facts(table_spec, row), value_of(row, "sys_id")
        audit = past.audit.get(sys_id) if past.audit and facts.audited is not False else None
        notes = past.notes.get(sys_id) if past.notes else None
        if audit is None and past.audit:  # audit rows of a class that is not audited prove nothing
            mentions = mentions_of({sys_id: row}, Past(None, past.notes))[sys_id]
        return {
            RECORD: record_body(table_spec.table, table_spec.reference, row, facts.journals),
            AUDIT: audit.rows if audit else [],
            JOURNAL: notes.rows if notes else [],
            REACH: reach_body(audit.reach if audit else Reach.CLOSED, notes.reach if notes else Reach.CLOSED, now),
            LABELS: labels_of(self.directory, facts, row, mentions),
        }

    def _facts(self, table_spec: TableSpec, row: Row) -> TableFacts:
        """Return what is known of the row's real class, which may extend the queried table (facts 2.4)."""
        class_ = value_of(row, "sys_class_name")
        # the parser refuses a row whose class is no table's name; it must not end the reading of its table
        return self.directory.table(class_ if is_table_name(class_) else table_spec.table)


def _too_many(past: Past, sys_id: str) -> int:
    """Return the number of a record's history entries where it exceeds the bound, else 0."""
    kinds = (kind[sys_id].rows for kind in (past.audit, past.notes) if kind and sys_id in kind)
    count = sum(map(len, kinds))
    return count if count > MOST_ENTRIES else 0
