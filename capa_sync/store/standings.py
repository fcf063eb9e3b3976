"""Compares what is open and unknown before and after another verdict set has judged; for `preview`, on its copy."""

from __future__ import annotations

from dataclasses import dataclass

from capa_sync.store.database import Database

_STANDING = """SELECT v.source, v.ticket_id, v.rule, v.outcome, v.mode, v.reason, f.rule IS NOT NULL AS is_open,
    COALESCE(f.severity, '') AS severity, COALESCE(f.message, '') AS message
    FROM verdict v LEFT JOIN finding f ON f.source = v.source AND f.ticket_id = v.ticket_id AND f.rule = v.rule
    AND f.cleared_at IS NULL AND f.state = 'open' AND f.hidden_by = ''
    WHERE (v.source, v.ticket_id) NOT IN (SELECT source, ticket_id FROM quarantine)"""
_CHANGES = f"""SELECT a.source, a.ticket_id, a.rule, a.mode, a.outcome, a.is_open, a.severity, a.message, a.reason,
    COALESCE(b.outcome, ''), COALESCE(b.is_open, 0), COALESCE(b.severity, ''), COALESCE(b.message, '')
    FROM ({_STANDING}) a LEFT JOIN standing b
    ON b.source = a.source AND b.ticket_id = a.ticket_id AND b.rule = a.rule
    WHERE a.is_open <> COALESCE(b.is_open, 0)
    OR (a.is_open = 1 AND (a.severity, a.message) <> (b.severity, b.message))
    OR (a.outcome = 'cannot_tell' AND COALESCE(b.outcome, '') <> 'cannot_tell')
    UNION ALL SELECT b.source, b.ticket_id, b.rule, b.mode, '', 0, '', '', '', b.outcome, 1, b.severity, b.message
    FROM standing b WHERE b.is_open = 1 AND NOT EXISTS (SELECT 1 FROM verdict a
        WHERE a.source = b.source AND a.ticket_id = b.ticket_id AND a.rule = b.rule)
    ORDER BY 3, 1, 2"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a rule says of a ticket: its outcome ("" without a verdict), and its open finding.

    `is_open` is True for a finding that is open and not hidden; `severity` and `message` are those of the finding.
    """

    outcome: str
    is_open: bool
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
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
            self._db.execute(f"CREATE TABLE standing AS {_STANDING}")
            self._db.execute("CREATE UNIQUE INDEX standing_key ON standing (source, ticket_id, rule)")
            self._db.execute("CREATE TABLE quarantined_before AS SELECT source, ticket_id FROM quarantine")

    def changes(self) -> list[StandingChange]:
        """Return what differs from the stored state, by rule and ticket."""
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
        now: dict[str, int] = dict(self._db.rows(_APPLIED.format("verdict")))
        before: dict[str, int] = dict(self._db.rows(_APPLIED.format("standing")))
        return {rule: (before.get(rule, 0), now.get(rule, 0)) for rule in sorted({*before, *now})}

    def newly_quarantined(self) -> list[dict[str, str]]:
        """Return tickets that are quarantined now and were not when stored, with the reason."""
        rows = self._db.rows(
            """SELECT q.source, COALESCE(NULLIF(q.ticket_key, ''), t.ticket_key, q.ticket_id), q.reasons
            FROM quarantine q LEFT JOIN ticket t ON t.source = q.source AND t.ticket_id = q.ticket_id
            WHERE (q.source, q.ticket_id) NOT IN (SELECT source, ticket_id FROM quarantined_before) ORDER BY 1, 2"""
        )
        return [dict(zip(("source", "ticket", "reason"), row, strict=True)) for row in rows]


_APPLIED = "SELECT rule, SUM(outcome <> 'not_applicable') FROM {} GROUP BY rule"
