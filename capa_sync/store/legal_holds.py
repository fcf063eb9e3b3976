"""Stores legal holds: while one covers a ticket, nothing erases it."""

from __future__ import annotations

from datetime import datetime

from capa_sync.model.erasure import LegalHold
from capa_sync.store.columns import instant, instant_text
from capa_sync.store.database import Database

_FIELDS = "source, ticket_id, name, reason, held_by, held_at"


class LegalHolds:
    """The table `legal_hold`; any process may write it, and it takes effect with the next erasure."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, hold: LegalHold) -> None:
        """Record a hold."""
        self._db.execute(
            f"INSERT INTO legal_hold ({_FIELDS}) VALUES (?,?,?,?,?,?)",
            (hold.source, hold.ticket_id, hold.name, hold.reason, hold.held_by, instant_text(hold.held_at)),
        )

    def in_force(self) -> list[LegalHold]:
        """Return the holds that nobody has ended, the oldest first."""
        rows = self._db.rows(f"SELECT {_FIELDS}, id FROM legal_hold WHERE ended_at IS NULL ORDER BY id")
        return [
            LegalHold(source, ticket_id, name, reason, by, instant(at), number)
            for source, ticket_id, name, reason, by, at, number in rows
        ]

    def end(self, source: str, ticket_id: str, by: str, at: datetime) -> int:
        """End the holds on exactly this ticket or source; return how many there were."""
        return self._db.execute(
            """UPDATE legal_hold SET ended_at = ?, ended_by = ?
            WHERE source = ? AND ticket_id = ? AND ended_at IS NULL""",
            (instant_text(at), by, source, ticket_id),
        )
