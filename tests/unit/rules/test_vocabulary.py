"""The one table of phrases is unambiguous, documented and complete."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from capa_sync.rules.phrases.phrase import Phrase
from capa_sync.rules.phrases.table import BUILT_IN, vocabulary
from capa_sync.rules.subjects import SUBJECTS

FILLERS = {
    "N": ("0", "1", "14"),
    "A": ("major", '"one of a, b"', '"more than 3 days ago"', "filled", "empty"),
    "C": ("Done", "'in the past'", "filled", "yes", "no"),
    "A, B": ("major", "Approved, Pre-Approved", "\"Waiting, for all\", 'In Progress'", "text, owner, due_at"),
    "FIELD": ("root_cause", "action_started_at"),
    "FIELD, FIELD": ("owner", "owner, action_owners"),
    "STAGE": ("planned",),
    "NAME": ("contain", "root-cause"),
}


def sentences(phrase: Phrase) -> Iterator[str]:
    """Yield sentences of a phrase with many fillings of its slots."""
    for texts in itertools.product(*(FILLERS[slot] for slot in phrase.slots)):
        sentence, rest = "", phrase.template
        for slot, text in zip(phrase.slots, texts, strict=True):
            head, _, rest = rest.partition(slot)
            sentence += head + text
        yield sentence + rest


@pytest.mark.parametrize("phrase", BUILT_IN, ids=lambda phrase: phrase.template)
def test_no_sentence_matches_two_phrases(phrase: Phrase) -> None:
    """Whatever stands in the slots, a sentence has one meaning in the whole table."""
    for sentence in sentences(phrase):
        assert [other.template for other in BUILT_IN if other.match(sentence) is not None] == [phrase.template], (
            sentence
        )


@pytest.mark.parametrize("phrase", BUILT_IN, ids=lambda phrase: phrase.template)
def test_the_example_of_a_phrase_is_valid(phrase: Phrase) -> None:
    """Each example in the docs can be loaded and belongs to the phrase that it explains."""
    name, _, sentence = phrase.example.partition(": ")
    assert vocabulary().find(SUBJECTS[name], sentence)[0] is phrase


def test_every_subject_has_a_phrase() -> None:
    """Every field has at least one phrase."""
    assert [name for name, subject in SUBJECTS.items() if not vocabulary().of(subject)] == []
