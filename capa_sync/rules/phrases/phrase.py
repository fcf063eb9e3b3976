"""What a phrase is: its sentence, the kinds of subjects that it applies to, and the test that it builds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from capa_sync.model.finding import Evidence
from capa_sync.model.near import FIELD_WORDS, did_you_mean, near_or_all
from capa_sync.model.values import ValueState
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Clocked, Truth
from capa_sync.rules.subjects import KIND_WORDS, SUBJECTS, Kind, Subject
from capa_sync.rules.words import present_fact

Argument = int | str | tuple[str, ...] | Subject | tuple[Subject, ...]
Arguments = Sequence[Argument]


class PhraseError(Exception):
    """A sentence cannot be read, or does not apply to its subject; `hint` says how to correct it."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


@dataclass(frozen=True, slots=True, eq=False)
class Test:
    """One phrase applied to one subject, compiled. Equal only to itself: contexts use it as a cache key.

    Attributes:
        reads: names of the subjects that it reads. holds: its truth; unused when `clock` is given.
        clock: its truth over time, for phrases that time alone can change.
        now: what `clock` says of the context's instant, for a test that has a shorter way to it.
        facts: the evidence; by default the value of the subject.
        lacks: what is missing when it does not hold, for `{missing}`; by default the label of the subject.
        marks: what is missing, as facts without labels or names; needed when `lacks` returns labels or names.
        broken_at: when a phrase over history was broken, for `since`.
        comments: it reads the comments, too.
        why: a reason of its own why it is not known although all that it reads is, "" when it has none.
        present: it depends only on the present value of the subject, so that equal values have the same truth.
        quick: it is `present`, reads state and data alone, and takes no longer than a look for its known truth.
        false_in: states in which it is certainly false, for a test of a field that time does not change in them.
    """

    reads: tuple[str, ...]
    holds: Callable[[Context], Truth] = lambda _: None
    clock: Callable[[Context], Clocked] | None = None
    facts: Callable[[Context], list[Evidence]] | None = None
    lacks: Callable[[Context], list[str]] | None = None
    marks: Callable[[Context], list[str]] | None = None
    broken_at: Callable[[Context], datetime | None] | None = None
    present: bool = False
    quick: bool = False
    comments: bool = False
    why: Callable[[Context], str] | None = None
    false_in: frozenset[ValueState] = frozenset()
    now: Callable[[Context], tuple[Truth, datetime | None]] | None = None

    def at(self, context: Context) -> tuple[Truth, datetime | None]:
        """Return its truth at the context's instant, and when time alone changes it."""
        if self.clock is None:
            return self.holds(context), None
        return self.clock(context).at(context.now)

    def evidence(self, context: Context) -> list[Evidence]:
        """Return the facts behind its truth."""
        if self.facts is not None:
            return self.facts(context)
        return [present_fact(name, context) for name in self.reads]

    def missing(self, context: Context) -> list[str]:
        """Return the labels of what is missing while it does not hold."""
        return self.lacks(context) if self.lacks is not None else [context.label(self.reads[0])]

    def lacking(self, context: Context) -> list[str]:
        """Return what is missing as facts that do not depend on labels or names of persons."""
        facts = self.marks or self.lacks
        return facts(context) if facts is not None else [self.reads[0]]


class Family(StrEnum):
    """Families of phrases, in the order of the documentation."""

    STATE = "state"
    TEXT = "text"
    ORDER = "order"
    HISTORY = "history"
    CLOCK = "times"
    DUE = "due dates"
    ACTIONS = "actions"
    PEOPLE = "people"
    CLOSURE = "closure"
    REGISTERED = "registered"


_WORD = r"""(?:"[^"]*"|'[^']*'|[^\s,"']+)"""
SLOTS: dict[str, str] = {
    "N": r"\d{1,5}",
    "A, B": rf"{_WORD}(?:\s*,\s*{_WORD})*",
    "A": rf"(?!(?:yes|no)$){_WORD}",
    "C": _WORD,
    "FIELD, FIELD": r"[a-z_]+(?:\s*,\s*[a-z_]+)*",
    "FIELD": r"[a-z_]+",
    "STAGE": r"[a-z_]+",
    "NAME": r"[a-z][a-z-]*",
}
SLOT = re.compile(r"\b(A, B|FIELD, FIELD|FIELD|STAGE|NAME|N|A|C)\b")
_PLURALS = re.compile(r"\b(day|character|word|time)s\b")


