"""Phrases about people; they compare canonical persons, never display names."""

from __future__ import annotations

from capa_sync.model.values import FILLED, KNOWN
from capa_sync.rules import sentences as say
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Truth
from capa_sync.rules.phrases.phrase import Arguments, Family, Phrase, Test, check_kind, field, fields
from capa_sync.rules.subjects import Kind, Subject

_PERSON = frozenset({Kind.PERSON})


def _active(subject: Subject, _: Arguments) -> Test:
    def holds(context: Context) -> Truth:
        value = context.value(subject.name)
        if not value.is_known:
            return None
        return context.record.people_active.get(str(value.data)) if value.is_filled else False

    return Test((subject.name,), holds, why=lambda c: say.ACTIVITY_UNKNOWN if c.value(subject.name).is_filled else "")


def persons_of(name: str, context: Context) -> tuple[frozenset[str], bool]:
    """Return the people that a subject names, and whether there may be others that cannot be read."""
    value = context.value(name)
    unsure = value.state not in KNOWN
    if name == "action_owners":
        unsure = unsure or bool(context.actions_unknown) or any(not a.owner.is_known for a in context.actions)
    if value.state is not FILLED:
        return frozenset(), unsure
    return frozenset(value.data if isinstance(value.data, tuple) else (str(value.data),)), unsure


def _is_among(subject: Subject, others: tuple[Subject, ...], context: Context) -> Truth:
    """Return whether a person is one of the others; empty fields are ignored; None when all are empty."""
    value = context.value(subject.name)
    if not value.is_known:
        return None
    named = [persons_of(other.name, context) for other in others]
    people = frozenset().union(*(persons for persons, _ in named))
    if value.is_filled and str(value.data) in people:
        return True
    return None if not people or any(unsure for _, unsure in named) else False


def _other_than(subject: Subject, others: tuple[Subject, ...]) -> Test:
    for other in others:
        check_kind(other, Kind.PERSON, Kind.PEOPLE)

    def holds(context: Context) -> Truth:
        value = context.value(subject.name)
        if value.is_known and not value.is_filled:
            return False  # an empty field meets no comparison
        among = _is_among(subject, others, context)
        return None if among is None else not among

    return Test((subject.name, *(other.name for other in others)), holds)


def _not_any_of(subject: Subject, args: Arguments) -> Test:
    return _other_than(subject, fields(args[0]))


def _not_same(subject: Subject, args: Arguments) -> Test:
    return _other_than(subject, (field(args[0]),))


def _same(subject: Subject, args: Arguments) -> Test:
    other = field(args[0])
    check_kind(other, Kind.PERSON, Kind.PEOPLE)

    def holds(context: Context) -> Truth:
        value, named = context.value(subject.name), context.value(other.name)
        if value.is_known and named.is_known and not (value.is_filled and named.is_filled):
            return False
        return _is_among(subject, (other,), context)

    return Test((subject.name, other.name), holds)


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "an active person",
        Family.PEOPLE,
        _PERSON,
        _active,
        "It names a person whose account is active; where the tracker does not say, the rule cannot tell.",
        "owner: an active person",
    ),
    Phrase(
        "same person as FIELD",
        Family.PEOPLE,
        _PERSON,
        _same,
        "Both name the same person, across all trackers.",
        "raised_by: same person as owner",
    ),
    Phrase(
        "not the same person as FIELD",
        Family.PEOPLE,
        _PERSON,
        _not_same,
        "It names somebody else than that field; while that field is empty the rule cannot tell.",
        "plan_approved_by: not the same person as owner",
    ),
    Phrase(
        "not the same person as any of FIELD, FIELD",
        Family.PEOPLE,
        _PERSON,
        _not_any_of,
        "It names nobody of those; empty ones are left out, with none left the rule cannot tell.",
        "effectiveness_reviewer: not the same person as any of owner, action_owners",
    ),
)
