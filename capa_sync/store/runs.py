"""The run ledger: when each source was read, with which result, and up to which instant its copy is complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from capa_sync.model.light import light
from capa_sync.store.columns import instant, instant_text, json_text, json_value, optional_instant, optional_text
from capa_sync.store.database import Database, Row

_SELECT = """SELECT id, source, kind, started_at, finished_at, ok, problem, counts, as_of, repeats, since FROM run"""

FULL = "full"
"""Kind of a run that reads everything in scope again."""
CENSUS = "census"
"""Kind of a run that reads only ids."""
POLL = "poll"
"""Kind of a run that reads what changed."""
STAMPED_AHEAD = "stamped_ahead"
"""A count of a run: tickets updated in the future; too many for polls, so the full run reads the rest."""


@light
class Run:
    """One pass over a source as the ledger records it; `finished_at` is None while it runs or when it was killed.

    `repeats` is the number of equal uneventful passes that this row summarises; the first started at `since`.
    """

    id: int
    source: str
    kind: str
    started_at: datetime
    finished_at: datetime | None
    ok: bool
    problem: str
    counts: Mapping[str, int] = field(default_factory=dict)
    as_of: datetime | None = None
    repeats: int = 1
    since: datetime | None = None


class Runs:
    """The ledger and the stored not-before instants; an unchanged pass writes only to the ledger."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def start(self, source: str, kind: str, at: datetime) -> int:
        """Start a run of a kind (`changes`, `full`, `census`, …) and return its number.

        An unfinished earlier run of that source and kind (a killed process) is closed as interrupted.
        """
        with self._db.transaction():
            self._db.execute(
                """UPDATE run SET finished_at = ?, problem = 'interrupted'
                WHERE source = ? AND kind = ? AND finished_at IS NULL""",
                (instant_text(at), source, kind),
            )
            self._db.execute(
                "INSERT INTO run (source, kind, started_at) VALUES (?,?,?)", (source, kind, instant_text(at))
            )
            return int(self._db.value("SELECT MAX(id) FROM run"))

    def finish(
        self,
        run: int,
        at: datetime,
        ok: bool,
        problem: str = "",
        counts: Mapping[str, int] | None = None,
        as_of: datetime | None = None,
    ) -> None:
        """Close a run. `as_of` is the instant up to which the source is now known, None when the run shows none.

        The run before it, of the same source, kind and outcome, is merged into it when neither stored anything. So
        years of polling an unchanged or unreachable tracker take a few rows (`repeats` runs `since`).
        """
        with self._db.transaction():
            self._db.execute(
                "UPDATE run SET finished_at = ?, ok = ?, problem = ?, counts = ?, as_of = ? WHERE id = ?",
                (instant_text(at), int(ok), problem, json_text(dict(counts or {})), optional_text(as_of), run),
            )
            self._fold(run)

    def _fold(self, run: int) -> None:
        before = self._db.row(
            """SELECT b.id, b.repeats, COALESCE(b.since, b.started_at) FROM run r JOIN run b ON b.id = (
                SELECT MAX(id) FROM run WHERE source = r.source AND kind = r.kind AND id < r.id)
            WHERE r.id = ? AND r.stored = 0 AND b.stored = 0 AND (r.ok, r.problem, r.as_of IS NULL)
                = (b.ok, b.problem, b.as_of IS NULL) AND b.finished_at IS NOT NULL""",
            (run,),
        )
        if before is not None:
            self._db.execute("UPDATE run SET repeats = ?, since = ? WHERE id = ?", (before[1] + 1, before[2], run))
            self._db.execute("DELETE FROM run WHERE id = ?", (before[0],))

    def last_success(self, source: str) -> datetime | None:
        """Return when the last successful run with an `as_of` ended, None when there is none."""
        return optional_instant(self._db.value("SELECT last_success_at FROM freshness WHERE source = ?", (source,)))

    def as_of(self, source: str) -> datetime | None:
        """Return the instant up to which the source is known, None before its first complete read."""
        return optional_instant(self._db.value("SELECT as_of FROM freshness WHERE source = ?", (source,)))

    def first(self, source: str) -> datetime | None:
        """Return when the first run that read the source completely started, None when none did."""
        sql = "SELECT MIN(COALESCE(since, started_at)) FROM run WHERE source = ? AND as_of IS NOT NULL AND ok = 1"
        return optional_instant(self._db.value(sql, (source,)))

    def was_read(self, source: str) -> bool:
        """Return whether the source was ever read completely, even if that run was invalidated later."""
        sql = "SELECT 1 FROM run WHERE source = ? AND as_of IS NOT NULL LIMIT 1"
        return self._db.row(sql, (source,)) is not None

    def problem(self, source: str) -> str:
        """Return the problem of the newest failed run, "" when the newest run of every kind succeeded."""
        return self._db.value("SELECT problem FROM trouble WHERE source = ?", (source,)) or ""

    def cycles(self, source: str) -> int:
        """Return how many runs of this source ended, successful or not."""
        return (
            self._db.value("SELECT SUM(repeats) FROM run WHERE source = ? AND finished_at IS NOT NULL", (source,))
            or 0
        )

    def last(self, source: str, kind: str) -> Run | None:
        """Return the newest run of a kind, None before the first."""
        rows = self._db.rows(f"{_SELECT} WHERE source = ? AND kind = ? ORDER BY id DESC LIMIT 1", (source, kind))
        return _run(rows[0]) if rows else None

    def all(self, source: str) -> list[Run]:
        """Return all runs of a source, the oldest first."""
        return [_run(row) for row in self._db.rows(f"{_SELECT} WHERE source = ? ORDER BY id", (source,))]

    # --- not-before ------------------------------------------------------------------------------------------------
    def not_before(self, source: str) -> datetime | None:
        """Return the instant before which the tracker asked for no requests, None when it did not."""
        return optional_instant(self._db.value("SELECT not_before FROM hold WHERE source = ?", (source,)))

    def set_not_before(
        self, source: str, until: datetime | None, reason: str = "", *, noted_at: datetime | None = None
    ) -> None:
        """Store (over restarts) until when nothing may be sent to a source; None removes the wait.

        `noted_at` is the instant of our clock from which `until` was computed.
        """
        if until is None:
            self._db.execute("DELETE FROM hold WHERE source = ?", (source,))
            return
        self._db.execute(
            """INSERT INTO hold (source, not_before, reason, noted_at) VALUES (?,?,?,?)
            ON CONFLICT (source) DO UPDATE SET not_before = excluded.not_before, reason = excluded.reason,
            noted_at = excluded.noted_at
            WHERE (not_before, reason) IS NOT (excluded.not_before, excluded.reason)""",
            (source, instant_text(until), reason, optional_text(noted_at) or ""),
        )

    def endpoint_holds(self, source: str) -> Mapping[str, datetime]:
        """Return endpoint -> the instant before which the tracker asked for no such requests, also past ones."""
        rows = self._db.rows("SELECT endpoint, not_before FROM endpoint_hold WHERE source = ? ORDER BY 1", (source,))
        return {endpoint: instant(until) for endpoint, until in rows}

    def hold_endpoint(self, source: str, endpoint: str, until: datetime, now: datetime) -> None:
        """Store until when one kind of request may not be sent, and delete the source's past waits."""
        with self._db.transaction():
            self._db.execute(
                "DELETE FROM endpoint_hold WHERE source = ? AND not_before <= ?", (source, instant_text(now))
            )
            self._db.execute(
                """INSERT INTO endpoint_hold (source, endpoint, not_before, noted_at) VALUES (?,?,?,?)
                ON CONFLICT (source, endpoint) DO UPDATE SET not_before = excluded.not_before,
                noted_at = excluded.noted_at WHERE not_before <> excluded.not_before""",
                (source, endpoint, instant_text(until), instant_text(now)),
            )


def _run(row: Row) -> Run:
    number, source, kind, started, finished, ok, problem, counts, as_of, repeats, since = row
    return Run(
        number,
        source,
        kind,
        instant(started),
        optional_instant(finished),
        bool(ok),
        problem,
        json_value(counts),
        optional_instant(as_of),
        repeats,
        instant(since or started),
    )
