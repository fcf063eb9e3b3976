"""Proposals for every part of a mapping, from the lists and sample values of one source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from capa_sync.kinds import SourceKind
from capa_sync.mapping.suggestions.names import (
    PART,
    Guess,
    guess_field,
    guess_link,
    guess_option,
    guess_status,
    guess_subtask,
    is_other,
)
from capa_sync.mapping.texts import fold
from capa_sync.model.catalogue import FIELDS, FieldSpec, FieldType
from capa_sync.model.inspection import ChildKind, Inspection
from capa_sync.model.light import light
from capa_sync.model.site import Account, FieldDef, SiteFacts, StatusDef

_PERSONS = frozenset({"user", "array/user", "group", "array/group"})
_REFERENCES = frozenset({"reference", "glide_list"})
"""Types that may refer to persons, and to anything else."""
_TIMES = frozenset({"date", "datetime", "glide_date", "glide_date_time", "due_date"})
_TEXTS = frozenset({"string", "text", "html", "translated_html", "translated_text", "string_full_utf8", "url"})
_NUMBERS = frozenset({"number", "integer", "decimal", "float", "currency"})
_CATEGORIES = {"new": "identified", "indeterminate": "planned", "done": "closed"}
_OTHER_TYPE = 0.6


@light
class FieldProposal:
    """One tracker field with what it may mean; `options`: (option name, guess or None) where it has options."""

    field: FieldDef
    guess: Guess
    options: tuple[tuple[str, Guess | None], ...] = ()


@light
class StatusProposal:
    """One status name with the stage that it may mean; None where nothing is known."""

    name: str
    guess: Guess | None


@light
class Suggestion:
    """Everything that is proposed for one source.

    Attributes:
        kind: of the source. tickets: how many were looked at.
        fields: our word -> proposals, the best first. others: fields that nothing is proposed for.
        statuses: in the source's order. sides: (field, option, guess) of a field such as Resolution whose options
            take a ticket out of the flow. subtasks, links, tables: ways in which tickets name others, with the guess.
        accounts: people seen. bots: those that look like no person. shared_names: folded names of two fields or more.
    """

    kind: SourceKind
    tickets: int
    fields: Mapping[str, Sequence[FieldProposal]]
    others: tuple[FieldDef, ...]
    statuses: tuple[StatusProposal, ...]
    sides: tuple[tuple[FieldDef, str, Guess], ...] = ()
    subtasks: tuple[tuple[ChildKind, Guess], ...] = ()
    links: tuple[tuple[ChildKind, Guess], ...] = ()
    tables: tuple[ChildKind, ...] = ()
    accounts: tuple[Account, ...] = ()
    bots: tuple[Account, ...] = ()
    shared_names: frozenset[str] = frozenset()


def suggest(kind: SourceKind, facts: SiteFacts, inspection: Inspection) -> Suggestion:
    """Return what is proposed for a source."""
    proposals = [found for known in inspection.fields if (found := _propose(known, inspection.samples))]
    proposals = [_apart_from(proposal, proposals) for proposal in proposals]
    names = [fold(known.name) for known in facts.fields]
    by_meaning: dict[str, list[FieldProposal]] = {}
    for proposal in proposals:
        by_meaning.setdefault(proposal.guess.meaning, []).append(proposal)
    for rivals in by_meaning.values():
        rivals.sort(key=lambda rival: (-rival.guess.confidence, not rival.field.custom, rival.field.id))
    proposed = {proposal.field.id for proposal in proposals}
    return Suggestion(
        kind,
        inspection.tickets,
        by_meaning,
        tuple(known for known in inspection.fields if known.id not in proposed),
        _statuses(inspection.statuses if inspection.statuses is not None else facts.statuses),
        tuple(_sides(inspection.fields)),
        tuple(_children(inspection.children, "subtask")),
        tuple(_children(inspection.children, "link")),
        tuple(child for child in inspection.children if child.relation == "child" and _is_task(child)),
        tuple(account for account in facts.accounts if not _is_bot(account))[:50],
        tuple(account for account in facts.accounts if _is_bot(account)),
        frozenset(name for name in names if names.count(name) > 1),
    )


def _propose(known: FieldDef, samples: Mapping[str, Sequence[str]]) -> FieldProposal | None:
    """Return what one field means, by its name, its type, and its options or values."""
    names = dict.fromkeys((known.name, known.id.removeprefix("u_")))
    if is_other(names):
        return None
    guess, values = guess_field(names), _values(known, samples)
    if guess is None:
        guess = _by_values(values)
        if guess is None:
            return None
    spec = FIELDS.get(guess.meaning)
    if wrong := _mismatch(known, guess.meaning, spec):
        guess = guess.weakened(_OTHER_TYPE, wrong)
    options: tuple[tuple[str, Guess | None], ...] = ()
    if spec is not None and spec.type in {FieldType.ENUM, FieldType.YESNO} and values:
        options = tuple((value, _option(spec, value)) for value in values)
        if not any(meant for _, meant in options):
            guess = guess.weakened(_OTHER_TYPE, "none of its options is known")
    return FieldProposal(known, guess, options)


def _apart_from(proposal: FieldProposal, all_of_them: Iterable[FieldProposal]) -> FieldProposal:
    """Return a proposal with less confidence where another field of its name fits as well."""
    name, guess = fold(proposal.field.name), proposal.guess
    rivals = [
        other
        for other in all_of_them
        if other.field.id != proposal.field.id and fold(other.field.name) == name and other.guess == guess
    ]
    if not rivals:
        return proposal
    return replace(proposal, guess=guess.weakened(_OTHER_TYPE, "two fields of this site have this name"))


def _values(known: FieldDef, samples: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the names of a field's options, or the values seen where the tracker lists none."""
    if known.type == "boolean":
        return ("true", "false")
    return tuple(dict.fromkeys([name for _, name in known.options] or list(samples.get(known.id, ()))))


