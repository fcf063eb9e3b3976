"""The shipped pack is complete, passes its own tests, is polite, and its tests guard every condition."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from capa_sync.model.finding import Mode, Outcome
from capa_sync.model.settings import JudgeOptions
from capa_sync.rules import RuleSet, load_rules, run_tests
from capa_sync.rules.cases import CaseBook
from capa_sync.rules.derived import open_record
from capa_sync.rules.mutations import negations, unguarded
from capa_sync.rules.profiles import NUMBERS, STANDARDS
from capa_sync.rules.replay import replay
from capa_sync.rules.rule import Rule
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.terms import Terms
from tests.unit.rules.lives import LONDON, at, case_of, last_record, tame_case
from tests.unit.rules.pack import PACK, RULES, each_rule

QUIET = {"root-cause-not-symptom", "root-cause-not-blame", "action-not-just-correction", "effectiveness-evidence"}
QUIET |= {"joined-tickets-disagree"}
DRAFTS = {"stalled", "stage-skipped"}


def test_the_rules_are_there_with_their_numbers() -> None:
    """Ids and numbers are those of the contract, in the order of the pack."""
    numbered = [rule.id for rule in PACK.rules if rule.number]
    assert numbered == list(NUMBERS)
    assert {rule.id for rule in PACK.rules if not rule.number} == DRAFTS
    assert len(NUMBERS) == 38


def test_one_open_root_point_hides_its_consequences() -> None:
    """Who hides whom is the list of docs/clause10.md 3.1, and only rule 10 hides under a condition."""
    hides = {rule.number: {NUMBERS[name] for hide in rule.hides for name in hide.rules} for rule in PACK.rules}
    assert {number: hidden for number, hidden in hides.items() if hidden} == {
        1: {4},
        10: {11, 12, 13, 14, 18, 19},
        11: {12, 13},
        12: {13},
        17: {21, 23},
        27: {28, 29, 30, 36},
        31: {32},
    }
    assert {rule.number for rule in PACK.rules if any(hide.when for hide in rule.hides)} == {10}


GATES = (SUBJECTS["track"], SUBJECTS["stage"])


def test_each_track_is_judged_by_its_own_rules() -> None:
    """An observation, an improvement and a rejected record are out of scope of all rules but those of the docs."""
    reach: dict[str, set[int]] = {}
    for name, fields in (
        ("observation", "track: observation, stage: planned"),
        ("improvement", "track: improvement, stage: planned"),
        ("rejected", "stage: rejected"),
    ):
        case = case_of(f"case: x\ntimeline: [{{day: 2026-03-02, by: ana, {fields}}}]")
        record = replay(case, at(case, "2026-03-02"))
        assert record is not None
        context = open_record(record, at(case, "2026-03-02"), Terms(case.options))
        gates = {
            rule.number: [c for c in rule.scope.members if getattr(c, "subject", None) in GATES]
            for rule in PACK.rules
        }
        reach[name] = {number for number, lines in gates.items() if all(line.judge(context)[0] for line in lines)}
    assert reach == {"observation": {1, 2, 3, 6}, "improvement": {37}, "rejected": {35}}


@each_rule
def test_each_rule_passes_its_own_tests(rule: Rule) -> None:
    """Every test inside the file passes."""
    results = CaseBook(rule.cases).run(rule)
    assert [str(problem) for result in results for problem in result.problems] == []


@each_rule
def test_each_condition_is_guarded_by_a_test(rule: Rule) -> None:
    """`rules test` finds nothing: negating any condition of `when` or `require` fails a test of the file."""
    assert [str(problem) for problem in unguarded(rule)] == []
    assert sum(1 for _ in negations(rule)) == sum(1 for _ in rule.when.lines) + sum(1 for _ in rule.require.lines)


def test_a_rule_with_too_few_tests_is_reported() -> None:
    """Without the test that needs it, a condition is reported with its line."""
    rule = next(rule for rule in PACK.rules if rule.id == "extent-assessed")
    thin = replace(
        rule, cases=tuple(case for case in rule.cases if not case.name.startswith(("what was found", "a note that")))
    )
    (report,) = (found for found in unguarded(thin) if "is negated" in found.what)
    assert report.what == "no test notices when 'similar_refs: filled' is negated"
    assert "similar_refs: filled" in Path(rule.file).read_text(encoding="utf-8").splitlines()[report.line - 1]


def test_a_text_that_no_test_expects_is_reported() -> None:
    """A text by state is reported with its line while no test expects its words."""
    rule = next(rule for rule in PACK.rules if rule.id == "root-cause-substantive")
    thin = replace(
        rule,
        cases=tuple(
            replace(case, expects=tuple(replace(expect, says=()) for expect in case.expects)) for case in rule.cases
        ),
    )
    reports = unguarded(thin)
    assert [report.what for report in reports] == ["no test notices when this text of 'message' is never said"] * 3
    lines = Path(rule.file).read_text(encoding="utf-8").splitlines()
    assert [lines[report.line].strip() for report in reports] == [
        "- root_cause: placeholder",
        "- root_cause: announces a later answer",
        "- root_cause: substantive",
    ]


@each_rule
def test_each_rule_cites_every_standard_and_warns(rule: Rule) -> None:
    """Each standard that a profile may choose has its clause; word lists are quiet, two rules are drafts."""
    assert set(rule.clause) == set(STANDARDS)
    quiet = Mode.QUIET if rule.id in QUIET else Mode.WARN
    assert rule.mode is (Mode.DRAFT if rule.id in DRAFTS else quiet)


@each_rule
def test_the_words_blame_nobody(rule: Rule) -> None:
    """Message and fix never say that a person failed, and never claim compliance."""
    texts = [variant.sentence for wording in (rule.message, rule.fix) for variant in wording.variants]
    words = " ".join(str(part) for text in texts for part in text.parts)
    assert not re.search(
        r"\byou (failed|forgot|did not)|fault|guilty|compliant|violat|must not\b", words, re.IGNORECASE
    )


@each_rule
def test_each_file_names_its_false_alarms_and_no_host(rule: Rule) -> None:
    """A rule file says before the rule when it warns in vain; it refers to the schema beside it and to no address."""
    text = Path(rule.file).read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=rule.schema.json\n")
    assert "http" not in text
    assert "known false alarm" in " ".join(text.partition("\nrule: ")[0].replace("\n#", "").lower().split())


def test_the_report_lists_each_rule_and_each_failure(tmp_path: Path) -> None:
    """`rules test` says how many tests passed, and for a failure the file, the line and the actual result."""
    text = (RULES / "action-planned.yaml").read_text(encoding="utf-8")
    (tmp_path / "action-planned.yaml").write_text(
        text.replace("severity: high, says", "severity: low, says", 1), "utf-8"
    )
    report = run_tests(load_rules([tmp_path]))
    assert not report.is_ok
    assert report.lines()[0] == "action-planned: 6 of 7 tests passed"
    assert re.search(
        r"action-planned.yaml:\d+: planned without .*: on 2026-03-02 expected severity low, it is high",
        report.lines()[1],
    )
    assert report.as_dict()["ok"] is False
    assert run_tests(PACK).is_ok


def verdicts(ruleset: RuleSet, seed: int = 5) -> dict[str, Outcome]:
    """Return the outcomes by rule of a life in the usual order."""
    record, now = last_record(tame_case(seed))
    return {verdict.rule: verdict.outcome for verdict in ruleset.evaluate(record, ruleset.options, now)}


def test_a_draft_is_tested_and_never_run(tmp_path: Path) -> None:
    """A rule in mode draft gives no verdict; its tests run all the same."""
    text = (RULES / "action-planned.yaml").read_text(encoding="utf-8")
    (tmp_path / "action-planned.yaml").write_text(text.replace("mode: warn", "mode: draft"), encoding="utf-8")
    ruleset = load_rules([tmp_path], LONDON)
    assert verdicts(ruleset) == {}
    assert len(run_tests(ruleset).results) == 7


def test_a_file_without_a_mode_is_quiet(tmp_path: Path) -> None:
    """A new rule that says nothing about its mode goes into the register only."""
    text = (RULES / "action-planned.yaml").read_text(encoding="utf-8")
    (tmp_path / "action-planned.yaml").write_text(text.replace("mode: warn\n", ""), encoding="utf-8")
    assert load_rules([tmp_path]).rules[0].mode is Mode.QUIET


@pytest.mark.parametrize(("profile", "clause"), [("standard", "ISO 27001 10.2 c"), ("iso9001", "ISO 9001 10.2.1 c")])
def test_the_profile_picks_the_clause(profile: str, clause: str) -> None:
    """The clause is that of the profile's standard."""
    options = JudgeOptions(profile=profile)
    record, now = last_record(tame_case(5))
    found = load_rules([RULES], options).evaluate(record, options, now)
    assert next(v for v in found if v.rule == "action-planned").clause == clause


