"""Public views for who looks after the register: what needs somebody now, episodes, joins, unknown verdicts.

`v_today` is computed at each source's `as_of`, like `days_late`, so the same file gives the same rows on any day. Its
branches begin at an index of what is open or late: their work follows what they return, not the size of the register.
"""

from __future__ import annotations

FRACTION = "'.000000Z', 'Z'"
"""Instants are stored with microseconds so that their texts sort; a whole second is shown without them."""


def at(column: str, name: str = "") -> str:
    """Return the SQL that shows a stored instant under its own name or another one."""
    return f"replace({column}, {FRACTION}) AS {name or column.rpartition('.')[2]}"


def _later(days: int) -> str:
    return f"(strftime('%Y-%m-%dT%H:%M:%S', s.as_of, '{days:+d} days') || '.000000Z')"


_NUMBER = "CASE WHEN n.year IS NULL THEN '' ELSE printf('NC-%04d-%04d', n.year, n.serial) END AS register_no"
_NUMBERED = "LEFT JOIN register_number n ON n.source = {0}.source AND n.ticket_id = {0}.ticket_id"
_PRESENT = "JOIN mirror m ON m.source = {0}.source AND m.ticket_id = {0}.ticket_id AND m.presence = 'present'"
_ROW = "LEFT JOIN register_row r ON r.source = {0}.source AND r.ticket_id = {0}.ticket_id"
_LATE = "r.late_until IS NULL AND r.late_from IS NOT NULL"
_UNREVIEWED = "r.reviewed_at IS NULL AND r.effectiveness_due IS NOT NULL"
_IN_WORK = "r.claimed_stage NOT IN ('rejected', 'cancelled', 'duplicate')"


def _of_record(matter: str, since: str, due: str, where: str) -> str:
    """Return a branch about records; `s` is their source, whose `as_of` is the present of the branch."""
    return f"""SELECT '{matter}' AS matter, r.source, r.ticket_id, r.ticket_key, {_NUMBER}, r.title, r.owner,
        {at(since, "since")}, {at(due, "due_at")}, '' AS rule, '' AS severity, '' AS reason, '' AS fix,
        COALESCE(r.confidential, '') AS confidential
        FROM freshness s CROSS JOIN register_row r ON r.source = s.source AND {where}
        {_PRESENT.format("r")} {_NUMBERED.format("r")}"""


def _of_finding(matter: str, due: str, where: str) -> str:
    """Return a branch about findings of one state."""
    return f"""SELECT '{matter}', f.source, f.ticket_id, COALESCE(r.ticket_key, ''), {_NUMBER},
        COALESCE(r.title, ''), COALESCE(r.owner, ''), {at("f.opened_at", "since")}, {due}, f.rule, f.severity,
        f.message, f.fix, COALESCE(r.confidential, '')
        FROM freshness s CROSS JOIN finding f ON f.source = s.source AND {where}
        {_PRESENT.format("f")} {_ROW.format("f")} {_NUMBERED.format("f")}"""


_STUCK = f"""SELECT 'stuck_write', w.source, w.ticket_id, w.ticket_key, {_NUMBER}, COALESCE(r.title, ''),
    COALESCE(r.owner, ''), {at("COALESCE(w.marked_at, w.created_at)", "since")}, NULL, '', '', w.error, '',
    COALESCE(r.confidential, '')
    FROM freshness s CROSS JOIN write_out w ON w.source = s.source AND w.state IN ('pending', 'unknown', 'failed')
    AND (w.state = 'failed' OR (w.state = 'pending' AND w.attempts > 0)
        OR (w.state = 'unknown' AND w.marked_at <= s.as_of))
    {_ROW.format("w")} {_NUMBERED.format("w")}"""

_QUARANTINED = f"""SELECT 'quarantined', q.source, q.ticket_id, COALESCE(NULLIF(q.ticket_key, ''), t.ticket_key, ''),
    {_NUMBER}, COALESCE(r.title, ''), COALESCE(r.owner, ''), NULL, NULL, '', '', q.reasons, '',
    COALESCE(r.confidential, '')
    FROM freshness s CROSS JOIN quarantine q ON q.source = s.source
    LEFT JOIN ticket t ON t.source = q.source AND t.ticket_id = q.ticket_id
    {_ROW.format("q")} {_NUMBERED.format("q")}"""

