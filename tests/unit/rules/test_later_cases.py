"""Rules that have passed their tests are loaded without them; a test that is used is read then."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.errors import RuleFileError
from capa_sync.model.settings import JudgeOptions
from capa_sync.rules import load_rules, rules_from, run_tests
from capa_sync.rules.later_cases import LaterCases, without_tests
from capa_sync.starter import starter_path

RULES = starter_path("rules")
TEXTS = {f"{file.stem}.yaml": file.read_text(encoding="utf-8") for file in sorted(Path(RULES).glob("*.yaml"))}
NAME, TEXT = next(iter(TEXTS.items()))
OPTIONS = JudgeOptions()


def test_what_judges_is_the_same_and_the_tests_are_there_when_they_are_used() -> None:
    """All shipped rules have their tests at the end; hash, conditions and texts are those of the whole files."""
    whole, later = (rules_from(TEXTS, OPTIONS, are_tested=are_tested) for are_tested in (False, True))
    assert (later.hash, later.former_hashes) == (whole.hash, whole.former_hashes)
    for full, rule in zip(whole.rules, later.rules, strict=True):
        assert isinstance(rule.cases, LaterCases)
        assert rule.cases._known is None
        assert [line.sentence for line in rule.every_line] == [line.sentence for line in full.every_line]
        assert {**rule.places, "tests": full.places["tests"]} == full.places
        assert tuple(rule.cases) == tuple(full.cases) != ()
        assert rule.cases[-1] == full.cases[-1]
    assert run_tests(later).is_ok


@pytest.mark.parametrize(
    "changed",
    [
        TEXT.replace("\ntests:\n", "\ntests: # below\n"),
        TEXT + "since: 2026-01-01\n",
        TEXT.partition("\ntests:\n")[0] + "\n",
        TEXT + "tests:\n  - case: again\n",
    ],
    ids=["a remark", "something after them", "no test", "twice"],
)
def test_a_text_of_another_form_is_read_whole(changed: str) -> None:
    """Its rule and its mistakes are those of the whole text."""
    assert without_tests(changed) is None
    found = []
    for are_tested in (False, True):
        try:
            [rule] = rules_from({NAME: changed}, OPTIONS, are_tested=are_tested).rules
            found.append((rule.id, tuple(rule.cases)))
        except RuleFileError as error:
            found.append(("", tuple(map(str, error.problems))))
    assert found[0] == found[1]


def test_a_mistake_before_the_tests_is_told_with_those_in_them() -> None:
    """Nothing is left out because it was read in two parts."""
    broken = TEXT.replace("severity:", "severeness:").replace("expect:", "expects:")
    problems = []
    for are_tested in (False, True):
        with pytest.raises(RuleFileError) as caught:
            rules_from({NAME: broken}, OPTIONS, are_tested=are_tested)
        problems.append([str(problem) for problem in caught.value.problems])
    assert problems[0] == problems[1]
    assert len(problems[0]) > 2


def test_a_mistake_in_tests_that_were_read_before_is_told_when_they_are_used(tmp_path: Path) -> None:
    """A later version may know a form no more; `rules test` and a changed set say so with file and line."""
    broken = TEXT.replace("expect:", "expects:")
    [rule] = rules_from({NAME: broken}, OPTIONS, are_tested=True).rules
    with pytest.raises(RuleFileError, match="expects"):
        len(rule.cases)
    (tmp_path / NAME).write_text(broken, encoding="utf-8")
    with pytest.raises(RuleFileError, match="expects"):
        load_rules([tmp_path])
