"""What becomes of planned writes, in lines for a person: what holds them, and how to release them."""

from __future__ import annotations

from collections.abc import Sequence

from capa_sync.daemon.brakes import BrakesAhead
from capa_sync.model.amounts import count_of
from capa_sync.model.halt import Cause
from capa_sync.model.light import light
from capa_sync.writeback import Allowed

RELEASE = "`capa-sync sync --release N|all`"
_NO_RELEASE = (Cause.OFF, Cause.PLAN, Cause.PAUSED)
"""While one of these holds, a release is refused."""


@light
class BrakeWords:
    """What the lines on the brakes of a source name.

    Attributes:
        mode: `write_back.mode`. halts: the pause or withdrawal in words, if there is one.
        released: for how many tickets a release waits, in words, "" when there is none.
        allowed: number of tickets with writes that were allowed before and are not sent yet.
    """

    mode: str
    halts: Sequence[str] = ()
    released: str = ""
    allowed: int = 0


def brake_lines(ahead: BrakesAhead, words: BrakeWords) -> list[str]:
    """Return the mode and the halt that hold, then the brakes; that none holds only where `sync` decides so."""
    lines = [] if words.mode == "on" else [f"write_back.mode is {words.mode}: `sync` writes nothing before it is on"]
    lines += words.halts
    decision = ahead.decision
    if isinstance(decision, Allowed):
        if not decision.consumes:
            return [*lines, "no brake holds: `capa-sync sync` writes all of it"]
        return [*lines, _released("the next `sync`", words), *_allowed(words)]
    if decision.cause is Cause.PLAN and words.released:  # in mode off the next cycle ends it
        return [*lines, _released("the first `sync` in mode on", words)]
    if decision.cause in _NO_RELEASE:
        return [
            *lines,
            *(f"{stop.brief}: even then nothing would be written before {RELEASE}" for stop in ahead.holding),
        ]
    rest = "nothing else" if words.allowed else "nothing"
    return [
        *lines,
        *_allowed(words),
        *(f"{stop.brief}: {rest} would be written before {RELEASE}" for stop in ahead.holding),
    ]


def _released(by: str, words: BrakeWords) -> str:
    return f"released for {words.released}, the worst first, by {by}"


def _allowed(words: BrakeWords) -> list[str]:
    """Return on how many tickets `sync` goes on with what it was allowed to write before."""
    if not words.allowed:
        return []
    return [f"`sync` goes on with what was allowed before: {count_of(words.allowed, 'ticket')}"]
