"""The stored state of the brakes: notifications, releases, safety stops, deletions by people."""

from __future__ import annotations

from datetime import datetime

from capa_sync.model.light import light
from capa_sync.store.columns import instant, instant_text
from capa_sync.store.database import Database

# A write in progress counts as sent: it may have reached people.
_NOTIFIED = """SELECT 1 FROM write_out WHERE source = ? AND notifies = 1 AND
    ((state = 'delivered' AND delivered_at >= ?) OR (state = 'unknown' AND marked_at >= ?))
    AND ticket_id = ? LIMIT 1"""
# The same for a whole source: each half uses its own index (writes in progress are in the index of open writes).
_NOTIFICATIONS = """SELECT COUNT(*) FROM (
    SELECT ticket_id, substr(delivered_at, 1, 10) FROM write_out
        WHERE source = ? AND notifies = 1 AND state = 'delivered' AND delivered_at >= ?
    UNION SELECT ticket_id, substr(COALESCE(delivered_at, marked_at), 1, 10) FROM write_out
        WHERE source = ? AND notifies = 1 AND state IN ('pending', 'unknown', 'failed') AND state = 'unknown'
        AND marked_at >= ?)"""


@light
class Release:
    """A release of the brakes: at most `allowed` notifications (None = all), of which `used` were sent."""

    allowed: int | None
    used: int
    at: datetime

    @property
    def remaining(self) -> int | None:
        """Return how many notifications are still allowed, None for all."""
        return None if self.allowed is None else max(self.allowed - self.used, 0)


@light
class Stop:
    """An active safety stop: its start, and its cause in words that name the release."""

    cause: str
    at: datetime


class Brakes:
    """The part of the outbox that records what was allowed and what is stopped."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # --- notifications ---------------------------------------------------------------------------------------------
    def notifications_since(self, source: str, since: datetime) -> int:
        """Count notifications of this source delivered or in progress since that instant, one per ticket and day."""
        start = instant_text(since)
        return int(self._db.value(_NOTIFICATIONS, (source, start, source, start)))

    def notified_since(self, source: str, ticket_id: str, since: datetime) -> bool:
        """Return whether people were notified (or may have been) about this ticket since that instant."""
        start = instant_text(since)
        return bool(self._db.value(_NOTIFIED, (source, start, start, ticket_id)))

    def deletions(self, source: str, ticket_id: str) -> int:
        """Return how often a person deleted our comment on this ticket."""
        return int(
            self._db.value("SELECT COUNT(*) FROM deletion WHERE source = ? AND ticket_id = ?", (source, ticket_id))
        )

    def left_in_peace(self) -> list[tuple[str, str]]:
        """Return (source, ticket id) of tickets on which people deleted our comment at least twice."""
        rows = self._db.rows(
            "SELECT source, ticket_id FROM deletion GROUP BY source, ticket_id HAVING COUNT(*) >= 2 ORDER BY 1, 2"
        )
        return [(row[0], row[1]) for row in rows]

    # --- releases --------------------------------------------------------------------------------------------------
    def release(self, source: str, count: int | None, at: datetime, *, of_warnings: bool = True) -> None:
        """Release a source's brakes once: for `count` notifications, or with None for all that are planned now.

        This also activates the register, ends the source's safety stop and closes an earlier open release. The first
        two not during a withdrawal (`of_warnings`): who releases removals has seen no warning.
        """
        with self._db.transaction():
            self.close_release(source, at)
            self._db.execute(
                "INSERT INTO release (source, allowed, used, released_at) VALUES (?,?,0,?)",
                (source, count, instant_text(at)),
            )
            if of_warnings:
                self.activate(at)
                self.clear_stop(source)

    def released(self, source: str) -> Release | None:
        """Return the open release of a source, None when its brakes are active."""
        row = self._db.row(
            "SELECT allowed, used, released_at FROM release WHERE source = ? AND closed_at IS NULL", (source,)
        )
        return Release(row[0], row[1], instant(row[2])) if row else None

    def spend(self, source: str, count: int, at: datetime) -> None:
        """Count notifications against the open release; a limited release is closed when it is used up."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE release SET used = used + ? WHERE source = ? AND closed_at IS NULL", (count, source)
            )
            self._db.execute(
                """UPDATE release SET closed_at = ? WHERE source = ? AND closed_at IS NULL AND allowed IS NOT NULL
                AND used >= allowed""",
                (instant_text(at), source),
            )

    def close_release(self, source: str, at: datetime) -> None:
        """Close the open release: the writes it was given for have been put into the outbox."""
        self._db.execute(
            "UPDATE release SET closed_at = ? WHERE source = ? AND closed_at IS NULL", (instant_text(at), source)
        )

    @property
    def activated(self) -> bool:
        """Return whether this register was ever released; before that, nothing is written to any tracker."""
        return bool(self._db.value("SELECT 1 FROM meta WHERE name = 'activated_at'"))

    def activate(self, at: datetime) -> None:
        """Record the first release of this register; later ones change nothing."""
        self._db.execute("INSERT INTO meta VALUES ('activated_at', ?) ON CONFLICT DO NOTHING", (instant_text(at),))

    # --- safety stops ----------------------------------------------------------------------------------------------
    def safety_stop(self, source: str, cause: str, at: datetime) -> None:
        """Record a safety stop; a stop for the same cause keeps its first instant."""
        self._db.execute(
            """INSERT INTO safety_stop VALUES (?,?,?) ON CONFLICT (source) DO UPDATE
            SET cause = excluded.cause, stopped_at = excluded.stopped_at WHERE cause <> excluded.cause""",
            (source, cause, instant_text(at)),
        )

    def clear_stop(self, source: str) -> None:
        """Delete a safety stop."""
        self._db.execute("DELETE FROM safety_stop WHERE source = ?", (source,))

    def stops(self) -> dict[str, Stop]:
        """Return source -> its safety stop."""
        rows = self._db.rows("SELECT source, cause, stopped_at FROM safety_stop ORDER BY source")
        return {row[0]: Stop(row[1], instant(row[2])) for row in rows}
