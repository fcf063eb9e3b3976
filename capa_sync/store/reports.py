"""Read-only questions that verbs ask of the whole register."""

from __future__ import annotations

from typing import Any

from capa_sync.model.write import Write
from capa_sync.store.database import Database
from capa_sync.store.write_rows import FIELDS, write_from


class Reports:
    """Lists and counts for `sync`, `plan`, `demo` and `status`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def open_findings(self) -> list[dict[str, Any]]:
        """Return open findings that no other hides, the worst first."""
        names = ("severity", "source", "ticket_key", "rule", "clause", "message", "opened_at")
        rows = self._db.rows(
            f"""SELECT {", ".join(names)} FROM v_findings WHERE state = 'open' AND hidden_by = '' ORDER BY
            CASE severity WHEN 'high' THEN 0 WHEN 'medium' THEN 1 WHEN 'low' THEN 2 ELSE 3 END,
            source, ticket_key, number"""
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def findings_by_state(self) -> dict[str, int]:
        """Return state -> number of findings."""
        return dict(self._db.rows("SELECT state, COUNT(*) FROM v_findings GROUP BY state ORDER BY state"))

    def writes_by_state(self) -> dict[str, int]:
        """Return state -> number of writes, every one ever meant."""
        return dict(self._db.rows("SELECT state, COUNT(*) FROM write_out GROUP BY state ORDER BY state"))

    def planned_writes(self) -> list[Write]:
        """Return writes that were planned and not sent: withheld by the mode or a brake, or pending."""
        rows = self._db.rows(
            f"""SELECT {", ".join(FIELDS)} FROM write_out WHERE state = 'pending' OR (state = 'withheld' AND error IN
            ('plan', 'first_activation', 'too_many_comments', 'too_many_changes')) ORDER BY seq"""
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

    def incomplete_histories(self, source: str) -> int:
        """Count tickets whose history was not read whole."""
        return int(self._db.value("SELECT COUNT(*) FROM ticket WHERE source = ? AND history_complete = 0", (source,)))
