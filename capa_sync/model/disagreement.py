"""Where the tickets of a joined record hold different values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from capa_sync.model.record import CapaRecord, Disagreement, Stage
from capa_sync.model.values import Value

STAGE = "stage"


def disagreements(records: Sequence[CapaRecord]) -> tuple[Disagreement, ...]:
    """Return where the tickets of one nonconformity disagree, the primary first.

    Compared are the fields that two tickets have filled, and their stages. A field that one ticket leaves empty is
    no disagreement: the record takes the other's. Nor is the stage `duplicate`, by which a ticket only points to
    another. Capital letters and spaces in texts count as nothing.
    """
    return tuple(sorted([*_stages(records), *_fields(records)], key=lambda found: found.field != STAGE))


def _stages(records: Sequence[CapaRecord]) -> Iterator[Disagreement]:
    own, *others = records
    for other in others:
        if other.stage is not own.stage and Stage.DUPLICATE not in (own.stage, other.stage):
            yield Disagreement(STAGE, own.stage.value, _at(own), _at(other), other.stage.value)


def _fields(records: Sequence[CapaRecord]) -> Iterator[Disagreement]:
    for name in records[0].fields:
        filled = [record for record in records if record.fields[name].is_filled]
        for other in filled[1:]:
            first = filled[0]
            if not _are_same(first.fields[name], other.fields[name]):
                yield Disagreement(name, _words(first, name), _at(first), _at(other), _words(other, name))


def _at(record: CapaRecord) -> tuple[str, str]:
    return record.source, record.ticket_key


def _words(record: CapaRecord, name: str) -> str:
    value = record.fields[name]
    person = record.people_names.get(str(value.data)) if isinstance(value.data, str) else None
    return person or value.text or _joined(value)


def _joined(value: Value) -> str:
    return ", ".join(value.data) if isinstance(value.data, tuple) else str(value.data)


def _are_same(one: Value, other: Value) -> bool:
    if isinstance(one.data, date) and isinstance(other.data, date):
        return _are_same_time(one.data, other.data)
    return _plain(one) == _plain(other)


def _are_same_time(one: date, other: date) -> bool:
    """Return whether two times are equal; a day equals every instant that is on it in UTC."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one == other
    return _day(one) == _day(other)


def _day(time: date) -> date:
    return time.date() if isinstance(time, datetime) else time


def _plain(value: Value) -> object:
    if isinstance(value.data, tuple):
        return frozenset(map(_folded, value.data))
    return _folded(value.data) if isinstance(value.data, str) else value.data


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
