"""The mutants of a rule: each differs from it in one condition, operand, number, step, hidden rule or text.

A test that fails for a mutant kills it. A mutant that no test kills shows a part of the rule that could be wrong
without a test noticing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from capa_sync.errors import Problem
from capa_sync.model.finding import SEVERITY_ORDER
from capa_sync.rules.cases import CaseBook
from capa_sync.rules.conditions import ALWAYS, Block, Condition, Join, Line, lines_of, without
from capa_sync.rules.phrases.neighbours import neighbours, same_kind
from capa_sync.rules.phrases.phrase import PhraseError
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.rule import IfRepaired, Rule
from capa_sync.rules.subjects import Subject
from capa_sync.rules.wording import MessageTemplate

SCOPE, REQUIRE = ("applies_to", "when"), "require"
_OTHER_JOINS = {Join.ALL: Join.ANY, Join.ANY: Join.ALL, Join.NONE: Join.ANY}


@dataclass(frozen=True)
class Mutant:
    """A rule that was changed at one place.

    Attributes:
        key: the key of the rule file in which the change is. line: its line in the file.
        what: the change, as `X' is negated. rule: the changed rule.
        before, after: the condition that was changed; None where something else was.
    """

    key: str
    line: int
    what: str
    rule: Rule
    before: Condition | None = None
    after: Condition | None = None


class _Place(NamedTuple):
    """A condition of a rule, and how to make the rule with another condition there."""

    key: str
    condition: Condition
    put: Callable[[Condition], Rule]


class _Change(NamedTuple):
    line: int
    what: str
    condition: Condition


def mutants(rule: Rule) -> Iterator[Mutant]:
    """Yield the mutants of a rule, by the keys of its file."""
    for place in _places(rule):
        for change in chain(_left_out(place.condition), _changes(place.condition)):
            yield Mutant(
                place.key,
                change.line,
                change.what,
                place.put(change.condition),
                place.condition,
                change.condition,
            )
    yield from _ladders(rule)
    yield from _hidings(rule)
    yield from _repairs(rule)
    yield from _beginnings(rule)
    yield from without_a_text(rule)


def negations(rule: Rule) -> Iterator[Mutant]:
    """Yield the mutants of which one line of `when` or `require` is negated."""
    for place in _places(rule):
        if place.key in {"when", REQUIRE}:
            for line in lines_of(place.condition):
                condition = without(place.condition, line, Block(Join.NONE, (line,)))
                yield Mutant(place.key, line.line, _negated(line), place.put(condition), place.condition, condition)


def without_a_text(rule: Rule) -> Iterator[Mutant]:
    """Yield the mutants that lack one of the texts that depend on the state of the record."""
    for key in ("message", "fix"):
        template: MessageTemplate = getattr(rule, key)
        for variant in template.variants[:-1]:
            rest = MessageTemplate(tuple(other for other in template.variants if other is not variant))
            yield Mutant(key, variant.line, f"this text of '{key}' is never said", _put(rule, key, rest))


def unguarded(rule: Rule) -> list[Problem]:
    """Return a problem for each condition that can be negated, and each text that can be removed, unnoticed."""
    book = CaseBook(rule.cases)
    found = [(mutant, "expect it in one with `says`") for mutant in without_a_text(rule)]
    found += [(mutant, "add a test that needs it") for mutant in negations(rule)]
    return [
        Problem(rule.file, mutant.line, f"no test notices when {mutant.what}", hint)
        for mutant, hint in found
        if book.accepts(mutant.rule)
    ]


def _places(rule: Rule) -> Iterator[_Place]:
    """Yield every condition of a rule."""
    for key in (*SCOPE, REQUIRE):
        block: Block = getattr(rule, key)
        if block.members:
            yield _Place(key, block, partial(_put_block, rule, key))
    yield from _guards(rule, "severity", rule.severity)
    yield from _guards(rule, "hides", rule.hides)
    repair = rule.if_repaired
    if repair is not None and repair.when is not None:
        yield _Place("if_repaired", repair.when, partial(_put_repair, rule, repair))
    for key in ("message", "fix"):
        template: MessageTemplate = getattr(rule, key)
        yield from _guards(rule, key, template.variants)


def _guards(rule: Rule, key: str, parts: tuple[Any, ...]) -> Iterator[_Place]:
    """Yield the conditions behind `when` of the parts of a key."""
    for number, part in enumerate(parts):
        if part.when is not None:
            yield _Place(key, part.when, partial(_put_guard, rule, key, parts, number))


def _put_guard(rule: Rule, key: str, parts: tuple[Any, ...], number: int, condition: Condition) -> Rule:
    changed = (*parts[:number], replace(parts[number], when=condition), *parts[number + 1 :])
    return _put(rule, key, MessageTemplate(changed) if key in {"message", "fix"} else changed)


def _put_repair(rule: Rule, repair: IfRepaired, condition: Condition) -> Rule:
    return replace(rule, if_repaired=replace(repair, when=condition))


def _put_block(rule: Rule, key: str, condition: Condition) -> Rule:
    """Return the rule with another block; its members must all hold, so another join stands inside it."""
    is_all = isinstance(condition, Block) and condition.join is Join.ALL
    return _put(rule, key, condition if is_all else Block(Join.ALL, (condition,)))


def _put(rule: Rule, key: str, value: object) -> Rule:
    return replace(rule, **{key: value})  # type: ignore[arg-type]


def _left_out(condition: Condition) -> Iterator[_Change]:
    """Yield the change that nothing is asked at a place of one condition; of several, each is left out alone."""
    if isinstance(condition, Line) or len(condition.members) == 1:
        yield _Change(_line_of(condition), f"{_named(condition)} is left out", ALWAYS)


def _changes(condition: Condition) -> Iterator[_Change]:
    if isinstance(condition, Line):
        yield from _line_changes(condition)
        return
    for member in condition.members:
        for change in _changes(member):
            yield change._replace(condition=without(condition, member, change.condition))
    if len(condition.members) > 1:
        for member in condition.members:
            rest = tuple(other for other in condition.members if other is not member)
            yield _Change(_line_of(member), f"{_named(member)} is left out", Block(condition.join, rest))
        yield from _join_changes(condition)


def _join_changes(block: Block) -> Iterator[_Change]:
    other = _OTHER_JOINS[block.join]
    line = _line_of(block)
    yield _Change(line, f"{_named(block)} is joined by {other}, not {block.join}", Block(other, block.members))
    if block.join is Join.NONE:
        both = Block(Join.NONE, (Block(Join.ALL, block.members),))
        yield _Change(line, f"{_named(block)} is broken only by all together", both)


def _line_changes(line: Line) -> Iterator[_Change]:
    yield _Change(line.line, _negated(line), Block(Join.NONE, (line,)))
    for old, new, sentence in neighbours(line.phrase, line.subject, line.sentence):
        changed = _line_of_words(line, line.subject, sentence)
        if changed is not None:
            yield _Change(line.line, f"'{line.text}' has '{new}' and not '{old}'", changed)
    other = same_kind(line.subject)
    changed = _line_of_words(line, other, line.sentence) if other is not None else None
    if changed is not None:
        yield _Change(line.line, f"'{line.text}' is said of {changed.subject.name}", changed)


def _line_of_words(line: Line, subject: Subject, sentence: str) -> Line | None:
    """Return the line with other words; None where they cannot be said."""
    try:
        phrase, test = vocabulary().find(subject, sentence)
    except PhraseError:
        return None
    return Line(subject, sentence, phrase, test, line.line)


def _ladders(rule: Rule) -> Iterator[Mutant]:
    """Yield the mutants of which one step of the severity ladder is another word, or missing."""
    for number, rung in enumerate(rule.severity):
        line = _line_of(rung.when) if rung.when is not None else rule.places.get("severity", 1)
        place = SEVERITY_ORDER.index(rung.severity)
        for other in SEVERITY_ORDER[max(0, place - 1) : place + 2]:
            if other is not rung.severity:
                ladder = (*rule.severity[:number], replace(rung, severity=other), *rule.severity[number + 1 :])
                what = f"the severity {rung.severity} is {other}"
                yield Mutant("severity", line, what, replace(rule, severity=ladder))
        if number:
            ladder = rule.severity[:number] + rule.severity[number + 1 :]
            yield Mutant("severity", line, f"the step to {rung.severity} is left out", replace(rule, severity=ladder))


def _hidings(rule: Rule) -> Iterator[Mutant]:
    """Yield the mutants that do not hide one of the rules."""
    for number, hide in enumerate(rule.hides):
        for name in hide.rules:
            rest = replace(hide, rules=tuple(other for other in hide.rules if other != name))
            hides = (*rule.hides[:number], rest, *rule.hides[number + 1 :])
            yield Mutant("hides", hide.line, f"{name} is not hidden", replace(rule, hides=hides))


def _repairs(rule: Rule) -> Iterator[Mutant]:
    """Yield the mutants that treat a repaired order as a breach, or as the other outcome."""
    repair, line = rule.if_repaired, rule.places.get("if_repaired", 1)
    if repair is None:
        return
    yield Mutant("if_repaired", line, "'if_repaired' is left out", replace(rule, if_repaired=None))
    if repair.when is None:
        other = IfRepaired(not repair.historical)
        word = "historical" if other.historical else "ok"
        yield Mutant("if_repaired", line, f"'if_repaired' says {word}", replace(rule, if_repaired=other))


def _beginnings(rule: Rule) -> Iterator[Mutant]:
    """Yield the mutants that begin a day earlier or later, or have no beginning."""
    if rule.since is None:
        return
    line = rule.places.get("since", 1)
    for days in (-1, 1):
        since = rule.since + timedelta(days=days)
        yield Mutant("since", line, f"'since' is {since}", replace(rule, since=since))
    yield Mutant("since", line, "'since' is left out", replace(rule, since=None))


def _negated(line: Line) -> str:
    return f"'{line.text}' is negated"


def _line_of(condition: Condition) -> int:
    return next((line.line for line in lines_of(condition)), 1)


def _named(condition: Condition) -> str:
    """Return a condition for a message: the line itself, or the block with its first line."""
    if isinstance(condition, Line):
        return f"'{condition.text}'"
    if condition.join is Join.ALL and len(condition.members) == 1:
        return _named(condition.members[0])
    first = next((line.text for line in lines_of(condition)), "")
    return f"'{condition.join}' from '{first}' on"
