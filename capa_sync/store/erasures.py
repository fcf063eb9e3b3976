"""Erases tickets: every text of them leaves the file, and a tombstone keeps the tracker from bringing them back.

The hash chain stays whole: events keep their salted digests and lose the salts, so that nobody can find out by trying
what stood there; the deletion of each row is an event, and the tombstone lists the parts that are gone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime

from capa_sync.model.erasure import ErasedBy, Erasure, Tombstone
from capa_sync.store.chain import GONE, PAGE, SALT, Chain, ChainEntry
from capa_sync.store.chained_ranges import runs_of
from capa_sync.store.columns import instant, instant_text, json_text, json_value, member
from capa_sync.store.database import Database, Row

CLEAN_UP = "clean_up"
"""Milestone: the file still has free space that may hold what was erased."""
_UNCONFIRMED = "retention_waits"
"""Milestone: the sources whose ended records are not erased, because nothing proved that our clock is right."""
_REWRITTEN = "rewritten"
"""Value of that milestone when only the write-ahead log is left to be emptied."""
_BY_NR = ("ticket", "change", "child", "old_key", "parentage", "observed", "past_presence", "past_role", "part")
_BY_ID = (
    "quarantine",
    "verdict_own",
    "verdict_ticket",
    "verdict_change",
    "due",
    "plan_due",
    "register_row",
    "action",
    "birth",
    "joined",
    "waiver_standing",
    "disagreement",
    "similar_key",
    "similar_stale",
    "earlier_match",
    "review_fact",
    "past_match",
    "finding",
    "write_out",
    "deletion",
    "waiver",
    "waiver_request",
    "different",
)
_ENDED = """SELECT r.source, r.ticket_id, COALESCE(NULLIF(r.open_until, ''),
    CASE WHEN m.presence IN ('deleted', 'deleted_or_hidden')
        THEN MAX(m.presence_at, COALESCE(m.last_seen_at, '')) END) AS ended
    FROM register_row r JOIN mirror m ON m.source = r.source AND m.ticket_id = r.ticket_id"""
_OWN = " WHERE source = ? AND ticket_id = ?"
_KEYS = ("ticket", "quarantine")
"""Tables that know a ticket's key."""
ERASED: tuple[str, ...] = (*_BY_NR, *_BY_ID, "mirror")
"""Tables whose rows of a ticket are erased; the mirror last, because the others are found by its number."""
KEPT: tuple[str, ...] = ("register_number", "event", "tombstone", "legal_hold")
"""Tables that keep their rows of an erased ticket: they hold ids, numbers and digests, and why it was erased."""
_TOMBSTONE = "source, ticket_id, ticket_key, reason, erased_by, erased_at, way, counts"
_INSERT = f"INSERT INTO tombstone ({_TOMBSTONE}, parts, last_part) VALUES (?,?,?,?,?,?,?,?,?,?)"


