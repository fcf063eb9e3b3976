"""Compares one name of a tracker with the lists of names: what it most likely means, how sure, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from capa_sync.mapping.vocabulary import LanguageNames, ListedName, Words, core_of, vocabularies, words_of
from capa_sync.model.light import light

SURE, LIKELY, COVERED, PERHAPS, PART = 0.95, 0.85, 0.82, 0.6, 0.5
"""Confidence of a name that is listed, listed but for neutral words, made of listed names of one meaning, listed as
often meaning something else, and one that contains a listed name."""
_LANGUAGES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish"}


@light
class Guess:
    """What a name may mean: our word, a confidence from 0 to 1, and the reason in words."""

    meaning: str
    confidence: float
    reason: str

    def weakened(self, factor: float, why: str) -> Guess:
        """Return the guess with less confidence, and why."""
        return replace(self, confidence=round(self.confidence * factor, 2), reason=f"{self.reason}, but {why}")


def guess_field(names: Iterable[str]) -> Guess | None:
    """Return what a field with these names (its label, its id) means; None when no list has it."""
    return _best(lambda vocabulary: vocabulary.fields, names, is_composed=True)


def guess_status(name: str) -> Guess | None:
    """Return the stage that a status means, or `on_hold`."""
    return _best(lambda vocabulary: vocabulary.statuses, [name])


def guess_option(field: str, name: str, choices: Iterable[str]) -> Guess | None:
    """Return the word of an enumeration that an option means."""
    words = words_of(name)
    own = next((choice for choice in choices if words_of(choice) == words), "")
    if own:
        return Guess(own, SURE, f"“{name}” is our own word")
    return _best(lambda vocabulary: vocabulary.options.get(field, ()), [name], is_composed=True)


def guess_subtask(name: str) -> Guess | None:
    """Return the kind of action that a type of sub-tasks means."""
    return _best(lambda vocabulary: vocabulary.subtasks, [name])


def guess_link(name: str) -> Guess | None:
    """Return what a link means, as read from the record: `actions` or a canonical field."""
    return _best(lambda vocabulary: vocabulary.links, [name])


def is_other(names: Iterable[str]) -> bool:
    """Return whether a field is listed as one that means nothing of ours."""
    asked = list(map(words_of, names))
    return any(words in vocabulary.never for vocabulary in vocabularies() for words in asked)


def _best(
    section: Callable[[LanguageNames], Iterable[ListedName]],
    names: Iterable[str],
    *,
    is_composed: bool = False,
) -> Guess | None:
    """Return the best guess of all languages; a tie between meanings counts less."""
    found: list[Guess] = []
    for name in names:
        words = words_of(name)
        for vocabulary in vocabularies() if words else ():
            found += _guesses(name, words, tuple(section(vocabulary)), vocabulary, is_composed=is_composed)
    if not found:
        return None
    best = max(found, key=lambda guess: guess.confidence)
    rivals = {guess.meaning for guess in found if guess.confidence == best.confidence}
    if len(rivals) > 1:
        return best.weakened(0.6, f"the name may as well mean {', '.join(sorted(rivals - {best.meaning}))}")
    return best


def _guesses(
    name: str, words: Words, phrases: tuple[ListedName, ...], vocabulary: LanguageNames, *, is_composed: bool
) -> Iterator[Guess]:
    whole, language = core_of(words, vocabulary.particles), _LANGUAGES[vocabulary.language]
    core = core_of(whole, vocabulary.neutral)
    for phrase in phrases:
        if phrase.words == words:
            yield Guess(phrase.meaning, SURE if phrase.is_likely else PERHAPS, f"“{name}” is listed ({language})")
        elif phrase.core in (whole, core) and phrase.core:
            confidence = LIKELY if phrase.is_likely else PERHAPS - 0.1
            yield Guess(phrase.meaning, confidence, f"“{name}” is listed in other words ({language})")
    if is_composed:
        yield from _composed(name, core, phrases, language)


def _composed(name: str, core: Words, phrases: tuple[ListedName, ...], language: str) -> Iterator[Guess]:
    """Yield guesses for a name that is made of listed names, or contains one of at least two words."""
    held = [phrase for phrase in phrases if phrase.core and phrase.is_likely and set(phrase.core) <= set(core)]
    for meaning in dict.fromkeys(phrase.meaning for phrase in held):
        parts = [phrase for phrase in held if phrase.meaning == meaning]
        covered = {word for phrase in parts for word in phrase.core}
        if covered == set(core) and len(parts) > 1:
            yield Guess(meaning, COVERED, f"“{name}” is made of names listed for it ({language})")
        elif max(len(phrase.core) for phrase in parts) > 1:
            longest = max((" ".join(phrase.words) for phrase in parts), key=len)
            yield Guess(meaning, PART, f"“{name}” contains “{longest}” ({language})")
