"""One moment of the register, read row by row: all queries see the same commit while a daemon goes on writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from capa_sync.model.chain import ChainHead
from capa_sync.model.columns import RESTRICTED
from capa_sync.model.selection import ExportSelection
from capa_sync.model.view_columns import PUBLIC_VIEWS
from capa_sync.store.chain import VISITS
from capa_sync.store.database import Row
from capa_sync.store.parts import Stored
from capa_sync.store.sqlite_errors import in_words
from capa_sync.store.unreadable import reading

_NUMBER = "CASE WHEN n.year IS NULL THEN '' ELSE printf('NC-%04d-%04d', n.year, n.serial) END"
_ORDER = {
    "v_register": "",
    "v_actions": ", v.action_id",
    "v_findings": ", v.number, v.rule",
    "v_waivers": ", v.id",
    "v_changes": ", v.group_no, v.changed_at, v.entry, v.field_id, v.field",
    "v_writes": ", v.seq",
    "v_tickets": "",
}
_MASKED = {view.name: {column.name for column in view.columns if column.masked} for view in PUBLIC_VIEWS}
_QUOTING = {view.name: {column.name for column in view.columns if column.quotes_actions} for view in PUBLIC_VIEWS}
_ACTIONS_ARE_CLEAR = """NOT EXISTS (SELECT 1 FROM v_actions a
    WHERE a.source = v.source AND a.ticket_id = v.ticket_id AND a.confidential = 'yes')"""
_HEAD = "SELECT number, hash FROM event WHERE kind NOT IN (?, ?, ?) ORDER BY number DESC LIMIT 1"
# An action that is no record is confidential by itself, or as its records are; of a record without a row nothing says
# that it is open.
_HIDDEN = """SELECT m.source, m.ticket_id, COALESCE(t.ticket_key, ''), COALESCE(k.ticket_key, '')
    FROM mirror m LEFT JOIN ticket t ON t.nr = m.nr LEFT JOIN old_key k ON k.nr = m.nr
    LEFT JOIN register_row r ON r.source = m.source AND r.ticket_id = m.ticket_id
    WHERE COALESCE(r.confidential, CASE m.role WHEN 'record' THEN '' ELSE 'no' END) <> 'no'
    OR (m.source, m.ticket_id) IN (SELECT a.source, a.action_id FROM register_row p
        JOIN action a ON a.source = p.source AND a.ticket_id = p.ticket_id
        WHERE p.confidential <> 'no' OR a.confidential = 'yes')"""
# An action in a field is where its record is; the action of a joined record may be of another source, where its id is
# another ticket's, so that its key counts too.
_URL = "COALESCE((SELECT t.url FROM mirror m JOIN ticket t ON t.nr = m.nr WHERE m.source = v.source AND {0}), '')"
_ADDRESSES = {
    "ticket_url": _URL.format("m.ticket_id = v.ticket_id"),
    "action_url": _URL.format(
        "m.ticket_id = CASE v.origin WHEN 'field' THEN v.ticket_id ELSE v.action_id END"
        " AND t.ticket_key = v.action_key"
    ),
}
"""Column that is in no view but `v_register` -> its expression."""
_ENDED = "('closed', 'rejected', 'cancelled', 'duplicate')"


class RegisterSnapshot:
    """One moment of the register, narrowed by a selection; made by `Register.snapshot`."""

    def __init__(self, connection: sqlite3.Connection, path: Path, selection: ExportSelection) -> None:
        self._connection, self._path, self._selection = connection, path, selection

    def of_ticket(self, source: str, ticket_id: str) -> RegisterSnapshot:
        """Return the same moment for another ticket, without another connection."""
        return RegisterSnapshot(self._connection, self._path, ExportSelection(ticket=(source, ticket_id)))

    def rows(self, view: str, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the chosen rows of a public view by register number, and then in a stable order.

        The columns `register_no` and `ticket_url` may be asked of every view, and `action_url` of `v_actions`. One
        row after the other is read: the memory is flat.
        """
        where, values = self._where(view)
        shown = ", ".join(self._shown(view, column) for column in columns)
        return self._query(
            f"""SELECT {shown} FROM {view} v LEFT JOIN register_number n
            ON n.source = v.source AND n.ticket_id = v.ticket_id WHERE {where}
            ORDER BY n.year IS NULL, n.year, n.serial, v.source, v.ticket_id{_ORDER[view]}""",
            values,
        )

    def records(self) -> int:
        """Count the chosen records."""
        where, values = self._chosen("r")
        return int(next(self._query(f"SELECT COUNT(*) FROM register_row r WHERE {where}", values))[0])

    def facts(self) -> dict[str, Any]:
        """Return what the register says about itself: its id, its schema, the rule sets of the chosen findings."""
        where, values = self._where("v_findings")
        meta: dict[str, str] = dict(
            self._query("SELECT name, value FROM meta WHERE name IN ('register_id', 'created_at')")
        )
        return {
            "register": meta.get("register_id", ""),
            "register_created_at": meta.get("created_at", ""),
            "schema": next(self._query("SELECT MAX(name) FROM _sqlite_migrations WHERE migration_set = 'capa_sync'"))[
                0
            ],
            **self._chain(),
            "rule_sets": [
                row[0]
                for row in self._query(f"SELECT DISTINCT v.rule_set FROM finding v WHERE {where} ORDER BY 1", values)
                if row[0]
            ],
        }

    def _chain(self) -> dict[str, str]:
        """Return since when the chain counts, and its newest event but visits: it depends on no other export."""
        since = next(self._query("SELECT at FROM event WHERE number = 1"), ("",))
        head = next(self._query(_HEAD, VISITS), None)
        with reading("no hash of an event"):
            shown = str(ChainHead(head[0], head[1].hex())) if head is not None else ""
        return {"chain_since": since[0], "chain_head": shown}

    def sources(self) -> list[dict[str, Any]]:
        """Return for each source how fresh it is, and how far the checks covered the chosen records."""
        names = ("source", "kind", "as_of", "last_success_at", "tickets", "problem")
        found = {
            row[0]: dict(zip(names, row, strict=True)) | dict.fromkeys((*_COVERAGE, "quarantined"), 0)
            for row in self._query(f"SELECT {', '.join(names)} FROM v_sources ORDER BY source")
            if not self._selection.sources or row[0] in self._selection.sources
        }
        where, values = self._where("v_register")
        counts = ", ".join(_COVERAGE.values())
        for source, *covered in self._query(
            f"SELECT v.source, {counts} FROM v_register v WHERE {where} GROUP BY 1", values
        ):
            found.setdefault(source, {}).update(zip(_COVERAGE, covered, strict=True))
        for source, count in self._query("SELECT source, COUNT(*) FROM quarantine GROUP BY 1"):
            if source in found:
                found[source]["quarantined"] = count
        return list(found.values())

    def versions(self, source: str, ticket_id: str) -> list[tuple[Stored, str]]:
        """Return every stored version of a ticket's raw parts with the instant of its first read, oldest first."""
        sql = """SELECT p.kind, p.version, p.form, p.digest, p.body, p.read_at
            FROM mirror m JOIN part p ON p.nr = m.nr
            WHERE m.source = ? AND m.ticket_id = ? ORDER BY p.kind, p.version"""
        return [(Stored(*row[:5]), row[5]) for row in self._query(sql, (source, ticket_id))]

    def hidden_names(self) -> dict[str, str]:
        """Return key, number or id -> SOURCE:KEY of every ticket that is not known to be open to all.

        An id of digits alone is left out: in raw data any number may be equal to it, and a key stands beside it.
        """
        found = dict[str, str]()
        for source, ticket_id, key, old_key in self._query(_HIDDEN):
            names = {ticket_id if not ticket_id.isdecimal() or not key else "", key, old_key} - {""}
            found |= dict.fromkeys(names, f"{source}:{key or ticket_id}")
        return found

    def _shown(self, view: str, column: str) -> str:
        """Return the expression of a column, masked where the selection demands it."""
        if column == "register_no":
            return _NUMBER
        if column in _ADDRESSES and (view, column) != ("v_register", "ticket_url"):
            return _ADDRESSES[column]
        if not self._selection.is_masked or column not in _MASKED[view]:
            return f"v.{column}"
        clear = "('', 'no')" if view == "v_register" else "('no')"  # a ticket without a row may be confidential
        is_clear = f"v.confidential IN {clear}"
        if column in _QUOTING[view]:
            is_clear = f"{is_clear} AND (v.{column} = '' OR {_ACTIONS_ARE_CLEAR})"
        return f"CASE WHEN {is_clear} THEN v.{column} ELSE '{RESTRICTED}' END"

    def _where(self, view: str) -> tuple[str, list[str]]:
        """Return the condition of a view's rows, with its values."""
        if self._selection.ticket is not None:
            return "v.source = ? AND v.ticket_id = ?", list(self._selection.ticket)
        where, values = self._chosen("v" if view == "v_register" else "r")
        if where == "1" or view == "v_register":
            return where, values
        chosen = f"SELECT r.source, r.ticket_id FROM register_row r WHERE {where}"
        return f"(v.source, v.ticket_id) IN ({chosen})", values

    def _chosen(self, name: str) -> tuple[str, list[str]]:
        """Return the condition of the chosen records on a table or view `name`."""
        wanted: Mapping[str, tuple[str, ...]] = {
            "source": self._selection.sources,
            "grade": self._selection.grades,
            "claimed_stage": self._selection.stages,
            "track": self._selection.tracks,
        }
        parts = [f"{name}.{column} IN ({','.join('?' * len(some))})" for column, some in wanted.items() if some]
        if self._selection.only_open:
            parts.append(f"COALESCE({name}.claimed_stage, '') NOT IN {_ENDED}")
        return " AND ".join(parts) or "1", [value for some in wanted.values() for value in some]

    def _query(self, sql: str, values: Sequence[str] = ()) -> Iterator[Row]:
        with in_words(self._path):
            for row in self._connection.execute(sql, values):  # noqa: UP028 - `yield from` closes the cursor too late
                yield row


_COVERAGE = {
    "records": "COUNT(*)",
    "checked": "SUM(v.checks_made > 0)",
    "with_open_warnings": "SUM(v.warnings_high + v.warnings_medium + v.warnings_low > 0)",
    "with_checks_that_cannot_tell": "SUM(v.cannot_tell <> '')",
    "not_present": "SUM(v.presence <> 'present')",
}
"""Name of a count of records -> its expression."""
