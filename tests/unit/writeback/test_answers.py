"""Answers to requests in comments appear in the language of the ticket, whatever people wrote into them."""

from __future__ import annotations

from dataclasses import fields, replace
from string import Formatter

import pytest

from capa_sync.model.comment_texts import ENGLISH, Sentences
from capa_sync.model.waiver import RequestAnswer
from capa_sync.rules import load_comment_texts
from capa_sync.writeback.answers import in_language
from capa_sync.writeback.desired_state import desired_state_of
from capa_sync.writeback.render import WordingContext, render
from tests.unit.writeback.harness import ON, T0

GERMAN = load_comment_texts("de")
REFUSED = [field.name for field in fields(Sentences) if field.name.startswith("refused_")]


@pytest.mark.parametrize("name", REFUSED)
def test_each_answer_is_found_again_and_translated(name: str) -> None:
    """What stands in the places of an answer stands in those of its translation, braces and quotes too."""
    english, german = getattr(ENGLISH.sentences, name), getattr(GERMAN.sentences, name)
    for value in ("x", "{day}", "it's; a {0} trap", "2026-03-31"):
        words = {word: value for _, word, _, _ in Formatter().parse(english) if word}
        if value != "x" and name in {"refused_day", "refused_rule"} and "'" in value:
            continue  # a day has no blank and no quote in it
        assert in_language(english.format(**words), GERMAN) == german.format(**words)


@pytest.mark.parametrize("name", [field.name for field in fields(Sentences) if field.name.startswith("hint_")])
@pytest.mark.parametrize("answer", ["refused_day", "refused_rule"])
def test_a_hint_within_an_answer_is_translated_too(answer: str, name: str) -> None:
    """The whole answer is in one language: also how to write the day or the rule."""

    def said(sentences: Sentences) -> str:
        hint = getattr(sentences, name).format(rules="a, b", what="2026-03-31")
        whole: str = getattr(sentences, answer)
        return whole.format(day="31.3.26", hint=hint)

    assert in_language(said(ENGLISH.sentences), GERMAN) == said(GERMAN.sentences)


def test_an_unknown_answer_and_english_stay_as_they_are() -> None:
    """An answer of an earlier version is not lost."""
    assert in_language("it was refused in other words", GERMAN) == "it was refused in other words"
    assert in_language(ENGLISH.sentences.refused_high, ENGLISH) == ENGLISH.sentences.refused_high


def test_the_ticket_says_it_in_its_language() -> None:
    """A refusal beside an open point is one German sentence."""
    context = WordingContext(T0, replace(ON, texts=GERMAN))
    answer = RequestAnswer("k", "owner-active", "Mara Roy", ENGLISH.sentences.refused_high)
    text = render(desired_state_of([], {}), context, [answer]).plain()
    assert "Antrag zu owner-active von Mara Roy: der Punkt wiegt schwer (high); eine zweite Person muss" in text


@pytest.mark.parametrize(("name", "shown"), [("someone unknown", "jemand Unbekanntes"), ("Mara Roy", "Mara Roy")])
def test_who_asked_is_named_in_the_language_of_the_ticket(name: str, shown: str) -> None:
    """A person whom nobody knows has words in each language; a known one has a name."""
    context = WordingContext(T0, replace(ON, texts=GERMAN))
    answer = RequestAnswer("k", "owner-active", name, ENGLISH.sentences.refused_person)
    text = render(desired_state_of([], {}), context, [answer]).plain()
    assert f"Antrag zu owner-active von {shown}: nur Mitglieder" in text