class Erasures:
    """Erases tickets, and knows which were erased."""

    def __init__(self, db: Database, chain: Chain) -> None:
        self._db = db
        self._chain = chain

    # --- what was erased -------------------------------------------------------------------------------------------
    def among(self, source: str, ticket_ids: Iterable[str]) -> set[str]:
        """Return those of these tickets that were erased."""
        sql = "SELECT ticket_id FROM tombstone WHERE source = ? AND ticket_id IN (?)"
        return {row[0] for row in self._db.rows_in(sql, (source,), list(ticket_ids))}

    def tombstones(self) -> list[Tombstone]:
        """Return what is left of every erased ticket, in the order of the erasures."""
        return [_tombstone(row) for row in self._db.rows(f"SELECT {_TOMBSTONE} FROM tombstone ORDER BY id")]

    def named(self, name: str) -> list[Tombstone]:
        """Return the tombstones of a name, as `Tickets.find` takes it; earlier keys are not known any more."""
        wanted = name.lower()
        return [
            stone
            for stone in self.tombstones()
            for word in (stone.ticket_key.lower(), stone.ticket_id.lower())
            if wanted in (word, f"{stone.source}:{word}")
        ]

    def count(self) -> int:
        """Return how many tickets were erased."""
        return int(self._db.value("SELECT COUNT(DISTINCT source || ' ' || ticket_id) FROM tombstone"))

    def ended_before(self, instant_: datetime) -> dict[tuple[str, str], datetime]:
        """Return (source, id) -> end of the records that ended before an instant, the longest ended first.

        A record ends when it is closed, rejected or cancelled, or a duplicate; else when it was seen to be deleted,
        never before it was last seen to be there: our clock may have been behind.
        """
        rows = self._db.rows(
            f"SELECT source, ticket_id, ended FROM ({_ENDED}) WHERE ended < ? ORDER BY ended, source, ticket_id",
            (instant_text(instant_),),
        )
        return {(row[0], row[1]): instant(row[2]) for row in rows}

    def note_unconfirmed(self, sources: Iterable[str]) -> None:
        """Store of which sources nothing is erased by retention, because nothing proved that our clock is right."""
        wanted = json_text(sorted(sources))
        if wanted != json_text(self.unconfirmed()):
            self._db.execute("INSERT OR REPLACE INTO milestone VALUES ('', ?, ?)", (_UNCONFIRMED, wanted))

    def unconfirmed(self) -> list[str]:
        """Return the sources of `note_unconfirmed`, as last noted."""
        stored = self._db.value("SELECT value FROM milestone WHERE source = '' AND name = ?", (_UNCONFIRMED,))
        return list(json_value(stored or "[]"))

    def rows_of(self, source: str, ticket_id: str) -> dict[str, int]:
        """Return table -> number of rows that an erasure of this ticket deletes; tables without rows are left out."""
        nr = self._nr(source, ticket_id)
        counts = {table: self._db.value(f"SELECT COUNT(*) FROM {table} WHERE nr = ?", (nr,)) for table in _BY_NR}
        for table in (*_BY_ID, "mirror"):
            counts[table] = self._db.value(f"SELECT COUNT(*) FROM {table}{_OWN}", (source, ticket_id))
        return {table: count for table, count in counts.items() if count}

    # --- erasing ---------------------------------------------------------------------------------------------------
    def erase(
        self, tickets: Sequence[tuple[str, str]], erasure: Erasure, at: datetime, *, key: str = ""
    ) -> list[Tombstone]:
        """Erase tickets (source, id) in one transaction; return their tombstones.

        One that is not mirrored gets a tombstone too, with `key`. The free space of the file may still hold their
        texts until `clean`.
        """
        with self._db.overwriting(), self._db.transaction():
            self._forget_salts(tickets)
            stones = [self._erase(source, ticket_id, erasure, at, key) for source, ticket_id in tickets]
            self._db.execute("INSERT OR REPLACE INTO milestone VALUES ('', ?, ?)", (CLEAN_UP, instant_text(at)))
        return stones

    def _erase(self, source: str, ticket_id: str, erasure: Erasure, at: datetime, key: str) -> Tombstone:
        known = (self._db.value(f"SELECT ticket_key FROM {name}{_OWN}", (source, ticket_id)) for name in _KEYS)
        key = next(filter(None, known), key or ticket_id)
        counts = self.rows_of(source, ticket_id)
        nr = self._nr(source, ticket_id)
        parts = self._db.column("SELECT id FROM part WHERE nr = ? ORDER BY id", (nr,))
        self._note_findings(source, ticket_id)
        self._compare_again(source, ticket_id)
        for table in _BY_NR:
            self._db.execute(f"DELETE FROM {table} WHERE nr = ?", (nr,))
        for table in (*_BY_ID, "mirror"):
            self._db.execute(f"DELETE FROM {table}{_OWN}", (source, ticket_id))
        self._drop_requests(source, ticket_id)
        ranges = [(parts[start], parts[end - 1]) for start, end in runs_of(parts)] if parts else []
        stone = Tombstone(source, ticket_id, key, at, erasure, counts)
        self._db.execute(_INSERT, (*_row(stone), json_text(ranges), max(parts, default=None)))
        return stone

    def _compare_again(self, source: str, ticket_id: str) -> None:
        """Let the next cycle find the matches of those records anew that match this one."""
        self._db.execute(
            """INSERT OR IGNORE INTO similar_stale SELECT source, '', source, ticket_id, '' FROM earlier_match
            WHERE other_source = ? AND other_ticket_id = ?""",
            (source, ticket_id),
        )

    def _nr(self, source: str, ticket_id: str) -> int | None:
        nr: int | None = self._db.value(f"SELECT nr FROM mirror{_OWN}", (source, ticket_id))
        return nr

    def _note_findings(self, source: str, ticket_id: str) -> None:
        """Append that the findings are gone: the other tables have triggers for that."""
        sql = f"SELECT rule || '/' || episode FROM finding{_OWN} ORDER BY rule, episode"
        if names := self._db.column(sql, (source, ticket_id)):
            self._chain.append([ChainEntry("finding", source, ticket_id, names, [GONE] * len(names))])

    def _drop_requests(self, source: str, ticket_id: str) -> None:
        """Delete what other verbs left about the ticket, done or not: a waiver's reason is a text."""
        self._db.execute(
            """DELETE FROM request WHERE json_extract(args, '$.source') = ?
            AND COALESCE(json_extract(args, '$.ticket_id'), json_extract(args, '$.ticket')) = ?""",
            (source, ticket_id),
        )

    def _forget_salts(self, tickets: Sequence[tuple[str, str]]) -> None:
        """Overwrite the salts of all that was chained of these tickets, in one pass over the events."""
        self._db.execute(
            "CREATE TEMP TABLE IF NOT EXISTS erased (source, ticket_id, PRIMARY KEY (source, ticket_id))"
        )
        self._db.execute_many("INSERT OR IGNORE INTO erased VALUES (?,?)", tickets)
        parts = self._db.column(
            """SELECT p.id FROM part p JOIN mirror m ON m.nr = p.nr
            WHERE (m.source, m.ticket_id) IN (SELECT source, ticket_id FROM temp.erased) ORDER BY p.id"""
        )
        kept = ", ".join(f"'{kind}'" for kind in KEPT)
        self._db.execute(
            f"""UPDATE event SET salts = zeroblob(length(salts)) WHERE kind NOT IN ({kept})
            AND ticket_id <> '' AND (source, ticket_id) IN (SELECT source, ticket_id FROM temp.erased)"""
        )
        self._db.execute("DELETE FROM temp.erased")
        for number, names in self._db.rows("SELECT number, names FROM event WHERE kind = ?", (PAGE,)):
            first, last = json_value(names)
            start = bisect_left(parts, first)
            own = parts[start : bisect_left(parts, last + 1)]
            if own:
                self._forget_places(number, [part - first for part in own])

    def _forget_places(self, number: int, places: Iterable[int]) -> None:
        salts = bytearray(self._db.value("SELECT salts FROM event WHERE number = ?", (number,)))
        for place in places:
            salts[place * SALT : (place + 1) * SALT] = bytes(SALT)
        self._db.execute("UPDATE event SET salts = ? WHERE number = ?", (bytes(salts), number))

    # --- free space ------------------------------------------------------------------------------------------------
    @property
    def wants_clean_up(self) -> bool:
        """Whether free space of the file may still hold what was erased."""
        return self._db.value("SELECT 1 FROM milestone WHERE source = '' AND name = ?", (CLEAN_UP,)) is not None

    def clean(self) -> bool:
        """Write the file anew without free space, and empty its log; return whether that is done.

        It takes the time to copy the register, and its size twice on the disk. Nothing can be written meanwhile. The
        log is not emptied while another process reads an earlier state. Raises RegisterUnavailable.
        """
        stored = self._db.value("SELECT value FROM milestone WHERE source = '' AND name = ?", (CLEAN_UP,))
        if stored is None:
            return True
        if stored != _REWRITTEN:
            self._db.rewrite()
            self._db.execute("UPDATE milestone SET value = ? WHERE source = '' AND name = ?", (_REWRITTEN, CLEAN_UP))
        if not self._db.empty_log():
            return False
        self._db.execute("DELETE FROM milestone WHERE source = '' AND name = ?", (CLEAN_UP,))
        return True


def _row(stone: Tombstone) -> Row:
    why = (stone.erasure.reason, stone.erasure.asked_by, instant_text(stone.erased_at), stone.erasure.way.value)
    return stone.source, stone.ticket_id, stone.ticket_key, *why, json_text(stone.rows)


def _tombstone(row: Row) -> Tombstone:
    source, ticket_id, key, reason, asked_by, at, way, counts = row
    erasure = Erasure(reason, asked_by, member(ErasedBy, way))
    return Tombstone(source, ticket_id, key, instant(at), erasure, json_value(counts))
