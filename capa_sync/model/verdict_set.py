"""A verdict set: the full text of everything that decides a verdict, and the activations that made sets live."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from capa_sync.model.light import light


class PartKind(StrEnum):
    """What a text of a verdict set is."""

    RULE = "rule"
    MAPPING = "mapping"
    PEOPLE = "people"
    SETTINGS = "settings"


class How(StrEnum):
    """How a verdict set became live.

    FIRST: the register had none. NEW_SOURCE: the settings name a source that the live set had no mapping for.
    """

    FIRST = "first"
    ACTIVATE = "activate"
    ROLLBACK = "rollback"
    ON_SAVE = "on_save"
    NEW_SOURCE = "new_source"


@light
class SetPart:
    """One text of a verdict set.

    Attributes:
        kind: what it is. key: the rule's id, or the source's name for its mapping and people; "" for the settings.
        name: the file as the user named it, for messages. text: its whole content; of the settings file only what
            decides a verdict, as JSON.
    """

    kind: PartKind
    key: str
    name: str
    text: str

    @property
    def label(self) -> str:
        """Return the part in words: the file, or what it is."""
        if self.kind is PartKind.SETTINGS:
            return "settings (profile, deadlines, period of recurrence, holidays, time zone)"
        return self.name if self.kind is PartKind.RULE else f"{self.name} ({self.kind} of {self.key})"


@dataclass(frozen=True)
class VerdictSet:
    """The texts of rules, mappings, people and settings that decide verdicts together."""

    parts: tuple[SetPart, ...]

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the texts; where their files are does not count."""
        digest = hashlib.sha256()
        for part in sorted(self.parts, key=lambda part: (part.kind, part.key)):
            digest.update(f"{part.kind}\0{part.key}\0{hashlib.sha256(part.text.encode()).hexdigest()}\0".encode())
        return digest.hexdigest()

    def of(self, *kinds: PartKind) -> dict[tuple[PartKind, str], SetPart]:
        """Return the parts of these kinds (all by default) by kind and key."""
        return {(part.kind, part.key): part for part in self.parts if not kinds or part.kind in kinds}

    def rules_hash(self) -> str:
        """Return the hash of the rules alone."""
        return VerdictSet(tuple(self.of(PartKind.RULE).values())).hash

    def with_rules_of(self, other: VerdictSet) -> VerdictSet:
        """Return this set with the rules of another one."""
        others = tuple(part for part in self.parts if part.kind is not PartKind.RULE)
        return VerdictSet((*other.of(PartKind.RULE).values(), *others))

    def with_parts(self, parts: Iterable[SetPart]) -> VerdictSet:
        """Return this set with these parts, which replace those of the same kind and key."""
        return VerdictSet(tuple((self.of() | VerdictSet(tuple(parts)).of()).values()))


def differences(before: VerdictSet, after: VerdictSet) -> list[str]:
    """Return in words which parts of a set are new, changed or gone in another."""
    old, new = before.of(), after.of()
    found = []
    for place in sorted({*old, *new}):
        was, now = old.get(place), new.get(place)
        if was is None and now is not None:
            found.append(f"{now.label}: new")
        elif now is None and was is not None:
            found.append(f"{was.label}: removed")
        elif was is not None and now is not None and was.text != now.text:
            found.append(f"{now.label}: changed")
    return found


@light
class Activation:
    """One time that a verdict set became live.

    Attributes:
        number: 1 for the first of a register. set_hash: the set. rule_set: the hash that findings name
            (`RuleSet.hash`). at: when. by: the operating system's user. how: see `How`. rules_alone: only rules were
            to change. revision: git revision of the folder, "" without one; `+changed` where files differ from it.
    """

    number: int
    set_hash: str
    rule_set: str
    at: datetime
    by: str
    how: How
    rules_alone: bool
    revision: str


def earlier(hashes: Iterable[tuple[str, bool]]) -> str:
    """Return the hash that a rollback makes live, "" for none.

    Args:
        hashes: the hash after each activation, the oldest first, and whether it was a rollback. A rollback takes what
            it took back out of the line, so that a second one goes further back.
    """
    line: list[str] = []
    for hash_, is_rollback in hashes:
        if is_rollback and hash_ in line:
            del line[line.index(hash_) + 1 :]
        elif not line or line[-1] != hash_:
            line.append(hash_)
    return line[-2] if len(line) > 1 else ""
