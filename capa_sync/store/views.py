"""The public views (docs/contract.md 5): first the contract's columns in order, then columns for pages and checks.

Views are code, not data: an opened file gets the views of this version. The other views use `freshness`, `trouble`
and `census_times`.
"""

from __future__ import annotations

import re

from capa_sync.model.columns import ColumnType, RegisterColumn
from capa_sync.model.register_columns import V_REGISTER
from capa_sync.store.ahead import WAS_AHEAD
from capa_sync.store.page_views import CANNOT_TELL, DISAGREEMENTS, EPISODES, JOINED, TODAY
from capa_sync.store.page_views import at as _at


def _days(start: str, end: str) -> str:
    return f"(CAST(strftime('%s', {end}) AS INTEGER) - CAST(strftime('%s', {start}) AS INTEGER)) / 86400"


_FRESHNESS = """SELECT source, MAX(as_of) AS as_of, MAX(finished_at) AS last_success_at FROM run
    WHERE ok = 1 AND as_of IS NOT NULL GROUP BY source"""

_TROUBLE = """SELECT r.source, r.problem FROM run r WHERE r.id = (
        SELECT MAX(b.id) FROM run b WHERE b.source = r.source AND b.ok = 0 AND b.finished_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM run g WHERE g.source = b.source AND g.kind = b.kind AND g.id > b.id
            AND g.ok = 1))"""

_OPEN_FROM = "COALESCE(NULLIF(r.open_from, ''), NULLIF(r.detected_at, ''))"
_OPEN_UNTIL = "COALESCE(NULLIF(r.open_until, ''), NULLIF(r.closed_at, ''), f.as_of)"
_DUE_END = "CASE WHEN length(r.due_at) = 10 THEN date(r.due_at, '+1 day') ELSE NULLIF(r.due_at, '') END"
_LATE_FROM = f"COALESCE(NULLIF(r.late_from, ''), {_DUE_END})"
_LATE_UNTIL = "COALESCE(NULLIF(r.late_until, ''), NULLIF(r.implemented_at, ''), f.as_of)"

_COMPUTED = {
    "register_no": "printf('NC-%04d-%04d', n.year, n.serial) AS register_no",
    "source": "r.source",
    "days_late": f"MAX(0, {_days(_LATE_FROM, _LATE_UNTIL)}) AS days_late",
    "days_open": f"MAX(0, {_days(_OPEN_FROM, _OPEN_UNTIL)}) AS days_open",
    "synced_at": _at("f.last_success_at", "synced_at"),
    "ticket_id": "r.ticket_id",
    "presence": "m.presence",
    "as_of": _at("f.as_of"),
    "checks_made": """CASE WHEN EXISTS (SELECT 1 FROM quarantine q
        WHERE q.source = r.source AND q.ticket_id = r.ticket_id) THEN 0
        ELSE (SELECT COUNT(*) FROM verdict_own v WHERE v.source = r.source AND v.ticket_id = r.ticket_id
            AND v.outcome IN ('ok', 'breach', 'historical'))
        + (SELECT COUNT(*) FROM verdict_ticket k JOIN verdict_shared s ON s.digest = k.digest
            WHERE k.source = r.source AND k.ticket_id = r.ticket_id AND s.outcome = 'ok') END AS checks_made""",
}
"""The columns of `v_register` that the table does not store."""


def _register_column(column: RegisterColumn) -> str:
    if not column.stored:
        return _COMPUTED[column.name]
    has_instants = column.type in {ColumnType.INSTANT, ColumnType.TIME}
    return _at(f"r.{column.name}") if has_instants else f"r.{column.name}"


_REGISTER = f"""SELECT {", ".join(map(_register_column, V_REGISTER))}
    FROM register_row r
    LEFT JOIN register_number n ON n.source = r.source AND n.ticket_id = r.ticket_id
    LEFT JOIN mirror m ON m.source = r.source AND m.ticket_id = r.ticket_id
    LEFT JOIN freshness f ON f.source = r.source"""

