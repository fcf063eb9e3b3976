"""The run ledger: when which source was read, how it went, and how far its copy goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from capa_sync.store.columns import instant, instant_text, json_text, json_value, optional_instant, optional_text
from capa_sync.store.database import Database, Row

_SELECT = """SELECT id, source, kind, started_at, finished_at, ok, problem, counts, as_of, repeats, since FROM run"""

FULL = "full"
"""Kind of a run that reads everything in scope again."""
CENSUS = "census"
"""Kind of a run that sweeps ids alone."""
POLL = "poll"
"""Kind of a run that reads what changed."""
STAMPED_AHEAD = "stamped_ahead"
"""A count of a run: tickets in the tracker's future, so many that polls leave others of them to the full sweep."""


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over a source as the ledger tells it; `finished_at` None while it goes on or was killed.

    `repeats` tells how many equal uneventful passes stand in this row, the first of them started at `since`.
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
    """The ledger and the stored not-before instants; the ledger is the only table that an unchanged pass touches."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def start(self, source: str, kind: str, at: datetime) -> int:
        """Open a run of a kind (`changes`, `full`, `census`, …) and return its number.

        An earlier run of that source and kind that never finished (a killed process) is closed as interrupted.
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
        """Close a run. `as_of` is the instant up to which the source is now known, None when this run cannot say.

        The run before it, of the same source, kind and outcome, is folded into it when neither stored anything: so
        years of polling an unchanged tracker, or one that is down, are a few rows (`repeats` runs `since`).
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
        """Return when the last run that reached an `as_of` ended well, None when none did."""
        return optional_instant(self._db.value("SELECT last_success_at FROM freshness WHERE source = ?", (source,)))

    def as_of(self, source: str) -> datetime | None:
        """Return the instant up to which the source is known, None before its first whole read."""
        return optional_instant(self._db.value("SELECT as_of FROM freshness WHERE source = ?", (source,)))

    def was_read(self, source: str) -> bool:
        """Tell whether the source was ever read to its end, also if that counts no more."""
        sql = "SELECT 1 FROM run WHERE source = ? AND as_of IS NOT NULL LIMIT 1"
        return self._db.row(sql, (source,)) is not None

    def problem(self, source: str) -> str:
        """Return what the newest run of some kind failed with, "" when the newest of every kind ended well."""
        return self._db.value("SELECT problem FROM trouble WHERE source = ?", (source,)) or ""

    def cycles(self, source: str) -> int:
        """Return how many runs of this source ended, well or not."""
        return (
            self._db.value("SELECT SUM(repeats) FROM run WHERE source = ? AND finished_at IS NOT NULL", (source,))
            or 0
        )

    def last(self, source: str, kind: str) -> Run | None:
        """Return the newest run of a kind, None before the first."""
        rows = self._db.rows(f"{_SELECT} WHERE source = ? AND kind = ? ORDER BY id DESC LIMIT 1", (source, kind))
        return _run(rows[0]) if rows else None

    def all(self, source: str) -> list[Run]:
        """Return the whole ledger of a source, the oldest first."""
        return [_run(row) for row in self._db.rows(f"{_SELECT} WHERE source = ? ORDER BY id", (source,))]

    # --- not-before ------------------------------------------------------------------------------------------------
    def not_before(self, source: str) -> datetime | None:
        """Return the instant before which the tracker asked to be left alone, None when it did not."""
        return optional_instant(self._db.value("SELECT not_before FROM hold WHERE source = ?", (source,)))

    def set_not_before(
        self, source: str, until: datetime | None, reason: str = "", *, noted_at: datetime | None = None
    ) -> None:
        """Remember (over restarts) until when nothing may be sent to a source, or forget it with None.

        `noted_at` is our clock's instant by which `until` was worked out.
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
        """Return endpoint -> the instant before which the tracker asked not to be sent it, past ones too."""
        rows = self._db.rows("SELECT endpoint, not_before FROM endpoint_hold WHERE source = ? ORDER BY 1", (source,))
        return {endpoint: instant(until) for endpoint, until in rows}

    def hold_endpoint(self, source: str, endpoint: str, until: datetime, now: datetime) -> None:
        """Remember until when one kind of request may not be sent, and forget those of the source that are past."""
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