@dataclass(frozen=True)
class Phrase:
    """One row of the vocabulary.

    Attributes:
        template: the sentence with slots in capitals: N a number, A and C words, FIELD, STAGE, NAME a deadline.
        kinds: the kinds of subjects that it applies to.
        build: builds the test from subject and arguments; may raise PhraseError.
        says: its meaning, for the documentation. example: a whole line of a rule file.
        order: it demands an order that can never be repaired, so `if_repaired` may act on it.
        history: it reads the history.
    """

    template: str
    family: Family
    kinds: frozenset[Kind]
    build: Callable[[Subject, Arguments], Test]
    says: str
    example: str
    order: bool = False
    history: bool = False

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """Return the slots of the template in order."""
        return tuple(SLOT.findall(self.template))

    @cached_property
    def pattern(self) -> str:
        """Return the regular expression of a whole sentence, in the syntax that JSON Schema shares."""
        parts = SLOT.split(self.template)
        for index, part in enumerate(parts):
            parts[index] = f"({SLOTS[part]})" if index % 2 else _variants(part)
        return "^" + "".join(parts) + "$"

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def match(self, sentence: str) -> tuple[str, ...] | None:
        """Return the texts in the slots when the sentence is this phrase, else None."""
        found = self._compiled.match(sentence)
        return None if found is None else found.groups()

    def places(self, sentence: str) -> Sequence[tuple[int, int]]:
        """Return where each slot stands in a sentence of this phrase: its first character, and the one after it."""
        found = self._compiled.match(sentence)
        return () if found is None else [found.span(number) for number in range(1, len(self.slots) + 1)]

    def test(self, subject: Subject, texts: Sequence[str]) -> Test:
        """Return the test of this phrase for a subject. Raises PhraseError when an argument is wrong."""
        arguments = [_argument(slot, text) for slot, text in zip(self.slots, texts, strict=True)]
        return self.build(subject, arguments)


def _variants(words: str) -> str:
    """Return the fixed words of a template as a pattern: also in the singular, and with `stage` for `the record`."""
    return _PLURALS.sub(r"\1s?", words).replace("the record ", "(?:the record|stage) ")


def _argument(slot: str, text: str) -> Argument:
    if slot == "N":
        return int(text)
    if slot == "A, B":
        return tuple(_unquote(word) for word in words_in(text))
    if slot == "FIELD, FIELD":
        return tuple(subject_named(name.strip()) for name in text.split(","))
    if slot == "FIELD":
        return subject_named(text)
    return _unquote(text)


def words_in(text: str) -> list[str]:
    """Return the words of a slot `A, B`, those in quotes with their quotes."""
    return re.findall(_WORD, text)


def _unquote(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] in "\"'" else word


def subject_named(name: str) -> Subject:
    """Return the subject of a name. Raises PhraseError that suggests the nearest name."""
    subject = SUBJECTS.get(name)
    if subject is None:
        raise PhraseError(f"there is no field '{name}'", field_hint(name))
    return subject


def field_hint(name: str, blocks: Sequence[str] = ()) -> str:
    """Return the hint for a name that is no field (and, where a block may stand, no block)."""
    return did_you_mean(name, [*SUBJECTS, *blocks], {**FIELD_WORDS, **_BLOCKS}) or _SEE_FIELDS


_BLOCKS = {
    "or": "any",
    "and": "all",
    "not": "none",
    "either": "any",
    "unless": "none",
    "one_of": "any",
    "neither": "none",
}
_SEE_FIELDS = "`capa-sync rules phrases` lists the fields"


def check_word(subject: Subject, word: str) -> None:
    """Raise PhraseError when an enum, stage or presence cannot hold the word."""
    if subject.choices and word not in subject.choices:
        what = f"'{word}' is not a {subject.name.replace('_', ' ')}"
        raise PhraseError(what, near_or_all(word, subject.choices, see="`capa-sync rules phrases` lists the words"))


def check_kind(subject: Subject, *kinds: Kind) -> None:
    """Raise PhraseError when a FIELD argument is of the wrong kind."""
    if subject.kind not in kinds:
        wanted = " or ".join(KIND_WORDS[kind] for kind in kinds)
        fitting = [name for name, other in SUBJECTS.items() if other.kind in kinds][:3]
        what = f"'{subject.name}' is {KIND_WORDS[subject.kind]}, this needs {wanted}"
        raise PhraseError(what, f"such as {', '.join(fitting)}")


def number(argument: Argument) -> int:
    """Return the value of a slot N."""
    assert isinstance(argument, int)  # noqa: S101 - the table guarantees it
    return argument


def word(argument: Argument) -> str:
    """Return the value of a slot A, C, STAGE or NAME."""
    assert isinstance(argument, str)  # noqa: S101 - the table guarantees it
    return argument


def field(argument: Argument) -> Subject:
    """Return the value of a slot FIELD."""
    assert isinstance(argument, Subject)  # noqa: S101 - the table guarantees it
    return argument


def words(argument: Argument) -> tuple[str, ...]:
    """Return the value of a slot `A, B`."""
    assert isinstance(argument, tuple)  # noqa: S101 - the table guarantees it
    return tuple(str(item) for item in argument)


def fields(argument: Argument) -> tuple[Subject, ...]:
    """Return the value of a slot `FIELD, FIELD`."""
    assert isinstance(argument, tuple)  # noqa: S101 - the table guarantees it
    return tuple(item for item in argument if isinstance(item, Subject))
