"""Removes what we wrote on one ticket: our comment, our labels, our property, our fields; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import assert_never

from capa_sync.model.settings import WriteOptions
from capa_sync.model.ticket import Presence
from capa_sync.model.write import Write, WriteKind, WriteState
from capa_sync.writeback.desired_state import fingerprint
from capa_sync.writeback.reported import ReportedWrites
from capa_sync.writeback.ticket_plan import Target, TicketPlan

REACHABLE = (Presence.PRESENT, Presence.OUT_OF_SCOPE)
"""Presences of tickets that can still be written to."""
_OPEN = (WriteState.PENDING, WriteState.UNKNOWN, WriteState.FAILED)
_EVER = datetime.min.replace(tzinfo=UTC)


def plan_withdrawal(target: Target, writes: Sequence[Write], *, now: datetime, options: WriteOptions) -> TicketPlan:
    """Plan the writes that remove all we wrote on the ticket; work notes stay, no tracker can remove them.

    The baseline and a person's deletions do not prevent it, and nobody is notified.
    """
    reported = ReportedWrites(writes)
    if target.presence not in REACHABLE:
        waiting = tuple(write_id for kind in WriteKind for write_id in reported.idle(kind, ""))
        return TicketPlan(withdraw=waiting, withheld=f"the ticket is {target.presence.value.replace('_', ' ')}")
    wanted = list(_removals(target, reported, now, options))
    keep = {write.kind: write.hash for write in wanted}
    waiting = tuple(write_id for kind in WriteKind for write_id in reported.idle(kind, keep.get(kind, "")))
    fresh = tuple(write for write in wanted if not _is_waiting(reported, write, now))
    return TicketPlan(writes=fresh, withdraw=waiting)


def carries_ours(writes: Sequence[Write]) -> bool:
    """Return whether a ticket with these writes has, or may have, content of ours that a withdrawal removes.

    Labels that a person removed before the rest was taken back count as removed: no write says so.
    """
    reported = ReportedWrites(writes)
    if any(_may_carry(reported, kind) for kind in (WriteKind.COMMENT, WriteKind.PROPERTY, WriteKind.FIELDS)):
        return True
    newest = reported.newest(WriteKind.LABELS)
    if newest is not None and newest.labels_remove and newest.state in _OPEN:
        return True
    return bool(ReportedWrites(reported.current).labels((), _EVER))


def _is_waiting(reported: ReportedWrites, write: Write, now: datetime) -> bool:
    """Return whether the same removal is on its way, or was refused."""
    if (until := reported.gone_until(write.kind, write.hash)) is not None:
        return now < until
    return reported.is_under_way(write.kind, write.hash)


def _removals(target: Target, reported: ReportedWrites, now: datetime, options: WriteOptions) -> Iterator[Write]:
    """Yield one removal for each kind of write that is, or may be, on the ticket."""
    for channel in options.channels:
        match channel:
            case WriteKind.COMMENT | WriteKind.PROPERTY:
                if _may_carry(reported, channel):
                    yield _removal(target, reported, channel, now)
            case WriteKind.LABELS:
                labels = reported.labels(target.labels, target.read_at)
                if labels and reported.newest(channel) is not None:
                    yield _removal(target, reported, channel, now, labels=tuple(sorted(labels)))
            case WriteKind.FIELDS:
                columns = [column for column in (options.text_field, options.state_field) if column]
                if columns and _may_carry(reported, channel):
                    yield _removal(target, reported, channel, now, fields=dict.fromkeys(columns, ""))
            case WriteKind.WORK_NOTE:
                pass  # a tracker cannot remove it
            case _:
                assert_never(channel)


def _may_carry(reported: ReportedWrites, kind: WriteKind) -> bool:
    """Return whether the ticket has, or may have, content of this kind after our newest write of the kind."""
    newest = reported.last_reached(kind)
    return newest is not None and not (newest.is_removal and newest.delivered_at is not None)


def _removal(
    target: Target,
    reported: ReportedWrites,
    kind: WriteKind,
    now: datetime,
    *,
    fields: dict[str, str] | None = None,
    labels: tuple[str, ...] = (),
) -> Write:
    """Make a removal; when the same removal is planned again it has the same id."""
    digest = fingerprint("withdrawn", labels)
    base = reported.intention(kind, digest)
    place = (target.register, target.source, target.ticket_id, kind.value)
    return Write(
        id=base if isinstance(base, str) else fingerprint(*place, digest, base),
        source=target.source,
        ticket_id=target.ticket_id,
        ticket_key=target.ticket_key,
        kind=kind,
        hash=digest,
        created_at=now,
        labels_remove=labels,
        fields=fields or {},
        marker=f"{target.register} {target.ticket_id}",
    )
