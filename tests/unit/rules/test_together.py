"""Rules evaluated together share results; each gives the verdict that it gives alone, on every record."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from capa_sync.model.finding import Mode, Outcome, Severity, Verdict
from capa_sync.model.record import CapaRecord, Stage
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.values import UNMAPPED, Value, ValueState
from capa_sync.rules import RuleSet, load_rules
from capa_sync.rules.derived import open_record
from capa_sync.rules.evaluate import judge
from capa_sync.rules.terms import Terms
from tests.unit.rules.lives import LONDON, last_record, tame_case, wild_case
from tests.unit.rules.pack import RULES


@pytest.fixture(scope="module")
def ruleset() -> RuleSet:
    """Return the shipped pack; the light profile switches four of its rules off for minor records."""
    return load_rules([RULES], LONDON)


def alone(
    ruleset: RuleSet, record: CapaRecord, options: JudgeOptions, now: datetime, *, explain: bool = False
) -> list[Verdict]:
    """Return the verdict of each rule when no other rule was evaluated on the record."""
    terms = Terms(options)
    active = [rule for rule in ruleset.rules if rule.mode is not Mode.DRAFT]
    return [judge(rule, open_record(record, now, terms), explain=explain) for rule in active]


def blurred(record: CapaRecord, seed: int) -> CapaRecord:
    """Return a record whose track, grade or need of action, in turn, is unmapped, an error or empty."""
    values = (UNMAPPED, Value(ValueState.ERROR, text="?", reason="an option of nowhere"), Value(ValueState.EMPTY))
    name = ("track", "grade", "action_needed")[seed % 3]
    stage = list(Stage)[seed % len(Stage)]
    return replace(record, fields={**record.fields, name: values[seed // 3 % 3]}, stage=stage)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["standard", "light", "strict", "iso9001"])
def test_together_each_rule_gives_the_verdict_that_it_gives_alone(ruleset: RuleSet, profile: str) -> None:
    """The test covers 90 lives, complete and blurred, in order and not, explained and not, and a while later."""
    options = replace(LONDON, profile=profile)
    outcomes: set[Outcome] = set()
    for seed in range(90):
        record, now = last_record((wild_case if seed % 2 else tame_case)(seed, options))
        for shown in (record, blurred(record, seed)):
            for at in (now, now + timedelta(days=40)):
                verdicts = ruleset.evaluate(shown, options, at)
                assert verdicts == alone(ruleset, shown, options, at)
                outcomes |= {verdict.outcome for verdict in verdicts}
        assert ruleset.evaluate(record, options, now, explain=True) == alone(
            ruleset, record, options, now, explain=True
        )
    assert outcomes == set(Outcome)


def test_a_rule_that_is_off_for_a_grade_says_so_whatever_its_scope(ruleset: RuleSet) -> None:
    """Grades of one stage and track take turns: only the minor record is switched off, with the reason."""
    light = replace(LONDON, profile="light")
    record, now = last_record(tame_case(1, light))
    answers = {}
    for grade in ("minor", "ofi", "major", "minor"):
        graded = replace(record, fields={**record.fields, "grade": Value(ValueState.FILLED, grade, grade)})
        found = {verdict.rule: verdict for verdict in ruleset.evaluate(graded, light, now)}["rca-method"]
        answers[grade] = (found.outcome, found.reason)
    assert answers["minor"] == (Outcome.NOT_APPLICABLE, "off for this grade in the profile light")
    assert answers["ofi"][1] == answers["major"][1] == ""


def test_shared_results_are_never_used_for_other_options(ruleset: RuleSet) -> None:
    """Two profiles take turns on one record; each keeps its severity, also for rules that do not apply."""
    record, now = last_record(tame_case(1))
    found = {
        profile: {
            verdict.rule: verdict.severity
            for verdict in ruleset.evaluate(record, replace(LONDON, profile=profile), now)
        }
        for profile in ("standard", "strict", "standard", "strict")
    }
    assert found["standard"]["independent-review"] is Severity.MEDIUM
    assert found["strict"]["independent-review"] is Severity.HIGH


def test_a_record_whose_duplicate_is_unread_makes_every_rule_cannot_tell(ruleset: RuleSet) -> None:
    """The results of other records with the same words do not matter."""
    record, now = last_record(tame_case(3))
    ruleset.evaluate(record, LONDON, now)
    verdicts = ruleset.evaluate(replace(record, unread_join="the duplicate is not read"), LONDON, now)
    assert {(verdict.outcome, verdict.reason) for verdict in verdicts} == {
        (Outcome.CANNOT_TELL, "the duplicate is not read")
    }


def test_verdicts_pass_between_processes(ruleset: RuleSet) -> None:
    """Pickled and unpickled verdicts are equal, including their evidence."""
    record, now = last_record(wild_case(5))
    verdicts = ruleset.evaluate(record, LONDON, now, explain=True)
    assert any(verdict.evidence for verdict in verdicts)
    assert pickle.loads(pickle.dumps(verdicts)) == verdicts  # noqa: S301 - just made here
