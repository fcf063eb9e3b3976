"""A rule as loaded: conditions, severity ladder, what it hides, its words and its own tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from capa_sync.model.finding import Mode, Severity
from capa_sync.rules.case import Case
from capa_sync.rules.conditions import Block, Condition, Join, Line, lines_of
from capa_sync.rules.wording import MessageTemplate


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a severity ladder; `when` None is the plain first word."""

    severity: Severity
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Hide:
    """Rules whose findings this one hides while it is open and `when` holds."""

    rules: tuple[str, ...]
    when: Condition | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class IfRepaired:
    """What becomes of a broken order that can no longer be mended: ok, or historical, perhaps only `when`."""

    historical: bool
    when: Condition | None = None


@dataclass(frozen=True)
class Rule:
    """One rule file.

    Attributes:
        id, title, clause: clause by standard. number: in the shipped pack, 0 for others. mode: draft, quiet, warn.
        applies_to, when, require: as CONTRACT.md 7; blocks of mode all.
        severity: rungs; the highest that holds. since: only changes on or after this date can break it.
        message, fix: by the state of the record, checked at load. cases: the tests inside.
        file: as the user named it.
    """

    id: str
    title: str
    clause: Mapping[str, str]
    mode: Mode
    severity: tuple[Rung, ...]
    applies_to: Block
    when: Block
    require: Block
    hides: tuple[Hide, ...]
    since: date | None
    if_repaired: IfRepaired | None
    message: MessageTemplate
    fix: MessageTemplate
    cases: tuple[Case, ...]
    file: str
    number: int = 0

    @cached_property
    def scope(self) -> Block:
        """Return what must hold for the rule to say anything: `applies_to` and `when`."""
        return Block(Join.ALL, (*self.applies_to.members, *self.when.members))

    def conditions(self) -> Iterator[Condition]:
        """Yield every condition of the rule."""
        yield from (self.applies_to, self.when, self.require)
        yield from (rung.when for rung in self.severity if rung.when is not None)
        yield from (hide.when for hide in self.hides if hide.when is not None)
        if self.if_repaired is not None and self.if_repaired.when is not None:
            yield self.if_repaired.when

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Return every line of the rule."""
        return tuple([line for condition in self.conditions() for line in lines_of(condition)])

    @cached_property
    def basis(self) -> tuple[Line, ...]:
        """Return the lines that a breach and its severity rest on."""
        rungs = [rung.when for rung in self.severity if rung.when is not None]
        parts = (self.applies_to, self.when, self.require, *rungs)
        return tuple([line for part in parts for line in lines_of(part)])

    @property
    def reads(self) -> frozenset[str]:
        """Return every subject that it reads: what a mapping must fill for it to run."""
        return frozenset(name for line in self.lines for name in line.test.reads)
