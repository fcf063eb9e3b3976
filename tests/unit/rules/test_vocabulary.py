"""The one table of phrases is unambiguous, documented, extensible, and clear about what it cannot read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from capa_sync.rules.moments import Truth
from capa_sync.rules.phrases.phrase import Phrase, PhraseError
from capa_sync.rules.phrases.table import BUILT_IN, vocabulary
from capa_sync.rules.subjects import SUBJECTS
from tests.unit.rules.lives import case_of, context_on, truth_of

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


@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        (
            "due_at: not more then 0 days ago",
            "cannot read 'due_at: not more then 0 days ago'",
            "did you mean 'not more than 0 days ago'?",
        ),
        (
            "due_at: at least 20 characters",
            "'at least N characters' cannot be said of due_at, which is a date",
            "of a date you can say: filled",
        ),
        ("stage: at least plannd", "'plannd' is not a stage", "did you mean 'planned'?"),
        ("stage: at least rejected", "'rejected' is a side state and has no place in the order of stages", ""),
        ("grade: is magor", "'magor' is not a grade", "did you mean 'major'?"),
        ("root_cause: filled before plan was first filled", "there is no field 'plan'", ""),
        ("root_cause: filled before stage was first filled", "'stage' is derived and has no history of its own", ""),
        ("identified_at: past the contian deadline", "there is no deadline 'contian'", "did you mean 'contain'?"),
        (
            "effectiveness_reviewer: not the same person as root_cause",
            "'root_cause' is a text, this needs a person or several people",
            "",
        ),
        ("actions: each has text, ownr", "an action has no 'ownr'", "did you mean 'owner'?"),
        ("closed_at: moved later at most 2 times", "'closed_at' is derived and is never moved", "say it of 'due_at'"),
        ("source_status: is In Progress", "cannot read", "did you mean 'is \"In Progress\"'?"),
    ],
)
def test_what_cannot_be_read_is_reported_with_a_hint(line: str, what: str, hint: str) -> None:
    """The message for a wrong phrase says what is wrong and what could have been meant."""
    name, _, sentence = line.partition(": ")
    with pytest.raises(PhraseError) as caught:
        vocabulary().find(SUBJECTS[name], sentence)
    assert what in caught.value.what
    assert hint in caught.value.hint


STATES = """
case: states
unmapped: [location]
timeline:
  - day: 2026-03-02
    by: ana
    root_cause: {placeholder: TBD}
    correction: {media: photo}
    title: One two two three
    owner: ana
    grade: minor
    consequences: {error: option 7 is not listed}
    detected_at: 2026-03-01
    occurred_at: 2026-02-20
    requirement_ref: [A.5.18, AC-03]
    source_status: "Waiting, for all"
    training_needed: no
    impact: Root cause analysis will follow as soon as the logs are here
    effectiveness_note: "Logs: https://wiki.example.com/isms/4711/samples-of-all-leavers"
    why_chain: ["The operator forgot it", "He did not follow the procedure"]
    closure_note: Implemented and effective; all 25 leavers were sampled
    actions: [{id: A1, text: Remind all staff}, {id: A2, text: "One, two and three"}]
"""


@pytest.mark.parametrize(
    ("line", "truth"),
    [
        ("root_cause: filled", False),
        ("root_cause: not filled", True),
        ("root_cause: empty", False),
        ("root_cause: placeholder", True),
        ("description: empty", True),
        ("description: substantive", False),
        ("correction: filled", True),
        ("correction: substantive", False),
        ("effectiveness_note: substantive", True),
        ("effectiveness_note: substantive with at least 5 characters", True),
        ("effectiveness_note: substantive with at least 6 characters", False),
        ("effectiveness_note: substantive with at least 2 distinct words", False),
        ("title: substantive with at least 17 characters", True),
        ("title: substantive with at least 18 characters", False),
        ("title: substantive with at least 3 distinct words", True),
        ("title: substantive with at least 4 distinct words", False),
        ("title: substantive with at least 17 characters and 4 distinct words", False),
        ("title: at least 17 characters", True),
        ("title: contains TWO", True),
        ("title: does not contain four", True),
        ("description: does not contain four", False),
        ("title: starts with 'one two'", True),
        ("title: does not start with two", True),
        ("title: does not start with 'One two'", False),
        ("description: does not start with two", False),
        ("requirement_ref: contains ac-03", True),
        ("requirement_ref: at least 2", True),
        ("requirement_ref: at most 1", False),
        ("grade: is minor", True),
        ("grade: is not minor", False),
        ("extent_result: is not found", False),
        ("extent_result: is not one of found, none_found", False),
        ('source_status: is "waiting, FOR all"', True),
        ("source_status: is one of Open, 'Waiting, for all'", True),
        ("training_needed: is no", True),
        ("training_needed: is yes", False),
        ("stage: at least identified", True),
        ("stage: at least contained", False),
        ("presence: is present", True),
        ("owner: an active person", True),
        ("raised_by: an active person", False),
        ("owner: same person as raised_by", False),
        ("detected_at: on or before occurred_at", False),
        ("occurred_at: on or before detected_at", True),
        ("occurred_at: within 9 days of detected_at", True),
        ("occurred_at: within 8 days of detected_at", False),
        ("detected_at: at least 9 days after occurred_at", True),
        ("due_at: on or before detected_at", False),
        ("location: filled", None),
        ("location: empty", None),
        ("consequences: filled", None),
        ("actions: at least 3", False),
        ("impact: announces a later answer", True),
        ("title: announces a later answer", False),
        ("description: announces a later answer", False),
        ("root_cause: announces a later answer", False),
        ("location: announces a later answer", None),
        ("why_chain: names the failing of a person", True),
        ("title: names the failing of a person", False),
        ("consequences: names the failing of a person", None),
        ("why_chain: names a part of the system", False),
        ("location: names a part of the system", None),
        ("closure_note: says at least 3 words more than that it is done", True),
        ("closure_note: says at least 4 words more than that it is done", False),
        ("description: says at least 1 words more than that it is done", False),
        ("consequences: says at least 1 words more than that it is done", None),
        ("title: shares less than 60 percent of its words with description, impact", True),
        ("title: shares less than 60 percent of its words with actions", False),
        ("title: shares less than 60 percent of its words with location, actions", False),
        ("title: shares less than 60 percent of its words with location", None),
        ("description: shares less than 1 percent of its words with location", True),
        ("location: shares less than 60 percent of its words with title", None),
        ("actions: at least one is no reminder and shares less than 60 percent of its words with title", False),
        ("actions: at least one is no reminder and shares less than 60 percent of its words with impact", True),
        ("actions: at least one is no reminder and shares less than 60 percent of its words with location", None),
        ("replans: at most 0", True),
    ],
)
def test_the_states_of_a_value_under_each_phrase(line: str, truth: Truth) -> None:
    """Empty meets no comparison and is not cannot tell; unmapped and error are; a placeholder is not filled."""
    assert truth_of(line, context_on(case_of(STATES), "2026-03-02")) is truth
