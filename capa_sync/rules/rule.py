"""A loaded rule: its conditions, severity ladder, hidden rules, messages and tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from capa_sync.model.finding import Mode, Severity
from capa_sync.model.light import light
from capa_sync.rules.case import Case
from capa_sync.rules.conditions import Block, Condition, Join, Line, lines_of
from capa_sync.rules.wording import MessageTemplate


@light
class Rung:
    """One step of a severity ladder; `when` is None for the first step, which has no condition."""

    severity: Severity
    when: Condition | None = None


@light
class Hide:
    """The rules whose findings are hidden while this rule's finding is open and `when` holds."""

    rules: tuple[str, ...]
    when: Condition | None = None
    line: int = 0


@light
class IfRepaired:
    """The outcome of a wrong order that can no longer be repaired: ok, or historical, perhaps only `when`."""

    historical: bool
    when: Condition | None = None


@dataclass(frozen=True)
class Rule:
    """One rule file.

    Attributes:
        id, title: as in the file. clause: standard -> clause. mode: draft, quiet or warn.
        number: its number in the shipped pack, 0 for other rules.
        applies_to, when, require: blocks whose members must all hold (docs/contract.md 7).
        severity: the rungs; the highest rung that holds counts.
        since: only changes on or after this date can break the rule.
        message, fix: the text depends on the state of the record; checked at load. cases: the tests in the file.
        file: the path as the user gave it. places: key -> its line in the file.
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
    cases: Sequence[Case]
    file: str
    number: int = 0
    places: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def scope(self) -> Block:
        """Return the conditions under which the rule applies to a record: `applies_to` and `when`."""
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

    @property
    def every_line(self) -> Iterator[Line]:
        """Yield every line of the rule, and those that choose between its texts."""
        yield from self.lines
        for template in (self.message, self.fix):
            for variant in template.variants:
                yield from lines_of(variant.when) if variant.when is not None else ()

    @cached_property
    def basis(self) -> tuple[Line, ...]:
        """Return the lines that decide a breach and its severity."""
        rungs = [rung.when for rung in self.severity if rung.when is not None]
        parts = (self.applies_to, self.when, self.require, *rungs)
        return tuple([line for part in parts for line in lines_of(part)])

    @cached_property
    def clocked_basis(self) -> tuple[Condition, ...]:
        """Return those lines of the basis whose truth time alone may change, and what so chooses between texts."""
        return (*[line for line in self.basis if line.is_clocked], *self.message.clocked, *self.fix.clocked)

    @cached_property
    def clocked_lines(self) -> tuple[Condition, ...]:
        """Return the lines of the rule whose truth time alone may change, and what so chooses between texts."""
        return (*[line for line in self.lines if line.is_clocked], *self.message.clocked, *self.fix.clocked)

    @cached_property
    def has_order(self) -> bool:
        """Return whether it demands an order, which may be one that can no longer be repaired."""
        return any(line.phrase.order for line in lines_of(self.require))

    @property
    def reads(self) -> frozenset[str]:
        """Return every subject that the rule reads: a mapping must fill them for the rule to run."""
        return frozenset(name for line in self.lines for name in line.test.reads)
