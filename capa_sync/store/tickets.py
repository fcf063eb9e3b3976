"""The mirror: raw parts that are never deleted, tickets parsed from them, and the presence of each ticket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from capa_sync.model.ticket import Cursor, Page, Presence, Reading, Role, SourceTicket
from capa_sync.ports.reading import Parser
from capa_sync.store import assembly, ticket_rows
from capa_sync.store.chain import Chain
from capa_sync.store.columns import instant, json_text, json_value, optional_instant, optional_text
from capa_sync.store.database import Database
from capa_sync.store.intake import Intake, last_of_each
from capa_sync.store.presences import Presences
from capa_sync.store.quarantine import Quarantine

_BATCH = 200
_UNKNOWN = """ticket t JOIN mirror m ON m.nr = t.nr
    WHERE t.source = ? AND t.unknown <> '' AND m.presence = 'present'"""


def _is_erased(reading: Reading, erased: Set[str]) -> bool:
    """Tell whether a reading would bring an erased ticket back, or its part that nothing else names."""
    ticket = reading.ticket
    return ticket.id in erased or (ticket.parent in erased and not reading.in_query)


class Tickets(Presences, Quarantine):
    """The mirror: raw parts, tickets, changes, cursors, presences; answers `Mirror` and `MirrorLookup`."""

    def __init__(self, db: Database, chain: Chain) -> None:
        super().__init__(db)
        self._chain = chain

    # --- reading pages in --------------------------------------------------------------------------------------
    def commit_page(self, source: str, page: Page, at: datetime, run: int, parser: Parser) -> list[str]:
        """Store a page with its cursor in one transaction; return ids of tickets that are new or changed.

        A ticket counts as changed when one of its parts has new content, when it was not `present` before, or when
        the query starts or stops returning it. A page of known content changes no row. `parser` parses the version
        before, to find changes without a history entry.

        Raises RegisterUnavailable; then neither the page nor its cursor is stored.
        """
        with self._db.transaction():
            readings = last_of_each(self._not_erased(source, page.readings))
            changed: list[str] = []
            stored = 0
            for start in range(0, len(readings), _BATCH):  # a large page takes no more memory than a small one
                intake = Intake(self._db, self._chain, source, at, run, parser)
                ids, versions = intake.take(readings[start : start + _BATCH])
                changed, stored = changed + ids, stored + versions
            if stored:
                self._db.execute("UPDATE run SET stored = stored + ? WHERE id = ?", (stored, run))
            self.save_cursor(source, page.cursor)
        return changed

    def _not_erased(self, source: str, readings: Sequence[Reading]) -> Sequence[Reading]:
        """Return the readings without those of erased tickets, and of their sub-tasks and children."""
        if self._db.row("SELECT 1 FROM tombstone LIMIT 1") is None:
            return readings
        sql = "SELECT ticket_id FROM tombstone WHERE source = ? AND ticket_id IN (?)"
        named = {word for reading in readings for word in (reading.ticket.id, reading.ticket.parent) if word}
        erased = {row[0] for row in self._db.rows_in(sql, (source,), sorted(named))}
        return [reading for reading in readings if not _is_erased(reading, erased)]

    def cursor(self, source: str) -> Cursor:
        """Return the stored cursor, an empty one before the first page."""
        row = self._db.row("SELECT state, watermark FROM cursor WHERE source = ?", (source,))
        return Cursor(json_value(row[0]), optional_instant(row[1])) if row else Cursor()

    def save_cursor(self, source: str, cursor: Cursor) -> None:
        """Store the position where reading continues; an equal cursor changes no row."""
        self._db.execute(
            """INSERT INTO cursor VALUES (?,?,?) ON CONFLICT (source) DO UPDATE
            SET state = excluded.state, watermark = excluded.watermark
            WHERE (state, watermark) IS NOT (excluded.state, excluded.watermark)""",
            (source, json_text(dict(cursor.state)), optional_text(cursor.watermark)),
        )

    # --- tickets -----------------------------------------------------------------------------------------------
    def ticket(self, source: str, ticket_id: str, parser: Parser) -> SourceTicket | None:
        """Return the mirrored ticket, parsed, with observed changes, lost fields and old keys filled in."""
        nr = self._nr(source, ticket_id)
        return None if nr is None else assembly.load(self._db, [nr], parser).get(nr)

    def tickets(self, source: str, parser: Parser, role: Role | None = None) -> Iterator[SourceTicket]:
        """Iterate over mirrored tickets of one source in id order, also those that vanished."""
        where, params = ("AND role = ?", (source, role.value)) if role else ("", (source,))
        found = self._db.rows(f"SELECT nr FROM mirror WHERE source = ? {where} ORDER BY ticket_id", params)
        for start in range(0, len(found), _BATCH):
            numbers = [row[0] for row in found[start : start + _BATCH]]
            loaded = assembly.load(self._db, numbers, parser)
            yield from (loaded[nr] for nr in numbers if nr in loaded)

    def _nr(self, source: str, ticket_id: str) -> int | None:
        nr: int | None = self._db.value(
            "SELECT nr FROM mirror WHERE source = ? AND ticket_id = ?", (source, ticket_id)
        )
        return nr

    # --- finding tickets ---------------------------------------------------------------------------------------
    def find(self, name: str) -> list[tuple[str, str]]:
        """Return (source, id) of tickets by `KEY`, an earlier key, an id, or any of them as `SOURCE:KEY`.

        Trackers write keys in capitals; a name that is not found as typed is looked up in capitals.
        """
        return self._find_as_typed(name) or self._find_as_typed(name.upper())

    def named(self, name: str) -> list[tuple[str, str]]:
        """Return what `find` returns, else the record with this register number (`NC-2026-0015`)."""
        return self.find(name) or self._numbered(name)

    def _numbered(self, name: str) -> list[tuple[str, str]]:
        prefix, *numbers = name.upper().split("-")
        if prefix != "NC" or len(numbers) != 2 or not all(part.isdecimal() and len(part) < 10 for part in numbers):
            return []
        sql = "SELECT source, ticket_id FROM register_number WHERE year = ? AND serial = ?"
        return [(row[0], row[1]) for row in self._db.rows(sql, [int(part) for part in numbers])]

    def _find_as_typed(self, name: str) -> list[tuple[str, str]]:
        found = self._find(name, "")
        source, colon, key = name.partition(":")
        return found or (self._find(key, source.lower()) if colon else [])

    def _find(self, key: str, source: str) -> list[tuple[str, str]]:
        rows = self._db.rows(
            """SELECT m.source, m.ticket_id FROM mirror m WHERE m.nr IN (
                SELECT nr FROM ticket WHERE ticket_key = ? UNION SELECT nr FROM old_key WHERE ticket_key = ?)
            UNION SELECT source, ticket_id FROM mirror WHERE ticket_id = ? ORDER BY 1, 2""",
            (key, key, key),
        )
        return [(row[0], row[1]) for row in rows if source in ("", row[0])]

    def children_of(self, source: str, ticket_id: str) -> list[str]:
        """Return ids of mirrored tickets that this ticket names as its parts, or that name it as their parent."""
        # the source is compared in Python: in SQL, SQLite would scan all tickets of the source for each child
        own = "(SELECT nr FROM mirror WHERE source = ? AND ticket_id = ?)"
        rows = self._db.rows(
            f"""SELECT source, ticket_id FROM ticket
                WHERE source = ? AND ticket_id IN (SELECT child_id FROM child WHERE nr = {own})
            UNION SELECT source, ticket_id FROM ticket
                WHERE ticket_key IN (SELECT child_key FROM child WHERE child_id = '' AND nr = {own})
            UNION SELECT source, ticket_id FROM mirror
                WHERE nr IN (SELECT nr FROM parentage WHERE parent_id = ?) ORDER BY 2""",
            (source, source, ticket_id, source, ticket_id, ticket_id),
        )
        return [row[1] for row in rows if row[0] == source]

    def action_ids(self, source: str) -> Sequence[str]:
        """Return ids of present mirrored action tickets of this source."""
        rows = self._db.rows(
            "SELECT ticket_id FROM mirror WHERE source = ? AND role = 'action' AND presence = 'present' ORDER BY 1",
            (source,),
        )
        return [row[0] for row in rows]

    def is_present(self, source: str, ticket_id: str) -> bool:
        """Return whether a ticket is mirrored and present."""
        return self.presence(source, ticket_id) is Presence.PRESENT

    def known_digest(self, source: str, ticket_id: str) -> str | None:
        """Return the digest of the newest record part of a ticket, None when it is not mirrored."""
        digest: str | None = self._db.value(
            """SELECT p.digest FROM mirror m JOIN part p ON p.nr = m.nr AND p.kind = 'record'
            WHERE m.source = ? AND m.ticket_id = ? ORDER BY p.version DESC LIMIT 1""",
            (source, ticket_id),
        )
        return digest

    def undelivered(self, source: str) -> Mapping[str, int]:
        """Return kind -> number of present tickets with which the tracker did not deliver it on request."""
        found: dict[str, int] = {}
        for unknown, unasked, count in self._db.rows(
            f"SELECT t.unknown, t.unasked, COUNT(*) FROM {_UNKNOWN} GROUP BY 1, 2 ORDER BY 1, 2", (source,)
        ):
            for kind in sorted(set(unknown.split(", ")) - set(unasked.split(", "))):
                found[kind] = found.get(kind, 0) + count
        return found

    def unasked(self, source: str) -> Sequence[str]:
        """Return ids of present tickets whose undelivered kinds are still to be requested, in a stable order."""
        sql = f"SELECT t.ticket_id FROM {_UNKNOWN} AND t.unasked <> '' ORDER BY t.nr"
        return self._db.column(sql, (source,))

    def newest_change(self, source: str, ticket_id: str) -> datetime | None:
        """Return the instant of the newest change in a ticket's history, None when there is none."""
        newest = self._db.value(
            """SELECT MAX(c.changed_at) FROM mirror m JOIN change c ON c.nr = m.nr AND c.origin = 'history'
            WHERE m.source = ? AND m.ticket_id = ?""",
            (source, ticket_id),
        )
        return optional_instant(newest)

    def history_entries(self, source: str, ticket_ids: Sequence[str]) -> Mapping[str, Set[str]]:
        """Return ticket id -> ids of the mirrored history entries; tickets without any are left out."""
        sql = """SELECT m.ticket_id, c.entry FROM mirror m JOIN change c ON c.nr = m.nr
            WHERE c.origin = 'history' AND c.entry <> '' AND m.source = ? AND m.ticket_id IN (?)"""
        found: dict[str, set[str]] = {}
        for ticket_id, entry in self._db.rows_in(sql, (source,), ticket_ids):
            found.setdefault(ticket_id, set()).add(entry)
        return found

    def incomplete(self, source: str) -> Sequence[str]:
        """Return ids of present tickets whose history was not read completely, in a stable order."""
        sql = """SELECT t.ticket_id FROM ticket t JOIN mirror m ON m.nr = t.nr
            WHERE t.source = ? AND t.history_complete = 0 AND m.presence = 'present' ORDER BY t.nr"""
        return self._db.column(sql, (source,))

    def record(self, source: str, ticket_id: str) -> Mapping[str, Any] | None:
        """Return the content of the newest record part of a ticket, None when it is not mirrored."""
        found: Mapping[str, Any] | None = self.part(source, ticket_id, "record")
        return found

    def part(self, source: str, ticket_id: str, kind: str) -> Any | None:
        """Return the content of the newest part of a kind of a ticket, None when the mirror has none."""
        nr = self._nr(source, ticket_id)
        parts = assembly.parts_of(self._db, [nr]).get(nr, ()) if nr is not None else ()
        return next((json_value(part.body) for part in parts if part.kind == kind), None)

    def key(self, source: str, ticket_id: str) -> str:
        """Return a ticket's present key, its id when it is not mirrored."""
        found = self._db.value(
            "SELECT ticket_key FROM ticket WHERE source = ? AND ticket_id = ?", (source, ticket_id)
        )
        return str(found or ticket_id)

    def is_action(self, source: str, ticket_id: str) -> bool:
        """Return whether a ticket is mirrored only as a record's action."""
        role = self._db.value("SELECT role FROM mirror WHERE source = ? AND ticket_id = ?", (source, ticket_id))
        return bool(role == Role.ACTION)

    def record_ids(self, source: str) -> list[str]:
        """Return ids of mirrored tickets that are records of their own, in id order."""
        sql = "SELECT ticket_id FROM mirror WHERE source = ? AND role = 'record' ORDER BY ticket_id"
        return self._db.column(sql, (source,))

    def read_at(self, source: str, ticket_id: str) -> datetime | None:
        """Return when the ticket's present content was first read, None when it is not mirrored."""
        return self.reads_of(source, [ticket_id]).get(ticket_id)

    def reads_of(self, source: str, ticket_ids: Sequence[str]) -> dict[str, datetime]:
        """Return ticket id -> `read_at`, of those that are mirrored."""
        sql = """SELECT m.ticket_id, MAX(p.read_at) FROM mirror m JOIN part p ON p.nr = m.nr
            WHERE m.source = ? AND m.ticket_id IN (?) GROUP BY m.ticket_id"""
        return {ticket_id: instant(text) for ticket_id, text in self._db.rows_in(sql, (source,), ticket_ids)}

    # --- counts, rebuilding --------------------------------------------------------------------------------------
    def counts(self, source: str) -> Mapping[str, int]:
        """Return numbers of present `records` and `actions`, of `vanished` tickets, and of `changes`, `comments`."""
        row = self._db.row(
            """SELECT COALESCE(SUM(m.role = 'record' AND m.presence = 'present'), 0),
            COALESCE(SUM(m.role = 'action' AND m.presence = 'present'), 0),
            COALESCE(SUM(m.presence <> 'present'), 0), COALESCE(SUM(t.changes), 0), COALESCE(SUM(t.comments), 0)
            FROM mirror m LEFT JOIN ticket t ON t.nr = m.nr WHERE m.source = ?""",
            (source,),
        )
        return dict(zip(("records", "actions", "vanished", "changes", "comments"), row or (), strict=True))

    def rebuild(self, source: str, parser: Parser) -> None:
        """Rebuild a source's derived ticket rows from the stored versions, without a tracker."""
        found = self._db.rows("SELECT nr FROM mirror WHERE source = ? ORDER BY nr", (source,))
        for start in range(0, len(found), _BATCH):
            numbers = [row[0] for row in found[start : start + _BATCH]]
            with self._db.transaction():
                rows = ticket_rows.DerivedRows()
                for nr in numbers:
                    ticket_rows.forget(self._db, nr)
                    assembly.replay(self._db, nr, parser, rows)
                rows.insert(self._db)
