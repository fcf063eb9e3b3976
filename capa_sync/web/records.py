"""Register: every record, filtered by the parameters of the link, the records with the most warnings first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capa_sync.model.columns import RESTRICTED
from capa_sync.web.asked import PageQuery, Row, link, record_link
from capa_sync.web.filters import FILTERS, GAP, conditions, where
from capa_sync.web.words import STAGES

PAGE_ROWS = 50
_COLUMNS = f"""source, ticket_id, ticket_key, register_no, title, grade, owner, claimed_stage, evidenced_stage,
    evidence_missing, source_status, due_at, implemented_at, warnings_high, warnings_medium, warnings_low, presence,
    days_open, {GAP} AS is_gap"""
_WARNED = "COALESCE(warnings_high, 0) + COALESCE(warnings_medium, 0) + COALESCE(warnings_low, 0) > 0"
_SUMS = f"""SELECT COUNT(*) AS records, COUNT(CASE WHEN {_WARNED} THEN 1 END) AS warned,
    COUNT(CASE WHEN NOT ({_WARNED}) AND checks_made > 0 THEN 1 END) AS calm,
    COALESCE(SUM(warnings_high), 0) AS high, COALESCE(SUM(warnings_medium), 0) AS medium,
    COALESCE(SUM(warnings_low), 0) AS low, COUNT(CASE WHEN {GAP} THEN 1 END) AS gaps
    FROM v_register """  # noqa: S608 - conditions of ours
ORDERS: Mapping[str, tuple[str, str]] = {
    "warnings": (
        "most warnings first",
        """COALESCE(warnings_high, 0) DESC, COALESCE(warnings_medium, 0) DESC, COALESCE(warnings_low, 0) DESC,
        due_at IS NULL, due_at""",
    ),
    "due": ("earliest due date first", "due_at IS NULL, due_at"),
    "age": ("longest open first", "days_open DESC"),
    "number": ("by register number", "register_no"),
    "changed": ("latest change first", "changed_at DESC"),
}
_DUES = {"overdue": "overdue", "week": "due this week", "review": "review due", "none": "no due date"}
_WARNINGS = {"any": "any", "high": "high", "medium": "medium", "low": "low", "new": "new this week", "none": "none"}


def records(asked: PageQuery) -> dict[str, Any]:
    """Return the content of the page."""
    given = {name: value for name, value in asked.arguments.items() if name in FILTERS}
    wanted = conditions(given, asked.times)
    clause, values = where(wanted)
    order = asked.arguments.get("sort", "")
    order = order if order in ORDERS else "warnings"
    page = _page_number(asked)
    sql = (
        f"SELECT {_COLUMNS} FROM v_register {clause} ORDER BY {ORDERS[order][1]}, source, ticket_key LIMIT ? OFFSET ?"  # noqa: S608 - names of ours
    )
    (sums,) = asked.rows(_SUMS + clause, values)
    here = {**given, "sort": order if order != "warnings" else ""}
    pages = max(1, -(-sums["records"] // PAGE_ROWS))
    return {
        "sums": sums,
        "rows": [_shown(asked, row) for row in asked.rows(sql, (*values, PAGE_ROWS, (page - 1) * PAGE_ROWS))],
        "says": [condition.says for condition in wanted if condition.says],
        "problems": [condition.problem for condition in wanted if condition.problem],
        "given": given,
        "sort": order,
        "orders": {name: says for name, (says, _) in ORDERS.items()},
        "choices": _choices(asked),
        "page": page,
        "pages": pages,
        "earlier": link("/records", **here, page=page - 1) if page > 1 else "",
        "later": link("/records", **here, page=page + 1) if page < pages else "",
        "stages": STAGES,
    }


def _page_number(asked: PageQuery) -> int:
    text = asked.arguments.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 7 else 1


def _shown(asked: PageQuery, row: Row) -> Row:
    is_open = not row["implemented_at"] and row["claimed_stage"] not in tuple(STAGES)[4:]
    shown = {name: "" if value == RESTRICTED else value for name, value in row.items()}
    shown["is_hidden"] = row["title"] == RESTRICTED
    return {**shown, "link": record_link(row), "late": asked.times.late(row["due_at"]) if is_open else ""}


def _choices(asked: PageQuery) -> dict[str, dict[str, str]]:
    """Return for each filter the values that the register has, with their words."""
    stages = {stage: f"{stage}: {meaning}" for stage, meaning in STAGES.items()}
    owners, grades = _values(asked, "v_register", "owner", "grade")
    rules, clauses = _values(asked, "v_findings", "rule", "clause")
    return {
        "stage": stages,
        "evidenced": dict(list(stages.items())[:7]) | {"none": "none: no stage is proven"},
        "owner": owners,
        "source": _values(asked, "v_sources", "source")[0],
        "grade": grades,
        "rule": rules,
        "clause": clauses,
        "warning": _WARNINGS,
        "due": _DUES,
    }


def _values(asked: PageQuery, view: str, *columns: str) -> list[dict[str, str]]:
    """Return the values of each column, `none` for the empty one if it occurs; the view is read once for all."""
    names = ", ".join(f"COALESCE({column}, '') AS {column}" for column in columns)
    found = asked.rows(f"SELECT DISTINCT {names} FROM {view}")  # noqa: S608 - names of ours
    words = {"": "none", RESTRICTED: "confidential"}
    values = [sorted({str(row[column]) for row in found}) for column in columns]
    return [{value or "none": words.get(value, value) for value in known} for known in values]
