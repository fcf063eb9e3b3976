"""What is suggested instead of a sentence that is no phrase: what the person meant, as a phrase that can be read."""

from __future__ import annotations

import re

import pytest

from capa_sync.rules.phrases.phrase import PhraseError
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.subjects import SUBJECTS

USUAL = [
    ("owner", "must be filled", "filled"),
    ("root_cause", "is not blank", "filled"),
    ("actions", "more than 2", "at least 3"),
    ("replans", "< 3", "at most 2"),
    ("due_at", "overdue", "more than 0 days ago"),
    ("due_at", "in the past", "more than 0 days ago"),
    ("due_at", "not overdue", "not more than 0 days ago"),
    ("grade", "isn't minor", "is not minor"),
    ("grade", "in [major, minor]", "is one of major, minor"),
    ("grade", "is equal to major", "is major"),
    ("root_cause", "longer than 20 chars", "at least 20 characters"),
    ("root_cause", "at least twenty characters", "at least 20 characters"),
    ("root_cause", "contains human error", 'contains "human error"'),
    ("root_cause", "does not contains x", "does not contain x"),
    ("root_cause", "before the corrective action", "filled before action started"),
    ("root_cause", "filled before closed", "filled before the record first became closed"),
    ("stage", ">= planned", "at least planned"),
    ("stage", "in progress", "is planned"),
    ("stage", "closed or verified", "is one of closed, verified"),
    ("stage", "ist geschlossen", "is closed"),
    ("owner", "active", "an active person"),
    ("effectiveness_reviewer", "not same person as owner", "not the same person as owner"),
    ("due_at", "moved more than twice", "moved later at most 2 times"),
    ("created_at", "older than 2 weeks", "more than 14 days ago"),
    ("created_at", "more than 5 working days ago", "more than 5 business days ago"),
    ("confidential", "true", "is yes"),
    ("source_status", "is Won't Do", 'is "Won\'t Do"'),
    ("source_status", "is one of In Progress, Done, Won't Do", 'is one of "In Progress", Done, "Won\'t Do"'),
    ("source_status", "was one of Open before it first become Done", "was one of A, B before it first became C"),
    (
        "title",
        "substantive with 3 characters and 4 words",
        "substantive with at least 3 characters and 4 distinct words",
    ),
    ("due_at", "not more then 3 business day ago", "not more than 3 business days ago"),
    ("root_cause", "numbers at leest 3 causes", "numbers at least 3 causes"),
    ("title", "filled before an action started", "filled before action started"),
    ("stage", "plannd", "is planned"),
    ("created_at", "over one business day", "more than 1 business days ago"),
]
"""Field, what people write, and the phrase that says it."""


def hint_for(name: str, sentence: str) -> str:
    """Return the hint for a sentence that is no phrase of this field; "" for one that is."""
    try:
        vocabulary().find(SUBJECTS[name], sentence)
    except PhraseError as error:
        return error.hint
    return ""


@pytest.mark.parametrize(("name", "sentence", "meant"), USUAL)
def test_a_usual_way_to_say_it_leads_to_the_phrase(name: str, sentence: str, meant: str) -> None:
    """Numbers, names and a "not" of the sentence stay what they are."""
    assert hint_for(name, sentence) == f"did you mean '{meant}'?"


@pytest.mark.parametrize(
    ("sentence", "instead"),
    [("is not yes", "yes"), ("not no", "no"), ("no yes", "yes"), ("is not not no", "no"), ("is no no", "no")],
)
def test_a_denied_yes_or_no_is_written_as_none(sentence: str, instead: str) -> None:
    """An empty field is neither: what is not yes need not be no."""
    assert hint_for("confidential", sentence) == f"write `none: [{{confidential: is {instead}}}]`"


def test_where_nothing_is_near_some_phrases_of_the_field_are_named() -> None:
    """The first four of its kind, and where all stand; a sentence too long to be looked at gets no other hint."""
    some = "of a yes or no you can say: filled; not filled; empty; is yes; `capa-sync rules phrases` lists all"
    assert hint_for("confidential", "zzz zzz zzz zzz zzz") == some
    assert hint_for("confidential", f"must be filled {'x' * 200}") == some


@pytest.mark.parametrize("sentence", sorted({sentence for _, sentence, _ in USUAL}))
def test_what_is_suggested_can_be_read(sentence: str) -> None:
    """Said of any field, a suggestion without slots is a phrase of that field."""
    for name, subject in SUBJECTS.items():
        found = re.fullmatch(r"did you mean '(.+)'\?", hint_for(name, sentence))
        if found and not re.search(r"\b[A-Z]+\b(?![\"'])", found[1]):
            vocabulary().find(subject, found[1])


@pytest.mark.parametrize("sentence", ["a" * 19_000, "is " + "a," * 90, "in " + "(," * 90, "more than " + "9" * 5_000])
def test_a_long_sentence_gets_a_hint_all_the_same(sentence: str) -> None:
    """No number is too long to be looked at, and no text ends in an error."""
    assert all(hint_for(name, sentence) for name in SUBJECTS)
