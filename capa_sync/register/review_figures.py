"""The figures of the management review, each with its formula; pure, over the records as of the end of the period."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from capa_sync.model.review import ReviewPeriod, ReviewRecord
from capa_sync.register.life import start_of

_WEAK_CAUSE = frozenset({"root-cause-substantive", "root-cause-not-symptom", "root-cause-not-blame"})
"""Rules 11 to 13 of the shipped pack."""
OUTSIDE = frozenset({"external_audit", "customer_complaint", "interested_party_feedback", "supplier"})
"""Origins that count as found by others."""
_MONTHS = 12
_DAY, _YEAR = timedelta(days=1), timedelta(days=365)
NO_CASE = "no case"
_DAYS = "days from {what}, of those in the period; nearest-rank p90"

Figure = tuple[str, str, str]
"""Name, value, formula."""
Record = ReviewRecord


class _Shown(NamedTuple):
    """A record, when it ended last, and whether it is open, both as of the end of the period."""

    record: Record
    ended: datetime | None
    is_open: bool


def figures(records: Sequence[Record], period: ReviewPeriod) -> list[Figure]:
    """Return the figures over these nonconformities, those that are rejected, cancelled or duplicates left out."""
    kept = [record for record in records if not record.side]
    shown = [_shown(record, period.at) for record in kept]
    return [
        _time("Time to contain", shown, period, lambda own: own.record.contained, "found to corrected"),
        _time("Time to the cause", shown, period, lambda own: own.record.caused, "found to root cause first filled"),
        _time(
            "Time to implement (MTTR)", shown, period, lambda own: own.record.implemented, "found to last action done"
        ),
        _time("Time to close", shown, period, lambda own: own.ended, "found to last closure"),
        _on_time(shown, period),
        _implemented_on_time(kept, period),
        _overdue(shown, period),
        _first_time_effective(kept, period),
        _recurrence(shown, period),
        _reopen(kept, period),
        _cause_quality(kept),
        _self_found(kept, period),
    ]


def _shown(record: Record, at: datetime) -> _Shown:
    ended = record.ended_at(at)
    return _Shown(record, ended, ended is None and at >= record.begun)


def flow(records: Sequence[Record], period: ReviewPeriod) -> list[tuple[str, int, int, int, int, int]]:
    """Return for each month (the last twelve): name, open at start, opened, reopened, ended, open at end."""
    edges = list(_months(period))[-_MONTHS:]
    was_open = {edge: _count_open(records, edge) for edge in {edge for _, *both in edges for edge in both}}
    return [(name, was_open[start], *_month(records, start, end), was_open[end]) for name, start, end in edges]


def _month(records: Sequence[Record], start: datetime, end: datetime) -> tuple[int, int, int]:
    moves = [(moved, ended) for record in records for moved, ended in record.moves if start <= moved < end]
    return (
        sum(start <= record.begun < end for record in records),
        sum(not ended for _, ended in moves),
        sum(ended for _, ended in moves),
    )


def _count_open(records: Sequence[Record], edge: datetime) -> int:
    """Count the records that were open just before an instant."""
    before = edge - timedelta(microseconds=1)
    return sum(record.begun < edge and record.is_open(before) for record in records)


def _months(period: ReviewPeriod) -> Iterator[tuple[str, datetime, datetime]]:
    """Yield name, start and end of each month of the period, cut to it; none that begins after what is known."""
    month = period.first.replace(day=1)
    while month <= period.last:
        following = (month + timedelta(days=32)).replace(day=1)
        start = start_of(max(month, period.first), period.zone)
        if start > period.at:
            return
        end = min(start_of(min(following, period.last + timedelta(days=1)), period.zone), period.at)
        yield f"{month:%Y-%m}", start, max(start, end)
        month = following


def in_period(at: datetime | None, period: ReviewPeriod) -> bool:
    """Return whether an instant lies in the period."""
    return at is not None and period.start <= at <= period.at


def _time(
    name: str, shown: Sequence[_Shown], period: ReviewPeriod, step: Callable[[_Shown], datetime | None], what: str
) -> Figure:
    reached: list[int] = []
    waiting: list[datetime] = []
    start, end, zone = period.start, period.at, ZoneInfo(period.zone)
    for own in shown:
        at = step(own)
        if at is None:
            if own.is_open:
                waiting.append(own.record.begun)
        elif start <= at <= end:
            begun = own.record.begun.astimezone(zone).date()
            reached.append(max(0, (at.astimezone(zone).date() - begun).days))
    value = _reached(sorted(reached))
    if waiting:
        first = min(waiting) + _DAY  # a zone may put its clock back over midnight: its days come in no strict order
        oldest = min(begun.astimezone(zone).date() for begun in waiting if begun < first)
        value += f"; {len(waiting)} not yet, the oldest {max(0, (end.astimezone(zone).date() - oldest).days)} days"
    return name, value, _DAYS.format(what=what)


def _reached(days: Sequence[int]) -> str:
    """Return in words after how many days a step was reached; `days` in ascending order."""
    if not days:
        return NO_CASE
    return f"median {statistics.median(days):g}, p90 {days[-(-9 * len(days) // 10) - 1]} days (n={len(days)})"


def share(part: int, whole: int) -> str:
    """Return a share in words: percent, and both numbers."""
    return f"{(100 * part + whole // 2) // whole} % ({part} of {whole})" if whole else NO_CASE


def _on_time(shown: Sequence[_Shown], period: ReviewPeriod) -> Figure:
    value = _timely([(own.ended, own.record.first_due) for own in shown], period)
    return "On-time rate", value, "closed by the due date set first / closed with one, in the period"


def _implemented_on_time(records: Sequence[Record], period: ReviewPeriod) -> Figure:
    """The actions are what the owner has in hand; a closure waits for the review of their effect too."""
    value = _timely([(record.implemented, record.first_due) for record in records], period)
    return "Implemented on time", value, "last action done by that date / done, with such a date, in the period"


def _timely(steps: Iterable[tuple[datetime | None, datetime | None]], period: ReviewPeriod) -> str:
    """Return in words how many steps of the period came before the end of their due date, of those with one."""
    kept = [(at, due) for at, due in steps if at is not None and due is not None and in_period(at, period)]
    return share(sum(at < due for at, due in kept), len(kept))


def _overdue(shown: Sequence[_Shown], period: ReviewPeriod) -> Figure:
    open_ones = [own.record for own in shown if own.is_open]
    late = sum(record.is_late(period.at) for record in open_ones)
    return "Overdue rate", share(late, len(open_ones)), "open and late / open, at the end"


def _first_time_effective(records: Sequence[Record], period: ReviewPeriod) -> Figure:
    first = [record.results[0][1] for record in records if record.results and in_period(record.results[0][0], period)]
    value = share(first.count("effective"), len(first))
    return "First-time effective", value, "effective at the first review / first reviewed in the period"


def _recurrence(shown: Sequence[_Shown], period: ReviewPeriod) -> Figure:
    effective = [own.record for own in shown if _closed_effective(own, period)]
    repeated = {key for own in shown for key in own.record.repeats}
    again = sum(record.key in repeated or record.name in repeated for record in effective)
    return "Recurrence, 12 months", share(again, len(effective)), "named as repeated / closed as effective, 12 months"


def _closed_effective(own: _Shown, period: ReviewPeriod) -> bool:
    results = own.record.results
    is_effective = bool(results) and results[-1][1] == "effective"
    return is_effective and own.ended is not None and own.ended > period.at - _YEAR


def _reopen(records: Sequence[Record], period: ReviewPeriod) -> Figure:
    moves = [ended for record in records for at, ended in record.moves if in_period(at, period)]
    return "Reopen rate", share(moves.count(False), moves.count(True)), "reopened / ended, in the period"


def _cause_quality(records: Sequence[Record]) -> Figure:
    judged = [record for record in records if record.caused is not None and _WEAK_CAUSE & record.decided]
    good = sum(not _WEAK_CAUSE & record.broken for record in judged)
    return (
        "Cause quality",
        share(good, len(judged)),
        "no open warning of rules 11 to 13 / with a cause that they judged",
    )


def _self_found(records: Sequence[Record], period: ReviewPeriod) -> Figure:
    found = [record for record in records if in_period(record.begun, period) and record.origin]
    own = sum(record.origin not in OUTSIDE for record in found)
    return (
        "Self-found share",
        share(own, len(found)),
        "origin not external audit, customer, party or supplier / with one",
    )
