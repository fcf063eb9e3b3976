"""What a waiver is bound to: the content that its rule requires, and neither stage nor wording of spaces."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest

from capa_sync.rules import RuleSet, load_rules
from capa_sync.rules.conditions import Block, Join
from capa_sync.starter import starter_path
from tests.unit.rules.lives import LONDON, record_on
from tests.unit.rules.test_truth import line

NOW = datetime(2026, 4, 1, tzinfo=UTC)
LIFE = """
case: a life
timeline:
  - {day: 2026-03-02, by: ana, track: nonconformity, owner: ana, extent_result: found, extent_note: looked}
  - {day: 2026-03-02, by: ana, due_at: 2026-04-15}
  - {day: 2026-03-02, by: ana, action: {id: A1, text: Name a deputy, owner: bo, due_at: 2026-03-31}}
  - {day: 2026-03-03, by: ana, %s}
"""


@cache
def pack() -> RuleSet:
    """Return the rules that the table names: three shipped ones, and one about moves of the due date."""
    rules = ("extent-assessed", "action-planned", "root-cause-before-action")
    shipped = load_rules([starter_path("rules") / f"{rule}.yaml" for rule in rules], LONDON)
    moves = replace(shipped.rules[0], id="moves", require=Block(Join.ALL, (line("replans: at most 2"),)))
    return RuleSet([*shipped.rules, moves], LONDON, "digest")


def digests(rule: str, edit: str) -> dict[str, str]:
    """Return what a rule reads after an edit."""
    return dict(pack().read_digests(rule, record_on(LIFE % edit, "2026-03-04"), LONDON, NOW))


@pytest.mark.parametrize(
    ("rule", "edit", "changed"),
    [
        ("extent-assessed", "extent_note: looked elsewhere", {"extent_note"}),
        ("extent-assessed", "stage: planned", set()),
        ("extent-assessed", "location: London office", set()),
        ("action-planned", "action: {id: A1, text: Name two deputies}", {"actions"}),
        ("action-planned", "action: {id: A2, text: Test it}", {"actions"}),
        ("action-planned", "action: {id: A1, done: yes}", {"actions"}),
        ("moves", "due_at: 2026-04-30", {"replans"}),
        ("root-cause-before-action", "root_cause: No deputy was named", {"root_cause"}),
    ],
)
def test_a_digest_changes_with_what_the_rule_requires_alone(rule: str, edit: str, changed: set[str]) -> None:
    """Another text, person or action changes it; another stage or another field does not."""
    before, after = digests(rule, "replan_reason: none"), digests(rule, edit)
    assert before
    assert {name for name in before | after if before.get(name) != after.get(name)} == changed


def test_what_cannot_be_read_now_has_no_digest() -> None:
    """A field that is hidden for a day does not end a waiver."""
    assert "extent_note" not in digests("extent-assessed", "extent_note: {unreadable: hidden}")
    assert digests("no-such-rule", "location: London") == {}
