"""Phrases about the substance of a text."""

from __future__ import annotations

from collections.abc import Callable

from capa_sync.model.patterns import WORDS
from capa_sync.model.values import FILLED, Value, ValueState
from capa_sync.rules.phrases.phrase import Argument, Arguments, Family, Phrase, Test, number, word
from capa_sync.rules.phrases.state import of_value
from capa_sync.rules.subjects import Kind, Subject

_TEXT = frozenset({Kind.TEXT})


def distinct_words(text: str) -> int:
    """Return how many different words a text has, without regard to case; numbers count, punctuation does not."""
    return len({found.casefold() for found in WORDS.findall(text)})


def without_links(text: str) -> str:
    """Return a text without the words that are web addresses: they say where something is written, not what."""
    return " ".join(part for part in text.split() if "://" not in part) if "://" in text else text


def _substance(characters: int, different: int = 0) -> Callable[[Value], bool]:
    def test(value: Value) -> bool:
        if value.state is not FILLED or value.media_only:
            return False
        text = without_links(str(value.data))
        return len(text) >= characters and (not different or distinct_words(text) >= different)

    return test


def _placeholder(subject: Subject, _: Arguments) -> Test:
    return of_value(subject.name, lambda value: value.state is ValueState.PLACEHOLDER)


def _substantive(subject: Subject, _: Arguments) -> Test:
    return of_value(subject.name, lambda value: value.is_filled and not value.media_only)


def _with_characters(subject: Subject, args: Arguments) -> Test:
    return of_value(subject.name, _substance(number(args[0])))


def _with_words(subject: Subject, args: Arguments) -> Test:
    return of_value(subject.name, _substance(1, number(args[0])))


def _with_both(subject: Subject, args: Arguments) -> Test:
    return of_value(subject.name, _substance(number(args[0]), number(args[1])))


def _characters(subject: Subject, args: Arguments) -> Test:
    least = number(args[0])
    return of_value(subject.name, lambda value: value.is_filled and len(str(value.data)) >= least)


def _sought(argument: Argument) -> str:
    return word(argument).casefold()


def _contains(subject: Subject, args: Arguments) -> Test:
    sought = _sought(args[0])
    return of_value(subject.name, lambda value: value.is_filled and sought in _searchable(value))


def _does_not_contain(subject: Subject, args: Arguments) -> Test:
    sought = _sought(args[0])
    return of_value(subject.name, lambda value: value.is_filled and sought not in _searchable(value))


def _starts_with(subject: Subject, args: Arguments) -> Test:
    sought = _sought(args[0])
    return of_value(subject.name, lambda value: value.is_filled and _searchable(value).startswith(sought))


def _does_not_start_with(subject: Subject, args: Arguments) -> Test:
    sought = _sought(args[0])
    return of_value(subject.name, lambda value: value.is_filled and not _searchable(value).startswith(sought))


def _searchable(value: Value) -> str:
    data = value.data
    return ("\n".join(data) if isinstance(data, tuple) else str(data)).casefold()


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "placeholder",
        Family.TEXT,
        _TEXT,
        _placeholder,
        "It holds only a stand-in such as TBD, n/a, see above.",
        "root_cause: placeholder",
    ),
    Phrase(
        "substantive",
        Family.TEXT,
        _TEXT,
        _substantive,
        "It is filled with words; images or attachments alone are no substance.",
        "correction: substantive",
    ),
    Phrase(
        "substantive with at least N characters",
        Family.TEXT,
        _TEXT,
        _with_characters,
        "It is substantive and so long or longer; web addresses are not counted.",
        "description: substantive with at least 40 characters",
    ),
    Phrase(
        "substantive with at least N distinct words",
        Family.TEXT,
        _TEXT,
        _with_words,
        "It is substantive and has so many different words or more; web addresses are not counted.",
        "root_cause: substantive with at least 5 distinct words",
    ),
    Phrase(
        "substantive with at least N characters and N distinct words",
        Family.TEXT,
        _TEXT,
        _with_both,
        "It is substantive, so long, and has so many different words; web addresses are not counted.",
        "root_cause: substantive with at least 40 characters and 5 distinct words",
    ),
    Phrase(
        "at least N characters",
        Family.TEXT,
        _TEXT,
        _characters,
        "It is filled and so long or longer.",
        "title: at least 10 characters",
    ),
    Phrase(
        "contains C",
        Family.TEXT,
        frozenset({Kind.TEXT, Kind.LIST}),
        _contains,
        "These characters occur in it, whatever their case.",
        'requirement_ref: contains "A.5"',
    ),
    Phrase(
        "does not contain C",
        Family.TEXT,
        frozenset({Kind.TEXT, Kind.LIST}),
        _does_not_contain,
        "It is filled and these characters do not occur in it.",
        'title: does not contain "test"',
    ),
    Phrase(
        "starts with C",
        Family.TEXT,
        frozenset({Kind.TEXT}),
        _starts_with,
        "It begins with these characters, whatever their case.",
        'closure_note: starts with "Accepted"',
    ),
    Phrase(
        "does not start with C",
        Family.TEXT,
        frozenset({Kind.TEXT}),
        _does_not_start_with,
        "It is filled and begins otherwise.",
        'title: does not start with "Copy of"',
    ),
)
