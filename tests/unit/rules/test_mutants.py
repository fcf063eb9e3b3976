"""`rules test --mutate`: what is changed, which changes certainly change nothing, a test for each survivor."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stdout
from datetime import timedelta
from functools import cache
from io import StringIO
from pathlib import Path

import pytest

from capa_sync.cli.app import main
from capa_sync.rules import load_rules
from capa_sync.rules.cases import run_cases
from capa_sync.rules.condition_reader import ConditionReader
from capa_sync.rules.conditions import Block
from capa_sync.rules.derived import open_record
from capa_sync.rules.evaluate import judge
from capa_sync.rules.mutations import mutants
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.rule import Rule
from capa_sync.rules.same_truth import Given, same_truth
from capa_sync.rules.survivors import MutantCheck, check_mutants
from capa_sync.rules.terms import Terms
from capa_sync.rules.yaml_lines import Problems, read_yaml
from tests.unit.rules.lives import LONDON, last_record, wild_case
from tests.unit.rules.pack import PACK, each_rule

PROBE = """
rule: probe
title: A cause is written down in time
clause: {iso27001-2022: 10.2 b}
severity:
  - low
  - medium when due_at more than 3 days ago
since: 2026-03-10
if_repaired: historical
applies_to:
  - track: is one of nonconformity, preventive
when:
  - any:
      - stage: at least planned
      - grade: is major
require:
  - root_cause: filled before action started
hides:
  - rca-method
message:
  - when:
      - root_cause: filled
    say: The cause came late.
  - say: There is no cause.
fix: Write it down.
tests:
  - case: no cause
    timeline:
      - {day: 2026-03-16, by: ana, stage: planned, due_at: 2026-03-31, action: {id: A1, text: Name a deputy}}
    expect:
      - {day: 2026-03-16, result: breach, severity: low, says: There is no cause, hides: [rca-method]}
  - case: in order
    timeline:
      - {day: 2026-03-16, by: ana, stage: planned, root_cause: No deputy}
    expect:
      - {day: 2026-03-16, result: ok}