def test_the_strict_profile_raises_low_and_the_light_one_turns_rules_off_for_minors(tmp_path: Path) -> None:
    """Low becomes medium under strict; under light the method does not matter for a minor nonconformity."""
    probe = """
rule: rca-method
title: The method is named
clause: {iso27001-2022: 10.2 b}
severity: low
require: [{rca_method: filled}]
message: How was it found?
fix: Say how.
tests:
  - {case: a, timeline: [{day: 2026-03-02, rca_method: fishbone}], expect: [{day: 2026-03-02, result: ok}]}
  - case: b
    timeline: [{day: 2026-03-02, grade: minor}, {day: 2026-03-03, grade: major}]
    expect: [{day: 2026-03-02, result: breach, severity: low}]
  - case: c
    settings: {profile: light}
    timeline: [{day: 2026-03-02, grade: minor}, {day: 2026-03-03, grade: major}]
    expect: [{day: 2026-03-02, result: not applicable}, {day: 2026-03-03, result: breach}]
  - case: d
    settings: {profile: strict}
    timeline: [{day: 2026-03-02}]
    expect: [{day: 2026-03-02, result: breach, severity: high}]
"""
    (tmp_path / "rca-method.yaml").write_text(probe, encoding="utf-8")
    other = probe.replace("rca-method", "other-rule").replace("severity: high", "severity: medium")
    other = other.replace("result: not applicable", "result: breach")
    (tmp_path / "other-rule.yaml").write_text(other, encoding="utf-8")
    assert run_tests(load_rules([tmp_path])).problems == []


