"""The waivers of a period: which were in force in it, which still were at its end, and which had run out by then.

What the register does not record of a past waiver is worked out again, as `explain --as-of` does it: its ticket is
judged at that instant by the set of the end of the period.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capa_sync.daemon.explaining_past import NotJudged, judge_past, past_record
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.waiving import waivers_on
from capa_sync.model.amounts import count_of
from capa_sync.model.review import ReviewPeriod, ReviewRecord
from capa_sync.model.waiver import WaiverState, end_of
from capa_sync.register.review import WaivedRule
from capa_sync.store import PastWaiver

_BEFORE = timedelta(microseconds=1)
_UNKNOWN = "of {count} the register cannot tell since when there is a second person: counted as if there were none."
_UNJUDGED = "{count} not counted: the ticket was not judged then."
_Point = tuple[str, str]


class ReviewedWaivers(NamedTuple):
    """The waivers of a period.

    Attributes:
        counted: those that were in force in it. silent: how many were recorded and had no effect in it.
        ran_out: record and rule of those whose last day was over at the end, and of which no other was in force.
        gaps: what is not known, in sentences.
    """

    counted: Sequence[WaivedRule]
    silent: int
    ran_out: frozenset[_Point]
    gaps: Sequence[str]

    def expired(self, records: Sequence[ReviewRecord]) -> int:
        """Count the waivers that ran out while their point is open."""
        broken = {record.name: record.broken for record in records}
        return sum(rule in broken.get(name, ()) for name, rule in self.ran_out)


def reviewed_waivers(runtime: Runtime, period: ReviewPeriod) -> ReviewedWaivers:
    """Return the waivers of a period; the runtime's mappings are bound to the facts of its end."""
    then, counted, silent, unjudged = _Then(runtime), list[WaivedRule](), 0, 0
    ran_out, in_force = set[_Point](), set[_Point]()
    recorded = runtime.register.waivers.recorded_by(period.at)
    today = period.at.astimezone(ZoneInfo(period.zone)).date()
    for own in recorded:
        name = then.name(own, period.at)
        if own.waiver.until < today:
            ran_out.add((name, own.waiver.rule))
        if own.ended_at is not None and own.ended_at <= period.start:
            continue
        states = [then.state(own, at) for at in _instants(own, period)]
        if WaiverState.ACTIVE in states:
            is_over = states[0] is not WaiverState.ACTIVE or _has_ended(own, period.at)
            counted.append(_waived(own, name, period.at, is_over=is_over))
            if not is_over:
                in_force.add((name, own.waiver.rule))
        elif None in states:
            unjudged += 1
        else:
            silent += 1
    return ReviewedWaivers(counted, silent, frozenset(ran_out - in_force), list(_gaps(recorded, unjudged)))


def _instants(own: PastWaiver, period: ReviewPeriod) -> list[datetime]:
    """Return when to look at a waiver: at its last instant in the period, its first, and when it was approved."""
    begun, last = max(period.start, own.recorded_at), period.at
    if own.ended_at is not None and _has_ended(own, last):
        last = own.ended_at - _BEFORE
    if last < begun:  # it was replaced where it was recorded
        return []
    found = [begun]
    if own.waiver.until < last.astimezone(ZoneInfo(period.zone)).date():
        found.append(end_of(own.waiver.until, period.zone) - _BEFORE)
    found += filter(None, own.since)
    return [last, *sorted({at for at in found if begun <= at < last})]


def _has_ended(own: PastWaiver, at: datetime) -> bool:
    return own.ended_at is not None and own.ended_at <= at


def _waived(own: PastWaiver, name: str, at: datetime, *, is_over: bool) -> WaivedRule:
    waiver = own.as_of(at)
    until, approved_by = waiver.until.isoformat(), waiver.approved_by or "nobody"
    return WaivedRule(name, waiver.rule, until, waiver.asked_by, approved_by, is_over)


def _gaps(recorded: Sequence[PastWaiver], unjudged: int) -> Iterator[str]:
    unknown = sum(own.is_doubtful for own in recorded)
    if unknown:
        yield _UNKNOWN.format(count=count_of(unknown, "waiver"))
    if unjudged:
        yield _UNJUDGED.format(count=count_of(unjudged, "waiver"))


class _Then:
    """Tickets with waivers at past instants; each of them is parsed once."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._sources = {context.name: context.inputs() for context in runtime.contexts.values()}
        self._reads = runtime.register.stored_reads()
        self._mirrors: dict[datetime, PastMirror] = {}

    def name(self, own: PastWaiver, at: datetime) -> str:
        """Return how the ticket of a waiver was named at an instant."""
        source, ticket_id = own.waiver.source, own.waiver.ticket_id
        version = self._mirror(at).version(source, ticket_id) if source in self._sources else None
        key = self._runtime.register.tickets.key(source, ticket_id) if version is None else version.ticket.key
        return f"{source}:{key}"

    def state(self, own: PastWaiver, at: datetime) -> WaiverState | None:
        """Return what a waiver did at an instant; None where its ticket was not judged."""
        source, ticket_id = own.waiver.source, own.waiver.ticket_id
        context, mirror = self._runtime.contexts.get(source), self._mirror(at)
        if context is None or mirror.read_by(source) is None:
            return None
        inputs = self._runtime.inputs(context, at)
        record = past_record(inputs, ticket_id, mirror)
        if isinstance(record, NotJudged):
            return None
        episodes = self._runtime.register.findings.episodes(source, ticket_id)
        latest = {episode.rule: episode for episode in episodes if episode.opened_at <= at}
        verdicts = judge_past(inputs, record, mirror, explain=False)
        on = waivers_on(inputs, [own.as_of(at)], record, list(latest.values()), verdicts, at)
        return on.states[0][1]

    def _mirror(self, at: datetime) -> PastMirror:
        if at not in self._mirrors:
            self._mirrors[at] = PastMirror(self._runtime.register, self._sources, at, self._reads)
        return self._mirrors[at]
