"""Compares what is open and unknown before and after another verdict set has judged; for `preview`, on its copy."""

from __future__ import annotations

from capa_sync.model.light import light
from capa_sync.store.database import Database

_IS_OPEN = "f.cleared_at IS NULL AND f.state = 'open' AND f.hidden_by = ''"
_VERDICT_JOINS = """LEFT JOIN verdict_own o
    ON o.source = {0}.source AND o.ticket_id = {0}.ticket_id AND o.rule = {0}.rule
    LEFT JOIN verdict_ticket t ON t.source = {0}.source AND t.ticket_id = {0}.ticket_id
    LEFT JOIN verdict_shared s ON s.digest = t.digest AND s.rule = {0}.rule"""
"""What the view `verdict` shows of a few rows: SQLite makes the whole view before it joins it."""
_OUTCOME = "COALESCE(o.outcome, s.outcome)"
_QUARANTINED = "({0}.source, {0}.ticket_id) IN (SELECT source, ticket_id FROM quarantine)"
_STANDING = f"""SELECT f.source, f.ticket_id, f.rule, {_OUTCOME} AS outcome, COALESCE(o.mode, s.mode) AS mode,
    COALESCE(o.reason, '') AS reason, 1 AS is_open, f.severity, f.message
    FROM finding f {_VERDICT_JOINS.format("f")}
    WHERE {_IS_OPEN} AND {_OUTCOME} IS NOT NULL AND NOT {_QUARANTINED.format("f")}
    UNION ALL SELECT v.source, v.ticket_id, v.rule, v.outcome, v.mode, v.reason, 0, '', ''
    FROM verdict_own v WHERE v.outcome = 'cannot_tell' AND NOT {_QUARANTINED.format("v")} AND NOT EXISTS (
        SELECT 1 FROM finding f
        WHERE f.source = v.source AND f.ticket_id = v.ticket_id AND f.rule = v.rule AND {_IS_OPEN})"""
_CHANGES = f"""SELECT a.source, a.ticket_id, a.rule, a.mode, a.outcome, a.is_open, a.severity, a.message, a.reason,
    COALESCE(b.outcome, ''), COALESCE(b.is_open, 0), COALESCE(b.severity, ''), COALESCE(b.message, '')
    FROM standing_now a LEFT JOIN standing b
    ON b.source = a.source AND b.ticket_id = a.ticket_id AND b.rule = a.rule
    WHERE a.is_open <> COALESCE(b.is_open, 0)
    OR (a.is_open = 1 AND (a.severity, a.message) <> (b.severity, b.message))
    OR (a.outcome = 'cannot_tell' AND COALESCE(b.outcome, '') <> 'cannot_tell')
    UNION ALL SELECT b.source, b.ticket_id, b.rule, COALESCE(o.mode, s.mode, b.mode), COALESCE({_OUTCOME}, ''), 0,
    '', '', COALESCE(o.reason, ''), b.outcome, 1, b.severity, b.message FROM standing b {_VERDICT_JOINS.format("b")}
    WHERE b.is_open = 1 AND NOT ({_OUTCOME} IS NOT NULL AND {_QUARANTINED.format("b")}) AND NOT EXISTS (
        SELECT 1 FROM standing_now a
        WHERE a.source = b.source AND a.ticket_id = b.ticket_id AND a.rule = b.rule)
    ORDER BY 3, 1, 2"""
_APPLIED = """SELECT rule, SUM(tickets) FROM (
    SELECT s.rule, SUM(n.tickets * (s.outcome <> 'not_applicable')) AS tickets
    FROM (SELECT digest, COUNT(*) AS tickets FROM verdict_ticket t WHERE {0} GROUP BY digest) n
    JOIN verdict_shared s ON s.digest = n.digest GROUP BY s.rule
    UNION ALL SELECT rule, SUM(outcome <> 'not_applicable') FROM verdict_own t WHERE {0} GROUP BY rule)
    GROUP BY rule"""


@light
class Standing:
    """What a rule says of a ticket: its outcome, and its open finding.

    Before the change the outcome is "" where nothing was open and the rule could tell. `is_open` is True for a
    finding that is open and not hidden; `severity` and `message` are those of the finding.
    """

    outcome: str
    is_open: bool
    severity: str
    message: str


@light
class StandingChange:
    """A rule that says something else of a ticket; `mode` is the rule's, `reason` why it cannot tell now."""

    source: str
    ticket: str
    rule: str
    mode: str
    before: Standing
    after: Standing
    reason: str


class Standings:
    """What is open and unknown, as it was at `keep` and as it is now. Only for a private copy of a register."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def keep(self) -> None:
        """Store what is open and unknown now, which tickets are quarantined, and to how many each rule applies."""
        with self._db.transaction():
            self._store("standing")
            self._db.execute("CREATE TABLE quarantined_before AS SELECT source, ticket_id FROM quarantine")
            counted = _APPLIED.format(f"NOT {_QUARANTINED.format('t')}")
            self._db.execute(f"CREATE TABLE applied_before AS {counted}")

    def _store(self, table: str) -> None:
        """Store what is open and unknown now in a new table."""
        self._db.execute(f"CREATE TABLE {table} AS {_STANDING}")
        self._db.execute(f"CREATE UNIQUE INDEX {table}_key ON {table} (source, ticket_id, rule)")

    def changes(self) -> list[StandingChange]:
        """Return what differs from the stored state, by rule and ticket; call it once."""
        with self._db.transaction():
            self._store("standing_now")
        keys: dict[str, str] = dict(self._db.rows("SELECT source || ':' || ticket_id, ticket_key FROM ticket"))
        return [
            StandingChange(
                row[0],
                str(keys.get(f"{row[0]}:{row[1]}") or row[1]),
                row[2],
                row[3],
                Standing(row[9], bool(row[10]), row[11], row[12]),
                Standing(row[4], bool(row[5]), row[6], row[7]),
                row[8],
            )
            for row in self._db.rows(_CHANGES)
        ]

    def applied(self) -> dict[str, tuple[int, int]]:
        """Return rule -> number of tickets that it applied to when stored, and now."""
        now: dict[str, int] = dict(self._db.rows(_APPLIED.format("1")))
        before: dict[str, int] = dict(self._db.rows("SELECT * FROM applied_before"))
        return {rule: (before.get(rule, 0), now.get(rule, 0)) for rule in sorted({*before, *now})}

    def newly_quarantined(self) -> list[dict[str, str]]:
        """Return tickets that are quarantined now and were not when stored, with the reason."""
        rows = self._db.rows(
            """SELECT q.source, COALESCE(NULLIF(q.ticket_key, ''), t.ticket_key, q.ticket_id), q.reasons
            FROM quarantine q LEFT JOIN ticket t ON t.source = q.source AND t.ticket_id = q.ticket_id
            WHERE (q.source, q.ticket_id) NOT IN (SELECT source, ticket_id FROM quarantined_before) ORDER BY 1, 2"""
        )
        return [dict(zip(("source", "ticket", "reason"), row, strict=True)) for row in rows]
