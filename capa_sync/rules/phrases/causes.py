"""Phrases about causes that people numbered, `C1: …`, and the actions that name the numbers."""

from __future__ import annotations

from capa_sync.model.patterns import CAUSE_NAMED, CAUSE_NUMBER
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Truth
from capa_sync.rules.phrases.actions import action_facts
from capa_sync.rules.phrases.phrase import Arguments, Family, Phrase, Test, check_kind, field, number
from capa_sync.rules.phrases.state import of_value
from capa_sync.rules.subjects import Kind, Subject
from capa_sync.rules.words import present_fact


def _numbers(text: object) -> list[str]:
    """Return the numbers of causes that a text lists, each once, in its order."""
    return list(dict.fromkeys(f"C{found}" for found in CAUSE_NUMBER.findall(str(text or ""))))


def _at_least(subject: Subject, args: Arguments) -> Test:
    least = number(args[0])
    return of_value(subject.name, lambda value: value.is_filled and len(_numbers(value.data)) >= least)


def _name_each(_: Subject, args: Arguments) -> Test:
    other = field(args[0])
    check_kind(other, Kind.TEXT)

    def unnamed(context: Context) -> list[str]:
        texts = " ".join(str(action.text.data) for action in context.actions if action.text.is_filled)
        named = {f"C{found}" for found in CAUSE_NAMED.findall(texts)}
        value = context.value(other.name)
        return [found for found in _numbers(value.data if value.is_filled else "") if found not in named]

    def holds(context: Context) -> Truth:
        if not context.value(other.name).is_known:
            return None
        if not unnamed(context):
            return True
        unread = context.actions_unknown or any(not action.text.is_known for action in context.actions)
        return None if unread else False

    return Test(
        ("actions", other.name),
        holds,
        facts=lambda context: [present_fact(other.name, context), *action_facts(context)],
        lacks=unnamed,
    )


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "numbers at least N causes",
        Family.TEXT,
        frozenset({Kind.TEXT}),
        _at_least,
        "It lists so many causes or more by number, as `C1: …` and `C2: …`.",
        "root_cause: numbers at least 2 causes",
    ),
    Phrase(
        "name each cause that FIELD numbers",
        Family.ACTIONS,
        frozenset({Kind.ACTIONS}),
        _name_each,
        "For each number `C1: …` in that text there is an action whose text names it; true where it numbers none.",
        "actions: name each cause that root_cause numbers",
    ),
)
