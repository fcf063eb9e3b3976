"""When each digest is sent: one answer for who sends them and for who shows what would be sent."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from capa_sync.digest import last_due, next_due, period_of, quiet_until
from capa_sync.model.days import utc_minute_words
from capa_sync.model.digest import DigestKind, DigestMessage, DigestOptions, Send, SendState
from capa_sync.model.light import light
from capa_sync.store import Sends

_SOON = timedelta(days=1)
_MOST_STEPS = 100
"""Scheduled instants that are looked at for the next one that is sent; holidays leave out few in a row."""


@light
class Coming:
    """What becomes of a message.

    Attributes:
        period: the one that it is for. at: when it is sent; None where it was, or is not any more.
        words: the same for a person.
    """

    period: date
    at: datetime | None
    words: str


def begins_at(sends: Sends, options: DigestOptions, now: datetime, *, is_asked: bool) -> datetime:
    """Return from when on scheduled digests are sent, as a turn at `now` has it.

    A register that never sent a digest begins with the present period where somebody asked, else with the next one;
    so does one that was restored, as nobody knows what was sent since its backup.
    """
    since = sends.since()
    if sends.is_restored():
        return now
    if since is None or since > now:  # one in the future was stored while our clock was ahead
        return min(last_due(kind, options, now) for kind in DigestKind) if is_asked else now
    return since


def due_kinds(sends: Sends, options: DigestOptions, now: datetime, since: datetime) -> list[DigestKind]:
    """Return the kinds whose present period is still to be planned."""
    return [
        kind
        for kind in DigestKind
        if _is_unplanned(sends, options, kind, now, since) and not is_left_to_next(options, kind, now)
    ]


def left_to_next(sends: Sends, options: DigestOptions, now: datetime, since: datetime) -> dict[date, datetime]:
    """Return period -> when the next one begins, for a weekly period that is left to it; empty in quiet time."""
    kind = DigestKind.LEAD
    if quiet_until(options, now) is not None or not (options.leads or options.targets):
        return {}
    if not _is_unplanned(sends, options, kind, now, since) or not is_left_to_next(options, kind, now):
        return {}
    return {period_of(options, last_due(kind, options, now)): next_due(kind, options, now)}


def is_left_to_next(options: DigestOptions, kind: DigestKind, now: datetime) -> bool:
    """Tell whether a weekly digest is left to the next one, which begins within a day and has all that it has."""
    return kind is DigestKind.LEAD and next_due(kind, options, now) - now <= _SOON


def is_tried(options: DigestOptions, send: Send, now: datetime) -> bool:
    """Tell whether a send that waits is tried now; one that a person asked to repeat is, whatever comes next."""
    is_repeated = send.attempts > 0 and not send.error
    return is_repeated or not is_left_to_next(options, send.kind, now)


def _is_unplanned(sends: Sends, options: DigestOptions, kind: DigestKind, now: datetime, since: datetime) -> bool:
    due, planned = last_due(kind, options, now), sends.planned(kind)
    if planned is not None and planned > period_of(options, now):
        planned = None  # of when our clock was ahead; what was sent for the present period is not sent again
    return due >= since and (planned is None or period_of(options, due) > planned)


# --- showing -------------------------------------------------------------------------------------------------------
def coming(sends: Sends, options: DigestOptions, message: DigestMessage, now: datetime, *, is_asked: bool) -> Coming:
    """Return what becomes of a message that there is at `now`, if nothing else changes."""
    period = period_of(options, last_due(message.kind, options, now))
    sent = sends.of_period(message.kind, period).get(message.recipient)
    if sent is not None and sent.state is not SendState.PENDING:
        return Coming(period, None, f"{sent.state} for the period of {period}")
    since = begins_at(sends, options, now, is_asked=is_asked)
    at = _waits_until(options, sent, now) if sent is not None else None
    if at is None:
        at = _first_turn(sends, options, message.kind, now, since)
    return Coming(period_of(options, last_due(message.kind, options, at)), at, _words(options, at, now))


def _waits_until(options: DigestOptions, send: Send, now: datetime) -> datetime | None:
    """Return when a send that was planned is tried; None where its period ends before that."""
    at = max(now, send.not_before or now)
    at = now if at > now + _SOON else at  # a wait beyond a day is of a clock that was ahead
    at = quiet_until(options, at) or at
    is_over = period_of(options, last_due(send.kind, options, at)) != send.period
    return None if is_over or not is_tried(options, send, at) else at


def _first_turn(sends: Sends, options: DigestOptions, kind: DigestKind, now: datetime, since: datetime) -> datetime:
    """Return the first instant outside of quiet time at which a period of this kind is planned."""
    at = quiet_until(options, now) or now
    for _step in range(_MOST_STEPS):
        if _is_unplanned(sends, options, kind, at, since) and not is_left_to_next(options, kind, at):
            break
        at = next_due(kind, options, at)
        at = quiet_until(options, at) or at
    return at


def _words(options: DigestOptions, at: datetime, now: datetime) -> str:
    if at <= now:
        return "to be sent now"
    after = ", after quiet hours" if at == quiet_until(options, now) else ""
    return f"to be sent at {utc_minute_words(at)}{after}"
