"""The sentences that differ from a sentence of a rule in one number, word, field, stage or deadline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from capa_sync.model.settings import DEFAULT_DEADLINES
from capa_sync.rules.phrases.phrase import Phrase, words_in
from capa_sync.rules.subjects import SUBJECTS, Subject

_STRANGE = "x"
"""Added to a word for which no list of words exists, so that it is another one."""


def neighbours(phrase: Phrase, subject: Subject, sentence: str) -> Iterator[tuple[str, str, str]]:
    """Yield (old operand, new operand, whole sentence) for each other operand that a sentence could have.

    The sentence is one of this phrase, with single spaces. Not each result can be read: a deadline that another
    phrase lacks, or a word that its subject cannot hold, is refused by the vocabulary.
    """
    for slot, (start, end) in zip(phrase.slots, phrase.places(sentence), strict=True):
        old = sentence[start:end]
        for new in dict.fromkeys(_others(slot, old, subject)):
            yield old, new, sentence[:start] + new + sentence[end:]


def same_kind(subject: Subject) -> Subject | None:
    """Return the next subject of the same kind in the list of subjects; None where it is the only one."""
    names = [name for name, other in SUBJECTS.items() if other.kind is subject.kind]
    return SUBJECTS[_beside(subject.name, names)[-1]] if len(names) > 1 else None


def _others(slot: str, old: str, subject: Subject) -> Iterable[str]:
    match slot:
        case "N":
            return [str(int(old) + step) for step in (1, -1) if int(old) + step >= 0]
        case "A, B":
            words = words_in(old)
            return _without(words) if len(words) > 1 else _words(old, subject)
        case "FIELD, FIELD":
            fields = words_in(old)
            return _without(fields) if len(fields) > 1 else _field(old)
        case "FIELD":
            return _field(old)
        case "STAGE":
            return _beside(old, SUBJECTS["stage"].choices)
        case "NAME":
            return _beside(old, list(DEFAULT_DEADLINES))
        case _:
            return _words(old, subject)


def _without(words: Sequence[str]) -> list[str]:
    """Return the lists of words that lack one of them."""
    return [", ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]  # type: ignore[operator]


def _words(old: str, subject: Subject) -> list[str]:
    """Return the words beside a word in the list of its subject; where there is no list, a word that is strange."""
    if subject.choices:
        return _beside(old, subject.choices)
    return [f"{old[:-1]}{_STRANGE}{old[-1]}" if old[-1] in "\"'" else old + _STRANGE]


def _field(old: str) -> list[str]:
    other = same_kind(SUBJECTS[old]) if old in SUBJECTS else None
    return [other.name] if other is not None else []


def _beside(old: str, known: Sequence[str]) -> list[str]:
    """Return the entries before and after an entry, the last one before the first."""
    if old not in known:
        return []
    place = list(known).index(old)
    return [known[place - 1], known[(place + 1) % len(known)]]
