"""What a phrase is made of: its pattern and slots, the arguments of its test, and what a test answers by default."""

from __future__ import annotations

import pytest

from capa_sync.rules.phrases import phrase as parts
from capa_sync.rules.phrases.phrase import (
    Argument,
    Family,
    Phrase,
    PhraseError,
    field,
    fields,
    number,
    word,
    words,
)
from capa_sync.rules.phrases.table import Vocabulary
from capa_sync.rules.subjects import SUBJECTS, Kind
from tests.unit.rules.answers import Answers

TEXT = frozenset({Kind.TEXT})


def phrase_of(template: str, kinds: frozenset[Kind] = TEXT) -> Phrase:
    """Return a phrase whose test reads what stands in its slots, so that the arguments can be seen."""
    return Phrase(
        template, Family.TEXT, kinds, lambda _, args: parts.Test(tuple(map(repr, args))), "", f"title: {template}"
    )


@pytest.mark.parametrize(
    ("template", "sentence", "texts", "places"),
    [
        ("plain", "plain", (), []),
        ("at least N words", "at least 12 words", ("12",), [(9, 11)]),
        ("at least N words", "at least 1 word", ("1",), [(9, 10)]),
        ("at least N words", "at least 123456 words", None, []),
        ("over N days, N times", "over 1 day, 2 time", ("1", "2"), [(5, 6), (12, 13)]),
        ("is A", "is 'x y'", ("'x y'",), [(3, 8)]),
        ("is A", "is yes", None, []),
        ("holds C", "holds yes", ("yes",), [(6, 9)]),
        ("is one of A, B", 'is one of x , "y, z"', ('x , "y, z"',), [(10, 20)]),
        ("same as FIELD", "same as owner", ("owner",), [(8, 13)]),
        ("of FIELD, FIELD", "of owner , title", ("owner , title",), [(3, 16)]),
        ("before the record was STAGE", "before the record was closed", ("closed",), [(22, 28)]),
        ("before the record was STAGE", "before stage was closed", ("closed",), [(17, 23)]),
        ("before the record was STAGE", "before the stage was closed", None, []),
        ("past the NAME deadline", "past the root-cause deadline", ("root-cause",), [(9, 19)]),
        ("past the NAME deadline", "past the Root deadline", None, []),
        ("plain", "a plain", None, []),
        ("plain", "plain a", None, []),
    ],
)
def test_a_sentence_is_a_phrase_as_a_whole(
    template: str, sentence: str, texts: tuple[str, ...] | None, places: list[tuple[int, int]]
) -> None:
    """Each slot takes what its name says; `day`, `word` and `time` may stand for one; `stage` for `the record`."""
    found = phrase_of(template)
    assert found.match(sentence) == texts
    assert list(found.places(sentence)) == places


@pytest.mark.parametrize(
    ("template", "texts", "arguments"),
    [
        ("N", ("12",), ["12"]),
        ("is A", ("'x y'",), ["'x y'"]),
        ("is A", ("x",), ["'x'"]),
        ("holds C", ('"',), ["'\"'"]),
        ("holds C", ('"x"',), ["'x'"]),
        ("holds C", ('""',), ["''"]),
        ("holds C", ("Xray",), ["'Xray'"]),
        ("of A, B", ("x , \"y, z\",'w'",), ["('x', 'y, z', 'w')"]),
        ("of FIELD", ("owner",), [repr(SUBJECTS["owner"])]),
        ("of FIELD, FIELD", ("owner , title",), [repr((SUBJECTS["owner"], SUBJECTS["title"]))]),
        ("STAGE", ("zzz",), ["'zzz'"]),
    ],
)
def test_the_text_of_a_slot_becomes_an_argument(template: str, texts: tuple[str, ...], arguments: list[str]) -> None:
    """Numbers, fields and lists are read, and quotes are taken off."""
    assert list(phrase_of(template).test(SUBJECTS["title"], texts).reads) == arguments


def test_each_slot_has_its_text() -> None:
    """A text too many or too few is no argument of another slot."""
    with pytest.raises(ValueError, match="zip"):
        phrase_of("N times N").test(SUBJECTS["title"], ("1",))


def test_an_argument_is_of_the_kind_of_its_slot() -> None:
    """What a builder asks for is what the table gives it."""
    owner = SUBJECTS["owner"]
    assert (number(3), word("x"), field(owner)) == (3, "x", owner)
    assert (words(("x", "y")), fields((owner, owner))) == (("x", "y"), (owner, owner))
    wrong: list[tuple[object, Argument]] = [(number, "3"), (word, 3), (field, "owner"), (words, "x"), (fields, owner)]
    for reader, argument in wrong:
        with pytest.raises(AssertionError):
            reader(argument)  # type: ignore[operator]


def test_a_test_answers_with_its_first_subject_by_default() -> None:
    """Facts are the present values; missing is the label, and as a fact the name, of what it reads first."""
    life = "case: x\ntimeline: [{day: 2026-03-02, by: ana, root_cause: One, correction: {media: yes}}]"
    context = Answers(life, "2026-03-03", "", changes={"labels": {"root_cause": "Ursache"}}).context
    plain = parts.Test(("root_cause", "owner", "correction"))
    assert [fact.text for fact in plain.evidence(context)] == [
        "is 'One'",
        "is empty",
        "is an image or attachment alone",
    ]
    assert plain.holds(context) is None
    assert (plain.missing(context), plain.lacking(context)) == (["Ursache"], ["root_cause"])
    named = parts.Test(("root_cause",), lacks=lambda context: [context.label("root_cause")])
    assert (named.missing(context), named.lacking(context)) == (["Ursache"], ["Ursache"])
    marked = parts.Test(
        ("root_cause",), lacks=lambda _: ["Ursache"], marks=lambda context: [context.record.ticket_key]
    )
    assert (marked.missing(context), marked.lacking(context)) == (["Ursache"], ["CAPA-1"])


def test_no_phrase_is_in_a_vocabulary_twice() -> None:
    """The same sentence with two meanings is refused when the vocabulary is made."""
    with pytest.raises(PhraseError) as refused:
        Vocabulary([phrase_of("plain"), phrase_of("other"), phrase_of("plain")])
    assert (refused.value.what, refused.value.hint) == ("two phrases say 'plain'", "rename the registered one")


def test_a_vocabulary_finds_a_sentence_once_for_all_rules() -> None:
    """Spaces count as one; the same sentence of the same subject is one test, of another subject another one."""
    found = Vocabulary([phrase_of("is plain"), phrase_of("at hand", frozenset({Kind.TIME}))])
    title, impact = SUBJECTS["title"], SUBJECTS["impact"]
    assert found.find(title, " is   plain ") == found.find(title, "is plain")
    assert found.find(impact, "is plain")[1] is not found.find(title, "is plain")[1]
    assert [known.template for known in found.of(SUBJECTS["due_at"])] == ["at hand"]
    with pytest.raises(PhraseError) as refused:
        found.find(title, "at hand")
    assert refused.value.what == "'at hand' cannot be said of title, which is a text"
