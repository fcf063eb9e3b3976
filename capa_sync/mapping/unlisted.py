"""Statuses and options that a tracker has and a mapping does not list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from capa_sync.errors import Problem
from capa_sync.mapping.binding import BoundField, BoundMapping
from capa_sync.mapping.people import NOBODY
from capa_sync.model.catalogue import FIELDS, FieldType
from capa_sync.model.site import FieldDef, StatusDef
from capa_sync.model.values import Raw, ValueState


def unlisted_statuses(bound: BoundMapping, statuses: Iterable[StatusDef]) -> list[str]:
    """Return the names of the statuses that the mapping does not list, each once."""
    stage = bound.stage
    if stage is None:
        return []
    signals = [(status.name, stage.signal(stage.field_id, Raw((status.id,), (status.name,)))) for status in statuses]
    others = [
        name for name, signal in signals if not signal.rules and not signal.holds and signal.side == len(stage.sides)
    ]
    return list(dict.fromkeys(others))


def unlisted_options(
    bound: BoundMapping, fields: Iterable[FieldDef]
) -> Iterator[tuple[Problem, list[str], frozenset[str]]]:
    """Yield a problem for each mapped field with options that make it an error on a ticket, these, and its ids."""
    known = {field.id: field for field in fields if field.options}
    for mapped in bound.fields:
        entry, spec = bound.mapping.record[mapped.name], FIELDS[mapped.name]
        has_words = spec.type in {FieldType.ENUM, FieldType.YESNO} or any(part.values for part in entry.parts)
        if has_words and (names := list(_refused(bound, mapped, known))):
            what = f"'{mapped.label}' has options that `{mapped.name}` does not list: {', '.join(names)}"
            hint = "list each under `values:`, or map it to `empty`"
            ids = frozenset(part.field_id for part in mapped.parts)
            yield Problem(bound.mapping.file, entry.line, what, hint), names, ids


def _refused(bound: BoundMapping, mapped: BoundField, known: dict[str, FieldDef]) -> Iterator[str]:
    people = bound.directory("", NOBODY, "")
    for part in mapped.parts:
        if part.convert is None or part.field_id not in known:
            continue
        for option, name in known[part.field_id].options:
            own = name.rpartition(" - ")[2]  # the name of a child alone, in a cascading list
            readings = [part.convert(Raw((option,), (shown,), shown), people) for shown in {name, own}]
            if all(value.state is ValueState.ERROR for value in readings):
                yield name
