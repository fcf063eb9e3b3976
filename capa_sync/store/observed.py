"""Changes that we saw ourselves, where the tracker's history tells nothing (origin `observed`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from capa_sync.model.patterns import without_addresses
from capa_sync.model.ticket import Origin, RawChange, SourceTicket
from capa_sync.model.values import BLANK, Raw

# What trackers compute from other things or touch at every edit. Its moves are told elsewhere (comments, links,
# history of what it is computed from) or say nothing, so they are no changes of the ticket.
COMPUTED_FIELDS = frozenset(
    (
        # Jira
        "aggregateprogress",
        "aggregatetimeestimate",
        "aggregatetimeoriginalestimate",
        "aggregatetimespent",
        "attachment",
        "comment",
        "creator",
        "issuelinks",
        "lastViewed",
        "progress",
        "resolutiondate",
        "statusCategory",
        "statuscategorychangedate",
        "subtasks",
        "timetracking",
        "updated",
        "votes",
        "watches",
        "worklog",
        "workratio",
        "issuerestriction",
        # ServiceNow
        "business_duration",
        "business_stc",
        "calendar_duration",
        "calendar_stc",
        "comments",
        "comments_and_work_notes",
        "activity_due",
        "reassignment_count",
        "sys_mod_count",
        "sys_tags",
        "sys_updated_by",
        "sys_updated_on",
        "time_worked",
        "work_notes",
    )
)


_LATE = timedelta(minutes=5)
"""So far a search index lags behind, and so far do the clocks of an instance's nodes differ."""


@dataclass(frozen=True, slots=True)
class Observation:
    """An observed change as stored, with the stretch of time in which it must have happened."""

    change: RawChange
    since: datetime
    until: datetime


def without_address(text: str) -> str:
    """Return a text with the memory addresses of Java objects taken out."""
    return without_addresses(text, left="@")


def _content(raw: Raw) -> tuple[tuple[str, ...], str, bool, str]:
    return tuple(map(without_address, raw.ids)), without_address(raw.text), raw.media_only, raw.parent


def same_content(one: Raw, other: Raw) -> bool:
    """Tell whether two values mean the same: names (a renamed option or user) and addresses do not count."""
    return one == other or (one.ids and _content(one)[0] == _content(other)[0]) or _content(one) == _content(other)


def observe(
    old: SourceTicket,
    new: SourceTicket,
    *,
    read_before: datetime,
    read_at: datetime,
    seen: Iterable[Observation] = (),
) -> list[Observation]:
    """Return the fields that both reads held with different values while the history stayed silent.

    The instant is the ticket's own `updated_at` when that moved, else that of our read; the author is known only
    where the tracker names who updated last (ServiceNow `sys_updated_by`) and `updated_at` moved.

    A search index that lags behind is no observation. Without earlier ones of that field (`seen`), a value that now
    is what the history already said is no change: the read before was a late one. Where `updated_at` did not move on,
    the history of its last minutes may be out of order, and need not have said it last. Nor is a step back to what
    was there before an edit of these minutes, wherever `updated_at` stands: this read is a late one.
    """
    moved = new.updated_at > old.updated_at
    at = new.updated_at if moved else read_at
    by = new.values.get("sys_updated_by", BLANK) if moved else BLANK
    told = _told(old, new)
    last = {change.field_id: change.new for change in new.changes}
    doubted = {one.change.field_id for one in seen}
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
        and field_id not in COMPUTED_FIELDS
        and field_id not in told
        and not same_content(before, after)
        and (field_id in doubted or field_id not in last or not same_content(last[field_id], after))
        and not any(
            same_content(change.old, after)
            or (not moved and field_id not in doubted and same_content(change.new, after))
            for change in recent
            if change.field_id == field_id
        )
    ]


def _told(old: SourceTicket, new: SourceTicket) -> set[str]:
    """Return fields for which the new read has a history entry that the old one had not."""
    known = {(change.entry, change.field_id) for change in old.changes}
    fresh = [change for change in new.changes if (change.entry, change.field_id) not in known]
    told: set[str] = set()
    for change in fresh:
        told |= {change.field_id, change.field_name, change.field_id.removeprefix("name:")}
    return told


def merge(changes: Sequence[RawChange], observations: Iterable[Observation]) -> tuple[RawChange, ...]:
    """Return history and observations in one true order, orders counted anew from 1.

    An observation stands after the history up to its instant. One that a history entry tells after all (an audit row
    that came later) is left out.
    """
    kept = [seen for seen in observations if not _explained(seen, changes)]
    if not kept:
        return tuple(changes)
    groups = _groups(changes)
    for seen in sorted(kept, key=lambda seen: seen.change.at):
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
    """Return the fields whose last change in the history leaves nothing there."""
    return {field_id for field_id, last in {c.field_id: c for c in changes}.items() if last.new.is_blank}
