"""Stores which sources must not be written to, because a person asked for a pause or a withdrawal."""

from __future__ import annotations

from datetime import datetime

from capa_sync.model.halt import Halt, HaltKind
from capa_sync.store.columns import instant, instant_text, member
from capa_sync.store.database import Database

EVERY_SOURCE = ""
"""Stands for all sources, also those that are added to the settings later."""


class Halts:
    """The table `halt`: at most one row per source. Any process may write it; it takes effect immediately.

    What a person released and was not used yet ends with each change: it was for other writes than those of now.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, source: str) -> Halt | None:
        """Return the halt of a source, None without one. A pause takes precedence over a withdrawal."""
        rows = self._db.rows(
            "SELECT kind, since, asked_by FROM halt WHERE source IN (?, '') ORDER BY kind LIMIT 1", (source,)
        )
        return next((Halt(member(HaltKind, kind), instant(since), asked_by) for kind, since, asked_by in rows), None)

    def set(self, source: str, halt: Halt) -> None:
        """Halt a source (or EVERY_SOURCE); this replaces an earlier halt of another kind."""
        with self._db.transaction():
            self._db.execute(
                """INSERT INTO halt VALUES (?,?,?,?) ON CONFLICT (source) DO UPDATE
                SET kind = excluded.kind, since = excluded.since, asked_by = excluded.asked_by
                WHERE kind <> excluded.kind""",
                (source, halt.kind.value, instant_text(halt.since), halt.asked_by),
            )
            self._close_releases(source, halt.since)

    def end(self, source: str, at: datetime) -> int:
        """End the halt of a source; EVERY_SOURCE ends all halts. Return the number of ended halts."""
        where, params = ("", ()) if source == EVERY_SOURCE else ("WHERE source = ?", (source,))
        with self._db.transaction():
            self._close_releases(source, at)
            return self._db.execute(f"DELETE FROM halt {where}", params)

    def _close_releases(self, source: str, at: datetime) -> None:
        self._db.execute(
            "UPDATE release SET closed_at = ? WHERE closed_at IS NULL AND ? IN (source, ?)",
            (instant_text(at), source, EVERY_SOURCE),
        )

    def all(self) -> dict[str, Halt]:
        """Return source (or EVERY_SOURCE) -> its halt."""
        rows = self._db.rows("SELECT source, kind, since, asked_by FROM halt ORDER BY source")
        return {row[0]: Halt(member(HaltKind, row[1]), instant(row[2]), row[3]) for row in rows}
