"""The evaluation queue: tickets to evaluate and to plan, and what they were last evaluated and planned with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from capa_sync.store.columns import instant, instant_text, json_text, json_value
from capa_sync.store.database import Database

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class EvaluationQueue:
    """The two work queues of a cycle; stored in the file, so that a killed process loses nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # --- evaluation ------------------------------------------------------------------------------------------------
    def want_judging(self, source: str, ticket_ids: Iterable[str], at: datetime) -> None:
        """Make tickets due for evaluation at `at`, unless they are due earlier."""
        text = instant_text(at)
        self._db.execute_many(
            """INSERT INTO due VALUES (?,?,?) ON CONFLICT (source, ticket_id) DO UPDATE
            SET due_at = excluded.due_at WHERE due_at > excluded.due_at""",
            [(source, ticket_id, text) for ticket_id in ticket_ids],
        )

    def want_all_judged(self, source: str, at: datetime) -> None:
        """Make every record of a source due for evaluation at `at`, unless it is due earlier."""
        self._db.execute(
            """INSERT INTO due SELECT source, ticket_id, ? FROM mirror WHERE source = ? AND role = 'record'
            ON CONFLICT (source, ticket_id) DO UPDATE
            SET due_at = excluded.due_at WHERE due.due_at > excluded.due_at""",
            (instant_text(at), source),
        )

    def due_judging(self, source: str, now: datetime) -> list[str]:
        """Return ids of tickets that are due for evaluation, in id order."""
        sql = "SELECT ticket_id FROM due INDEXED BY due_of_source WHERE source = ? AND due_at <= ? ORDER BY ticket_id"
        return self._db.column(sql, (source, instant_text(now)))

    def has_due_judging(self, source: str, now: datetime) -> bool:
        """Return whether any ticket is due for evaluation."""
        sql = "SELECT 1 FROM due WHERE source = ? AND due_at <= ? LIMIT 1"
        return self._db.row(sql, (source, instant_text(now))) is not None

    def due_actions(self, source: str, now: datetime) -> list[str]:
        """Return ids of due tickets that are mirrored only as a record's action."""
        rows = self._db.rows(
            """SELECT d.ticket_id FROM due d INDEXED BY due_of_source
            CROSS JOIN mirror m ON m.source = d.source AND m.ticket_id = d.ticket_id
            WHERE d.source = ? AND d.due_at <= ? AND m.role = 'action' ORDER BY d.ticket_id""",
            (source, instant_text(now)),
        )
        return [row[0] for row in rows]

    def judged_with(self, source: str) -> str:
        """Return the fingerprint of rules and mapping behind the source's verdicts, "" before the first."""
        return self._milestone(source, "judged_with") or ""

    def judge_with(self, source: str, fingerprint: str) -> None:
        """Store the fingerprint of rules and mapping."""
        self._reach(source, "judged_with", fingerprint)

    def links(self) -> dict[str, str]:
        """Return source -> the link (`SOURCE: FIELD`) by which its tickets name duplicates, as last stored."""
        rows = self._db.rows("SELECT source, value FROM milestone WHERE name = 'link' AND value <> ''")
        return {row[0]: row[1] for row in rows}

    def note_links(self, links: Mapping[str, str]) -> None:
        """Store the link of each of these sources, "" for none; write only differences."""
        stored = self.links()
        for source, link in links.items():
            if stored.get(source, "") != link:
                self._reach(source, "link", link)

    def duplicates_known(self, source: str) -> str:
        """Return the link for which all tickets of the source were checked for duplicates, "" before any check."""
        return self._milestone(source, "twins_known") or ""

    def know_duplicates(self, source: str, link: str) -> None:
        """Store the link for which all tickets were checked for duplicates."""
        self._reach(source, "twins_known", link)

    # --- census ----------------------------------------------------------------------------------------------------
    def census_scope(self, source: str) -> tuple[str, frozenset[str]]:
        """Return the scope of the last census ("" before the first), and the containers that are given up."""
        stored = json_value(self._milestone(source, "census_scope") or "null") or {}
        return stored.get("scope", ""), frozenset(stored.get("given_up", ()))

    def note_census_scope(self, source: str, scope: str, given_up: Collection[str]) -> None:
        """Store the scope of a census, and the containers whose loss raises no alarm."""
        self._reach(source, "census_scope", json_text({"scope": scope, "given_up": sorted(given_up)}))

    # --- planning --------------------------------------------------------------------------------------------------
    def planned(self, source: str, next_due_at: Mapping[str, datetime | None]) -> None:
        """Store by ticket id the next due instant of planning; None means that only new data changes the plan."""
        never = [(source, ticket_id) for ticket_id, at in next_due_at.items() if at is None]
        self._db.execute_many("DELETE FROM plan_due WHERE source = ? AND ticket_id = ?", never)
        self._db.execute_many(
            """INSERT INTO plan_due VALUES (?,?,?) ON CONFLICT (source, ticket_id) DO UPDATE
            SET due_at = excluded.due_at WHERE due_at <> excluded.due_at""",
            [(source, ticket_id, instant_text(at)) for ticket_id, at in next_due_at.items() if at is not None],
        )

    def due_planning(self, source: str, now: datetime) -> list[str]:
        """Return ids of tickets that are due for planning, in id order."""
        sql = "SELECT ticket_id FROM plan_due WHERE source = ? AND due_at <= ? ORDER BY ticket_id"
        return self._db.column(sql, (source, instant_text(now)))

    def to_be_planned(self, source: str) -> list[str]:
        """Return ids of all tickets that are to be planned, now or later, in id order."""
        return self._db.column("SELECT ticket_id FROM plan_due WHERE source = ? ORDER BY ticket_id", (source,))

    def want_planning_of_warned(self, source: str, now: datetime) -> None:
        """Make every ticket due for planning that has an uncleared finding or any write."""
        self._db.execute(
            """INSERT INTO plan_due SELECT DISTINCT source, ticket_id, ? FROM (
                SELECT source, ticket_id FROM finding WHERE cleared_at IS NULL
                UNION SELECT source, ticket_id FROM write_out) WHERE source = ?
            ON CONFLICT (source, ticket_id) DO UPDATE SET due_at = excluded.due_at
            WHERE plan_due.due_at > excluded.due_at""",
            (instant_text(now), source),
        )

    def settled_at(self, source: str) -> datetime:
        """Return since when changes of verdicts count for the brake: the last planning that passed it."""
        stored = self._milestone(source, "settled_at")
        return instant(stored) if stored else _EVER

    def settle(self, source: str, at: datetime) -> None:
        """Record that a planning passed the brake at `at`."""
        self._reach(source, "settled_at", instant_text(at))

    # --- clocks ----------------------------------------------------------------------------------------------------
    def clock_offset(self, source: str) -> timedelta | None:
        """Return the last stored difference of the tracker's clock to ours (tracker minus ours), None without one."""
        stored = self._milestone(source, "clock_offset")
        return timedelta(seconds=float(stored)) if stored else None

    def note_clock_offset(self, source: str, offset: timedelta) -> None:
        """Store the difference of the tracker's clock to ours (tracker minus ours)."""
        self._reach(source, "clock_offset", str(offset.total_seconds()))

    def clock_stop(self, source: str) -> tuple[str, datetime] | None:
        """Return why and since when our clock is not trusted for evaluation, None while it is."""
        stored = json_value(self._milestone(source, "clock_stop") or "null")
        return (stored["cause"], instant(stored["since"])) if stored else None

    def note_clock_stop(self, source: str, cause: str, now: datetime) -> None:
        """Record that our clock is not trusted for this cause, or with "" that it is trusted again."""
        stop = self.clock_stop(source)
        if cause and stop is None:
            self._reach(source, "clock_stop", json_text({"cause": cause, "since": instant_text(now)}))
        elif not cause and stop is not None:
            self._db.execute("DELETE FROM milestone WHERE source = ? AND name = 'clock_stop'", (source,))

    # --- milestones ------------------------------------------------------------------------------------------------
    def _milestone(self, source: str, name: str) -> str | None:
        value: str | None = self._db.value(
            "SELECT value FROM milestone WHERE source = ? AND name = ?", (source, name)
        )
        return value

    def _reach(self, source: str, name: str, value: str) -> None:
        self._db.execute(
            """INSERT INTO milestone VALUES (?,?,?) ON CONFLICT (source, name) DO UPDATE
            SET value = excluded.value WHERE value <> excluded.value""",
            (source, name, value),
        )
