"""Public views for who looks after the register: what needs somebody now, episodes, joins, unknown verdicts.

`v_today` is computed at each source's `as_of`, like `days_late`, so the same file gives the same rows on any day. Its
branches begin at an index of what is open or late: their work follows what they return, not the size of the register.
"""

from __future__ import annotations

from collections.abc import Mapping

FRACTION = "'.000000Z', 'Z'"
"""Instants are stored with microseconds so that their texts sort; a whole second is shown without them."""


def shown_instant(column: str) -> str:
    """Return the SQL that shows a stored instant."""
    return f"replace({column}, {FRACTION})"


def at(column: str, name: str = "") -> str:
    """Return the SQL that shows a stored instant under its own name or another one."""
    return f"{shown_instant(column)} AS {name or column.rpartition('.')[2]}"


def _later(days: int) -> str:
    return f"(strftime('%Y-%m-%dT%H:%M:%S', s.as_of, '{days:+d} days') || '.000000Z')"


# Looked up only where a query shows it, unlike a join.
_NUMBER = """COALESCE((SELECT printf('NC-%04d-%04d', n.year, n.serial) FROM register_number n
    WHERE n.source = {0}.source AND n.ticket_id = {0}.ticket_id), '')"""
_PRESENT = "JOIN mirror m ON m.source = {0}.source AND m.ticket_id = {0}.ticket_id AND m.presence = 'present'"
_ROW = "LEFT JOIN register_row r ON r.source = {0}.source AND r.ticket_id = {0}.ticket_id"
_LATE = "r.late_until IS NULL AND r.late_from IS NOT NULL"
_UNREVIEWED = "r.reviewed_at IS NULL AND r.effectiveness_due IS NOT NULL"
_IN_WORK = "r.claimed_stage NOT IN ('rejected', 'cancelled', 'duplicate')"


def _as_text(sql: str) -> str:
    """Return an expression as text; a column of a table is text already, and stays one that an index finds."""
    return sql if sql[1] == "." and sql[2:].isidentifier() else f"CAST({sql} AS TEXT)"


def _branch(matter: str, alias: str, shown: Mapping[str, str], tables: str) -> str:
    """Return a branch of `v_today`; what it does not show is an empty text, or NULL for an instant.

    Each column has the same type in all branches: otherwise SQLite computes every column of every row, also for a
    query that reads two of them.
    """
    columns = {
        "matter": f"'{matter}'",
        "source": f"{alias}.source",
        "ticket_id": f"{alias}.ticket_id",
        "ticket_key": "COALESCE(r.ticket_key, '')",
        "register_no": _NUMBER.format(alias),
        "title": "COALESCE(r.title, '')",
        "owner": "COALESCE(r.owner, '')",
        "since": "NULL",
        "due_at": "NULL",
        "rule": "''",
        "severity": "''",
        "reason": "''",
        "fix": "''",
        "confidential": "COALESCE(r.confidential, '')",
    }
    listed = ", ".join(f"{_as_text(sql)} AS {name}" for name, sql in {**columns, **shown}.items())
    return f"SELECT {listed} FROM freshness s CROSS JOIN {tables}"


def _of_record(matter: str, since: str, due: str, where: str) -> str:
    """Return a branch about records; `s` is their source, whose `as_of` is the present of the branch."""
    shown = {"title": "r.title", "owner": "r.owner", "since": shown_instant(since), "due_at": shown_instant(due)}
    tables = f"register_row r ON r.source = s.source AND {where} {_PRESENT.format('r')}"
    return _branch(matter, "r", {"ticket_key": "r.ticket_key", **shown}, tables)


def _of_finding(matter: str, due: str, where: str) -> str:
    """Return a branch about findings of one state."""
    shown = {"since": shown_instant("f.opened_at"), "due_at": shown_instant(due)}
    shown |= {"rule": "f.rule", "severity": "f.severity", "reason": "f.message", "fix": "f.fix"}
    tables = f"finding f ON f.source = s.source AND {where} {_PRESENT.format('f')} {_ROW.format('f')}"
    return _branch(matter, "f", shown, tables)


_STUCK = _branch(
    "stuck_write",
    "w",
    {
        "ticket_key": "w.ticket_key",
        "since": shown_instant("COALESCE(w.marked_at, w.created_at)"),
        "reason": "w.error",
    },
    f"""write_out w ON w.source = s.source AND w.state IN ('pending', 'unknown', 'failed')
    AND (w.state = 'failed' OR (w.state = 'pending' AND w.attempts > 0)
        OR (w.state = 'unknown' AND w.marked_at <= s.as_of)) {_ROW.format("w")}""",
)

_QUARANTINED = _branch(
    "quarantined",
    "q",
    {"ticket_key": "COALESCE(NULLIF(q.ticket_key, ''), t.ticket_key, '')", "reason": "q.reasons"},
    f"""quarantine q ON q.source = s.source
    LEFT JOIN ticket t ON t.source = q.source AND t.ticket_id = q.ticket_id {_ROW.format("q")}""",
)

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
            "f.waived_until",
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
    o.ticket_id AS other_ticket_id, COALESCE(o.ticket_key, '') AS other_ticket_key, 'names' AS relation
    FROM joined j LEFT JOIN ticket t ON t.source = j.source AND t.ticket_id = j.ticket_id
    JOIN ticket o ON o.source = j.other_source AND o.nr IN (
        SELECT nr FROM ticket WHERE ticket_key = j.other_key UNION
        SELECT nr FROM old_key WHERE ticket_key = j.other_key)
    UNION ALL
    SELECT o.source, o.ticket_id, COALESCE(o.ticket_key, ''), j.source, j.ticket_id, COALESCE(t.ticket_key, ''),
    'named_by'
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
