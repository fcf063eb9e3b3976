"""What the ticket has reported already, read from its writes in the outbox; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta

from capa_sync.model.finding import SEVERITY_ORDER, Finding, Severity
from capa_sync.model.light import light
from capa_sync.model.write import OWN_LABELS, TICKET_GONE, Write, WriteKind, WriteState
from capa_sync.writeback.desired_state import UNSURE, fingerprint, is_open_point

REPLACED = "replaced"
"""Error text of a withheld write that is no longer wanted; the outbox sets it."""
IN_PEACE = "left in peace: a person deleted our comment twice"
NOT_MISSED = "a person deleted our comment, and nothing is open that would bring it back"
GONE_AGAIN = timedelta(hours=1)
"""How long after its planning a write whose ticket was gone is planned again."""

_CONTENT = (WriteKind.COMMENT, WriteKind.FIELDS, WriteKind.WORK_NOTE)
_UNDER_WAY = (WriteState.PENDING, WriteState.UNKNOWN, WriteState.FAILED)
_REACHED = (WriteState.DELIVERED, WriteState.UNKNOWN)


@light
class ReportedWrites:
    """Every write ever planned for one ticket, in the order of `seq`."""

    writes: Sequence[Write] = field(default_factory=tuple)

    @property
    def current(self) -> Sequence[Write]:
        """Return the writes after the last delivered removal of our text; all when there is none."""
        removals = [
            position
            for position, write in enumerate(self.writes)
            if write.is_removal and write.state is WriteState.DELIVERED
        ]
        return self.writes[removals[-1] + 1 :] if removals else self.writes

    @property
    def is_touched(self) -> bool:
        """Return whether a write of ours is, or may be, on the ticket."""
        return any(_may_be_there(write) for write in self.current)

    def reached(self, kind: WriteKind) -> Write | None:
        """Return the newest write of a kind that is, or may be, on the ticket."""
        mine = (write for write in reversed(self.current) if write.kind is kind)
        return next((write for write in mine if _may_be_there(write)), None)

    def last_reached(self, kind: WriteKind) -> Write | None:
        """Return the newest write of a kind, removals included, that was or may have been applied."""
        mine = (write for write in reversed(self.writes) if write.kind is kind)
        return next((write for write in mine if _may_be_there(write)), None)

    @property
    def points(self) -> Mapping[str, str]:
        """Return the points of the newest text that is, or may be, on the ticket."""
        reached = [write for write in self.current if write.kind in _CONTENT and _may_be_there(write)]
        return reached[-1].points if reached else {}

    @property
    def has_comment(self) -> bool:
        """Return whether our comment was delivered and not deleted since; the next write then edits it."""
        newest = self.newest(WriteKind.COMMENT)
        is_found = any(write.kind is WriteKind.COMMENT and write.remote_id for write in self.current)
        is_there = is_found or self.delivered(WriteKind.COMMENT) is not None
        return is_there and newest is not None and newest.error != NOT_MISSED

    def newest(self, kind: WriteKind) -> Write | None:
        """Return the newest write of a kind, whatever its state."""
        return next((write for write in reversed(self.writes) if write.kind is kind), None)

    def delivered(self, kind: WriteKind) -> Write | None:
        """Return the newest delivered write of a kind."""
        done = (write for write in reversed(self.current) if write.kind is kind)
        return next((write for write in done if write.state is WriteState.DELIVERED), None)

    def content(self, kind: WriteKind, facts: Mapping[str, str]) -> str:
        """Return the digest of this content; a write with the same facts in other words gives its own digest.

        So a text on the ticket or on its way counts as the same content while no fact differs.
        """
        for write in (self.newest(kind), self.reached(kind)):
            if write is not None and not write.is_removal and says_the_facts(write, facts):
                return write.hash
        return fingerprint(sorted(facts.items()))

    def carried(self, kind: WriteKind) -> Write | None:
        """Return the write whose text is certainly on the ticket; None while a newer one may be there instead."""
        newest = self.reached(kind)
        return newest if newest is not None and newest.state is WriteState.DELIVERED else None

    def needs_no_write(self, kind: WriteKind, digest: str) -> bool:
        """Return whether this content is on the ticket, on its way, or refused for good; then nothing is written."""
        if self.is_under_way(kind, digest):
            return True
        carried = self.reached(kind)
        return carried is not None and carried.hash == digest

    def is_under_way(self, kind: WriteKind, digest: str) -> bool:
        """Return whether the newest write of a kind has this content and waits, is unknown, or was refused."""
        newest = self.newest(kind)
        if newest is None or newest.hash != digest:
            return False
        return newest.state in _UNDER_WAY or newest.error in (IN_PEACE, NOT_MISSED)

    def gone_until(self, kind: WriteKind, digest: str) -> datetime | None:
        """Return when the newest write of a kind, refused because its ticket was gone, may be planned again.

        None where the newest write has another content, or was not refused so. Until a census notices that the ticket
        is hidden, nothing tells whether it is back.
        """
        newest = self.newest(kind)
        if newest is None or newest.hash != digest or newest.state is not WriteState.FAILED:
            return None
        return newest.created_at + GONE_AGAIN if newest.error.endswith(TICKET_GONE) else None

    def idle(self, kind: WriteKind, keep: str) -> list[str]:
        """Return ids of unsent, refused or withheld writes of a kind whose digest is not `keep`."""
        return [write.id for write in self.writes if write.kind is kind and write.hash != keep and _is_idle(write)]

    def intention(self, kind: WriteKind, digest: str) -> str | int:
        """Return what distinguishes this intention from others with the same content.

        A write that was withheld before it was sent is the same intention: its id is returned. Otherwise the `seq` of
        the newest write of the kind is returned, so that a later return to an earlier text is a new intention.
        """
        newest = self.newest(kind)
        if newest is not None and newest.hash == digest and newest.state is WriteState.WITHHELD:
            return newest.id
        return newest.seq if newest else 0

    def labels(self, read: Collection[str] | None, read_at: datetime) -> frozenset[str]:
        """Return our labels on the ticket: those read at `read_at`, changed by our writes since then.

        Where the answer left them out (None) they are those of all our writes: unknown is not empty.
        """
        have = set(read or ()) & OWN_LABELS
        for write in self.writes:
            if write.kind is not WriteKind.LABELS or write.delivered_at is None:
                continue
            if read is None or write.delivered_at >= read_at:
                have = (have | set(write.labels_add)) - set(write.labels_remove)
        return frozenset(have)

    @property
    def has_unknown_notification(self) -> bool:
        """Tell whether it is unknown of a write that notifies whether it was applied."""
        return any(write.notifies and write.state is WriteState.UNKNOWN for write in self.writes)

    def last_notified_at(self) -> datetime | None:
        """Return when this ticket last notified people, or may have; None when it never did."""
        notifying = [write for write in self.writes if write.notifies and _may_be_there(write)]
        return max((write.delivered_at or write.created_at for write in notifying), default=None)

    def knows(self, finding: Finding, note: Write | None) -> bool:
        """Return whether `note` reported this episode at this severity or a higher one."""
        if note is None or finding.opened_at > note.created_at:
            return False
        reported = note.points.get(finding.rule, "")
        if not is_open_point(reported):
            return False
        return SEVERITY_ORDER.index(finding.severity) <= SEVERITY_ORDER.index(Severity(reported))


def says_the_facts(write: Write, facts: Mapping[str, str]) -> bool:
    """Return whether a write and a planned text agree in every fact that both contain.

    A write of an older version has no facts: it agrees if the same points are open at the same severities, and the
    same points are unsure.
    """
    if write.kind is WriteKind.PROPERTY:
        return dict(write.fields) == dict(facts)
    if write.facts is not None:
        return all(facts[name] == fact for name, fact in write.facts.items() if name in facts)
    open_ones = {f"{rule}={point}" for rule, point in write.points.items() if is_open_point(point)}
    unsure = {rule for rule, point in write.points.items() if point == UNSURE}
    return open_ones == set(facts.get("shown", "").split()) and unsure == set(facts.get("unsure", "").split())


def _may_be_there(write: Write) -> bool:
    """Return whether a write was or may have been applied; a text that was found in its place counts (`ALTERED`)."""
    return write.state in _REACHED or bool(write.remote_id)


def _is_idle(write: Write) -> bool:
    """Return whether a write is not sent and not yet known to be unwanted."""
    is_withheld = write.state is WriteState.WITHHELD and write.error not in (REPLACED, IN_PEACE)
    return is_withheld or write.state in (WriteState.PENDING, WriteState.FAILED)