_VERDICT = """SELECT source, ticket_id, rule, outcome, severity, title, clause, mode, number, reason, next_due
    FROM verdict_own UNION ALL
    SELECT t.source, t.ticket_id, s.rule, s.outcome, s.severity, s.title, s.clause, s.mode, s.number, '', NULL
    FROM verdict_ticket t JOIN verdict_shared s ON s.digest = t.digest"""

# The state shown: an open, waived or historical episode; else "cannot tell" of the latest verdict; else "cleared".
# A column has one type in all branches of a view: otherwise SQLite computes all columns for a query that reads one.
_TEXT, _ZERO = "CAST('' AS TEXT)", "CAST(0 AS INTEGER)"
_FINDINGS = f"""SELECT f.source, f.ticket_id, COALESCE(t.ticket_key, '') AS ticket_key, f.rule, f.clause, f.severity,
    CASE WHEN f.cleared_at IS NULL AND f.state <> 'cleared' THEN f.state
        WHEN v.outcome = 'cannot_tell' THEN 'cannot_tell' ELSE f.state END AS state,
    f.message, {_at("f.opened_at")}, {_at("f.cleared_at")}, {_at("f.waived_until")}, f.rule_set,
    f.title, f.fix, f.mode, f.episode, f.number, f.hidden_by, COALESCE(v.reason, '') AS reason,
    COALESCE(r.confidential, '') AS confidential
    FROM finding f LEFT JOIN ticket t ON t.source = f.source AND t.ticket_id = f.ticket_id
    LEFT JOIN verdict_own v ON v.source = f.source AND v.ticket_id = f.ticket_id AND v.rule = f.rule
    LEFT JOIN register_row r ON r.source = f.source AND r.ticket_id = f.ticket_id
    WHERE f.episode = (SELECT MAX(g.episode) FROM finding g
        WHERE g.source = f.source AND g.ticket_id = f.ticket_id AND g.rule = f.rule)
    UNION ALL
    SELECT v.source, v.ticket_id, COALESCE(t.ticket_key, ''), v.rule, v.clause, v.severity, 'cannot_tell', v.reason,
    NULL, NULL, NULL, {_TEXT}, v.title, {_TEXT}, v.mode, {_ZERO}, v.number, {_TEXT}, COALESCE(v.reason, ''),
    COALESCE(r.confidential, '')
    FROM verdict_own v LEFT JOIN ticket t ON t.source = v.source AND t.ticket_id = v.ticket_id
    LEFT JOIN register_row r ON r.source = v.source AND r.ticket_id = v.ticket_id
    WHERE v.outcome = 'cannot_tell' AND NOT EXISTS (SELECT 1 FROM finding f
        WHERE f.source = v.source AND f.ticket_id = v.ticket_id AND f.rule = v.rule)"""

# Histories contain accounts; the view shows the canonical persons of the people file, as everywhere.
_PERSON = """COALESCE(a.person, CASE WHEN c.changed_by = '' THEN '' ELSE t.source || ':' || c.changed_by END)"""
_NAME_AT_BIRTH = """COALESCE((SELECT MIN(n.name) FROM account a
        JOIN tracker_account n ON n.source = a.source AND n.account = a.account
        WHERE a.source = b.source AND a.person = b.changed_by AND n.name <> ''),
    (SELECT n.name FROM tracker_account n
        WHERE n.source = b.source AND n.account = substr(b.changed_by, length(b.source) + 2)), '')"""
