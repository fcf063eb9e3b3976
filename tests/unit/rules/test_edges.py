"""The exact limits of a verdict: rungs and hiding that cannot tell, partial repair, the first instant of `since`."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.model.finding import Outcome, Severity, Verdict
from capa_sync.rules import load_rules
from capa_sync.rules.derived import open_record
from capa_sync.rules.evaluate import judge
from capa_sync.rules.terms import Terms
from tests.unit.rules.lives import LONDON, at, case_of, record_on

HEAD = """
rule: extent-assessed
title: A title
clause: {iso27001-2022: 10.2 b}
message: It is not.
fix: Do it.
"""
TESTS = """
tests:
  - case: broken
    timeline: [{day: 2025-01-01, by: ana}, {day: 2025-01-02, by: ana, stage: planned}]
    expect: [{day: 2025-02-01, result: breach}]
  - case: in order
    timeline: [{day: 2025-01-01, by: ana, root_cause: No deputy is named, correction: done}]
    expect: [{day: 2025-01-01, result: ok}]
"""


def verdict_of(folder: Path, body: str, life: str, when: str) -> Verdict:
    """Return a rule's verdict on a life at an instant."""
    file = folder / "extent-assessed.yaml"
    file.write_text(HEAD + body + TESTS, encoding="utf-8")
    (rule,) = load_rules([file], LONDON).rules
    case = case_of(life)
    return judge(rule, open_record(record_on(case, when), at(case, when), Terms(case.options)))


UNREADABLE = """
case: grade cannot be read
unreadable: [grade]
timeline: [{day: 2025-01-01, by: ana}, {day: 2025-01-02, by: ana, stage: planned}]
"""


@pytest.mark.parametrize(
    "condition",
    ["grade is major", "{all: [{grade: is major}]}", "{none: [{grade: is minor}]}", "{any: [{grade: is major}]}"],
)
def test_a_rung_that_cannot_tell_does_not_hold(tmp_path: Path, condition: str) -> None:
    """The severity comes from the rungs that are certain."""
    body = f"severity: [low, high when: {condition}]\nrequire: [{{root_cause: filled}}]"
    body = body.replace("[low, high when: ", "\n  - low\n  - high when: ").replace("]\nrequire", "\nrequire", 1)
    found = verdict_of(tmp_path, body, UNREADABLE, "2025-01-03")
    assert (found.outcome, found.severity) == (Outcome.BREACH, Severity.LOW)


def test_a_hiding_that_cannot_tell_hides_nothing(tmp_path: Path) -> None:
    """People see a consequence; it is not lost behind a root finding that may not be one."""
    body = """
severity: high
require: [{root_cause: filled}]
hides:
  - action-planned when grade is major
"""
    assert verdict_of(tmp_path, body, UNREADABLE, "2025-01-03").hides == ()
    major = UNREADABLE.replace("unreadable: [grade]\n", "").replace("by: ana}", "by: ana, grade: major}", 1)
    assert verdict_of(tmp_path, body, major, "2025-01-03").hides == ("action-planned",)


TWO_ORDERS = """
severity: high
require:
  - root_cause: filled before action started
  - correction: filled before action started
if_repaired: historical
"""
ONE_REPAIRED = """
case: the cause came late, the correction never
timeline:
  - {day: 2025-01-01, by: ana}
  - {day: 2025-01-02, by: ana, action: {id: A1, text: Name a deputy}}
  - {day: 2025-01-03, by: ana, root_cause: No deputy is named in the procedure}
"""


def test_a_repair_of_some_lines_is_no_repair(tmp_path: Path) -> None:
    """A breach becomes historical only when each broken line is repaired."""
    assert verdict_of(tmp_path, TWO_ORDERS, ONE_REPAIRED, "2025-01-04").outcome is Outcome.BREACH
    both = ONE_REPAIRED + "  - {day: 2025-01-05, by: ana, correction: The review was done}\n"
    assert verdict_of(tmp_path, TWO_ORDERS, both, "2025-01-06").outcome is Outcome.HISTORICAL


SINCE = """
severity: high
require: [{root_cause: filled before action started}]
since: 2025-03-01
if_repaired: historical
"""


@pytest.mark.parametrize(
    ("started", "outcome"),
    [
        ("2025-02-28 23:59", Outcome.OK),
        ("2025-03-01 00:00", Outcome.HISTORICAL),
        ("2025-03-01 00:01", Outcome.HISTORICAL),
    ],
)
def test_since_begins_with_the_first_instant_of_its_day(tmp_path: Path, started: str, outcome: Outcome) -> None:
    """An order broken at midnight, when the day begins, belongs to that day."""
    life = f"""
case: action first
settings: {{timezone: Europe/London}}
timeline:
  - {{day: 2025-02-01, by: ana}}
  - {{day: {started}, by: ana, action: {{id: A1, text: Name a deputy}}}}
  - {{day: 2025-03-02, by: ana, root_cause: No deputy is named in the procedure}}
"""
    assert verdict_of(tmp_path, SINCE, life, "2025-03-03").outcome is outcome


LATE = """
severity: high
require:
  - root_cause: filled before action started
  - due_at: not in the past
"""
ORDER_BROKEN = """
case: the order is broken, and the due date passes later
timeline:
  - {day: 2025-01-01, by: ana, due_at: 2025-02-10}
  - {day: 2025-01-02, by: ana, action: {id: A1, text: Name a deputy}}
  - {day: 2025-01-03, by: ana, root_cause: No deputy is named in the procedure}
"""


@pytest.mark.parametrize(
    ("keys", "before"),
    [
        ("since: 2025-02-01\n", Outcome.OK),
        ("if_repaired: ok\n", Outcome.OK),
        ("if_repaired: historical\n", Outcome.HISTORICAL),
        ("", Outcome.BREACH),
    ],
)
def test_a_line_that_time_breaks_beside_a_broken_line_sets_the_next_due_instant(
    tmp_path: Path, keys: str, before: Outcome
) -> None:
    """The outcome and the report may change when time alone breaks a second line, so that instant is scheduled."""
    found = verdict_of(tmp_path, LATE + keys, ORDER_BROKEN, "2025-02-05")
    assert found.outcome is before
    assert found.next_due is not None
    assert found.next_due.date().isoformat() == "2025-02-11"
    assert verdict_of(tmp_path, LATE + keys, ORDER_BROKEN, "2025-02-11").outcome is Outcome.BREACH


SCOPE_SETTLED = """
severity: high
when:
  - any:
      - stage: at least planned
      - due_at: more than 0 days ago
require: [{root_cause: filled}]
"""


def test_evidence_is_renewed_when_a_line_changes_that_decides_nothing(tmp_path: Path) -> None:
    """Evidence lists all consulted lines: the verdict is due again when one of them changes."""
    life = """
case: planned, and the due date passes later
timeline:
  - {day: 2025-01-01, by: ana, stage: planned, due_at: 2025-02-10}
"""
    early, late = (verdict_of(tmp_path, SCOPE_SETTLED, life, day) for day in ("2025-02-05", "2025-02-11"))
    assert early.outcome is late.outcome is Outcome.BREACH
    assert early.evidence != late.evidence
    assert early.next_due is not None
    assert early.next_due.date().isoformat() == "2025-02-11"
    assert late.next_due is None