TODAY = " UNION ALL ".join(
    (
        _of_record("overdue", "r.late_from", "r.due_at", f"{_LATE} AND r.late_from < s.as_of"),
        _of_record("due", "NULL", "r.due_at", f"{_LATE} AND r.late_from >= s.as_of AND r.late_from < {_later(8)}"),
        _of_record(
            "review_due",
            "NULL",
            "r.effectiveness_due",
            f"{_UNREVIEWED} AND r.effectiveness_due < {_later(8)} AND {_IN_WORK}",
        ),
        _of_finding(
            "warned",
            "NULL",
            f"f.state = 'open' AND f.opened_at > {_later(-7)} AND f.hidden_by = '' AND f.mode = 'warn'",
        ),
        _of_finding(
            "waiver_ends",
            at("f.waived_until", "due_at"),
            f"f.state = 'waived' AND f.waived_until < {_later(14)}",
        ),
        _STUCK,
        _QUARANTINED,
    )
)

EPISODES = f"""SELECT f.source, f.ticket_id, COALESCE(t.ticket_key, '') AS ticket_key, f.rule, f.episode, f.number,
    f.clause, f.severity, f.state, f.mode, f.title, f.message, f.fix, {at("f.opened_at")}, {at("f.cleared_at")},
    f.hidden_by, {at("f.waived_until")}, f.waived_by, f.waived_reason, f.rule_set, f.inputs AS evidence,
    COALESCE(r.confidential, '') AS confidential
    FROM finding f LEFT JOIN ticket t ON t.source = f.source AND t.ticket_id = f.ticket_id
    {_ROW.format("f")} WHERE f.episode > 0"""

# Two branches, so that a ticket finds its joins from an index in either direction.
JOINED = """SELECT j.source, j.ticket_id, COALESCE(t.ticket_key, '') AS ticket_key, o.source AS other_source,
    o.ticket_id AS other_ticket_id, o.ticket_key AS other_ticket_key, 'names' AS relation
    FROM joined j LEFT JOIN ticket t ON t.source = j.source AND t.ticket_id = j.ticket_id
    JOIN ticket o ON o.source = j.other_source AND o.nr IN (
        SELECT nr FROM ticket WHERE ticket_key = j.other_key UNION
        SELECT nr FROM old_key WHERE ticket_key = j.other_key)
    UNION ALL
    SELECT o.source, o.ticket_id, o.ticket_key, j.source, j.ticket_id, COALESCE(t.ticket_key, ''), 'named_by'
    FROM ticket o CROSS JOIN joined j ON j.other_source = o.source AND j.other_key IN (
        SELECT o.ticket_key UNION SELECT k.ticket_key FROM old_key k WHERE k.nr = o.nr)
    LEFT JOIN ticket t ON t.source = j.source AND t.ticket_id = j.ticket_id"""

DISAGREEMENTS = f"""SELECT d.source, d.ticket_id, COALESCE(r.ticket_key, '') AS ticket_key, d.field, d.value,
    d.at_source, d.at_key AS at_ticket_key, d.other_source, d.other_key AS other_ticket_key, d.other_value,
    COALESCE(r.confidential, '') AS confidential FROM disagreement d {_ROW.format("d")}"""

# The confidential tickets come from their own index, once: few registers have many, and a row is wide.
CANNOT_TELL = """SELECT v.source, v.reason, COUNT(DISTINCT v.ticket_id) AS tickets, COUNT(*) AS verdicts,
    CASE WHEN (v.source, v.ticket_id) IN (SELECT r.source, r.ticket_id FROM register_row r
        WHERE r.confidential <> 'no') THEN 'yes' ELSE 'no' END AS confidential
    FROM verdict_own v WHERE v.outcome = 'cannot_tell' AND (v.source, v.ticket_id) NOT IN (
        SELECT source, ticket_id FROM mirror WHERE presence <> 'present'
        UNION SELECT source, ticket_id FROM quarantine)
    GROUP BY v.source, v.reason, 5"""