_CHANGES = f"""SELECT t.source, t.ticket_id, t.ticket_key, c.field, c.from_value, c.to_value, {_at("c.changed_at")},
    {_PERSON} AS changed_by, c.origin, c.entry, c.group_no, c.field_id, COALESCE(n.name, '') AS changed_by_name,
    COALESCE(r.confidential, '') AS confidential
    FROM change c JOIN ticket t ON t.nr = c.nr
    LEFT JOIN account a ON a.source = t.source AND a.account = c.changed_by
    LEFT JOIN tracker_account n ON n.source = t.source AND n.account = c.changed_by
    LEFT JOIN register_row r ON r.source = t.source AND r.ticket_id = t.ticket_id
    UNION ALL
    SELECT b.source, b.ticket_id, CAST(COALESCE(t.ticket_key, '') AS TEXT), b.field, {_TEXT}, b.to_value,
    {_at("b.changed_at")}, COALESCE(b.changed_by, ''), CAST('birth' AS TEXT), {_TEXT}, {_ZERO}, b.field_id,
    {_NAME_AT_BIRTH}, COALESCE(r.confidential, '')
    FROM birth b LEFT JOIN ticket t ON t.source = b.source AND t.ticket_id = b.ticket_id
    LEFT JOIN register_row r ON r.source = b.source AND r.ticket_id = b.ticket_id"""

# When a census last read all ids, and when tickets known to be gone were last checked; runs that were taken back
# prove nothing. What has a time from `ahead_from` on lies in the future: our own clock was ahead then.
_CENSUS = f"""SELECT r.source, MAX(CASE WHEN r.kind = 'census' AND r.problem <> '{WAS_AHEAD}'
        AND json_extract(r.counts, '$.swept') IS NOT NULL THEN r.started_at END) AS taken_at,
    MAX(CASE WHEN r.kind = 'recheck' AND r.problem <> '{WAS_AHEAD}' THEN r.started_at END) AS rechecked_at,
    MIN(CASE WHEN r.problem = '{WAS_AHEAD}' AND r.started_at > (SELECT MAX(COALESCE(g.finished_at, g.started_at))
        FROM run g WHERE g.source = r.source AND g.problem <> '{WAS_AHEAD}') THEN r.started_at END) AS ahead_from,
    MAX(CASE WHEN r.problem = '{WAS_AHEAD}' THEN r.finished_at END) AS taken_back_at
    FROM run r WHERE r.finished_at IS NOT NULL GROUP BY r.source"""
_PLACED = """CASE WHEN m.presence_at >= n.ahead_from OR m.presence_at = n.taken_back_at THEN ''
    ELSE m.presence_at END"""
_CONFIRMED = f"""NULLIF(CASE m.presence WHEN 'unobserved' THEN NULL
    WHEN 'present' THEN MAX({_PLACED}, COALESCE(n.taken_at, ''))
    ELSE MAX({_PLACED}, COALESCE(n.rechecked_at, '')) END, '')"""

# A present ticket was last seen by the last successful run; a vanished one by the last such run before it vanished.
_TICKETS = f"""SELECT m.source, m.ticket_id, t.ticket_key, m.presence, {_at("t.updated_at")},
    {_at("CASE WHEN m.presence = 'present' THEN f.last_success_at ELSE m.last_seen_at END", "seen_at")},
    CASE WHEN COALESCE(r.history_gap, '') = '' THEN t.history_complete ELSE 0 END AS history_complete,
    COALESCE(q.reasons, '') AS quarantine_reason,
    {_at(_CONFIRMED, "presence_confirmed_at")}, m.role, t.kind, t.container, t.url,
    {_at("t.created_at")}, {_at("m.presence_at")}, m.presence_proof, {_at("t.history_from")}, t.changes, t.comments,
    COALESCE(r.history_gap, '') AS history_gap, t.unknown
    FROM mirror m JOIN ticket t ON t.nr = m.nr LEFT JOIN freshness f ON f.source = m.source
    LEFT JOIN register_row r ON r.source = m.source AND r.ticket_id = m.ticket_id
    LEFT JOIN quarantine q ON q.source = m.source AND q.ticket_id = m.ticket_id
    LEFT JOIN census_times n ON n.source = m.source
    UNION ALL
    SELECT q.source, q.ticket_id, q.ticket_key, CAST('unobserved' AS TEXT), NULL, NULL, 0, COALESCE(q.reasons, ''),
    NULL, {_TEXT}, {_TEXT}, {_TEXT}, {_TEXT}, NULL, NULL, {_TEXT}, NULL, {_ZERO}, {_ZERO}, '', {_TEXT}
    FROM quarantine q
    WHERE NOT EXISTS (SELECT 1 FROM mirror m WHERE m.source = q.source AND m.ticket_id = q.ticket_id)"""

