"""The sentences that differ from a sentence in one operand, and the field that one is exchanged for."""

from __future__ import annotations

import pytest

from capa_sync.rules.phrases.neighbours import neighbours, same_kind
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.subjects import SUBJECTS


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("title: filled", []),
        ("due_at: more than 3 days ago", ["3 4 more than 4 days ago", "3 2 more than 2 days ago"]),
        ("due_at: moved later at most 0 times", ["0 1 moved later at most 1 times"]),
        ("grade: is major", ["major ofi is ofi", "major minor is minor"]),
        ("grade: is ofi", ["ofi observation is observation", "ofi major is major"]),
        ("actions: at most 1 are open", ["1 2 at most 2 are open", "1 0 at most 0 are open"]),
        ("title: contains TAX", ["TAX TAXx contains TAXx"]),
        ("title: contains owner", ["owner ownerx contains ownerx"]),
        ("title: contains 'an owner'", ["'an owner' 'an ownerx' contains 'an ownerx'"]),
        ('title: contains "owner"', ['"owner" "ownerx" contains "ownerx"']),
        ("source_status: is one of Open", ["Open Openx is one of Openx"]),
        (
            "grade: is one of major, minor",
            ["major, minor minor is one of minor", "major, minor major is one of major"],
        ),
        (
            "source_status: is one of Open, 'On Hold', Done",
            [
                "Open, 'On Hold', Done 'On Hold', Done is one of 'On Hold', Done",
                "Open, 'On Hold', Done Open, Done is one of Open, Done",
                "Open, 'On Hold', Done Open, 'On Hold' is one of Open, 'On Hold'",
            ],
        ),
        (
            "stage: at least planned",
            ["planned analysed at least analysed", "planned implemented at least implemented"],
        ),
        (
            "root_cause: filled before the record first became duplicate",
            [
                "duplicate cancelled filled before the record first became cancelled",
                "duplicate identified filled before the record first became identified",
            ],
        ),
        (
            "root_cause: filled before detected_at was first filled",
            ["detected_at correction_at filled before correction_at was first filled"],
        ),
        (
            "identified_at: past the contain deadline",
            [
                "contain effectiveness past the effectiveness deadline",
                "contain root-cause past the root-cause deadline",
            ],
        ),
        (
            "detected_at: not before the plan deadline of due_at",
            [
                "plan root-cause not before the root-cause deadline of due_at",
                "plan implement not before the implement deadline of due_at",
                "due_at cb_deadline not before the plan deadline of cb_deadline",
            ],
        ),
        (
            "owner: not the same person as any of isms_lead, raised_by",
            [
                "isms_lead, raised_by raised_by not the same person as any of raised_by",
                "isms_lead, raised_by isms_lead not the same person as any of isms_lead",
            ],
        ),
        (
            "owner: not the same person as any of closed_by",
            ["closed_by raised_by not the same person as any of raised_by"],
        ),
        ("owner: not the same person as any of action_owners", []),
        (
            "source_status: was one of Open before it first became Done",
            [
                "Open Openx was one of Openx before it first became Done",
                "Done Donex was one of Open before it first became Donex",
            ],
        ),
        ("actions: each has text", ["text textx each has textx"]),
    ],
)
def test_each_operand_is_exchanged_for_the_next_ones(line: str, expected: list[str]) -> None:
    """Old operand, new operand and whole sentence: numbers by one, words and fields by those beside them."""
    name, _, sentence = line.partition(": ")
    phrase, _ = vocabulary().find(SUBJECTS[name], sentence)
    assert [" ".join(found) for found in neighbours(phrase, SUBJECTS[name], sentence)] == expected


def test_a_field_that_does_not_exist_is_exchanged_for_none() -> None:
    """A sentence that the vocabulary refuses has no neighbours in that operand."""
    phrase, _ = vocabulary().find(SUBJECTS["title"], "filled before owner was first filled")
    assert list(neighbours(phrase, SUBJECTS["title"], "filled before zzz was first filled")) == []


@pytest.mark.parametrize(
    ("name", "other"),
    [("owner", "isms_lead"), ("closed_by", "raised_by"), ("rejected_reason", "title"), ("actions", None)],
)
def test_a_field_is_exchanged_for_the_next_of_its_kind(name: str, other: str | None) -> None:
    """After the last one comes the first; a field that is alone of its kind has no other."""
    assert same_kind(SUBJECTS[name]) == (other and SUBJECTS[other])
