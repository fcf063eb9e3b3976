"""The table of all phrases: finds the phrase of a sentence, or explains why the sentence is not a phrase."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from capa_sync.rules.phrases import (
    actions,
    causes,
    clock,
    closure,
    doers,
    due,
    history,
    order,
    people,
    prose,
    state,
    text,
)
from capa_sync.rules.phrases.phrase import Phrase, PhraseError, Test
from capa_sync.rules.phrases.registered import registered
from capa_sync.rules.phrases.suggest import phrase_hint
from capa_sync.rules.subjects import KIND_WORDS, Subject

BUILT_IN: tuple[Phrase, ...] = (
    *state.PHRASES,
    *text.PHRASES,
    *prose.PHRASES,
    *order.PHRASES,
    *history.PHRASES,
    *clock.PHRASES,
    *due.PHRASES,
    *actions.PHRASES,
    *causes.PHRASES,
    *people.PHRASES,
    *doers.PHRASES,
    *closure.PHRASES,
)


class Vocabulary:
    """Phrases that rule files may use. Raises PhraseError when two phrases have the same sentence."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self.phrases: tuple[Phrase, ...] = tuple(phrases)
        self._found: dict[tuple[str, str], tuple[Phrase, Test]] = {}
        templates = [phrase.template for phrase in self.phrases]
        doubled = next((t for t in templates if templates.count(t) > 1), None)
        if doubled is not None:
            raise PhraseError(f"two phrases say '{doubled}'", "rename the registered one")

    def find(self, subject: Subject, sentence: str) -> tuple[Phrase, Test]:
        """Return the phrase of a sentence, and its test for a subject. Raises PhraseError.

        Rules with the same sentence about the same subject share one test, and so its truth on each record.
        """
        clean = " ".join(sentence.split())
        found = self._found.get((subject.name, clean))
        if found is None:
            found = self._found[subject.name, clean] = self._find(subject, clean)
        return found

    def _find(self, subject: Subject, clean: str) -> tuple[Phrase, Test]:
        for phrase in self.phrases:
            texts = phrase.match(clean)
            if texts is None:
                continue
            if subject.kind not in phrase.kinds:
                what = f"'{phrase.template}' cannot be said of {subject.name}, which is {KIND_WORDS[subject.kind]}"
                raise PhraseError(what, self._hint(subject, clean))
            return phrase, phrase.test(subject, texts)
        raise PhraseError(f"cannot read '{subject.name}: {clean}'", self._hint(subject, clean))

    def of(self, subject: Subject) -> Sequence[Phrase]:
        """Return the phrases that apply to a subject."""
        return [phrase for phrase in self.phrases if subject.kind in phrase.kinds]

    def _hint(self, subject: Subject, sentence: str) -> str:
        return phrase_hint(subject, sentence, self.of(subject))


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Return the built-in phrases and those of installed distributions; read once. Raises UserError."""
    return Vocabulary([*BUILT_IN, *registered(BUILT_IN)])