# An action that is a ticket of its own may be confidential by itself, as a record or as an action alone. Of a joined
# record it may be of another source, which the row does not say: ids of two Jira sites may be equal, so that there
# its key counts too.
_OWN_TICKET_HIDDEN = """a.confidential = 'yes' OR EXISTS (SELECT 1 FROM register_row o
        WHERE o.source = a.source AND o.ticket_id = a.action_id AND o.confidential <> 'no')
    OR EXISTS (SELECT 1 FROM source CROSS JOIN register_row o ON o.source = source.source
        AND o.ticket_id = a.action_id AND o.ticket_key = a.action_key AND o.confidential <> 'no')"""
_ACTIONS = f"""SELECT a.source, COALESCE(t.ticket_key, '') AS ticket_key, a.action_key, a.origin, a.kind, a.text,
    a.owner, {_at("a.due_at")}, {_at("a.done_at")}, a.ticket_id, a.action_id,
    CASE WHEN {_OWN_TICKET_HIDDEN} THEN 'yes' ELSE COALESCE(r.confidential, '') END AS confidential
    FROM action a LEFT JOIN ticket t ON t.source = a.source AND t.ticket_id = a.ticket_id
    LEFT JOIN register_row r ON r.source = a.source AND r.ticket_id = a.ticket_id"""

_WRITES = f"""SELECT w.source, w.ticket_id, w.ticket_key, w.kind, w.state, w.attempts, w.error,
    {_at("w.delivered_at")}, w.remote_id, w.id, w.seq, w.hash, w.notifies, {_at("w.created_at")},
    {_at("w.not_before")}, {_at("w.marked_at")}, COALESCE(w.text, '') AS text,
    COALESCE(r.confidential, '') AS confidential
    FROM write_out w LEFT JOIN register_row r ON r.source = w.source AND r.ticket_id = w.ticket_id"""

_SOURCES = f"""SELECT s.source, COALESCE(d.kind, '') AS kind, COALESCE(c.state, '{{}}') AS cursor, {_at("f.as_of")},
    {_at("f.last_success_at")}, (SELECT COUNT(*) FROM mirror m WHERE m.source = s.source) AS tickets,
    COALESCE(p.problem, '') AS problem, {_at("c.watermark")}, {_at("h.not_before")},
    COALESCE(x.cause, '') AS safety_stop
    FROM (SELECT source FROM source UNION SELECT source FROM cursor UNION SELECT source FROM run) s
    LEFT JOIN source d ON d.source = s.source LEFT JOIN cursor c ON c.source = s.source
    LEFT JOIN freshness f ON f.source = s.source LEFT JOIN trouble p ON p.source = s.source
    LEFT JOIN hold h ON h.source = s.source LEFT JOIN safety_stop x ON x.source = s.source"""


