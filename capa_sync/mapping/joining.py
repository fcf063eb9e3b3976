"""Joins one nonconformity kept as several tickets (`same_as`) field by field into one record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from capa_sync.model.disagreement import disagreements
from capa_sync.model.record import Action, CapaRecord, FieldChange
from capa_sync.model.values import Value, ValueState

_ACTION_ROWS = "actions"
_CONFIDENTIAL = "confidential"
_OWN_ROWS = frozenset({"stage", "source_status"})


def join(primary: CapaRecord, others: Sequence[CapaRecord], *, unread: bool = False) -> CapaRecord:
    """Join records of one nonconformity.

    Every field comes from the first record, in the order given, that has it filled, with that record's history;
    the actions likewise. The joined record is confidential as soon as one of them is. Stage, pauses and presence are
    the primary's, and findings belong to its ticket.

    Args:
        primary: the record of the source that the settings name first.
        others: the duplicates, in the order of the settings.
        unread: whether a duplicate could not be read or mapped; rules then answer "cannot tell".
    """
    reason = "the other ticket of this nonconformity could not be read" if unread else ""
    records = (primary, *others)
    if not others:
        return replace(primary, unread_join=reason)
    chosen = {name: _first(records, name) for name in primary.fields}
    hiding = next((record for record in records if record.fields[_CONFIDENTIAL].is_yes_or_unreadable), None)
    if hiding is not None:  # its texts may be among the joined ones
        chosen[_CONFIDENTIAL] = hiding
    doer = next((record for record in records if any(map(_is_there, record.actions))), None)
    doer = doer or next((record for record in records if record.actions), None)
    doer = doer or next((record for record in records if record.actions_mapped), primary)
    starts = [record.history_from for record in records if record.history_from is not None]
    return replace(
        primary,
        also=tuple((other.source, other.ticket_id, other.ticket_key) for other in others),
        fields={name: record.fields[name] for name, record in chosen.items()},
        labels=_labels(primary, chosen, doer),
        timeline=_merge(records, chosen, doer),
        created_at=min(record.created_at for record in records),
        updated_at=max(record.updated_at for record in records),
        as_of=min(record.as_of for record in records),
        actions=_regrouped(doer, records),
        actions_mapped=any(record.actions_mapped for record in records),
        actions_problem="; ".join(dict.fromkeys(filter(None, (record.actions_problem for record in records)))),
        comments=tuple(
            sorted((comment for record in records for comment in record.comments), key=lambda comment: comment.at)
        ),
        history_complete=all(record.history_complete for record in records),
        history_gaps={name: why for record in reversed(records) for name, why in record.history_gaps.items()},
        undelivered={name: why for record in reversed(records) for name, why in record.undelivered.items()},
        history_from=max(starts) if starts else None,
        people_active=_merged_activity(records),
        people_names={key: name for record in reversed(records) for key, name in record.people_names.items()},
        last_human_at=max(filter(None, (record.last_human_at for record in records)), default=None),
        attachments=_attachments(records),
        unread_join=reason,
        disagreements=disagreements(records),
    )


def _attachments(records: Sequence[CapaRecord]) -> int | None:
    """Return the number of all attachments; of none, None where one of the sources does not deliver them."""
    total = sum(record.attachments or 0 for record in records)
    return None if not total and any(record.attachments is None for record in records) else total


def _is_there(action: Action) -> bool:
    """Return whether an action exists now; an emptied field once was an action."""
    return action.text.state is not ValueState.EMPTY


def _first(records: Sequence[CapaRecord], name: str) -> CapaRecord:
    """Return the record that supplies a field: the first that has it filled, else the first with an error."""
    values = [(record.fields[name], record) for record in records]
    tests: tuple[Callable[[Value], bool], ...] = (
        lambda value: value.is_filled,
        lambda value: value.state in {ValueState.UNREADABLE, ValueState.ERROR},
        lambda value: value.is_known,
    )
    for test in tests:
        for value, record in values:
            if test(value):
                return record
    return records[0]


def _labels(primary: CapaRecord, chosen: dict[str, CapaRecord], doer: CapaRecord) -> dict[str, str]:
    labels = {name: record.labels[name] for name, record in chosen.items() if name in record.labels}
    labels |= {name: primary.labels[name] for name in _OWN_ROWS if name in primary.labels}
    if _ACTION_ROWS in doer.labels:
        labels[_ACTION_ROWS] = doer.labels[_ACTION_ROWS]
    return labels


def _group_numbers(records: Sequence[CapaRecord]) -> dict[tuple[int, int], int]:
    """Number every group of every record in the joined order: by instant; each record's own order stays."""
    events: list[tuple[datetime, int, int]] = []
    for index, record in enumerate(records):
        at: datetime | None = None
        seen: set[int] = set()
        for row in record.timeline:
            at = row.at if at is None else max(at, row.at)
            if row.group not in seen:
                seen.add(row.group)
                events.append((at, index, row.group))
    return {(index, group): number for number, (_, index, group) in enumerate(sorted(events))}


def _merge(records: Sequence[CapaRecord], chosen: dict[str, CapaRecord], doer: CapaRecord) -> tuple[FieldChange, ...]:
    numbers = _group_numbers(records)
    rows = [
        replace(row, group=numbers[index, row.group])
        for index, record in enumerate(records)
        for row in record.timeline
        if _gives(record, row, records[0], chosen, doer)
    ]
    return tuple(sorted(rows, key=lambda row: row.group))


def _gives(
    record: CapaRecord, row: FieldChange, primary: CapaRecord, chosen: dict[str, CapaRecord], doer: CapaRecord
) -> bool:
    if row.field in _OWN_ROWS:
        return record is primary
    if row.field == _ACTION_ROWS:
        return record is doer
    return record is chosen[row.field]


def _regrouped(doer: CapaRecord, records: Sequence[CapaRecord]) -> tuple[Action, ...]:
    numbers = _group_numbers(records)
    index = next(index for index, record in enumerate(records) if record is doer)

    def number(group: int | None) -> int | None:
        return None if group is None else numbers.get((index, group), group)

    return tuple(
        replace(
            action,
            started_group=number(action.started_group),
            text_first_group=number(action.text_first_group),
        )
        for action in doer.actions
    )


def _merged_activity(records: Iterable[CapaRecord]) -> dict[str, bool | None]:
    """Return whether each person is active; active in any record means active."""
    merged: dict[str, bool | None] = {}
    for record in records:
        for person, active in record.people_active.items():
            held = merged.get(person)
            merged[person] = True if True in (held, active) else (active if held is None else held)
    return merged
