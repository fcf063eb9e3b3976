"""Merges site facts: a field, status or type counts as removed only when a second answer lacks it too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from capa_sync.model.site import ChildTableDef, FieldDef, NameSeen, SiteFacts, SiteLists, StatusDef


def lacks_something(facts: SiteFacts, known: SiteFacts) -> bool:
    """Tell whether anything of a list that was known before is missing now; a list that is not shown is unknown."""
    statuses = {status.id for status in facts.statuses}
    return (
        any(status.id not in statuses for status in known.statuses)
        or _lacks_field(facts.fields, known.fields)
        or _lacks_name(facts.lists, known.lists)
    )


def _lacks_field(fields: Iterable[FieldDef], known: Iterable[FieldDef]) -> bool:
    found = {field.id: {value for value, _name in field.options} for field in fields}
    return any(
        field.id not in found or not found[field.id].issuperset(value for value, _name in field.options)
        for field in known
    )


def _lacks_name(lists: SiteLists, known: SiteLists) -> bool:
    options, tables = dict(lists.options), {table.name: table for table in lists.tables}
    return (
        any(set(was) - set(now) for now, was in _types(lists, known))
        or any(set(was) - set(options.get(name, was)) for name, was in known.options)
        or any(_lacks_field(tables[was.name].fields, was.fields) for was in known.tables if was.name in tables)
    )


def _types(one: SiteLists, other: SiteLists) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the lists of types that both show."""
    pairs = (
        (one.issue_types, other.issue_types),
        (one.subtask_types, other.subtask_types),
        (one.link_types, other.link_types),
    )
    return [(left, right) for left, right in pairs if left is not None and right is not None]


def merged(earlier: SiteFacts, later: SiteFacts) -> SiteFacts:
    """Return what either answer holds; where both hold the same field or status, `later` counts."""
    return replace(
        later,
        fields=_fields((*earlier.fields, *later.fields)),
        statuses=_statuses(earlier, later),
        lists=_lists(earlier.lists, later.lists),
    )


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


def _lists(earlier: SiteLists, later: SiteLists) -> SiteLists:
    options = {name: dict(listed) for name, listed in earlier.options}
    for name, listed in later.options:
        options[name] = {**options.get(name, {}), **dict(listed)}
    return SiteLists(
        issue_types=_names(earlier.issue_types, later.issue_types),
        subtask_types=_names(earlier.subtask_types, later.subtask_types),
        link_types=_names(earlier.link_types, later.link_types),
        options=tuple((name, tuple(sorted(listed.items()))) for name, listed in sorted(options.items())),
        tables=_tables(earlier.tables, later.tables),
    )


def _names(earlier: tuple[str, ...] | None, later: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if earlier is None and later is None else tuple(sorted({*(earlier or ()), *(later or ())}))


def _tables(earlier: Iterable[ChildTableDef], later: Iterable[ChildTableDef]) -> tuple[ChildTableDef, ...]:
    before = {table.name: table.fields for table in earlier}
    return tuple(replace(table, fields=_fields((*before.get(table.name, ()), *table.fields))) for table in later)
