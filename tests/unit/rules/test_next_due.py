"""The promise of the scheduler: between two due instants no verdict changes, and every change is scheduled."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capa_sync.model.finding import Verdict
from capa_sync.model.record import CapaRecord
from capa_sync.model.settings import JudgeOptions
from capa_sync.rules import RuleSet, load_rules
from capa_sync.rules.derived import open_record
from capa_sync.rules.evaluate import judge
from capa_sync.rules.terms import Terms
from tests.unit.rules.lives import LONDON, last_record, wild_case
from tests.unit.rules.pack import RULES

PROBE = """
rule: probe
title: A rule that says every phrase over time
clause: {iso27001-2022: 10.2 c}
severity:
  - low
  - medium when effectiveness_due more than 3 days ago
  - high when detected_at more than 40 business days ago
when:
  - any:
      - created_at: more than 1 business day ago
      - stage: became planned more than 2 days ago
require:
  - due_at: not in the past
  - due_at: not more than 5 days ago
  - detected_at: not more than 20 business days ago
  - none:
      - identified_at: past the implement deadline
      - identified_at: past the contain deadline
  - actions: none is overdue by more than 0 days
message:
  - when:
      - due_at: more than 3 days ago
    say: "Long past: {missing}"
  - say: "{missing}, {contain deadline}"
fix: Nothing.
tests:
  - case: broken
    timeline: [{day: 2025-01-01, by: ana}]
    expect: [{day: 2025-02-01, result: breach}]
  - case: in order
    timeline: [{day: 2025-01-01, by: ana, due_at: 2025-01-01}]
    expect: [{day: 2025-01-01, result: ok}]
"""

SETTLED = """
rule: settled
title: A rule whose truth is settled beside lines that time turns
clause: {iso27001-2022: 10.2 c}
severity: low
since: 2025-06-01
when:
  - any:
      - track: is nonconformity
      - identified_at: past the contain deadline
require:
  - root_cause: filled before action started
  - due_at: not more than 5 days ago
  - detected_at: not more than 20 business days ago
if_repaired: {repaired}
message: It is not in order.
fix: Nothing.
tests:
  - case: broken
    timeline: [{day: 2025-06-01, by: ana, due_at: 2025-06-01}]
    expect: [{day: 2025-07-01, result: breach}]
  - case: in order
    timeline: [{day: 2025-01-01, by: ana, due_at: 2025-01-01}]
    expect: [{day: 2025-01-01, result: ok}]
"""
PROBES = {
    "unsettled": PROBE,
    "settled, historical": SETTLED.replace("{repaired}", "historical"),
    "settled, ok": SETTLED.replace("{repaired}", "ok"),
}


@pytest.fixture(scope="module")
def ruleset() -> RuleSet:
    """Return the shipped pack."""
    return load_rules([RULES], LONDON)


def stored_part(verdict: Verdict) -> tuple[object, ...]:
    """Return all of a verdict that is stored, except its next due instant."""
    return (
        verdict.outcome,
        verdict.severity,
        verdict.message,
        verdict.fix,
        verdict.args,
        verdict.hides,
        verdict.reason,
        verdict.evidence,
    )


def check_constant(record: CapaRecord, now: datetime, judged: object) -> None:
    """Check 150 days hour by hour: a verdict is constant until its next due instant, and changes then."""
    verdicts = judged(now)  # type: ignore[operator]
    expected, due = list(map(stored_part, verdicts)), [verdict.next_due for verdict in verdicts]
    assert all(instant is None or instant > now for instant in due)
    for hour in range(1, 24 * 150):
        moment = now + timedelta(hours=hour)
        if (
            hour > 24 * 3
            and hour % 24 not in {0, 1}
            and not any(d and abs(d - moment) < timedelta(hours=2) for d in due)
        ):
            continue
        fresh = judged(moment)  # type: ignore[operator]
        for index, verdict in enumerate(fresh):
            if due[index] is not None and moment >= due[index]:
                at_turn = judged(due[index])[index]  # type: ignore[operator]
                assert stored_part(at_turn) != expected[index], (verdict.rule, due[index])
                while at_turn.next_due is not None and at_turn.next_due <= moment:
                    at_turn = judged(at_turn.next_due)[index]  # type: ignore[operator]
                expected[index], due[index] = stored_part(at_turn), at_turn.next_due
            assert stored_part(verdict) == expected[index], (verdict.rule, moment)


@pytest.mark.slow
@settings(max_examples=10)  # each takes the pack through 150 days
@given(st.integers(0, 10**6))
def test_shipped_rules_change_only_when_due(ruleset: RuleSet, seed: int) -> None:
    """Whatever the life, each verdict of the pack is constant until its next due instant, words included."""
    record, now = last_record(wild_case(seed))
    check_constant(record, now, lambda moment: ruleset.evaluate(record, LONDON, moment))


@pytest.mark.parametrize("probe", PROBES)
@settings(max_examples=25)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["Europe/London", "Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu"]),
)
def test_every_phrase_over_time_changes_only_when_due(
    tmp_path_factory: pytest.TempPathFactory, probe: str, seed: int, zone: str
) -> None:
    """A rule made of all phrases about time keeps the promise in odd time zones too, texts by state included."""
    file = tmp_path_factory.mktemp("probe") / ("probe.yaml" if probe == "unsettled" else "settled.yaml")
    file.write_text(PROBES[probe], encoding="utf-8")
    options = JudgeOptions(timezone=zone)
    (rule,) = load_rules([file], options).rules
    terms = Terms(options)
    record, now = last_record(wild_case(seed, options))
    check_constant(record, now, lambda moment: [judge(rule, open_record(record, moment, terms))])
