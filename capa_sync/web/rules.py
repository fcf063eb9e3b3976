"""Rules of the live set: what each one says, on how many tickets it is open now, and where it cannot tell."""

from __future__ import annotations

from typing import Any

from capa_sync.errors import UserError
from capa_sync.model.page import RuleWords
from capa_sync.web.asked import PageQuery, Row, link

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
_NOTHING = {"open": 0, "hidden": 0, "waived": 0, "cleared": 0, "unknown": 0}


def rules(asked: PageQuery) -> dict[str, Any]:
    """Return the content of the page; `rule` opens one rule with its reasons."""
    words, problem = _words(asked)
    counts = {row["rule"]: row for row in asked.rows(_COUNTS)}
    known = {rule.id: rule for rule in words}
    names = sorted({*known, *counts}, key=lambda name: _place(known.get(name), counts.get(name), name))
    chosen = asked.arguments.get("rule", "")
    return {
        "rules": [_rule(name, known.get(name), counts.get(name, {})) for name in names],
        "problem": problem,
        "live": next(iter(asked.rows(_LIVE)), None),
        "chosen": chosen if chosen in names else "",
        "reasons": asked.rows(_REASONS, (chosen,)) if chosen in names else [],
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


def _rule(name: str, words: RuleWords | None, row: Row) -> Row:
    """Return one rule with its counts and the links to the tickets behind them."""
    return {
        **_NOTHING,
        "title": words.title if words is not None else "",
        "clause": words.clause if words is not None else "",
        **row,
        "rule": name,
        "words": words,
        "open_link": link("/records", rule=name),
        "waived_link": link("/records", rule=name, finding="waived"),
        "unknown_link": link("/records", rule=name, finding="cannot_tell"),
        "own_link": link("/rules", rule=name) + f"#{name}",
    }
