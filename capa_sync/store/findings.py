"""Episodes of findings with the inputs of their verdicts, the latest verdicts, and the next due instants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from capa_sync.model.finding import Finding, FindingState, Mode, Outcome, Severity, Verdict
from capa_sync.store.chain import Chain
from capa_sync.store.chained import entries_of
from capa_sync.store.columns import instant, instant_text, json_value, member, optional_instant, optional_text
from capa_sync.store.database import Database, Params, Row
from capa_sync.store.judged_rows import finding_row
from capa_sync.store.verdict_rows import StoredVerdicts, drop_unused_sets, replace_verdicts, stored_verdicts

_FIELDS = (
    "source", "ticket_id", "rule", "episode", "number", "clause", "severity", "state", "mode", "title", "message",
    "fix", "args", "opened_at", "cleared_at", "hidden_by", "waived_until", "waived_by", "waived_reason", "rule_set",
    "inputs", "on_ticket",
)  # fmt: skip
_CHAINED = len(_FIELDS) - 1
"""So many columns are in the hash chain: all but the words in another language, which each write has as they went."""
_KEY = _FIELDS[:4]
_REST = _FIELDS[4:]
_SELECT = f"SELECT {', '.join(_FIELDS)} FROM finding"
_SAVE = f"""INSERT INTO finding ({", ".join(_FIELDS)}) VALUES ({",".join("?" * len(_FIELDS))})
    ON CONFLICT ({", ".join(_KEY)}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _REST)}
    WHERE ({", ".join(f"finding.{name}" for name in _REST)})
    IS NOT ({", ".join(f"excluded.{name}" for name in _REST)}) RETURNING {", ".join(_KEY)}"""


class Findings:
    """Findings in SQLite, with verdicts and due times."""

    def __init__(self, db: Database, chain: Chain) -> None:
        self._db = db
        self._chain = chain

    # --- episodes --------------------------------------------------------------------------------------------------
    def latest(self, source: str, ticket_id: str) -> list[Finding]:
        """Return the latest episode of each rule on this ticket."""
        return self.latest_of(source, [ticket_id]).get(ticket_id, [])

    def latest_of(self, source: str, ticket_ids: Sequence[str]) -> dict[str, list[Finding]]:
        """Return ticket id -> latest episode of each rule; only tickets that ever had an episode."""
        rows = self._db.rows_in(
            f"""{_SELECT} AS f WHERE source = ? AND ticket_id IN (?) AND episode = (SELECT MAX(episode)
            FROM finding AS g WHERE g.source = f.source AND g.ticket_id = f.ticket_id AND g.rule = f.rule)
            ORDER BY number, rule""",
            (source,),
            ticket_ids,
        )
        found: dict[str, list[Finding]] = {}
        for row in rows:
            found.setdefault(row[1], []).append(_finding(row))
        return found

    def episodes(self, source: str, ticket_id: str) -> list[Finding]:
        """Return all episodes of this ticket, in the order of rule and episode."""
        rows = self._db.rows(
            f"{_SELECT} WHERE source = ? AND ticket_id = ? ORDER BY number, rule, episode", (source, ticket_id)
        )
        return [_finding(row) for row in rows]

    def save(self, findings: Iterable[Finding]) -> None:
        """Insert or update episodes by (source, ticket_id, rule, episode); equal ones change no row."""
        self.save_rows([finding_row(finding) for finding in findings])

    def save_rows(self, rows: list[Params]) -> None:
        """Insert or update episodes given as rows; those that changed are appended to the chain, by ticket."""
        if not rows:
            return
        with self._db.transaction():
            changed = set(self._db.execute_returning(_SAVE, rows))
            news = {key: row for row in rows if (key := tuple(row[:4])) in changed}
            rows_of = ((*key[:2], f"{key[2]}/{key[3]}", 0, *row[:_CHAINED]) for key, row in news.items())
            self._chain.append(list(entries_of("finding", rows_of)))

    # --- verdicts --------------------------------------------------------------------------------------------------
    def save_verdicts(self, source: str, ticket_id: str, verdicts: Iterable[Verdict], at: datetime) -> bool:
        """Replace a ticket's verdicts; return whether an outcome or severity changed.

        A change on a ticket that had verdicts before is stored with `at`, for `changed_since`.
        """
        return bool(self.replace_verdicts(source, {ticket_id: stored_verdicts(source, ticket_id, verdicts)}, at))

    def replace_verdicts(self, source: str, wanted: Mapping[str, StoredVerdicts | None], at: datetime) -> set[str]:
        """Replace the verdicts of many tickets (by id); return the ids whose outcome or severity changed."""
        with self._db.transaction():
            changed = replace_verdicts(self._db, source, wanted)
            self._db.execute_many(
                """INSERT INTO verdict_change VALUES (?,?,?) ON CONFLICT (source, ticket_id) DO UPDATE
                SET changed_at = excluded.changed_at""",
                [(source, ticket_id, instant_text(at)) for ticket_id, had_any in changed.items() if had_any],
            )
        return set(changed)

    def drop_unused_sets(self) -> None:
        """Delete sets of verdicts that no ticket has any more: rules or their texts changed."""
        drop_unused_sets(self._db)

    def outcomes_of(self, source: str, ticket_ids: Sequence[str]) -> dict[str, dict[str, Outcome]]:
        """Return ticket id -> rule in warn mode -> its latest outcome; only tickets that have one."""
        own = (
            "SELECT ticket_id, rule, outcome FROM verdict_own WHERE source = ? AND mode = 'warn' AND ticket_id IN (?)"
        )
        shared = """SELECT t.ticket_id, s.rule, s.outcome FROM verdict_ticket t JOIN verdict_shared s
            ON s.digest = t.digest AND s.mode = 'warn' WHERE t.source = ? AND t.ticket_id IN (?)"""
        found: dict[str, dict[str, Outcome]] = {}
        for sql in (own, shared):
            for ticket_id, rule, outcome in self._db.rows_in(sql, (source,), ticket_ids):
                found.setdefault(ticket_id, {})[rule] = member(Outcome, outcome)
        return found

    def verdict_counts(self, source: str) -> Mapping[str, int]:
        """Return the number of evaluated `tickets`, and the number of verdicts of each outcome."""
        rows = self._db.rows(
            """SELECT outcome, SUM(number) FROM (
                SELECT outcome, COUNT(*) AS number FROM verdict_own WHERE source = ?1 GROUP BY outcome
                UNION ALL SELECT s.outcome, t.number FROM (SELECT digest, COUNT(*) AS number FROM verdict_ticket
                    WHERE source = ?1 GROUP BY digest) t JOIN verdict_shared s ON s.digest = t.digest)
            GROUP BY outcome""",
            (source,),
        )
        tickets = self._db.value("SELECT COUNT(*) FROM verdict_ticket WHERE source = ?", (source,))
        return {"tickets": tickets or 0, **dict(rows)}

    def judged_tickets(self, source: str, at_most: int) -> int:
        """Count tickets with verdicts; the query stops at `at_most`, so that a large mirror costs no more."""
        sql = "SELECT COUNT(*) FROM (SELECT 1 FROM verdict_ticket WHERE source = ? LIMIT ?)"
        return int(self._db.value(sql, (source, at_most)))

    def changed_since(self, source: str, since: datetime) -> int:
        """Count tickets whose earlier outcomes changed since that instant, over any number of cycles."""
        return int(
            self._db.value(
                "SELECT COUNT(*) FROM verdict_change WHERE source = ? AND changed_at >= ?",
                (source, instant_text(since)),
            )
        )

    # --- due times -------------------------------------------------------------------------------------------------
    def next_due(self, source: str, ticket_id: str, when: datetime | None) -> None:
        """Set the next due instant, when time alone may change the ticket's verdicts; None means never."""
        self.next_dues(source, {ticket_id: optional_text(when)})

    def next_dues(self, source: str, when: Mapping[str, str | None]) -> None:
        """Set the next due instants of many tickets: id -> instant as text, None for never."""
        never = [(source, ticket_id) for ticket_id, at in when.items() if at is None]
        self._db.execute_many("DELETE FROM due WHERE source = ? AND ticket_id = ?", never)
        self._db.execute_many(
            """INSERT INTO due VALUES (?,?,?) ON CONFLICT (source, ticket_id) DO UPDATE
            SET due_at = excluded.due_at WHERE due_at <> excluded.due_at""",
            [(source, ticket_id, at) for ticket_id, at in when.items() if at is not None],
        )

    def due(self, now: datetime) -> list[tuple[str, str]]:
        """Return (source, ticket id) of tickets that are due, the earliest first."""
        rows = self._db.rows(
            "SELECT source, ticket_id FROM due WHERE due_at <= ? ORDER BY due_at, source, ticket_id",
            (instant_text(now),),
        )
        return [(row[0], row[1]) for row in rows]

    def next_instants(self, limit: int = 20) -> list[tuple[datetime, str, str]]:
        """Return the next due evaluations as (instant, source, ticket id), for `status`."""
        rows = self._db.rows(
            """SELECT d.due_at, d.source, d.ticket_id FROM source s JOIN due d ON d.source = s.source
            AND d.due_at <= COALESCE((SELECT n.due_at FROM due n WHERE n.source = s.source
                ORDER BY n.due_at LIMIT 1 OFFSET ?1), '9999')
            ORDER BY 1, 2, 3 LIMIT ?1""",
            (limit,),
        )
        return [(instant(row[0]), row[1], row[2]) for row in rows]


def _finding(row: Row) -> Finding:
    stored = dict(zip(_FIELDS, row, strict=True))
    return Finding(
        **stored
        | {
            "severity": member(Severity, stored["severity"]),
            "state": member(FindingState, stored["state"]),
            "mode": member(Mode, stored["mode"]),
            "args": _args(json_value(stored["args"])),
            "opened_at": instant(stored["opened_at"]),
            "cleared_at": optional_instant(stored["cleared_at"]),
            "waived_until": optional_instant(stored["waived_until"]),
            "inputs": tuple(json_value(stored["inputs"])),
            "on_ticket": tuple(json_value(stored["on_ticket"])) if stored["on_ticket"] else (),
        }
    )


def _args(stored: Iterable[object]) -> tuple[tuple[str, str], ...]:
    """Return (name, fact) of each argument; facts without a name, from an older version, are ignored."""
    return tuple([(pair[0], pair[1]) for pair in stored if isinstance(pair, list)])
