"""What the editor of the page offers while a rule is typed: only what may really stand there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.rules.completing import MOST, completions
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.starter import starter_path

HEAD = "rule: x\n"


@pytest.mark.parametrize(
    ("typed", "offered", "from_column"),
    [
        ("req", "require: ", 0),
        ("require:\n  - root_c", "root_cause: ", 4),
        ("require:\n  - any:\n      - cause_c", "cause_category: ", 8),
        ("when:\n  - n", "none:", 4),
        ("require:\n  - root_cause: filled bef", "filled before action started", 16),
        ("require:\n  - due_at: more than 3 ", "more than 3 business days ago", 12),
        ("require:\n  - track: is one of nonconformity, prev", "preventive", 36),
        ("require:\n  - track: is ", "improvement", 14),
        ("require:\n  - stage: at least an", "analysed", 20),
        ("require:\n  - detected_at: past the im", "implement", 26),
        ("severity:\n  - low\n  - high when due_at more th", "more than N days ago", 21),
        ("severity: hi", "high", 10),
        ("mode: q", "quiet", 6),
        ("message: >-\n  Not done: {miss", "{missing}", 12),
        ("tests:\n  - case: a\n    expect:\n      - {day: 2026-03-02, result: br", "breach", 34),
        ("tests:\n  - case: a\n    timeline:\n      - {day: 2026-03-02, stage: impl", "implemented", 33),
    ],
)
def test_what_may_follow_is_offered_from_where_it_replaces(typed: str, offered: str, from_column: int) -> None:
    """Keys, fields, phrases with what is typed in their places, words of a field, placeholders, words of tests."""
    text = HEAD + typed
    found = {completion.text: completion.start for completion in completions(text + "\nfix: later\n", len(text))}
    assert found.get(offered) == text.rfind("\n") + 1 + from_column


def test_nothing_is_offered_for_a_field_that_is_none_and_what_is_complete() -> None:
    """What cannot be read is the business of the mistakes, not of the completion."""
    for typed in ("require:\n  - rot_cause: fil", "title: Some wo", "mode: warn", "x" * 10_000):
        assert not completions(HEAD + typed, len(HEAD + typed))


def test_every_line_of_the_shipped_rules_is_offered_letter_by_letter() -> None:
    """For each condition of the pack the phrase that is meant is among what is offered, however far it is typed."""
    missed = []
    for file in sorted(starter_path("rules").glob("*.yaml")):
        section = ""
        for line in file.read_text(encoding="utf-8").splitlines():
            section = line.partition(":")[0] if line[:1].isalpha() else section
            name, _, sentence = line.strip().removeprefix("- ").partition(": ")
            if section not in ("applies_to", "when", "require") or name not in SUBJECTS or not sentence:
                continue
            phrase, _ = vocabulary().find(SUBJECTS[name], sentence)
            first = phrase.template.split()[0]
            head = f"rule: x\n{section}:\n  - {name}: "
            offered = {completion.text.split()[0] for completion in completions(head, len(head))}
            if len(offered) < MOST and first not in offered:
                missed.append((file.name, line, first))
    assert missed == []


@given(st.text(alphabet=st.sampled_from("ab_: \n-{}[],'\"éN"), max_size=200), st.integers(0, 200))
def test_no_text_is_too_odd(text: str, at: int) -> None:
    """Whatever is typed, the answer replaces only what stands before the cursor on its line."""
    at = min(at, len(text))
    for completion in completions(text, at):
        assert text.rfind("\n", 0, at) < completion.start <= at