"""
CHANGES = [
    "'track: is one of nonconformity, preventive' is left out",
    "'track: is one of nonconformity, preventive' is negated",
    "'track: is one of nonconformity, preventive' has 'preventive' and not 'nonconformity, preventive'",
    "'track: is one of nonconformity, preventive' has 'nonconformity' and not 'nonconformity, preventive'",
    "'any' from 'stage: at least planned' on is left out",
    "'stage: at least planned' is negated",
    "'stage: at least planned' has 'analysed' and not 'planned'",
    "'stage: at least planned' has 'implemented' and not 'planned'",
    "'grade: is major' is negated",
    "'grade: is major' has 'ofi' and not 'major'",
    "'grade: is major' has 'minor' and not 'major'",
    "'stage: at least planned' is left out",
    "'grade: is major' is left out",
    "'any' from 'stage: at least planned' on is joined by all, not any",
    "'root_cause: filled before action started' is left out",
    "'root_cause: filled before action started' is negated",
    "'root_cause: filled before action started' is said of extent_note",
    "'due_at: more than 3 days ago' is left out",
    "'due_at: more than 3 days ago' is negated",
    "'due_at: more than 3 days ago' has '4' and not '3'",
    "'due_at: more than 3 days ago' has '2' and not '3'",
    "'due_at: more than 3 days ago' is said of cb_deadline",
    "'root_cause: filled' is left out",
    "'root_cause: filled' is negated",
    "'root_cause: filled' is said of extent_note",
    "the severity low is info",
    "the severity low is medium",
    "the severity medium is low",
    "the severity medium is high",
    "the step to medium is left out",
    "rca-method is not hidden",
    "'if_repaired' is left out",
    "'if_repaired' says ok",
    "'since' is 2026-03-09",
    "'since' is 2026-03-11",
    "'since' is left out",
    "this text of 'message' is never said",
]


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    """Return the file of a rule whose tests leave many mutants alive."""
    file = tmp_path / "probe.yaml"
    file.write_text(PROBE, encoding="utf-8")
    return file


def test_each_condition_operand_and_number_is_changed(probe: Path) -> None:
    """The mutants of a rule are these, each with the line of the file in which its change is."""
    (rule,) = load_rules([probe]).rules
    found = list(mutants(rule))
    assert sorted(mutant.what for mutant in found) == sorted(CHANGES)
    lines = PROBE.splitlines()
    for mutant in found:
        words = re.findall(r"'(\w+): ", mutant.what) or re.findall(r"^'(\w+)' ", mutant.what)
        assert not words or words[0] in lines[mutant.line - 1], mutant


@cache
def checked(rule_id: str) -> MutantCheck:
    """Return what the tests of a shipped rule notice of its mutants."""
    return check_mutants(next(rule for rule in PACK.rules if rule.id == rule_id))


@each_rule
def test_the_shipped_pack_leaves_no_mutant_alive(rule: Rule) -> None:
    """The tests inside each rule notice a change of any condition, operand, number, step, text and hidden rule."""
    assert [str(survivor.problem) for survivor in checked(rule.id).survivors] == []


def _advised(text: str, advice: str) -> str:
    """Return the text of a rule file with the test that an advice asks for."""
    found = re.match(r"(?:copy test '(.+)' up to (\S+), add (\{.+\}), |in test '(.+)' )expect (\{.+\}) \(the", advice)
    assert found, advice
    copied, last, row, own, expect = found.groups()
    case = text[text.index(f"  - case: {copied or own}\n") :].partition("    expect:")[0].splitlines()
    rows = [line for line in case[2:] if last is None or line[13:23] <= last] + ([f"      - {row}"] if row else [])
    return "\n".join(
        [*text.splitlines(), f"{case[0]}, {len(text)}", case[1], *rows, "    expect:", f"      - {expect}\n"]
    )


def test_the_advice_for_a_survivor_is_a_test_that_kills_it(probe: Path) -> None:
    """Whoever follows the advice, one test after the other, ends with tests that leave no mutant alive."""
    text, followed = PROBE.replace("since: 2026-03-10\n", ""), ("", "")
    for _ in range(40):
        probe.write_text(text, encoding="utf-8")
        (rule,) = load_rules([probe]).rules
        assert [str(problem) for result in run_cases(rule) for problem in result.problems] == [], followed
        alive = [(survivor.problem.what, survivor.problem.hint) for survivor in check_mutants(rule).survivors]
        assert followed not in alive
        if not alive:
            return
        followed = next(pair for pair in alive if pair[1].startswith(("copy", "in")))
        text = _advised(text, followed[1])
    pytest.fail(f"alive after 40 tests: {alive}")


@pytest.mark.parametrize(
    ("first", "second", "given", "same"),
    [
        # a stage that is at least planned is none of the side states
        ("[{stage: at least planned}, {stage: is not rejected}]", "[{stage: at least planned}]", "", True),
        ("[{stage: at least planned}, {stage: is not closed}]", "[{stage: at least planned}]", "", False),
        # not filled and not unknown is empty or a placeholder
        (
            "[{root_cause: not filled}]",
            "[{any: [{root_cause: empty}, {root_cause: placeholder}]}]",
            "",
            True,
        ),
        # an unmapped field makes a none unknown, but not a false all
        ("[{none: [{grade: is major}]}]", "[{grade: is not major}]", "", False),
        # a comparison with an empty field is not met
        (
            "[{owner: filled}, {owner: not the same person as raised_by}]",
            "[{owner: not the same person as raised_by}]",
            "",
            True,
        ),
        ("[{owner: filled}, {owner: an active person}]", "[{owner: an active person}]", "", True),
        ("[{due_at: filled}, {due_at: more than 3 days ago}]", "[{due_at: more than 3 days ago}]", "", True),
        ("[{due_at: more than 3 days ago}]", "[{due_at: more than 4 days ago}]", "", False),
        # what was emptied again is not filled
        ("[{root_cause: emptied again}, {root_cause: not filled}]", "[{root_cause: emptied again}]", "", True),
        ("[{root_cause: substantive}]", "[{root_cause: filled}]", "", False),
        # the same where a further condition holds, and not elsewhere
        ("[{grade: is major}]", "[{grade: is not minor}]", '[{grade: "is one of major, minor"}]', True),
        ("[{grade: is major}]", "[{grade: is not minor}]", "", False),
    ],
)
def test_what_is_called_equal_follows_from_the_values_that_a_field_can_have(
    first: str, second: str, given: str, same: bool
) -> None:
    """Conditions are the same where no combination of values, and of truths of all else, tells them apart."""
    left, right = _block(first), _block(second)
    where = [Given(_block(given), (True,))] if given else []
    assert same_truth(left, right, where) is same
    assert same_truth(right, left, where) is same


def _block(text: str) -> Block:
    problems = Problems("condition")
    block = ConditionReader(vocabulary(), problems).block(read_yaml(text, problems), "when")
    assert not problems.found, problems.found
    return block


def test_an_equal_mutant_gives_every_life_the_verdict_of_its_rule() -> None:
    """Mutants that are called equal agree with their rule on made-up lives, now and weeks later."""
    equal = [(rule, mutant.rule) for rule in PACK.rules for mutant in checked(rule.id).equal]
    assert len(equal) >= 70
    for seed in range(30):
        record, last = last_record(wild_case(seed))
        for days in (0, 40):
            context = open_record(record, last + timedelta(days=days), Terms(LONDON))
            for rule, mutant in equal:
                own, other = judge(rule, context), judge(mutant, context)
                assert (own.outcome, own.message, own.fix) == (other.outcome, other.message, other.fix)


def test_a_long_check_says_how_far_it_is(
    probe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere than on a terminal in plain lines, on standard error, rule by rule."""
    (probe.parent / "second.yaml").write_text(PROBE.replace("rule: probe", "rule: second"), encoding="utf-8")
    monkeypatch.setattr("capa_sync.cli.progress.PLAIN_EVERY", 1)
    with pytest.raises(SystemExit):
        main(["rules", "test", str(probe.parent), "--mutate"])
    assert capsys.readouterr().err.splitlines() == ["rules: mutants 37 of 74"]