def test_since_and_if_repaired_ok(tmp_path: Path) -> None:
    """An order broken before the day of adoption is no breach; `if_repaired: ok` accepts a repaired order."""
    probe = """
rule: probe
title: The cause comes first
clause: {iso27001-2022: 10.2 b}
severity: low
since: 2026-03-10
if_repaired: ok
require:
  - root_cause: filled before action started
message: Cause after action.
fix: Mind the order.
tests:
  - case: broken before the day
    timeline: [{day: 2026-03-02}, {day: 2026-03-03, action: {id: A1, text: act}}]
    expect: [{day: 2026-03-04, result: ok}]
  - case: broken on the day, then mended
    timeline: [{day: 2026-03-02}, {day: 2026-03-10, action: {id: A1, text: act}}, {day: 2026-03-11, root_cause: why}]
    expect: [{day: 2026-03-10, result: breach}, {day: 2026-03-11, result: ok}]
"""
    (tmp_path / "probe.yaml").write_text(probe, encoding="utf-8")
    assert run_tests(load_rules([tmp_path])).problems == []


def test_an_unread_joined_ticket_makes_every_rule_cannot_tell() -> None:
    """While a joined ticket is unread, no rule decides anything."""
    record, now = last_record(tame_case(5))
    joined = replace(record, unread_join="servicenow was not read")
    found = PACK.evaluate(joined, PACK.options, now)
    assert {verdict.outcome for verdict in found} == {Outcome.CANNOT_TELL}
    assert {verdict.reason for verdict in found} == {"servicenow was not read"}
