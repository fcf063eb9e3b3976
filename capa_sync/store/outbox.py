"""Intended writes, in order, until they are delivered, and all state that the brakes need after a restart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from capa_sync.model.write import Wording, Write, WriteKind, WriteState
from capa_sync.store.brakes import Brakes
from capa_sync.store.chain import Chain
from capa_sync.store.chained import entries_of
from capa_sync.store.columns import instant_text, optional_text
from capa_sync.store.database import Database
from capa_sync.store.write_rows import (
    FIELDS,
    WriteRow,
    chained_cells,
    differs_in_words,
    facts_text,
    withheld_row,
    write_from,
    write_row,
)

REPLACED = "replaced"
_SOURCE, _TICKET, _KIND = (FIELDS.index(name) for name in ("source", "ticket_id", "kind"))
_AT_ONCE = 600
"""New writes inserted together; their texts take memory twice until they are in the chain."""
_UNDER_WAY = timedelta(minutes=2)  # longer than any request may take; an older write with an unknown result is stuck

_SELECT = f"SELECT {', '.join(FIELDS)} FROM write_out AS w"
_INSERT = f"INSERT INTO write_out ({', '.join(FIELDS)}) VALUES ({','.join('?' * len(FIELDS))})"
_OPEN = "('pending', 'unknown', 'failed')"
MAY_BE_SEEN = """(state <> 'unknown' OR NOT EXISTS (SELECT 1 FROM mirror AS m WHERE m.source = w.source
    AND m.ticket_id = w.ticket_id AND m.presence IN ('deleted', 'deleted_or_hidden', 'access_lost')))"""
"""Condition on a write `w`: what became of it can be found out, because its ticket is there."""
_OLDER = """w.wording > 0 AND w.state = 'delivered' AND NOT EXISTS (SELECT 1 FROM write_out AS n
    WHERE n.source = w.source AND n.ticket_id = w.ticket_id AND n.kind = w.kind AND n.seq > w.seq
    AND n.state IN ('delivered', 'unknown'))"""
"""Condition: the text is still on its ticket, and its wording is older than the present one."""


class SqlOutbox(Brakes):
    """Outbox over SQLite."""

    def __init__(self, db: Database, chain: Chain) -> None:
        super().__init__(db)
        self._chain = chain

    # --- putting ---------------------------------------------------------------------------------------------------
    def put(self, writes: Iterable[Write]) -> None:
        """Add writes that do not exist yet (by id), as in `put_rows`; `state` may be PENDING or WITHHELD."""
        self.put_rows([write_row(write) for write in writes])

    def put_rows(self, rows: Sequence[WriteRow], withheld: str = "") -> None:
        """Add writes, as rows, that do not exist yet (by id); `withheld`: why none of them may be sent now.

        An older pending or failed write of the same ticket and kind becomes withheld with the reason "replaced". A
        write without an answer stays unknown, because its result must be known before the next one is sent. A
        withheld write that is put again gets its new state and words, and a pending one may become withheld again, so
        that the planner can repeat its plan every cycle. Delivered, unknown and failed writes do not change.
        """
        with self._db.transaction():
            known = self._known(rows)
            fresh: list[WriteRow] = []  # consecutive writes, each the first of its kind on its ticket
            for planned in rows:
                row = withheld_row(planned, withheld) if withheld else planned
                place = (row[_SOURCE], row[_TICKET], row[_KIND])
                is_first = place not in known
                if is_first:
                    fresh.append(row)
                    known.add(place)
                if not is_first or len(fresh) >= _AT_ONCE:
                    self._add(fresh)
                    fresh = []
                if not is_first:
                    self._put(write_from(row))
            self._add(fresh)

    def _add(self, rows: Sequence[WriteRow]) -> None:
        """Insert new writes, and append them to the chain from what is in memory."""
        self._db.execute_many(_INSERT, rows)
        self._chain.append(list(entries_of("write", map(chained_cells, rows))))

    def _known(self, rows: Iterable[WriteRow]) -> set[tuple[str, str, str]]:
        """Return (source, ticket id, kind) of all writes ever stored for the tickets of these writes."""
        tickets: dict[str, set[str]] = {}
        for row in rows:
            tickets.setdefault(row[_SOURCE], set()).add(row[_TICKET])
        sql = "SELECT source, ticket_id, kind FROM write_out WHERE source = ? AND ticket_id IN (?)"
        return {row for source, ids in tickets.items() for row in self._db.rows_in(sql, (source,), list(ids))}

    def _put(self, write: Write) -> None:
        stored = self._db.row("SELECT state, error, text FROM write_out WHERE id = ?", (write.id,))
        if stored is None:
            self._replace_older(write)
            self._add([write_row(write)])
        elif stored[0] in (WriteState.PENDING, WriteState.WITHHELD) and (
            stored[:2] != (write.state, write.error) or differs_in_words(stored[2], write)
        ):
            if stored[0] == WriteState.PENDING and write.state is WriteState.PENDING:
                return  # it is pending already, perhaps with the error of an attempt
            self._replace_older(write)
            self._db.execute("DELETE FROM write_out WHERE id = ?", (write.id,))
            self._add([write_row(write)])

    def _replace_older(self, write: Write) -> None:
        self._db.execute(
            """UPDATE write_out SET state = 'withheld', error = ? WHERE source = ? AND ticket_id = ? AND kind = ?
            AND id <> ? AND (state IN ('pending', 'failed') OR (state = 'withheld' AND error <> ?))""",
            (REPLACED, write.source, write.ticket_id, write.kind, write.id, REPLACED),
        )

    def withdraw(self, source: str, ticket_id: str, kinds: Iterable[WriteKind], reason: str) -> None:
        """Withhold unsent writes permanently, because they are no longer wanted."""
        for kind in kinds:
            self._db.execute(
                """UPDATE write_out SET state = 'withheld', error = ? WHERE source = ? AND ticket_id = ?
                AND kind = ? AND state IN ('pending', 'failed')""",
                (reason, source, ticket_id, kind),
            )

    # --- delivering ------------------------------------------------------------------------------------------------
    def due(
        self, source: str, now: datetime, states: Sequence[WriteState] = (WriteState.PENDING, WriteState.UNKNOWN)
    ) -> list[Write]:
        """Return writes of these states that are due, oldest first, at most one per ticket.

        A ticket's writes wait for its first open write, also when that one failed or is not due yet. A wait that the
        tracker requested after an attempt applies to the ticket, even if a newer text has replaced that write. A
        write without an answer whose ticket is gone or hidden is due when the ticket is there again.
        """
        rows = self._db.rows(
            f"""{_SELECT} WHERE source = ? AND state IN {_OPEN} AND state IN ({",".join("?" * len(states))})
            AND (not_before IS NULL OR not_before <= ?) AND {MAY_BE_SEEN} AND NOT EXISTS (
                SELECT 1 FROM write_out AS e WHERE e.source = w.source AND e.ticket_id = w.ticket_id
                AND e.seq < w.seq AND e.state IN {_OPEN}) AND NOT EXISTS (
                SELECT 1 FROM write_out AS t WHERE t.source = w.source AND t.ticket_id = w.ticket_id
                AND t.attempts > 0 AND t.state IN ('pending', 'withheld') AND t.not_before > ?) ORDER BY seq""",
            (source, *states, instant_text(now), instant_text(now)),
        )
        return [write_from(row) for row in rows]

    def mark(
        self,
        write_id: str,
        state: WriteState,
        *,
        at: datetime,
        error: str = "",
        remote_id: str = "",
        not_before: datetime | None = None,
        deleted_by_person: bool = False,
    ) -> None:
        """Record a step of a delivery.

        UNKNOWN is recorded before each request and counts as one attempt; with an error, it is recorded after the
        request. DELIVERED keeps `remote_id`. A write that becomes pending or failed although a newer write of its
        ticket and kind exists becomes withheld, "replaced". `deleted_by_person` records one deletion of our comment,
        whose stored id is then ignored.
        """
        with self._db.transaction():
            if deleted_by_person:
                self._count_deletion(write_id, at)
            if state in (WriteState.PENDING, WriteState.FAILED) and self._has_newer(write_id):
                state, error = WriteState.WITHHELD, REPLACED
            delivered = state is WriteState.DELIVERED
            self._db.execute(
                """UPDATE write_out SET state = ?, error = ?, marked_at = ?,
                not_before = CASE WHEN ? = 'withheld' AND ? IS NULL THEN not_before ELSE ? END,
                remote_id = CASE WHEN ? <> '' THEN ? ELSE remote_id END,
                attempts = attempts + ?, delivered_at = CASE WHEN ? THEN ? ELSE delivered_at END WHERE id = ?""",
                (
                    state, error, instant_text(at), state, optional_text(not_before), optional_text(not_before),
                    remote_id, remote_id,
                    int(state is WriteState.UNKNOWN and not error), delivered, instant_text(at), write_id,
                ),
            )  # fmt: skip

    def _has_newer(self, write_id: str) -> bool:
        return bool(
            self._db.value(
                """SELECT 1 FROM write_out AS w JOIN write_out AS n ON n.source = w.source
                AND n.ticket_id = w.ticket_id AND n.kind = w.kind AND n.seq > w.seq WHERE w.id = ?""",
                (write_id,),
            )
        )

    def _count_deletion(self, write_id: str, at: datetime) -> None:
        found = self._db.row("SELECT source, ticket_id FROM write_out WHERE id = ?", (write_id,))
        comment = self.remote_comment(*found) if found else ""
        if found and comment:
            self._db.execute(
                "INSERT INTO deletion VALUES (?,?,?,?) ON CONFLICT DO NOTHING", (*found, comment, instant_text(at))
            )

    def retry(self, ticket: tuple[str, str] | None = None) -> int:
        """Make failed writes pending and waiting ones due now, of one (source, ticket id) or all; return the number.

        Writes with an unknown result become due too: their result is looked up before anything is sent.
        """
        where, params = ("AND source = ? AND ticket_id = ?", ticket) if ticket else ("", ())
        self._db.execute(f"UPDATE write_out SET not_before = NULL WHERE state = 'withheld' {where}", params)
        return self._db.execute(
            f"""UPDATE write_out SET state = CASE WHEN state = 'failed' THEN 'pending' ELSE state END,
            not_before = NULL WHERE (state = 'failed' OR (state IN {_OPEN} AND not_before IS NOT NULL
            AND attempts > 0)) {where}""",
            params,
        )

    # --- wording ---------------------------------------------------------------------------------------------------
    def learn(self, known: Mapping[str, tuple[Mapping[str, str] | None, Wording]]) -> None:
        """Store by write id the facts behind a text, and how its wording compares with the present wording."""
        self._db.execute_many(
            "UPDATE write_out SET facts = ?, wording = ? WHERE id = ?",
            [(facts_text(facts), int(wording), write_id) for write_id, (facts, wording) in known.items()],
        )

    def older_wording(self) -> dict[str, int]:
        """Return source -> number of tickets whose comment or fields have an older wording."""
        return dict(
            self._db.rows(
                f"SELECT source, COUNT(DISTINCT ticket_id) FROM write_out AS w WHERE {_OLDER} GROUP BY 1 ORDER BY 1"
            )
        )

    def ask_refresh(self, source: str, tickets: int | None, at: datetime) -> None:
        """Store a person's request to update the wording on this many tickets; None means all."""
        self._db.execute("INSERT OR REPLACE INTO refresh VALUES (?,?,?)", (source, tickets, instant_text(at)))

    def end_refresh(self, source: str) -> None:
        """Delete the request for new wording."""
        self._db.execute("DELETE FROM refresh WHERE source = ?", (source,))

    def take_refresh(self, source: str) -> list[str]:
        """Mark the texts that the request covers, and delete it; return the ids of their tickets."""
        asked = self._db.row("SELECT tickets FROM refresh WHERE source = ?", (source,))
        if asked is None:
            return []
        with self._db.transaction():
            ids: list[str] = self._db.column(
                f"""SELECT DISTINCT ticket_id FROM write_out AS w WHERE source = ? AND {_OLDER}
                ORDER BY ticket_id LIMIT ?""",
                (source, -1 if asked[0] is None else asked[0]),
            )
            self._db.execute_many(
                "UPDATE write_out SET wording = 2 WHERE source = ? AND ticket_id = ? AND wording > 0",
                [(source, ticket_id) for ticket_id in ids],
            )
            self.end_refresh(source)
        return ids

    # --- asking ----------------------------------------------------------------------------------------------------
    def writes(self, source: str, ticket_id: str) -> Sequence[Write]:
        """Return all writes of this ticket, in the order of `seq`, in any state."""
        return self.writes_of(source, [ticket_id]).get(ticket_id, [])

    def writes_of(self, source: str, ticket_ids: Sequence[str]) -> dict[str, list[Write]]:
        """Return ticket id -> all its writes; only tickets that have any."""
        found: dict[str, list[Write]] = {}
        sql = f"{_SELECT} WHERE source = ? AND ticket_id IN (?) ORDER BY seq"
        for row in self._db.rows_in(sql, (source,), ticket_ids):
            write = write_from(row)
            found.setdefault(write.ticket_id, []).append(write)
        return found

    def has_writes(self, source: str) -> bool:
        """Return whether a write was ever planned for a ticket of a source."""
        return self._db.value("SELECT 1 FROM write_out WHERE source = ? LIMIT 1", (source,)) is not None

    def touched(self, source: str, ticket_ids: Sequence[str]) -> set[str]:
        """Return those of the tickets that have any write."""
        sql = "SELECT DISTINCT ticket_id FROM write_out WHERE source = ? AND ticket_id IN (?)"
        return {row[0] for row in self._db.rows_in(sql, (source,), ticket_ids)}

    def withheld(self, source: str) -> list[Write]:
        """Return writes withheld by a brake or a mode, without those that newer writes replaced."""
        return self._select("source = ? AND state = 'withheld' AND error <> ?", (source, REPLACED))

    def ticket_keys(self, ids: Sequence[str]) -> dict[str, str]:
        """Return write id -> key that its ticket had when the write was planned."""
        return dict(self._db.rows_in("SELECT id, ticket_key FROM write_out WHERE id IN (?)", (), list(ids)))

    def tickets_of(self, ids: Sequence[str]) -> list[str]:
        """Return ids of the tickets of these writes, each once, in id order."""
        rows = self._db.rows_in("SELECT DISTINCT ticket_id FROM write_out WHERE id IN (?)", (), list(ids))
        return sorted({ticket_id for (ticket_id,) in rows})

    def open(self, source: str) -> list[Write]:
        """Return all writes of a source that are pending, unknown or failed, in order."""
        return self._select(f"source = ? AND state IN {_OPEN}", (source,))

    def stuck(self, now: datetime) -> list[Write]:
        """Return undelivered writes of all sources: failed, retried, or without an answer twice or for minutes.

        One without an answer whose ticket is gone or hidden is left out: nobody can do anything about it.
        """
        return self._select(
            f"""state IN {_OPEN} AND {MAY_BE_SEEN} AND (state = 'failed' OR (state = 'pending' AND attempts > 0)
            OR (state = 'unknown' AND (attempts > 1 OR marked_at <= ?)))""",
            (instant_text(now - _UNDER_WAY),),
        )

    def last_delivered(self, source: str, ticket_id: str) -> Mapping[str, Write]:
        """Return kind -> newest delivered write of this ticket."""
        delivered = self._select("source = ? AND ticket_id = ? AND state = 'delivered'", (source, ticket_id))
        return {write.kind: write for write in delivered}

    def remote_comment(self, source: str, ticket_id: str) -> str:
        """Return the stored id of our comment on this ticket; "" without one, or when a person or we deleted it."""
        return self._db.value(
            """SELECT remote_id FROM write_out AS w WHERE source = ? AND ticket_id = ? AND kind = 'comment'
            AND remote_id <> '' AND remote_id NOT IN
                (SELECT remote_id FROM deletion WHERE source = ? AND ticket_id = ?)
            AND NOT EXISTS (SELECT 1 FROM write_out AS r WHERE r.source = w.source AND r.ticket_id = w.ticket_id
                AND r.kind = 'comment' AND r.text IS NULL AND r.state = 'delivered' AND r.seq >= w.seq)
            ORDER BY seq DESC LIMIT 1""",
            (source, ticket_id, source, ticket_id),
        ) or ""  # fmt: skip

    def written_tickets(self, source: str) -> list[str]:
        """Return ids of tickets that have or may have our content, or have open writes, in id order."""
        sql = """SELECT DISTINCT ticket_id FROM write_out WHERE source = ?
            AND state IN ('delivered', 'pending', 'unknown', 'failed') ORDER BY ticket_id"""
        return self._db.column(sql, (source,))

    def _select(self, where: str, params: Sequence[object]) -> list[Write]:
        return [write_from(row) for row in self._db.rows(f"{_SELECT} WHERE {where} ORDER BY seq", params)]
