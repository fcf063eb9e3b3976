"""What the filters of the register offer, and which values of a link they know besides."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from capa_sync.errors import UserError
from capa_sync.model.catalogue import GRADES
from capa_sync.model.columns import RESTRICTED
from capa_sync.web.asked import PageQuery
from capa_sync.web.words import STAGES

Choices = dict[str, dict[str, str]]
"""Filter -> its values with their words; the form has a field for each of these filters, and for `q`."""
_DUES = {"overdue": "overdue", "week": "due this week", "review": "review due", "none": "no due date"}
_WARNINGS = {"any": "any", "high": "high", "medium": "medium", "low": "low", "new": "new this week", "none": "none"}
_STORED = ("owner", "source", "grade", "rule", "clause")
"""Filters whose values are in the register."""


def choices(asked: PageQuery) -> Choices:
    """Return what each field of the form offers."""
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
        "warning": dict(_WARNINGS),
        "due": dict(_DUES),
        "gap": {"yes": "claimed further than evidenced"},
        "state": {"open": "open", "ended": "closed or ended"},
    }


def known_values(asked: PageQuery, given: Mapping[str, str], offered: Choices) -> dict[str, Collection[str]]:
    """Return the values that a link may name: those offered, each grade, and rules and clauses without a finding.

    The live set is loaded only for a value that no finding has; one that cannot be loaded adds nothing.
    """
    known = {name: dict.fromkeys(offered[name]) for name in _STORED}
    known["grade"] |= dict.fromkeys(GRADES)
    if any(name in given and given[name] not in known[name] for name in ("rule", "clause")):
        with suppress(UserError):
            rules = sorted(asked.options.rules(), key=lambda rule: rule.id)
            known["rule"] |= dict.fromkeys(rule.id for rule in rules)
            known["clause"] |= dict.fromkeys(sorted(rule.clause for rule in rules if rule.clause))
    return {name: tuple(values) for name, values in known.items()}


def _values(asked: PageQuery, view: str, *columns: str) -> list[dict[str, str]]:
    """Return the values of each column, `none` for the empty one if it occurs; the view is read once for all."""
    names = ", ".join(f"COALESCE({column}, '') AS {column}" for column in columns)
    # Without a table of its own SQLite would compute all columns of the view before it makes the rows distinct.
    found = asked.rows(f"WITH x AS MATERIALIZED (SELECT {names} FROM {view}) SELECT DISTINCT * FROM x")  # noqa: S608 - names of ours
    words = {"": "none", RESTRICTED: "confidential"}
    values = [sorted({str(row[column]) for row in found}) for column in columns]
    return [{value or "none": words.get(value, value) for value in known} for known in values]