def _run(*arguments: str) -> tuple[int, str]:
    """Return the exit code and the output of `rules test`."""
    with redirect_stdout(StringIO()) as shown, pytest.raises(SystemExit) as left:
        main(["rules", "test", *arguments])
    return int(str(left.value.code)), shown.getvalue()


def test_the_verb_lists_survivors_and_ends_with_1(probe: Path) -> None:
    """Exit 1 with file, line, change and test while a mutant survives; 2 while a test fails; JSON says the same."""
    code, shown = _run(str(probe), "--mutate")
    assert code == 1
    assert (
        f"{probe}:15: no test notices when 'grade: is major' is negated; copy test 'no cause' up to 2026-03-16, "
        in (shown)
    )
    total = re.search(r"^37 mutants: (\d+) killed, (\d+) equal to their rule, (\d+) survived$", shown, re.MULTILINE)
    assert total
    assert sum(map(int, total.groups())) == len(CHANGES)
    code, shown = _run(str(probe), "--mutate", "--json")
    report = json.loads(shown)
    assert (code, report["ok"]) == (1, False)
    assert report["mutants"] == {"tried": 37, "equal": int(total[2]), "survived": int(total[3])}
    assert {survivor["line"] for survivor in report["survivors"]} >= {7, 8, 9, 11, 15}
    assert _run(str(probe))[0] == 2
    probe.write_text(PROBE.replace("severity: low, says", "severity: high, says"), encoding="utf-8")
    code, shown = _run(str(probe), "--mutate")
    assert code == 2
    assert "0 mutants: 0 killed, 0 equal to their rule, 0 survived; of 1 rule with failing tests none was" in shown
