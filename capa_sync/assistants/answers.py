"""What the tools answer, from the public views alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from capa_sync.errors import Problem, UserError
from capa_sync.model.amounts import count_of
from capa_sync.model.answered import AnsweredRows
from capa_sync.model.columns import RESTRICTED
from capa_sync.model.days import days_late_words
from capa_sync.model.view_columns import PUBLIC_VIEWS

Row = dict[str, Any]
_ALL = 500
"""Rows that no list of one ticket exceeds; of its changes the latest ones."""
_SAME_NAME = 5
"""Tickets of one name that are explained."""
_NO_RECORD = "none: an action, a quarantined ticket, or one that was not evaluated yet"
_FRESHNESS = "SELECT source, as_of, last_success_at, problem, safety_stop FROM v_sources ORDER BY source"
_TODAY = """SELECT matter, register_no, source, ticket_key, title, owner, since, due_at, rule, severity, reason, fix
    FROM v_today WHERE ? IN ('', matter) ORDER BY matter, since IS NULL, since, ticket_key"""
_COUNTS = "SELECT matter, COUNT(*) AS found FROM v_today GROUP BY matter ORDER BY matter"
_OVERDUE = """SELECT r.register_no, t.source, t.ticket_id, t.ticket_key, r.ticket_url, t.title, t.owner, r.grade,
    r.claimed_stage, t.due_at, t.since AS late_since, r.days_late, r.replans, r.actions_done, r.actions_total
    FROM v_today t JOIN v_register r ON r.source = t.source AND r.ticket_id = t.ticket_id
    WHERE t.matter = 'overdue' ORDER BY t.since, t.source, t.ticket_key"""
_FIND = """SELECT source, ticket_id FROM v_tickets WHERE ticket_key = ?1 COLLATE NOCASE AND ?2 IN ('', source)
    UNION SELECT source, ticket_id FROM v_register WHERE register_no = ?1 COLLATE NOCASE AND ?2 = '' ORDER BY 1, 2"""
_RECORD = "SELECT * FROM v_register WHERE source = ? AND ticket_id = ?"
_CURRENT = """SELECT rule, clause, severity, state, title, message, fix, opened_at, waived_until, waived_by,
    waived_reason, evidence FROM v_episodes WHERE source = ? AND ticket_id = ? AND state IN ('open', 'waived')
    AND hidden_by = '' ORDER BY number, rule"""
_ACTIONS = """SELECT action_key, kind, text, owner, due_at, done_at FROM v_actions
    WHERE source = ? AND ticket_id = ? ORDER BY due_at IS NULL, due_at, action_id"""
_CHANGES = """SELECT changed_at, changed_by, changed_by_name, field, from_value, to_value, origin, entry
    FROM v_changes WHERE source = ? AND ticket_id = ? ORDER BY changed_at DESC, group_no DESC, field"""
_PARTS = {
    "ticket": "SELECT * FROM v_tickets WHERE source = ? AND ticket_id = ?",
    "cannot_tell": """SELECT rule, title, reason FROM v_findings
        WHERE source = ? AND ticket_id = ? AND state = 'cannot_tell' ORDER BY number, rule""",
    "earlier_findings": """SELECT rule, episode, severity, state, opened_at, cleared_at, message FROM v_episodes
        WHERE source = ? AND ticket_id = ? AND state NOT IN ('open', 'waived')
        ORDER BY opened_at, rule""",
    "waivers": """SELECT rule, state, why, until, reason, asked_by, approved_by FROM v_waivers
        WHERE source = ? AND ticket_id = ? ORDER BY id""",
    "actions": _ACTIONS,
    "joined_with": """SELECT other_source, other_ticket_key, relation FROM v_joined
        WHERE source = ? AND ticket_id = ? ORDER BY 1, 2, 3""",
    "disagreements": """SELECT field, value, at_source, other_source, other_value FROM v_disagreements
        WHERE source = ? AND ticket_id = ? ORDER BY field""",
    "written_by_capa_sync": """SELECT kind, state, delivered_at, error FROM v_writes
        WHERE source = ? AND ticket_id = ? ORDER BY seq""",
}
"""Name of a part of an explanation -> its statement."""


class ViewReader(Protocol):
    """Answers statements over the public views, as a reader may see them."""

    def rows(self, sql: str, values: Sequence[str] = (), *, most: int) -> AnsweredRows:
        """Return what a statement answers, at most so many rows. Raises UserError."""
        ...


class Answers:
    """The answers of the tools."""

    def __init__(self, views: ViewReader) -> None:
        self._views = views

    def views(self) -> Row:
        """Return every view with its columns."""
        return {
            "views": [
                {
                    "view": view.name,
                    "a_row_is": view.row,
                    "columns": {column.name: f"{column.type}: {column.sentence}" for column in view.columns},
                }
                for view in PUBLIC_VIEWS
            ],
            "note": f"texts of confidential tickets read {RESTRICTED}; instants are ISO 8601 in UTC",
        }

    def query(self, sql: str, most: int) -> Row:
        """Return what somebody's own statement answers. Raises UserError."""
        found = self._views.rows(sql, most=most)
        return {"columns": found.columns, "rows": found.rows, "there_are_more_rows": found.is_cut, **self._as_of()}

    def today(self, matter: str, most: int) -> Row:
        """Return what needs somebody now, of one matter or of all, with counts."""
        found = self._views.rows(_TODAY, (matter,), most=most)
        counts = {row["matter"]: row["found"] for row in self._views.rows(_COUNTS, most=_ALL).dicts()}
        return {"counts": counts, "matters": _filled(found), "there_are_more_rows": found.is_cut, **self._as_of()}

    def overdue(self, most: int) -> Row:
        """Return the records that are late, the longest late first, and why: what the rules say, what is not done."""
        found = self._views.rows(_OVERDUE, most=most)
        records = [self._why_late(row) for row in found.dicts()]
        return {"overdue": records, "there_are_more_rows": found.is_cut, **self._as_of()}

    def _why_late(self, row: Row) -> Row:
        own = (row["source"], row.pop("ticket_id"))
        actions = [row for row in self._views.rows(_ACTIONS, own, most=_ALL).dicts() if not row["done_at"]]
        done = f"{row['actions_done']} of {count_of(row['actions_total'] or 0, 'action')} done"
        why = f"due {row['due_at']}, {days_late_words(row['days_late'] or 0)}, {done}"
        return {**row, "why": why, "findings": self._current(own), "actions_not_done": actions}

    def explain(self, name: str, changes: int) -> Row:
        """Return everything that the register knows of each ticket of that name. Raises UserError without one."""
        source, _, key = name.strip().rpartition(":")
        found = self._views.rows(_FIND, (key, source), most=_SAME_NAME)
        if not found.rows:
            hint = "name it KEY, SOURCE:KEY or by its register number; v_tickets lists what is mirrored"
            raise UserError([Problem("", 0, f"the register has no ticket {name.strip()[:80]!r}", hint)])
        return {"tickets": [self._explained((row[0], row[1]), changes) for row in found.rows], **self._as_of()}

    def _explained(self, own: tuple[str, str], changes: int) -> Row:
        records = _filled(self._views.rows(_RECORD, own, most=1))
        found: Row = {"record": records[0] if records else _NO_RECORD, "findings": self._current(own)}
        for part, sql in _PARTS.items():
            found[part] = _filled(self._views.rows(sql, own, most=_ALL))
        newest = self._views.rows(_CHANGES, own, most=changes)
        return {**found, "changes_newest_first": list(newest.dicts()), "there_are_more_changes": newest.is_cut}

    def _current(self, own: tuple[str, str]) -> list[Row]:
        """Return the open and the waived findings with the facts that they rest on."""
        rows = _filled(self._views.rows(_CURRENT, own, most=_ALL))
        return [{**row, "evidence": _evidence(row.get("evidence", "[]"))} for row in rows]

    def _as_of(self) -> Row:
        """Return how fresh the register is: nothing that happened later is in an answer."""
        return {"sources": list(self._views.rows(_FRESHNESS, most=_ALL).dicts())}


def _filled(found: AnsweredRows) -> list[Row]:
    """Return rows without their empty values."""
    return [{name: value for name, value in row.items() if value not in (None, "")} for row in found.dicts()]


def _evidence(text: str) -> Any:
    """Return the stored facts; what is hidden, or was cut, stays a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
