"""Register: every record, filtered by the parameters of the link, the records with the most warnings first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from capa_sync.model.columns import RESTRICTED
from capa_sync.web.asked import PageQuery, Row, link, record_link
from capa_sync.web.choices import Choices, choices, known_values
from capa_sync.web.filters import FILTERS, GAP, FilterQuery, RowFilter, conditions, where
from capa_sync.web.words import FINDINGS, STAGES

PAGE_ROWS = 50
_DIGITS = 9
"""Digits of a page's number that are read; a longer one is beyond every list."""
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
_MORE = frozenset({"evidenced", "gap", "state", "source", "grade", "rule", "clause"})
"""Filters whose fields are folded away while none of them is used."""


def records(asked: PageQuery) -> dict[str, Any]:
    """Return the content of the page."""
    given, offered = _given(asked), choices(asked)
    wanted = conditions(FilterQuery(given, asked.times, known_values(asked, given, offered)))
    clause, values = where(wanted.values())
    order = asked.arguments.get("sort", "")
    order = order if order in ORDERS else "warnings"
    (sums,) = asked.rows(_SUMS + clause, values)
    page, pages = _page(asked, sums["records"])
    sql = (
        f"SELECT {_COLUMNS} FROM v_register {clause} ORDER BY {ORDERS[order][1]}, source, ticket_key LIMIT ? OFFSET ?"  # noqa: S608 - names of ours
    )
    here = {**given, "sort": order if order != "warnings" else ""}
    return {
        "sums": sums,
        "rows": [_shown(asked, row) for row in asked.rows(sql, (*values, PAGE_ROWS, (page - 1) * PAGE_ROWS))],
        "says": [condition.says for condition in wanted.values() if condition.says],
        "problems": [*_problems(asked, wanted), *_page_problem(asked, page, pages)],
        "given": given,
        "sort": order,
        "orders": {name: says for name, (says, _) in ORDERS.items()},
        "choices": _with_chosen(offered, given, wanted),
        "kept": _kept(given, wanted, offered, here),
        "has_more": not _MORE.isdisjoint(given),
        "of_finding": FINDINGS.get(given.get("finding", ""), FINDINGS["open"]),
        "page": page,
        "pages": pages,
        "earlier": link("/records", **here, page=page - 1) if page > 1 else "",
        "later": link("/records", **here, page=page + 1) if page < pages else "",
        "stages": STAGES,
    }


def _given(asked: PageQuery) -> dict[str, str]:
    """Return the filters of the link; an empty one filters nothing."""
    given = {name: value for name, value in asked.arguments.items() if name in FILTERS}
    return {name: value for name, value in (given | {"q": given.get("q", "").strip()}).items() if value}


def _page(asked: PageQuery, found: int) -> tuple[int, int]:
    """Return which page of the list is shown, and how many there are; beyond the last page that one."""
    text, pages = asked.arguments.get("page", ""), max(1, -(-found // PAGE_ROWS))
    if not (text.isascii() and text.isdecimal()):
        return 1, pages
    return min(max(1, int(text)) if len(text) < _DIGITS else pages, pages), pages


def _page_problem(asked: PageQuery, page: int, pages: int) -> list[str]:
    asked_for = asked.arguments.get("page", "")
    if not asked_for or asked_for.lstrip("0") == f"{page}":
        return []
    return [f"There is no such page of this list. This is page {page} of {pages}."]


def _problems(asked: PageQuery, wanted: Mapping[str, RowFilter]) -> list[str]:
    """Return what to know of filters that do not do what their link seems to say."""
    unknown = [condition.problem for condition in wanted.values() if condition.problem]
    several = [
        f"{name} stands in the link more than once: “{asked.arguments[name]}” counts, {_quoted(others)} does not."
        for name, others in asked.unused.items()
        if name in wanted
    ]
    return unknown + several


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(f"“{value}”" for value in values)


def _with_chosen(offered: Choices, given: Mapping[str, str], wanted: Mapping[str, RowFilter]) -> Choices:
    """Return the choices with each value of the link that fits although no record has it: the form keeps it so."""
    chosen = {name: {given[name]: given[name]} for name in offered if name in given and not wanted[name].problem}
    return {name: chosen.get(name, {}) | shown for name, shown in offered.items()}


def _kept(
    given: Mapping[str, str], wanted: Mapping[str, RowFilter], offered: Choices, here: Mapping[str, str]
) -> list[Row]:
    """Return the filters for which the form has no field: it keeps them, and each has a link without it."""
    return [
        {
            "name": name,
            "value": given[name],
            "says": condition.says,
            "without": link("/records", **{**here, name: ""}),
        }
        for name, condition in wanted.items()
        if name != "q" and name not in offered
    ]


def _shown(asked: PageQuery, row: Row) -> Row:
    is_open = not row["implemented_at"] and row["claimed_stage"] not in tuple(STAGES)[4:]
    shown = {name: "" if value == RESTRICTED else value for name, value in row.items()}
    shown["is_hidden"] = row["title"] == RESTRICTED
    return {**shown, "link": record_link(row), "late": asked.times.late(row["due_at"]) if is_open else ""}
