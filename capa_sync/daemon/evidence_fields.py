"""What a record says, field by field: each value whole, as people read it, with who set it last and when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from capa_sync.daemon.runtime import Runtime
from capa_sync.exports import Row
from capa_sync.model.catalogue import FIELDS, FieldType
from capa_sync.model.field_titles import FIELD_TITLES
from capa_sync.model.record import CapaRecord, FieldChange, distinct_names
from capa_sync.model.ticket import Origin
from capa_sync.model.values import Value, ValueState

_NOTHING = frozenset({ValueState.EMPTY, ValueState.UNMAPPED})
_OPTIONS = frozenset({FieldType.ENUM, FieldType.YESNO})


def field_rows(record: CapaRecord, of_actions: Collection[str] = ()) -> list[Row]:
    """Return the fields of a record that hold something, or that cannot be read, in the order of the catalogue.

    `of_actions` are those that the ticket of an action may hold (`fields_of_actions`).
    """
    names, last = distinct_names(record.people_names), {change.field: change for change in record.timeline}
    return [
        {
            "field": name,
            "title": title,
            "label": record.labels.get(name, ""),
            "state": value.state.value,
            "value": value.data,
            "text": _text(name, value, names),
            "reason": value.reason,
            **_last_set(record, name, last.get(name), names),
            "of_action": name in of_actions,
        }
        for name, title in FIELD_TITLES.items()
        if (value := record.fields[name]).state not in _NOTHING
    ]


def fields_of_actions(runtime: Runtime, sources: Iterable[str]) -> frozenset[str]:
    """Return the fields that the mappings of some sources take from the tickets of actions (`fills`)."""
    contexts = (runtime.contexts.get(source) for source in sources)
    bound = [context.bound for context in contexts if context is not None and context.bound is not None]
    return frozenset(field.name for mapping in bound for action in mapping.actions for field in action.fills)


def _text(name: str, value: Value, names: Mapping[str, str]) -> str:
    """Return a value as people read it in the tracker, with our word where the tracker has another one."""
    data, kind = value.data, FIELDS[name].type
    if isinstance(data, tuple):
        return value.text or "\n".join(data)
    if not isinstance(data, str) or value.media_only:
        return value.text or ("" if data is None else str(data))
    if kind is FieldType.PERSON:
        return names.get(data) or value.text or data
    if kind not in _OPTIONS:
        return value.text or data
    word, shown = data.replace("_", " "), value.text or data
    return shown if shown.replace("_", " ").casefold() == word else f"{shown} ({word})"


def _last_set(record: CapaRecord, name: str, change: FieldChange | None, names: Mapping[str, str]) -> Row:
    """Return when and by whom a field was set to what it holds, as far as the history says so.

    `how` is `change`, `created` (it is as it was at the creation), `observed` (seen between two readings) or "".
    """
    if change is None or not _is_known(record, name, change):
        return {"how": "", "set_at": None, "set_by": "", "entry": ""}
    how = {Origin.BIRTH: "created", Origin.OBSERVED: "observed"}.get(change.origin, "change")
    by = names.get(change.by, change.by) if change.by else ""
    return {"how": how, "set_at": change.at, "set_by": by, "entry": change.entry}


def _is_known(record: CapaRecord, name: str, change: FieldChange) -> bool:
    """Return whether the last change of a field in the history is the one that made what it holds now."""
    if name in record.history_gaps or not change.tracker_field or not _is_same(change.new, record.fields[name]):
        return False
    begins = record.history_from
    if record.history_complete or (begins is not None and begins <= record.created_at):
        return True
    return begins is not None and change.at >= begins and change.origin is not Origin.BIRTH


def _is_same(first: Value, second: Value) -> bool:
    return first.state is second.state and first.data == second.data
