"""The outbox of the digest: one row for each period, recipient and kind, whatever happens to the process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from capa_sync.model.digest import DigestFacts, DigestKind, Send, SendState
from capa_sync.model.light import altered
from capa_sync.store.columns import (
    instant,
    instant_text,
    json_text,
    json_value,
    member,
    optional_instant,
    optional_text,
    stored_day,
)
from capa_sync.store.database import Database, Params, Row
from capa_sync.store.digest_facts import digest_facts

REPLACED = "a newer digest takes its place"
SHOWN_FOR = timedelta(days=31)
"""How long a send without an answer is shown and can be repeated, where no later one arrived."""
RESTORED = "digest_restored"
"""Milestone that a restore leaves in a register that has sent digests."""
_SINCE, _PLANNED, _FAULT = "digest_since", "digest_planned", "digest_fault"
_SELECT = "SELECT id, kind, period, recipient, state, attempts, error, items, marked_at, not_before FROM digest_send"
_LATER_ARRIVED = """EXISTS (SELECT 1 FROM digest_send AS l WHERE l.kind = d.kind AND l.recipient = d.recipient
    AND l.id > d.id AND l.state = 'delivered')"""


class Sends:
    """Sends of digests, and since when and up to which period they are planned."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def facts(self) -> DigestFacts:
        """Return what a digest may contain."""
        return digest_facts(self._db)

    # --- planning --------------------------------------------------------------------------------------------------
    def since(self) -> datetime | None:
        """Return from when on scheduled digests are sent; None where nobody began."""
        return optional_instant(self._milestone(_SINCE))

    def begin(self, at: datetime) -> None:
        """Store from when on scheduled digests are sent: none that was due before."""
        self._set_milestone(_SINCE, instant_text(at))

    def is_restored(self) -> bool:
        """Return whether the register was restored and no turn followed yet, which distrusts what it holds."""
        return self._milestone(RESTORED) is not None

    def distrust_restored(self, now: datetime) -> None:
        """After a restore: what happened since the backup is not known, so that nothing planned before is sent."""
        if not self.is_restored():
            return
        with self._db.transaction():
            self._db.execute(
                "UPDATE digest_send SET state = 'unknown', error = ?, marked_at = ? WHERE state = 'pending'",
                ("the register was restored from a backup", instant_text(now)),
            )
            self.begin(now)
            self._db.execute("DELETE FROM milestone WHERE source = '' AND name = ?", (RESTORED,))

    def planned(self, kind: DigestKind) -> date | None:
        """Return the newest period that was planned for a kind."""
        stored = self._milestone(f"{_PLANNED}_{kind}")
        return stored_day(stored) if stored else None

    def plan(self, kind: DigestKind, period: date, recipients: Iterable[str], now: datetime) -> None:
        """Store one pending send for each recipient, and drop those of earlier periods that were not sent."""
        with self._db.transaction():
            self._db.execute(
                """UPDATE digest_send SET state = 'dropped', error = ?, marked_at = ?
                WHERE kind = ? AND period <> ? AND state = 'pending'""",
                (REPLACED, instant_text(now), kind, period.isoformat()),
            )
            rows: list[Params] = [
                (kind, period.isoformat(), recipient, instant_text(now)) for recipient in recipients
            ]
            self._db.execute_many(
                """INSERT INTO digest_send (kind, period, recipient, state, attempts, error, items, marked_at)
                SELECT ?1, ?2, ?3, 'pending', 0, '', '[]', ?4 WHERE NOT EXISTS (
                SELECT 1 FROM digest_send WHERE kind = ?1 AND period = ?2 AND recipient = ?3)""",
                rows,
            )
            self._set_milestone(f"{_PLANNED}_{kind}", period.isoformat())

    def reported(self) -> dict[tuple[DigestKind, str], frozenset[str]]:
        """Return kind and recipient -> keys of the matters in the newest message that arrived or may have arrived."""
        rows = self._db.rows(
            """SELECT kind, recipient, items FROM digest_send WHERE id IN (SELECT MAX(id) FROM digest_send
            WHERE state IN ('delivered', 'unknown') OR (? AND state = 'pending') GROUP BY kind, recipient)""",
            (self.is_restored(),),
        )
        return {
            (member(DigestKind, kind), recipient): frozenset(json_value(items)) for kind, recipient, items in rows
        }

    # --- sending ---------------------------------------------------------------------------------------------------
    def due(self, now: datetime) -> list[Send]:
        """Return sends that are to be tried now, in their order; a wait beyond a day is of a clock that was ahead."""
        return self._select(
            "d.state = 'pending' AND (d.not_before IS NULL OR d.not_before <= ? OR d.not_before > ?)",
            (instant_text(now), instant_text(now + timedelta(days=1))),
        )

    def attempt(self, send: int, items: Sequence[str], now: datetime) -> None:
        """Record, before anything is handed over, that its outcome is unknown from now on."""
        self._db.execute(
            """UPDATE digest_send SET state = 'unknown', attempts = attempts + 1, error = '', items = ?,
            marked_at = ?, not_before = NULL WHERE id = ?""",
            (json_text(list(items)), instant_text(now), send),
        )

    def settle(
        self, send: int, state: SendState, now: datetime, error: str = "", not_before: datetime | None = None
    ) -> None:
        """Record how an attempt ended, or that none is made."""
        self._db.execute(
            "UPDATE digest_send SET state = ?, error = ?, marked_at = ?, not_before = ? WHERE id = ?",
            (state, error, instant_text(now), optional_text(not_before), send),
        )

    def ask_again(self, now: datetime) -> int:
        """Make sends without an answer pending again, because a person asked for it; return their number.

        Of several to one recipient the newest is repeated: it contains what the others did, where that is still so.
        """
        self.distrust_restored(now)
        with self._db.transaction():
            newest = {
                (send.kind, send.recipient): send.id for send in self.open(now) if send.state is SendState.UNKNOWN
            }
            for send in self.open(now):
                is_newest = newest.get((send.kind, send.recipient)) == send.id
                if send.state is SendState.UNKNOWN:
                    state = SendState.PENDING if is_newest else SendState.DROPPED
                    self.settle(send.id, state, now, "" if is_newest else REPLACED)
                if send.state is SendState.UNKNOWN and is_newest:  # also one that was waiting in a restored backup
                    self._db.execute("UPDATE digest_send SET attempts = MAX(attempts, 1) WHERE id = ?", (send.id,))
        return len(newest)

    def note_fault(self, problem: str, now: datetime) -> None:
        """Store an error of our own in the digest, "" for none any more."""
        stored = json_text({"problem": problem, "at": instant_text(now)}) if problem else ""
        if stored != (self._milestone(_FAULT) or ""):
            self._set_milestone(_FAULT, stored)

    def fault(self) -> tuple[str, datetime] | None:
        """Return the last error of our own and when it was; None for none."""
        stored = json_value(self._milestone(_FAULT) or "null")
        return (stored["problem"], instant(stored["at"])) if stored else None

    # --- asking ----------------------------------------------------------------------------------------------------
    def open(self, now: datetime) -> list[Send]:
        """Return sends that did not arrive for certain: without an answer, or tried in vain."""
        return self._select(
            f"""(d.state = 'unknown' OR (d.state = 'pending' AND d.error <> '')) AND d.marked_at > ?
            AND NOT {_LATER_ARRIVED}""",
            (instant_text(now - SHOWN_FOR),),
        )

    def of_period(self, kind: DigestKind, period: date) -> dict[str, Send]:
        """Return recipient -> the send of one period; what waits in a restored register may have been sent since."""
        found = self._select("d.kind = ? AND d.period = ?", (kind, period.isoformat()))
        if self.is_restored():
            found = [
                altered(send, state=SendState.UNKNOWN) if send.state is SendState.PENDING else send for send in found
            ]
        return {send.recipient: send for send in found}

    def last_delivered(self) -> dict[DigestKind, datetime]:
        """Return kind -> when one was last taken by the other side."""
        rows = self._db.rows("SELECT kind, MAX(marked_at) FROM digest_send WHERE state = 'delivered' GROUP BY kind")
        return {member(DigestKind, kind): instant(at) for kind, at in rows}

    def _select(self, where: str, params: Sequence[object]) -> list[Send]:
        rows = self._db.rows(f"{_SELECT} AS d WHERE {where} ORDER BY d.id", params)
        return [_send(row) for row in rows]

    def _milestone(self, name: str) -> str | None:
        found = self._db.value("SELECT value FROM milestone WHERE source = '' AND name = ?", (name,))
        return None if found is None else str(found)

    def _set_milestone(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO milestone VALUES ('', ?, ?)", (name, value))


def _send(row: Row) -> Send:
    return Send(
        row[0],
        member(DigestKind, row[1]),
        stored_day(row[2]),
        row[3],
        member(SendState, row[4]),
        row[5],
        row[6],
        tuple(json_value(row[7])),
        instant(row[8]),
        optional_instant(row[9]),
    )
