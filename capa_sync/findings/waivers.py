"""Whether a waiver counts: one pure function for the daemon, the commands, previews, tests and the register."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from capa_sync.model.comment_texts import ENGLISH
from capa_sync.model.finding import Severity
from capa_sync.model.light import light
from capa_sync.model.visible import seen
from capa_sync.model.waiver import SHORTEST_REASON, Waiver, WaiverState, Way, end_of

_SAY = ENGLISH.sentences
MOST_DAYS: Mapping[Severity, int] = {
    Severity.INFO: 365,
    Severity.LOW: 365,
    Severity.MEDIUM: 180,
    Severity.HIGH: 90,
}
"""Days for which a finding of a severity may be waived at most (docs/clause10.md 5.1)."""
AHEAD = timedelta(hours=1)
"""How far a request may lie in the future: a cycle judges by its begin, and a tracker's clock may be ahead."""
_BY_OUR_CLOCK = frozenset({Way.COMMAND, Way.PAGE, Way.FILE})
"""Ways of requests that our own clock dates, and that are recorded in their order."""


@light
class WaiverCase:
    """What the decision reads besides the waiver.

    Attributes:
        severity: of the finding now. owner: person id of the ticket's owner, "" where nobody is named.
        reads: subject -> digest of what the rule reads now; a subject that cannot be read now is left out.
        now: the instant of the decision. unwaivable: ids of rules that nobody may waive. timezone: IANA name; a
            waiver's last day ends there at 24:00.
    """

    severity: Severity
    owner: str
    reads: Mapping[str, str]
    now: datetime
    unwaivable: frozenset[str]
    timezone: str


@light
class WaiverStanding:
    """What a waiver does now, why it has no effect ("" when it has), and when it ends by time.

    `begins` is when one that was asked for in the future may count, None for any other.
    """

    state: WaiverState
    why: str
    until: datetime | None
    begins: datetime | None = None


def standing_of(waiver: Waiver, case: WaiverCase) -> WaiverStanding:
    """Decide whether a recorded or wanted waiver counts now.

    It ends for good when its last day is over or what the rule read has changed. It is inactive while a condition of
    docs/clause10.md 5.1 does not hold, for example while the finding is high and nobody else approved the waiver, or
    while it lies in the future when it was asked for: its limits count from that day.
    """
    until = _ends_at(waiver, case)
    if why := next(_over(waiver, case, until), ""):
        return WaiverStanding(WaiverState.ENDED, why, None)
    why = next(_obstacles(waiver, case), "")
    begins = waiver.asked_at - AHEAD if _is_ahead(waiver, case) else None
    return WaiverStanding(WaiverState.INACTIVE if why else WaiverState.ACTIVE, why, until, begins)


def latest_day(asked_on: date, severity: Severity) -> date:
    """Return the last day until which a finding of a severity may be waived on a day."""
    return asked_on + timedelta(days=MOST_DAYS[severity])


def asked_on(waiver: Waiver, timezone: str) -> date:
    """Return the day on which a waiver was asked for, in a time zone."""
    return waiver.asked_at.astimezone(ZoneInfo(timezone)).date()


def newest_first(waivers: Sequence[Waiver]) -> list[Waiver]:
    """Return waivers, the one that was asked for last first: of several that count for a rule, the newest decides.

    One that our clock dated later than another that was recorded after it was dated by a clock that was ahead.
    """
    placed: list[tuple[datetime, int, Waiver]] = []
    earliest: datetime | None = None
    for waiver in sorted(waivers, key=lambda waiver: waiver.id, reverse=True):
        at = waiver.asked_at
        if waiver.way in _BY_OUR_CLOCK:
            at = earliest if earliest is not None and at > earliest + AHEAD else at
            earliest = at if earliest is None else min(earliest, at)
        placed.append((at, waiver.id, waiver))
    return [waiver for _, _, waiver in sorted(placed, key=lambda place: place[:2], reverse=True)]


def _is_ahead(waiver: Waiver, case: WaiverCase) -> bool:
    return waiver.asked_at > case.now + AHEAD


def _ends_at(waiver: Waiver, case: WaiverCase) -> datetime:
    """Return the end of its last day; of a day beyond every limit, the end of the longest time."""
    return end_of(min(waiver.until, latest_day(asked_on(waiver, case.timezone), Severity.LOW)), case.timezone)


def _over(waiver: Waiver, case: WaiverCase, until: datetime) -> Iterator[str]:
    if case.now >= until:
        yield _SAY.refused_over.format(day=waiver.until)
    changed = sorted(name for name, digest in waiver.reads.items() if case.reads.get(name, digest) != digest)
    if changed:
        yield _SAY.refused_read.format(fields=", ".join(changed))


def _obstacles(waiver: Waiver, case: WaiverCase) -> Iterator[str]:
    """Yield why a waiver that is not over does not count, each with what to do."""
    if _is_ahead(waiver, case):
        yield _SAY.refused_future.format(day=asked_on(waiver, case.timezone))
    if waiver.rule in case.unwaivable:
        yield _SAY.refused_unwaivable.format(rule=waiver.rule)
    if (count := len(seen(waiver.reason))) < SHORTEST_REASON:
        yield _SAY.refused_reason.format(count=count, least=SHORTEST_REASON)
    if case.owner and waiver.asked_by == case.owner:
        yield _SAY.refused_owner.format(person=waiver.asked_by)
    if case.owner and waiver.approved_by == case.owner:
        yield _SAY.refused_approver.format(person=waiver.approved_by)
    if waiver.approved_by and waiver.approved_by == waiver.asked_by:
        yield _SAY.refused_own.format(person=waiver.asked_by)
    if case.severity is Severity.HIGH and not waiver.approved_by:
        yield _SAY.refused_high
    latest = latest_day(asked_on(waiver, case.timezone), case.severity)
    if waiver.until > latest:
        yield _SAY.refused_long.format(severity=case.severity, days=MOST_DAYS[case.severity], day=latest)
