"""What the text checks see in a text: its words without endings, and whether expressions of a list stand in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from capa_sync.model.patterns import WORDS
from capa_sync.rules import word_lists

_ENDINGS = ("ing", "ies", "ied", "es", "ed", "ly", "s", "y")
LONGEST = 20_000
"""Characters; of a longer text the rest is not read, so that no text costs seconds."""
_COMPARED = 6
"""Characters of a stem that are compared between texts. A stemmer of rules keeps `delivered` and `delivery` apart."""


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return a word case-folded and without a common ending, a doubled last letter and a last `e`."""
    folded = word.casefold()
    for ending in _ENDINGS:
        if folded.endswith(ending) and len(folded) - len(ending) >= 3:
            folded = folded[: -len(ending)]
            break
    is_doubled = len(folded) > 3 and folded[-1] == folded[-2]
    return folded[:-1] if is_doubled or (len(folded) > 4 and folded[-1] == "e") else folded


def words_of(text: str) -> list[str]:
    """Return the words of a text in order, case-folded."""
    return [word.casefold() for word in WORDS.findall(text[:LONGEST])]


class WordList:
    """Single words, compared by stem; expressions of several words and words behind `=`, compared as written."""

    def __init__(self, text: str) -> None:
        entries = [entry.strip() for line in text.splitlines() for entry in line.split("|") if entry.strip()]
        exact = [entry for entry in entries if " " in entry or entry.startswith("=")]
        self.stems = frozenset(stem(entry) for entry in entries if entry not in exact)
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        for entry in exact:
            expression = tuple(entry.removeprefix("=").split())
            self._by_first.setdefault(expression[0], []).append(expression)

    def places(self, words: Sequence[str]) -> list[tuple[int, int]]:
        """Return where the list stands in a text: the first word of each place, and the word after it."""
        found = []
        for start, word in enumerate(words):
            if stem(word) in self.stems:
                found.append((start, start + 1))
            for expression in self._by_first.get(word, ()):
                end = start + len(expression)
                if tuple(words[start:end]) == expression:
                    found.append((start, end))
        return found

    def is_in(self, words: Sequence[str]) -> bool:
        """Return whether any of its entries stands in a text."""
        return bool(self.places(words))


_STOP = frozenset(words_of(word_lists.STOP_WORDS))
ANNOUNCEMENTS = WordList(word_lists.ANNOUNCEMENTS)
FAILINGS = WordList(word_lists.FAILINGS)
SYSTEM_PARTS = WordList(word_lists.SYSTEM_PARTS)
DUTIES = WordList(word_lists.DUTIES)
REMINDERS = WordList(word_lists.REMINDERS)
CHANGES = WordList(word_lists.CHANGES)
COMPLETIONS = WordList(word_lists.COMPLETIONS)


def content(texts: Iterable[str]) -> frozenset[str]:
    """Return the stems of the words that carry the subject of texts; single letters do not."""
    words = (word for text in texts for word in words_of(text) if word not in _STOP)
    return frozenset(stem(word) for word in words if len(word) > 1 or word.isdigit())


def share(text: str, others: Iterable[str]) -> float:
    """Return which part of the words of a text the others hold too, from 0 to 1; 0 for a text without such words."""
    own, known = ({found[:_COMPARED] for found in content(side)} for side in ([text], others))
    return len(own & known) / len(own) if own else 0.0
