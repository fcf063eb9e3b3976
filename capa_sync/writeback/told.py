"""What a ticket carries already, read from its writes in the outbox: the planner's memory; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from capa_sync.model.finding import SEVERITY_ORDER, Finding, Severity
from capa_sync.model.write import OWN_LABELS, Write, WriteKind, WriteState
from capa_sync.writeback.standing import is_open_point

_CONTENT = (WriteKind.COMMENT, WriteKind.FIELDS, WriteKind.WORK_NOTE)
_UNDER_WAY = (WriteState.PENDING, WriteState.UNKNOWN, WriteState.FAILED)
_REACHED = (WriteState.DELIVERED, WriteState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Told:
    """The writes ever meant for one ticket, in the order of `seq`."""

    writes: Sequence[Write] = field(default_factory=tuple)

    @property
    def was_warned(self) -> bool:
        """Tell whether any text of ours is, or may be, on the ticket."""
        return any(write.kind in _CONTENT and write.state in _REACHED for write in self.writes)

    @property
    def points(self) -> Mapping[str, str]:
        """Return the points of the newest text that is, or may be, on the ticket."""
        reached = [write for write in self.writes if write.kind in _CONTENT and write.state in _REACHED]
        return reached[-1].points if reached else {}

    @property
    def has_comment(self) -> bool:
        """Tell whether a comment of ours was delivered, so that the next one is an edit."""
        return self.delivered(WriteKind.COMMENT) is not None

    def newest(self, kind: WriteKind) -> Write | None:
        """Return the newest write of a kind, whatever became of it."""
        return next((write for write in reversed(self.writes) if write.kind is kind), None)

    def delivered(self, kind: WriteKind) -> Write | None:
        """Return the newest delivered write of a kind."""
        done = (write for write in reversed(self.writes) if write.kind is kind)
        return next((write for write in done if write.state is WriteState.DELIVERED), None)

    def stands(self, kind: WriteKind, digest: str) -> bool:
        """Tell whether this content is on the ticket, on its way, or was refused for good: no reason to write."""
        if self.is_under_way(kind, digest):
            return True
        reached = (write for write in reversed(self.writes) if write.kind is kind and write.state in _REACHED)
        carried = next(reached, None)
        return carried is not None and carried.hash == digest

    def is_under_way(self, kind: WriteKind, digest: str) -> bool:
        """Tell whether the newest write of a kind has this content and waits, is unknown, or was refused for good."""
        newest = self.newest(kind)
        return newest is not None and newest.hash == digest and newest.state in _UNDER_WAY

    def idle(self, kind: WriteKind, keep: str) -> list[str]:
        """Return ids of waiting writes of a kind whose content is not the one to `keep`."""
        waiting = (write for write in self.writes if write.kind is kind and write.state is WriteState.PENDING)
        return [write.id for write in waiting if write.hash != keep]

    def base(self, kind: WriteKind) -> int:
        """Return the place of the newest write of a kind: a return to an earlier text is a new intention."""
        newest = self.newest(kind)
        return newest.seq if newest else 0

    def labels(self, read: Collection[str], read_at: datetime) -> frozenset[str]:
        """Return our labels on the ticket: as read at `read_at`, with what we wrote since then laid over."""
        have = set(read) & OWN_LABELS
        for write in self.writes:
            if write.kind is WriteKind.LABELS and write.delivered_at is not None and write.delivered_at >= read_at:
                have = (have | set(write.labels_add)) - set(write.labels_remove)
        return frozenset(have)

    def last_notified_at(self) -> datetime | None:
        """Return when people were last notified on this ticket, or may have been."""
        told = [write for write in self.writes if write.notifies and write.state in _REACHED]
        return max((write.delivered_at or write.created_at for write in told), default=None)

    def knows(self, finding: Finding, note: Write | None) -> bool:
        """Tell whether `note` told people of this episode at this severity or a graver one."""
        if note is None or finding.opened_at > note.created_at:
            return False
        told = note.points.get(finding.rule, "")
        return is_open_point(told) and SEVERITY_ORDER.index(finding.severity) <= SEVERITY_ORDER.index(Severity(told))

    def newest_note(self) -> Write | None:
        """Return the newest work note that is, or may be, on the ticket."""
        notes = (write for write in reversed(self.writes) if write.kind is WriteKind.WORK_NOTE)
        return next((write for write in notes if write.state in _REACHED), None)
