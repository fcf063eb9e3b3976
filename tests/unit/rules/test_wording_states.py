"""The texts of rules are true and read well in every state that a rule can be in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capa_sync.model.finding import Outcome
from capa_sync.rules import load_rules, page_lines, wording_of
from capa_sync.rules.conditions import broken_lines
from capa_sync.rules.rule import Rule
from capa_sync.rules.states import StateWording, distinct, never_said, states_of
from capa_sync.rules.wording import Slot
from tests.unit.rules.pack import PACK, RULES

Known = tuple[Rule, list[StateWording]]

LONGEST = 400
"""The number of characters of a message or fix that a comment shows."""

ON_A_CONDITION = {
    ("extent-assessed", "similar_refs"): "if the same was found elsewhere",
    ("effectiveness-before-close", "effectiveness_at"): "with the result, its day",
    ("due-date-moved", "replan_reason"): "to be brought up to date",
    ("effectiveness-too-early", "effectiveness_at"): "the day of the second look",
}
"""Fields that a fix names under a condition, or together with another field that is missing."""


@pytest.fixture(scope="module", params=PACK.rules, ids=lambda rule: str(rule.id))
def known(request: pytest.FixtureRequest) -> Known:
    """A shipped rule with all its states, which are evaluated once for all tests of this rule."""
    return request.param, list(states_of(request.param))


@pytest.mark.slow
def test_every_text_is_used_in_some_state(known: Known) -> None:
    """Nobody would read a text that no state reaches before it is published."""
    assert [(key, variant.line) for key, variant in never_said(*known)] == []


_GAP = re.compile(
    r"  |\(\)|\( | \)| [.,;]|: ?[.,]|\bon[.,]|\bNone\b(?! found)|\bby\)|\d+ days?\b(?! before this one was found)"
)
"""A gap, or a count of days, which would be wrong tomorrow; the period of a setting is none."""


def test_no_text_has_a_gap_or_counts_days(known: Known) -> None:
    """Whatever is unknown, no sentence has a gap, and none is longer than a comment shows."""
    _, states = known
    for found in states:
        for text in filter(None, (found.verdict.message, found.verdict.fix)):
            where = (found.state, text)
            assert not _GAP.search(text), where
            assert re.match(r"[A-Z\"]|ana|bo|zoe|lee", text), where
            assert text.endswith("."), where
    assert all(len(found.verdict.message) <= LONGEST >= len(found.verdict.fix) for found in distinct(*known))


def test_a_fix_asks_for_no_field_that_lacks_nothing(known: Known) -> None:
    """Each field that it names is empty, or is one that the rule found missing now."""
    rule, states = known
    for found in states:
        if found.verdict.outcome is Outcome.BREACH:
            wanting = {broken.line.subject.name for broken in broken_lines(rule.require, found.context)}
            for name in _asked(rule, found) - wanting:
                is_filled = found.context.value(name).is_filled
                assert not is_filled or (rule.id, name) in ON_A_CONDITION, (found.state, found.verdict.fix)


def test_a_historical_verdict_asks_for_nothing(known: Known) -> None:
    """A past order that was repaired is reported, and nobody is asked to repair it."""
    _, states = known
    assert all(not found.verdict.fix for found in states if found.verdict.outcome is Outcome.HISTORICAL)


def _asked(rule: Rule, found: StateWording) -> set[str]:
    parts = rule.fix.variants[found.variants[1]].sentence.parts
    return {slot.name.removeprefix("label ") for slot in parts if isinstance(slot, Slot) and "label " in slot.name}


@pytest.mark.slow
def test_the_page_holds_every_rule_and_every_text() -> None:
    """Each rule is there with its title, each text once with a state; few enough for a person to read."""
    wording = wording_of(PACK.rules)
    page = "\n".join(page_lines(wording))
    assert [f"## {rule.id}" for rule in PACK.rules] == re.findall(r"^## .*$", page, re.MULTILINE)
    assert sum(len(rule["texts"]) for rule in wording) <= 150
    for rule in wording:
        assert all(f"> {text['message']}" in page and text["state"] in page for text in rule["texts"])


def test_a_text_that_no_state_reaches_is_named_with_its_line(tmp_path: Path) -> None:
    """One example is a text for two conditions that can never hold together."""
    text = (RULES / "root-cause-substantive.yaml").read_text(encoding="utf-8")
    never = "message:\n  - when:\n      - root_cause: empty\n    say: It is empty.\n"
    (tmp_path / "root-cause-substantive.yaml").write_text(text.replace("message:\n", never, 1), encoding="utf-8")
    (rule,) = load_rules([tmp_path]).rules
    ((key, variant),) = never_said(rule, states_of(rule))
    assert (key, variant.sentence.parts) == ("message", ("It is empty.",))
