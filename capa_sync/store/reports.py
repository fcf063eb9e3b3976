"""Read-only queries over the whole register, for the verbs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from capa_sync.model.write import ASKED_TO_WAIT, TOO_MANY, Write
from capa_sync.store.columns import instant_text
from capa_sync.store.database import Database
from capa_sync.store.outbox import MAY_BE_SEEN
from capa_sync.store.write_rows import FIELDS, write_from

_PRESENT = "JOIN mirror m ON m.source = v.source AND m.ticket_id = v.ticket_id AND m.presence = 'present'"
_SEEN = f"""(SELECT v.source, v.rule, v.number, v.outcome, v.reason, COUNT(*) AS tickets FROM verdict_own v {_PRESENT}
    GROUP BY 1, 2, 3, 4, 5
    UNION ALL SELECT k.source, s.rule, s.number, s.outcome, '', k.tickets FROM (
        SELECT v.source, v.digest, COUNT(*) AS tickets FROM verdict_ticket v {_PRESENT} GROUP BY 1, 2) k
    JOIN verdict_shared s ON s.digest = k.digest) v"""
"""How many present tickets have which outcome of a rule, and why. Shared sets of verdicts count as a whole."""

_UNKNOWN = """verdict_own v WHERE v.outcome = 'cannot_tell' AND (v.source, v.ticket_id) NOT IN (
    SELECT source, ticket_id FROM mirror WHERE presence <> 'present'
    UNION SELECT source, ticket_id FROM quarantine)"""
"""Verdicts that cannot tell, of tickets that are judged now; read from the index `verdict_unknown` alone."""
_COUNTED = 20
"""Number of reasons whose tickets are counted exactly when several texts contain the reason; for rarer reasons, a
ticket may count twice."""


class Reports:
    """Lists and counts for `sync`, `plan`, `demo` and `status`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def open_findings(self) -> list[dict[str, Any]]:
        """Return open findings that no other finding hides, the most severe first."""
        names = ("severity", "source", "ticket_key", "rule", "clause", "message", "opened_at")
        rows = self._db.rows(
            f"""SELECT {", ".join(names)} FROM v_findings WHERE state = 'open' AND hidden_by = '' ORDER BY
            CASE severity WHEN 'high' THEN 0 WHEN 'medium' THEN 1 WHEN 'low' THEN 2 ELSE 3 END,
            source, ticket_key, number"""
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def waived(self) -> int:
        """Count findings that are waived now."""
        return int(self._db.value("SELECT COUNT(*) FROM finding WHERE state = 'waived' AND cleared_at IS NULL"))

    def writes_by_state(self) -> dict[str, int]:
        """Return state -> number of writes, of all writes ever stored."""
        return dict(self._db.rows("SELECT state, COUNT(*) FROM write_out GROUP BY state ORDER BY state"))

    def undelivered(self, source: str, since: datetime) -> int:
        """Count writes of a source that could not be made, for whoever holds the register and sends nothing now.

        One that waits for a rate limit alone counts if it was tried since `since`.
        """
        return int(
            self._db.value(
                f"""SELECT COUNT(*) FROM write_out AS w WHERE source = ? AND {MAY_BE_SEEN} AND (
                state IN ('failed', 'unknown') OR (state = 'pending' AND attempts > 0
                    AND (marked_at >= ? OR (instr(error, ?) = 0 AND instr(error, ?) = 0))))""",
                (source, instant_text(since), TOO_MANY, ASKED_TO_WAIT),
            )
        )

    def planned_writes(self) -> list[Write]:
        """Return planned writes that were not sent: withheld by the mode or a brake, or pending."""
        rows = self._db.rows(
            f"""SELECT {", ".join(FIELDS)} FROM write_out WHERE state = 'pending' OR (state = 'withheld' AND error IN
            ('plan', 'first_activation', 'too_many_comments', 'too_many_changes', 'not_released')) ORDER BY seq"""
        )
        return [write_from(row) for row in rows]

    def count_records(self) -> dict[str, int]:
        """Return source -> number of rows in the register."""
        return dict(self._db.rows("SELECT source, COUNT(*) FROM register_row GROUP BY source ORDER BY source"))

    def quarantined(self) -> list[dict[str, str]]:
        """Return tickets that could not be mapped or read, with the reason."""
        rows = self._db.rows(
            """SELECT q.source, COALESCE(NULLIF(q.ticket_key, ''), t.ticket_key, q.ticket_id), q.reasons
            FROM quarantine q LEFT JOIN ticket t ON t.source = q.source AND t.ticket_id = q.ticket_id ORDER BY 1, 2"""
        )
        return [dict(zip(("source", "ticket", "reason"), row, strict=True)) for row in rows]

    def checks(self) -> dict[str, dict[str, int]]:
        """Return source -> outcome -> number of verdicts on present tickets."""
        found: dict[str, dict[str, int]] = {}
        for source, outcome, count in self._db.rows(
            f"SELECT v.source, v.outcome, SUM(v.tickets) FROM {_SEEN} GROUP BY 1, 2 ORDER BY 1, 2"
        ):
            found.setdefault(source, {})[outcome] = count
        return found

    def coverage(self) -> list[dict[str, Any]]:
        """Return for each source and rule on how many present tickets it decided or cannot tell, and why.

        A rule decides where its verdict is ok, breach or historical. A verdict may have several reasons.
        """
        found: dict[str, dict[str, dict[str, Any]]] = {}
        rows = self._db.rows(
            f"""SELECT v.source, v.rule, v.outcome, CASE v.outcome WHEN 'cannot_tell' THEN v.reason ELSE '' END,
            SUM(v.tickets) FROM {_SEEN} GROUP BY 1, 2, 3, 4 ORDER BY 1, MIN(v.number), 2"""
        )
        for source, rule, outcome, text, count in rows:
            row = found.setdefault(source, {}).setdefault(rule, {"decided": 0, "cannot_tell": 0, "reasons": {}})
            if outcome == "cannot_tell":
                row["cannot_tell"] += count
                for reason in dict.fromkeys(text.split("; ")):
                    row["reasons"][reason] = row["reasons"].get(reason, 0) + count
            elif outcome != "not_applicable":
                row["decided"] += count
        return [
            {"source": source, "rules": [{"rule": rule, **_most_frequent(row)} for rule, row in rules.items()]}
            for source, rules in found.items()
        ]

    def cannot_tell(self) -> list[dict[str, Any]]:
        """Return for each source with "cannot tell" verdicts their number, and each reason with its ticket count.

        A verdict may have several reasons; a ticket counts once for each.
        """
        rows = self._db.rows(
            f"""SELECT source, reason, SUM(verdicts), COUNT(*) FROM (
                SELECT v.source, v.reason, v.ticket_id, COUNT(*) AS verdicts FROM {_UNKNOWN} GROUP BY 1, 2, 3)
            GROUP BY 1, 2 ORDER BY 1, 2"""
        )
        totals: dict[str, int] = {}
        tickets: dict[str, dict[str, dict[str, int]]] = {}
        for source, text, verdicts, count in rows:
            totals[source] = totals.get(source, 0) + verdicts
            for reason in dict.fromkeys(text.split("; ")):
                tickets.setdefault(source, {}).setdefault(reason, {})[text] = count
        return [
            {"source": source, "verdicts": count, "reasons": self._reasons(source, tickets[source])}
            for source, count in totals.items()
        ]

    def _reasons(self, source: str, tickets: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
        """Count the tickets of each reason, the most frequent first; `tickets`: reason -> text -> ticket count."""
        likely = sorted(tickets, key=lambda reason: (-sum(tickets[reason].values()), reason))
        sql = f"SELECT v.ticket_id FROM {_UNKNOWN} AND v.source = ? AND v.reason IN (?)"
        found: list[tuple[int, str]] = []
        for place, reason in enumerate(likely):
            texts = tickets[reason]
            count = sum(texts.values())
            if len(texts) > 1 and place < _COUNTED:
                count = len({row[0] for row in self._db.rows_in(sql, (source,), list(texts))})
            found.append((-count, reason))
        return [{"reason": reason, "tickets": -count} for count, reason in sorted(found)]

    def incomplete_histories(self, source: str) -> int:
        """Count tickets whose history was not read completely, or is ambiguous in part."""
        return int(
            self._db.value(
                """SELECT COUNT(*) FROM ticket t LEFT JOIN register_row r
                ON r.source = t.source AND r.ticket_id = t.ticket_id
                WHERE t.source = ? AND (t.history_complete = 0 OR COALESCE(r.history_gap, '') <> '')""",
                (source,),
            )
        )


def _most_frequent(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule's numbers with its reasons as a list, the most frequent first."""
    reasons = sorted(row["reasons"].items(), key=lambda item: (-item[1], item[0]))
    return {**row, "reasons": [{"reason": reason, "tickets": tickets} for reason, tickets in reasons]}