# Of a waiver that has not ended, what it did at the last evaluation of its ticket.
_WAIVERS = f"""SELECT w.source, w.ticket_id, COALESCE(t.ticket_key, '') AS ticket_key, w.rule,
    COALESCE(v.outcome, k.outcome, '') AS result, COALESCE(v.severity, k.severity, '') AS severity,
    CASE WHEN w.ended_at IS NULL THEN COALESCE(s.state, 'inactive') ELSE 'ended' END AS state,
    CASE WHEN w.ended_at IS NOT NULL THEN w.ended_why
        ELSE COALESCE(s.why, 'the ticket was not evaluated since') END AS why,
    w.until, w.reason, w.asked_by, w.approved_by, w.way, w.recorded_by, {_at("w.asked_at")}, {_at("w.recorded_at")},
    {_at("w.ended_at")}, w.id, w.revision, COALESCE(r.confidential, '') AS confidential
    FROM waiver w LEFT JOIN ticket t ON t.source = w.source AND t.ticket_id = w.ticket_id
    LEFT JOIN verdict_own v ON v.source = w.source AND v.ticket_id = w.ticket_id AND v.rule = w.rule
    LEFT JOIN verdict_ticket x ON x.source = w.source AND x.ticket_id = w.ticket_id
    LEFT JOIN verdict_shared k ON k.digest = x.digest AND k.rule = w.rule
    LEFT JOIN waiver_standing s ON s.source = w.source AND s.ticket_id = w.ticket_id AND s.waiver = w.id
    LEFT JOIN register_row r ON r.source = w.source AND r.ticket_id = w.ticket_id"""


_ACTIVATIONS = f"""SELECT id AS number, {_at("activated_at")}, activated_by, how, rules_alone,
    id = (SELECT MAX(id) FROM activation) AS is_live, rule_set, hash AS set_hash, revision FROM activation"""


_MONTHS = """SELECT f.month, f.opened, f.ended, f.open_end, f.corrected, f.corrected_median, f.corrected_p90,
    f.caused, f.caused_median, f.caused_p90, f.implemented, f.implemented_median, f.implemented_p90,
    f.ended_median, f.ended_p90, f.due, f.on_time, c.in_work, c.warned
    FROM month_figure f LEFT JOIN month_check c ON c.month = f.month"""

_RULE_MONTHS = "SELECT month, rule, passed, broken, cannot_tell FROM month_rule"


_DIGESTS = f"""SELECT id AS number, kind, period, recipient, state, attempts, error,
    json_array_length(items) AS matters, {_at("marked_at")}, {_at("not_before")} FROM digest_send"""


_ERASURES = f"""SELECT e.id AS number, e.source, e.ticket_id, e.ticket_key,
    CASE WHEN n.year IS NULL THEN '' ELSE printf('NC-%04d-%04d', n.year, n.serial) END AS register_no,
    {_at("e.erased_at")}, e.way, e.erased_by,
    e.reason FROM tombstone e LEFT JOIN register_number n ON n.source = e.source AND n.ticket_id = e.ticket_id"""
_HOLDS = f"""SELECT id AS number, source, ticket_id, name, reason, held_by, {_at("held_at")}, {_at("ended_at")},
    ended_by FROM legal_hold"""


def _one_line(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)


VIEWS: dict[str, str] = {
    name: _one_line(sql)
    for name, sql in (
        ("freshness", _FRESHNESS),
        ("trouble", _TROUBLE),
        ("census_times", _CENSUS),
        ("verdict", _VERDICT),
        ("v_register", _REGISTER),
        ("v_findings", _FINDINGS),
        ("v_changes", _CHANGES),
        ("v_tickets", _TICKETS),
        ("v_actions", _ACTIONS),
        ("v_writes", _WRITES),
        ("v_sources", _SOURCES),
        ("v_waivers", _WAIVERS),
        ("v_today", TODAY),
        ("v_episodes", EPISODES),
        ("v_joined", JOINED),
        ("v_disagreements", DISAGREEMENTS),
        ("v_cannot_tell", CANNOT_TELL),
        ("v_months", _MONTHS),
        ("v_rule_months", _RULE_MONTHS),
        ("v_digests", _DIGESTS),
        ("v_erasures", _ERASURES),
        ("v_holds", _HOLDS),
        ("v_activations", _ACTIVATIONS),
    )
}
"""View name -> query, in an order in which each view uses only earlier ones."""
