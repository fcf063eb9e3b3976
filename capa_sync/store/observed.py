"""Finds changes that the tracker's history does not contain, by comparing two reads (origin `observed`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

from capa_sync.model.light import light
from capa_sync.model.patterns import without_addresses
from capa_sync.model.ticket import Origin, RawChange, SourceTicket
from capa_sync.model.values import BLANK, Raw

_LATE = timedelta(minutes=5)
"""The longest delay of a search index, and the largest clock difference between the nodes of an instance."""


@light
class Observation:
    """An observed change as stored, with the period in which it must have happened."""

    change: RawChange
    since: datetime
    until: datetime


def without_address(text: str) -> str:
    """Return a text without the memory addresses of Java objects."""
    return without_addresses(text, left="@")


def _content(raw: Raw) -> tuple[tuple[str, ...], str, bool, str]:
    return tuple(map(without_address, raw.ids)), without_address(raw.text), raw.media_only, raw.parent


def same_content(first: Raw, second: Raw) -> bool:
    """Return whether two values mean the same: names (a renamed option or user) and addresses do not count."""
    if first == second:
        return True
    content, other = _content(first), _content(second)
    return bool(first.ids and content[0] == other[0]) or content == other


def observe(
    old: SourceTicket,
    new: SourceTicket,
    *,
    read_before: datetime,
    read_at: datetime,
    seen: Iterable[Observation] = (),
    computed: Set[str] = frozenset(),
    updated_by: str = "",
) -> list[Observation]:
    """Return the fields whose values differ between the two reads without a new history entry.

    The instant is the ticket's own `updated_at` when that moved, else that of our read; the author is known only
    where the tracker names who updated last (in the field `updated_by`) and `updated_at` moved. `computed` are the
    fields that are no changes (`Parser.computed_fields`).

    A delayed search index must not produce an observation. Unless the field has earlier observations (`seen`), a new
    value that the history already contains is no change: the earlier read was outdated. Where `updated_at` did not
    move, the history of the last minutes may be out of order, so any recent entry with this value counts, not only
    the last. A return to the value before an edit of these minutes is no change either, wherever `updated_at` is:
    this read is outdated.
    """
    moved = new.updated_at > old.updated_at
    at = new.updated_at if moved else read_at
    by = new.values.get(updated_by, BLANK) if moved else BLANK
    recorded = _newly_recorded(old, new)
    last = {change.field_id: change.new for change in new.changes}
    doubted = {observation.change.field_id for observation in seen}
    since = min(old.updated_at, new.updated_at) - _LATE
    recent = [change for change in new.changes if change.at >= since]
    entry = f"observed-{at.isoformat()}"
    return [
        Observation(
            RawChange(entry, at, 0, field_id, field_id, before, after, (by.ids or ("",))[0], Origin.OBSERVED),
            since=min(old.updated_at, read_before),
            until=max(new.updated_at, read_at),
        )
        for field_id, before in old.values.items()
        if (after := new.values.get(field_id)) is not None
        and field_id not in computed
        and field_id not in recorded
        and not same_content(before, after)
        and (field_id in doubted or field_id not in last or not same_content(last[field_id], after))
        and not any(
            same_content(change.old, after)
            or (not moved and field_id not in doubted and same_content(change.new, after))
            for change in recent
            if change.field_id == field_id
        )
    ]


def _newly_recorded(old: SourceTicket, new: SourceTicket) -> set[str]:
    """Return fields for which only the new read has a history entry."""
    known = {(change.entry, change.field_id) for change in old.changes}
    fresh = [change for change in new.changes if (change.entry, change.field_id) not in known]
    fields: set[str] = set()
    for change in fresh:
        fields |= {change.field_id, change.field_name, change.field_id.removeprefix("name:")}
    return fields


def merge(changes: Sequence[RawChange], observations: Iterable[Observation]) -> tuple[RawChange, ...]:
    """Return history and observations in one chronological order, with orders numbered again from 1.

    An observation follows the history up to its instant. An observation that a later history entry explains (an audit
    row that arrived late) is left out.
    """
    unexplained = [seen for seen in observations if not _explained(seen, changes)]
    if not unexplained:
        return tuple(changes)
    groups = _groups(changes)
    for seen in sorted(unexplained, key=lambda seen: seen.change.at):
        place = len(groups)
        while place and groups[place - 1][0].at > seen.change.at:
            place -= 1
        if place and groups[place - 1][0].entry == seen.change.entry:
            groups[place - 1].append(seen.change)
        else:
            groups.insert(place, [seen.change])
    return tuple(replace(change, order=number) for number, group in enumerate(groups, 1) for change in group)


def _groups(changes: Sequence[RawChange]) -> list[list[RawChange]]:
    groups: list[list[RawChange]] = []
    for change in changes:
        if groups and groups[-1][0].order == change.order:
            groups[-1].append(change)
        else:
            groups.append([change])
    return groups


def _explained(seen: Observation, changes: Sequence[RawChange]) -> bool:
    return any(change.field_id == seen.change.field_id and seen.since < change.at <= seen.until for change in changes)


def emptied_fields(changes: Sequence[RawChange]) -> set[str]:
    """Return the fields that the last change in the history emptied."""
    return {
        field_id for field_id, last in {change.field_id: change for change in changes}.items() if last.new.is_blank
    }
