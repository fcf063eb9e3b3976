"""Messages and fixes: one text, or several of which the first whose condition holds is said."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from capa_sync.rules.conditions import Condition, Line
from capa_sync.rules.context import Context
from capa_sync.rules.phrases.phrase import PhraseError
from capa_sync.rules.placeholders import RenderContext, SlotRenderer, renderer_of

_SLOT = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Slot:
    """One placeholder: its name, how to tell it, and what stands there when it tells nothing."""

    name: str
    render: SlotRenderer
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Literal text and placeholders in turn."""

    parts: tuple[str | Slot, ...]

    def render(self, rendering: RenderContext) -> tuple[str, dict[str, str]]:
        """Return the text, and what its placeholders rest on, by name."""
        facts: dict[str, str] = {}
        pieces: list[str] = []
        for part in self.parts:
            if isinstance(part, Slot):
                text, fact = part.render(rendering)
                pieces.append(text or part.otherwise)
                if fact is not None:
                    facts[part.name] = fact
            else:
                pieces.append(part)
        return "".join(pieces), facts


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the texts of a message, said while `when` holds; None: whenever no earlier one is said."""

    sentence: Sentence
    when: Condition | None = None
    line: int = 0


@dataclass(frozen=True)
class MessageTemplate:
    """A message or fix: at least one text, the last of which has no condition."""

    variants: tuple[Variant, ...]

    def render(self, rendering: RenderContext) -> tuple[str, Mapping[str, str]]:
        """Return the text for the state that the record is in, and the facts that it rests on, by name.

        Which of several texts it is counts as a fact too: named after their conditions, so that it is compared only
        with a choice between the same ones.
        """
        number = self.choice(rendering.context)
        text, facts = self.variants[number].sentence.render(rendering)
        return text, facts | ({self._name: str(number)} if len(self.variants) > 1 else {})

    def choice(self, context: Context) -> int:
        """Return the place of the text that is said: the first whose condition is true."""
        for number, variant in enumerate(self.variants):
            if variant.when is None or variant.when.judge(context)[0] is True:
                return number
        return len(self.variants) - 1

    def turns(self, context: Context) -> Iterator[datetime | None]:
        """Yield when time alone may choose another text."""
        yield from (variant.when.judge(context)[1] for variant in self.variants if variant.when is not None)

    @cached_property
    def lists_missing(self) -> bool:
        """Tell whether it tells the lines that are not met."""
        slots = [part for each in self.variants for part in each.sentence.parts if isinstance(part, Slot)]
        return any(slot.name == "missing" for slot in slots)

    @cached_property
    def _name(self) -> str:
        conditions = [_words(variant.when) for variant in self.variants if variant.when is not None]
        return f"text {hashlib.sha256(repr(conditions).encode()).hexdigest()[:8]}"


def _words(condition: Condition) -> str:
    if isinstance(condition, Line):
        return condition.text
    return f"{condition.join}({', '.join(map(_words, condition.members))})"


def read_sentence(text: str) -> Sentence:
    """Return a text's parts. Raises PhraseError for a placeholder that there is not."""
    pieces = _SLOT.split(" ".join(text.split()))
    parts: list[str | Slot] = []
    for index, piece in enumerate(pieces):
        if index % 2:
            parts.append(_slot(piece))
        elif "{" in piece or "}" in piece:
            raise PhraseError("a placeholder is not closed", "write {field} with both braces")
        elif piece:
            parts.append(piece)
    return Sentence(tuple(parts))


def _slot(text: str) -> Slot:
    inner, _, otherwise = (part.strip() for part in text.partition("|"))
    return Slot(inner, renderer_of(inner), otherwise)
