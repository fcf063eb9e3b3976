"""The checks over the whole register, from counts of the store: pure, each one a function of what was counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from capa_sync.model.amounts import count_of
from capa_sync.model.register_check import CheckName, CheckResult, RecordSpan, RegisterCheckState, RegisterLimits

_SHOWN = 5
"""Largest number of rules or tickets that a sentence names."""


def never_decided(source: str, rules: Sequence[str]) -> CheckResult:
    """G1: rules that never decide with this mapping."""
    if not rules:
        return _ok(CheckName.NEVER_DECIDED, "every rule that applies decides on some ticket", source)
    says = f"{count_of(len(rules), 'rule')} cannot tell on any ticket: {_named(rules)}"
    return _raised(CheckName.NEVER_DECIDED, f"{says}; `capa-sync rules coverage` says why", source)


def silent_origins(newest: Mapping[str, datetime | None], limits: RegisterLimits, now: datetime) -> CheckResult:
    """G2: expected origins of which no nonconformity was found for a long time."""
    silent = [name for name, at in newest.items() if at is None or now - at > limits.quiet_after]
    days = limits.quiet_after.days
    if not silent:
        return _ok(CheckName.SILENT_ORIGIN, f"each expected origin has a nonconformity of the last {days} days")
    names = ", ".join(name.replace("_", " ") for name in silent)
    says = f"no nonconformity from {names} in {days} days: are none found, or none recorded?"
    return _raised(CheckName.SILENT_ORIGIN, says)


def improvements(
    last: datetime | None, unmapped: Sequence[str], limits: RegisterLimits, now: datetime
) -> CheckResult:
    """G3: no improvement decided for a long time; `unmapped`: sources that have no field for the decision."""
    days = limits.quiet_after.days
    if last is not None and now - last <= limits.quiet_after:
        return _ok(CheckName.NO_IMPROVEMENT, f"an improvement was decided in the last {days} days")
    if unmapped:
        what = f"the mapping of {', '.join(unmapped)} names no field for the decision on an improvement"
        return CheckResult(CheckName.NO_IMPROVEMENT, RegisterCheckState.CANNOT_TELL, what)
    return _raised(CheckName.NO_IMPROVEMENT, f"no improvement was decided in {days} days")


def unreviewed_majors(source: str, keys: Sequence[str], is_mapped: bool, limits: RegisterLimits) -> CheckResult:
    """G4: open major nonconformities that no management review saw."""
    if not is_mapped:
        what = "the mapping names no field for the management review"
        return CheckResult(CheckName.UNREVIEWED_MAJOR, RegisterCheckState.CANNOT_TELL, what, source)
    days = limits.unreviewed_after.days
    if not keys:
        return _ok(CheckName.UNREVIEWED_MAJOR, f"no major one is open for {days} days without a review", source)
    says = f"{count_of(len(keys), 'major record')} open for more than {days} days"
    return _raised(CheckName.UNREVIEWED_MAJOR, f"{says}, without a management review: {_named(keys)}", source)


def overdue(spans: Sequence[RecordSpan], limits: RegisterLimits, now: datetime, timezone: str) -> CheckResult:
    """G5: the share of open records that are late is too large, or has risen for months."""
    share = _share(spans, now)
    if share is None:
        return _ok(CheckName.OVERDUE_SHARE, "no record is open")
    says = f"{share:.0%} of the open records are late"
    if share > limits.max_overdue_share:
        return _raised(CheckName.OVERDUE_SHARE, f"{says}, the limit is {limits.max_overdue_share:.0%}")
    months = [_share(spans, start) for start in _month_starts(now, timezone, limits.rising_months + 1)]
    known = [value for value in months if value is not None]
    if len(known) == len(months) and all(before < after for before, after in pairwise(known)):
        path = ", ".join(f"{value:.0%}" for value in known)
        return _raised(
            CheckName.OVERDUE_SHARE, f"{says}; the share rose {limits.rising_months} months running: {path}"
        )
    return _ok(CheckName.OVERDUE_SHARE, says)


def _share(spans: Sequence[RecordSpan], at: datetime) -> float | None:
    """Return the share of the records open at an instant that were late then; None where none was open."""
    open_ones = [
        span
        for span in spans  # in place, as a report has 50,000 records
        if span.open_from is not None and span.open_from <= at and (span.open_until is None or at < span.open_until)
    ]
    late = [span for span in open_ones if _covers(span.late_from, span.late_until, at)]
    return len(late) / len(open_ones) if open_ones else None


def _covers(start: datetime | None, end: datetime | None, at: datetime) -> bool:
    return start is not None and start <= at and (end is None or at < end)


def _month_starts(now: datetime, timezone: str, count: int) -> list[datetime]:
    """Return the last beginnings of a month before an instant, the oldest first."""
    local = now.astimezone(ZoneInfo(timezone))
    months = [local.year * 12 + local.month - 1 - back for back in range(count)]
    return [datetime(month // 12, month % 12 + 1, 1, tzinfo=ZoneInfo(timezone)) for month in reversed(months)]


def waivers(open_records: int, waived: int, expired: int, limits: RegisterLimits) -> CheckResult:
    """G6: waivers that have run out, or too many of them."""
    says = f"{count_of(waived, 'open record')} of {open_records} with a waived rule"
    if expired:
        ran_out = count_of(expired, "waiver")
        return _raised(CheckName.WAIVERS, f"{ran_out} ran out while the point is open; {says}")
    if open_records and waived / open_records > limits.max_waived_share:
        return _raised(CheckName.WAIVERS, f"{says}, the limit is {limits.max_waived_share:.0%}")
    return _ok(CheckName.WAIVERS, says)


def counts(source: str, counted: int | None, swept: int, without_row: int) -> CheckResult:
    """G7: the source counts other tickets than the register; `counted` is None before the first complete census."""
    if counted is None:
        what = "no census was completed yet"
        return CheckResult(CheckName.COUNT_DIFFERS, RegisterCheckState.CANNOT_TELL, what, source)
    if counted != swept:
        what = f"the tracker counts {count_of(counted, 'ticket')} and listed {swept}"
        return _raised(CheckName.COUNT_DIFFERS, what, source)
    if without_row:
        what = f"{count_of(without_row, 'ticket')} of the tracker have no row in the register"
        return _raised(CheckName.COUNT_DIFFERS, what, source)
    return _ok(
        CheckName.COUNT_DIFFERS, f"{count_of(counted, 'ticket')} in the tracker, and the register has them", source
    )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _ok(check: CheckName, says: str, source: str = "") -> CheckResult:
    return CheckResult(check, RegisterCheckState.OK, says, source)


def _raised(check: CheckName, says: str, source: str = "") -> CheckResult:
    return CheckResult(check, RegisterCheckState.RAISED, says, source)
