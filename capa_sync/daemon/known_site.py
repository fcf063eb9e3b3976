"""Merges site facts: a field or status counts as removed only when a second answer does not contain it either."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from capa_sync.model.site import FieldDef, NameSeen, SiteFacts, StatusDef


def lacks_something(facts: SiteFacts, known: SiteFacts) -> bool:
    """Tell whether a field, an option or a status that was known before is missing now."""
    fields = {field.id: {value for value, _name in field.options} for field in facts.fields}
    statuses = {status.id for status in facts.statuses}
    return any(status.id not in statuses for status in known.statuses) or any(
        field.id not in fields or not fields[field.id].issuperset(value for value, _name in field.options)
        for field in known.fields
    )


def merged(earlier: SiteFacts, later: SiteFacts) -> SiteFacts:
    """Return what either answer holds; where both hold the same field or status, `later` counts."""
    return replace(later, fields=_fields((*earlier.fields, *later.fields)), statuses=_statuses(earlier, later))


def never_emptied(facts: SiteFacts, known: SiteFacts) -> SiteFacts:
    """Keep a known list when the new one is empty: every tracker has fields and statuses."""
    return replace(facts, fields=facts.fields or known.fields, statuses=facts.statuses or known.statuses)


def with_names_seen(facts: SiteFacts, known: SiteFacts) -> SiteFacts:
    """Return fresh facts with the names that custom fields had before, also those lost since the last sign-in."""
    if facts.history_has_ids:
        return facts
    names = {field.id: field.name for field in facts.fields if field.custom}
    lost = [field for field in known.fields if field.custom and names.get(field.id, field.name) != field.name]
    last = max((seen.since for seen in known.names_seen), default=0) + 1
    taken = [NameSeen(field.id, names[field.id], last) for field in lost]
    return replace(facts, names_seen=(*known.names_seen, *(NameSeen(gone.id, gone.name) for gone in lost), *taken))


def _fields(fields: Iterable[FieldDef]) -> tuple[FieldDef, ...]:
    found: dict[str, FieldDef] = {}
    for field in fields:
        before = found.get(field.id, field)
        options = dict((*before.options, *field.options))
        found[field.id] = replace(field, options=tuple(options.items()))
    return tuple(found.values())


def _statuses(earlier: SiteFacts, later: SiteFacts) -> tuple[StatusDef, ...]:
    later_ids = {status.id for status in later.statuses}
    return (*(status for status in earlier.statuses if status.id not in later_ids), *later.statuses)
