"""Messages and fixes: one text, or several of which the first whose condition holds is used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from capa_sync.model.light import light
from capa_sync.rules.conditions import Condition, Line
from capa_sync.rules.context import Context
from capa_sync.rules.phrases.phrase import PhraseError
from capa_sync.rules.placeholders import RenderContext, SlotRenderer, renderer_of

_NO_FACTS: Mapping[str, str] = MappingProxyType({})
_SLOT = re.compile(r"\{([^{}]*)\}")


@light
class Slot:
    """One placeholder: its name, its renderer, and the text used when the renderer returns nothing."""

    name: str
    render: SlotRenderer
    otherwise: str = ""

    def __str__(self) -> str:
        """Return the placeholder as a file writes it."""
        return f"{{{self.name} | {self.otherwise}}}" if self.otherwise else f"{{{self.name}}}"


@light
class Sentence:
    """A text: literal parts and placeholders in their order."""

    parts: tuple[str | Slot, ...]

    @property
    def slots(self) -> tuple[str, ...]:
        """Return the names of its placeholders."""
        return tuple(part.name for part in self.parts if isinstance(part, Slot))

    @property
    def typed(self) -> str:
        """Return the text as a file writes it, on one line."""
        return "".join(map(str, self.parts))

    def render(self, rendering: RenderContext) -> tuple[str, dict[str, str]]:
        """Return the text, and the facts behind it by the name of their placeholder."""
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


@light
class Variant:
    """One text of a message, used while `when` holds; None: used when no earlier text is."""

    sentence: Sentence
    when: Condition | None = None
    line: int = 0


@dataclass(frozen=True)
class MessageTemplate:
    """A message or fix: at least one text; the last has no condition."""

    variants: tuple[Variant, ...]
    _constant: str | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Set the text where it is the same for every record."""
        only = self.variants[0].sentence if len(self.variants) == 1 else None
        object.__setattr__(self, "_constant", only.typed if only is not None and not only.slots else None)

    def render(self, rendering: RenderContext) -> tuple[str, Mapping[str, str]]:
        """Return the text for the present state of the record, and the facts behind it by name.

        The choice between several texts is a fact too. Its name is made from their conditions, so that two choices
        are compared only when they were made between the same texts.
        """
        if self._constant is not None:
            return self._constant, _NO_FACTS
        if len(self.variants) == 1:
            return self.variants[0].sentence.render(rendering)
        number = self.choice(rendering.context)
        text, facts = self.variants[number].sentence.render(rendering)
        return text, facts | {self._name: str(number)}

    def choice(self, context: Context) -> int:
        """Return the index of the text to use: the first whose condition is true."""
        for number, variant in enumerate(self.variants):
            if variant.when is None or variant.when.judge(context)[0] is True:
                return number
        return len(self.variants) - 1

    @cached_property
    def clocked(self) -> tuple[Condition, ...]:
        """Return the conditions by which time alone may choose another text."""
        conditions = (variant.when for variant in self.variants)
        return tuple([condition for condition in conditions if condition is not None and condition.is_clocked])

    @cached_property
    def _name(self) -> str:
        conditions = [_words(variant.when) for variant in self.variants if variant.when is not None]
        return f"text {hashlib.sha256(repr(conditions).encode()).hexdigest()[:8]}"


def _words(condition: Condition) -> str:
    if isinstance(condition, Line):
        return condition.text
    return f"{condition.join}({', '.join(map(_words, condition.members))})"


def read_sentence(text: str) -> Sentence:
    """Return the parts of a text. Raises PhraseError for a placeholder that does not exist."""
    pieces = _SLOT.split(" ".join(text.split()))
    parts: list[str | Slot] = []
    for index, piece in enumerate(pieces):
        if index % 2:
            parts.append(_slot(piece))
        elif "{{" in text:
            raise PhraseError("a placeholder has one brace on each side", "write {field}, not {{ field }}")
        elif "{" in piece or "}" in piece:
            raise PhraseError("a placeholder is not closed", "write {field} with one brace on each side")
        elif piece:
            parts.append(piece)
    return Sentence(tuple(parts))


def _slot(text: str) -> Slot:
    inner, _, otherwise = (part.strip() for part in text.partition("|"))
    return Slot(inner, renderer_of(inner), otherwise)