def _option(spec: FieldSpec, value: str) -> Guess | None:
    if spec.type is FieldType.YESNO:
        return guess_option("yesno", value, ("yes", "no"))
    return guess_option(spec.name, value, spec.choices)


def _by_values(values: Sequence[str]) -> Guess | None:
    """Return an enumeration whose words all of a field's options mean; at least two different words."""
    for spec in FIELDS.values():
        if spec.type is not FieldType.ENUM or not values:
            continue
        meant = [_option(spec, value) for value in values]
        if all(meant) and len({guess.meaning for guess in meant if guess}) > 1:
            return Guess(spec.name, PART + 0.1, f"its options are those of {spec.name}")
    return None


def _mismatch(known: FieldDef, meaning: str, spec: FieldSpec | None) -> str:
    """Return why a field's type does not fit a meaning, "" when it fits or is not known."""
    kind = known.type
    if not kind:
        return ""
    is_person, is_time = kind in _PERSONS, kind in _TIMES
    wants = spec.type if spec is not None else None
    if wants is FieldType.PERSON:
        return "" if is_person or kind in _REFERENCES else f"it holds no person ({kind})"
    if wants is FieldType.TIME or meaning == "done_at":
        return "" if is_time else f"it holds no date ({kind})"
    if is_person or is_time:
        return f"it holds a {'person' if is_person else 'date'} ({kind})"
    if (wants is FieldType.TEXT or meaning == "actions") and kind in _NUMBERS | {"boolean"}:
        return f"it holds no text ({kind})"
    if wants is FieldType.ENUM and kind in _TEXTS and not known.options and meaning != "track":
        return f"it is a free text ({kind})"
    return ""


def _statuses(statuses: Iterable[StatusDef]) -> tuple[StatusProposal, ...]:
    """Return the proposals of all statuses; one name that several ids share is one status."""
    found: dict[str, StatusProposal] = {}
    for status in statuses:
        guess = guess_status(status.name)
        if guess is None and status.category in _CATEGORIES:
            guess = Guess(_CATEGORIES[status.category], 0.4, f"only its category is known: {status.category}")
        found.setdefault(fold(status.name), StatusProposal(status.name, guess))
    return tuple(found.values())


def _sides(fields: Iterable[FieldDef]) -> Iterable[tuple[FieldDef, str, Guess]]:
    for known in fields:
        if known.id in {"resolution", "resolution_code", "close_code"}:
            for _, name in known.options:
                guess = guess_status(name)
                if guess is not None and guess.meaning in {"rejected", "cancelled", "duplicate"}:
                    yield known, name, guess


def _children(children: Iterable[ChildKind], relation: str) -> Iterable[tuple[ChildKind, Guess]]:
    guess_of = guess_subtask if relation == "subtask" else guess_link
    for child in children:
        guess = guess_of(child.name) if child.relation == relation else None
        if guess is not None:
            yield child, guess


def _is_task(child: ChildKind) -> bool:
    return child.name.endswith("_task") or child.name.endswith("_action")


def _is_bot(account: Account) -> bool:
    words = fold(account.name).replace("-", " ").split()
    return bool({"bot", "automation", "integration", "webhook", "api", "service", "system", "addon"} & set(words))
