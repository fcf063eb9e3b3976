"""What the checks over the whole register count, and their stored results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from capa_sync.model.register_check import CheckName, CheckResult, RecordSpan
from capa_sync.store.columns import instant, instant_text, optional_instant
from capa_sync.store.database import Database

_PRESENT = """register_row r JOIN mirror m ON m.source = r.source AND m.ticket_id = r.ticket_id
    AND m.presence = 'present'"""
_SEEN = "mirror m ON m.source = v.source AND m.ticket_id = v.ticket_id AND m.presence = 'present'"
_ENDED = "('closed', 'rejected', 'cancelled', 'duplicate')"


class WaivedCounts(NamedTuple):
    """How many records are open, how many of these have a waived rule, and how many waivers have run out."""

    open: int
    waived: int
    expired: int


class RegisterChecks:
    """Counts for the checks, and the table `register_check`: a row per check and source, `since` its state began."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def never_decided(self, source: str) -> list[str]:
        """Return the rules that cannot tell on some present ticket of a source and decided on none."""
        return self._db.column(
            f"""SELECT v.rule FROM verdict_own v JOIN {_SEEN} AND v.source = ?1 GROUP BY v.rule
            HAVING SUM(v.outcome = 'cannot_tell') > 0 AND SUM(v.outcome IN ('ok', 'breach', 'historical')) = 0
            AND v.rule NOT IN (SELECT s.rule FROM verdict_shared s WHERE s.outcome = 'ok' AND s.digest IN (
                SELECT v.digest FROM verdict_ticket v JOIN {_SEEN} AND v.source = ?1))
            ORDER BY MIN(v.number), v.rule""",
            (source,),
        )

    def newest_of(self, origin: str) -> datetime | None:
        """Return when the newest nonconformity of an origin was found, None without one."""
        sql = "SELECT MAX(open_from) FROM register_row WHERE track = 'nonconformity' AND origin = ?"
        return optional_instant(self._db.value(sql, (origin,)) or None)

    def last_change(self, source: str, field_ids: Sequence[str]) -> datetime | None:
        """Return when one of these fields of an improvement was last filled, None when it never was."""
        improvement = "SELECT ticket_id FROM register_row WHERE source = ? AND track = 'improvement'"
        found = [
            row[0]
            for field_id in field_ids
            for row in self._db.rows(
                f"""SELECT MAX(c.changed_at) FROM change c JOIN ticket t ON t.nr = c.nr WHERE t.source = ?
                AND c.field_id = ? AND c.to_value <> '' AND t.ticket_id IN ({improvement})
                UNION ALL SELECT MAX(changed_at) FROM birth WHERE source = ? AND field_id = ? AND to_value <> ''
                AND ticket_id IN ({improvement})""",
                (source, field_id, source, source, field_id, source),
            )
        ]
        return optional_instant(max(filter(None, found), default=None))

    def unreviewed_majors(self, source: str, before: datetime) -> list[str]:
        """Return the keys of open major nonconformities found before an instant that no management review saw."""
        return self._db.column(
            f"""SELECT r.ticket_key FROM {_PRESENT} WHERE r.source = ? AND r.track = 'nonconformity'
            AND r.grade = 'major' AND r.management_review = '' AND r.claimed_stage NOT IN {_ENDED}
            AND r.open_from < ? ORDER BY r.ticket_key""",
            (source, instant_text(before)),
        )

    def spans(self) -> list[RecordSpan]:
        """Return when each present record with actions to come or made was open and late."""
        rows = self._db.rows(
            f"""SELECT r.open_from, r.open_until, r.late_from, r.late_until FROM {_PRESENT}
            WHERE r.track IN ('nonconformity', 'preventive')"""
        )
        return [RecordSpan(*(optional_instant(text or None) for text in row)) for row in rows]

    def waived(self, today: date) -> WaivedCounts:
        """Count open records, those with a waived rule, and points that are open after their waiver ran out."""
        open_ones = f"{_PRESENT} WHERE r.claimed_stage NOT IN {_ENDED}"
        return WaivedCounts(
            int(self._db.value(f"SELECT COUNT(*) FROM {open_ones}")),
            int(self._db.value(f"SELECT COUNT(*) FROM {open_ones} AND r.waived <> ''")),
            int(
                self._db.value(
                    """SELECT COUNT(*) FROM (SELECT DISTINCT w.source, w.ticket_id, w.rule FROM waiver w
                    JOIN finding f ON f.source = w.source AND f.ticket_id = w.ticket_id AND f.rule = w.rule
                    WHERE f.state = 'open' AND w.until < ?)""",
                    (today.isoformat(),),
                )
            ),
        )

    def without_row(self, source: str) -> int:
        """Count present tickets that are records and have neither a row, a quarantine nor a joined primary."""
        return int(
            self._db.value(
                """SELECT COUNT(*) FROM mirror m JOIN ticket t ON t.nr = m.nr WHERE m.source = ?
                AND m.presence = 'present' AND m.role = 'record'
                AND NOT EXISTS (SELECT 1 FROM register_row r WHERE r.source = m.source AND r.ticket_id = m.ticket_id)
                AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.source = m.source AND q.ticket_id = m.ticket_id)
                AND NOT EXISTS (SELECT 1 FROM joined j WHERE (j.source = m.source AND j.ticket_id = m.ticket_id)
                    OR (j.other_source = m.source AND j.other_key = t.ticket_key))""",
                (source,),
            )
        )

    def save(self, results: Iterable[CheckResult], at: datetime) -> None:
        """Store the results of all checks; equal ones change nothing, and what is no longer checked goes."""
        wanted = {(result.check.value, result.source): result for result in results}
        with self._db.transaction():
            for check, source in self._known().keys() - wanted.keys():
                self._db.execute("DELETE FROM register_check WHERE name = ? AND source = ?", (check, source))
            for (check, source), result in wanted.items():
                before = self._known().get((check, source))
                if before is None or before[0] != result.state.value:
                    row = (check, source, result.state.value, result.says, instant_text(at))
                    self._db.execute("INSERT OR REPLACE INTO register_check VALUES (?,?,?,?,?)", row)
                elif before[1] != result.says:
                    sql = "UPDATE register_check SET says = ? WHERE name = ? AND source = ?"
                    self._db.execute(sql, (result.says, check, source))

    def _known(self) -> Mapping[tuple[str, str], tuple[str, str]]:
        rows = self._db.rows("SELECT name, source, state, says FROM register_check")
        return {(name, source): (state, says) for name, source, state, says in rows}

    def all(self) -> list[dict[str, Any]]:
        """Return the stored results in the order of the checks, with the instant since which each has its state."""
        order = {check.value: number for number, check in enumerate(CheckName)}
        rows = self._db.rows("SELECT name, source, state, says, since FROM register_check")
        found = [
            {"check": name, "source": source, "state": state, "says": says, "since": instant(since)}
            for name, source, state, says, since in rows
        ]
        return sorted(found, key=lambda row: (order.get(row["check"], len(order)), row["source"]))
