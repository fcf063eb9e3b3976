"""Rules of the live set: what each says, on how many tickets it is open, where it cannot tell, how many passed."""

from __future__ import annotations

from datetime import date
from typing import Any

from capa_sync.errors import UserError
from capa_sync.model.amounts import count_of, percent
from capa_sync.model.columns import RESTRICTED
from capa_sync.model.page import RuleWords
from capa_sync.web.asked import PageQuery, Row, link
from capa_sync.web.chart import Point, line_chart

_COUNTS = """SELECT rule, MAX(number) AS number, MAX(title) AS title, MAX(clause) AS clause,
    COUNT(CASE WHEN state = 'open' AND hidden_by = '' THEN 1 END) AS open,
    COUNT(CASE WHEN state = 'open' AND hidden_by <> '' THEN 1 END) AS hidden,
    COUNT(CASE WHEN state = 'waived' THEN 1 END) AS waived,
    COUNT(CASE WHEN state = 'cleared' THEN 1 END) AS cleared,
    COUNT(CASE WHEN state = 'cannot_tell' THEN 1 END) AS unknown
    FROM v_findings GROUP BY rule"""
_REASONS = """SELECT reason, source, COUNT(*) AS tickets FROM v_findings WHERE rule = ? AND state = 'cannot_tell'
    GROUP BY reason, source ORDER BY tickets DESC, reason LIMIT 20"""
_LIVE = "SELECT activated_at, activated_by, how, revision FROM v_activations WHERE is_live"
_PASSED = """SELECT rule, passed, broken FROM v_rule_months
    WHERE month = (SELECT MAX(month) FROM v_rule_months)"""
_MONTHS = """SELECT m.month, r.passed, r.broken, r.cannot_tell FROM v_months m
    LEFT JOIN v_rule_months r ON r.rule = ? AND r.month = m.month ORDER BY m.month DESC LIMIT 13"""
_NOTHING = {"open": 0, "hidden": 0, "waived": 0, "cleared": 0, "unknown": 0}


def rules(asked: PageQuery) -> dict[str, Any]:
    """Return the content of the page; `rule` opens one rule with its reasons."""
    words, problem = _words(asked)
    counts = {row["rule"]: row for row in asked.rows(_COUNTS)}
    known = {rule.id: rule for rule in words}
    names = sorted({*known, *counts}, key=lambda name: _place(known.get(name), counts.get(name), name))
    chosen = asked.arguments.get("rule", "")
    shares = {row["rule"]: percent(row["passed"], row["passed"] + row["broken"]) for row in asked.rows(_PASSED)}
    months = _months(asked, chosen) if chosen in names else []
    rows = [_rule(name, known.get(name), counts.get(name, {}), shares.get(name)) for name in names]
    return {
        "rules": rows,
        "chosen_title": next((row["title"] or row["rule"] for row in rows if row["rule"] == chosen), ""),
        "months": months,
        "rates": line_chart(
            [month["short"] for month in months],
            [("first", [month["share"] for month in months])],
            unit=" %",
            top=100,
        ),
        "problem": problem,
        "live": next(iter(asked.rows(_LIVE)), None),
        "chosen": chosen if chosen in names else "",
        "reasons": asked.rows(_REASONS, (chosen,)) if chosen in names else [],
        "restricted": RESTRICTED,
    }


def _words(asked: PageQuery) -> tuple[tuple[RuleWords, ...], str]:
    """Return the rules in words, and the first problem of a set that this version cannot load."""
    try:
        return tuple(asked.options.rules()), ""
    except UserError as error:
        return (), str(error.problems[0])


def _place(rule: RuleWords | None, row: Row | None, name: str) -> tuple[int, str]:
    number = rule.number if rule is not None else row["number"] if row is not None else 0
    return number or 1000, name


def _months(asked: PageQuery, rule: str) -> list[Row]:
    """Return the months with how many records passed a rule; none where no month was counted.

    Of a past month nobody can list which ones did not: its point leads to the records that were open at its end.
    """
    rows = asked.rows(_MONTHS, (rule,))[::-1]
    if all(row["passed"] is None for row in rows):
        return []
    return [_month(row, link("/records", open_at=row["month"])) for row in rows[:-1]] + [
        _month(row, link("/records", rule=rule)) for row in rows[-1:]
    ]


def _month(row: Row, rows_link: str) -> Row:
    first, is_counted = date.fromisoformat(f"{row['month']}-01"), row["passed"] is not None
    known = row["passed"] + row["broken"] if is_counted else 0
    share = percent(row["passed"], known)
    says = f"{first:%B %Y}: {share} % of {count_of(known, 'record')} passed ({row['passed']} of {known})"
    return {
        **row,
        "name": f"{first:%b %Y}",
        "short": f"{first:%b %y}",
        "share": None if share is None else Point(share, says, rows_link),
    }


def _rule(name: str, words: RuleWords | None, row: Row, share: int | None) -> Row:
    """Return one rule with its counts and the links to the tickets behind them."""
    return {
        **_NOTHING,
        "title": words.title if words is not None else "",
        "clause": words.clause if words is not None else "",
        **row,
        "rule": name,
        "words": words,
        "tests_text": words.tests_text if words is not None else "",
        "share": share,
        "open_link": link("/records", rule=name),
        "waived_link": link("/records", rule=name, finding="waived"),
        "unknown_link": link("/records", rule=name, finding="cannot_tell"),
        "own_link": link("/rules", rule=name) + f"#{name}",
        "rates_link": link("/rules", rule=name) + "#rates",
    }
