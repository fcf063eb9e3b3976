"""The brakes (CONTRACT.md 4): whether planned writes of one source may go out now; pure, over counts handed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from capa_sync.errors import SafetyStop
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.settings import WriteOptions
from capa_sync.writeback.plan import TicketPlan

ROLLING_DAY = timedelta(hours=24)
"""New comments are counted over this stretch up to now, from the stored writes, so that no restart forgets them."""
SHARE_FROM = 50
"""Tickets a source must have before the share of changed ones means anything."""


class Cause(StrEnum):
    """Why nothing is written."""

    OFF = "off"
    PLAN = "plan"
    PAUSED = "paused"
    WITHDRAWAL = "withdrawal"
    FIRST_ACTIVATION = "first_activation"
    TOO_MANY_COMMENTS = "too_many_comments"
    TOO_MANY_CHANGES = "too_many_changes"


@dataclass(frozen=True, slots=True)
class Release:
    """A person's `sync --release N|all`: so many tickets may be written to, once; None means all."""

    tickets: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What the brakes look at, for one source in one cycle.

    Attributes:
        planned: tickets with any write planned now. new_comments: those of them that notify people.
        recent: notifying writes of the last rolling day that were delivered, are unknown, or wait in the outbox, of
            every source on the same tracker, under whatever name.
        changed: tickets judged before whose verdicts changed in this cycle. tickets: judged tickets of the source,
            counted as far as `Brakes.worth_counting`.
        is_activated: this register was released once before. is_held: a remembered stop of an earlier cycle
            (`Stopped.is_latched`, `Allowed.holds`) was not released yet.
        halt: the pause or withdrawal that a person asked for, None when nobody did.
    """

    planned: int
    new_comments: int
    recent: int
    changed: int
    tickets: int
    is_activated: bool
    is_held: bool = False
    halt: Halt | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """Writing may go on.

    Attributes:
        tickets: at most so many tickets, None all. consumes: a release is used up with this.
        lifts_hold: a remembered stop is over, since every planned ticket may be written to.
        holds: a stop to remember for the tickets that the release did not reach, "" when there are none.
    """

    tickets: int | None = None
    consumes: bool = False
    lifts_hold: bool = False
    holds: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nothing of this source is written; `reason` names cause, numbers and release.

    `is_latched`: remember the stop, since the next cycle would no longer see its cause (`Counts.is_held`).
    `brief`: the cause with its numbers in a few words, for `plan`; "" where there is none.
    """

    cause: Cause
    reason: str
    is_latched: bool = False
    brief: str = ""

    @property
    def is_safety_stop(self) -> bool:
        """Tell a brake that held from write-back that is simply not on."""
        return self.cause not in (Cause.OFF, Cause.PLAN, Cause.PAUSED)

    def raise_if_safety_stop(self) -> None:
        """Raise SafetyStop (exit 4) with the reason when a brake held."""
        if self.is_safety_stop:
            raise SafetyStop(self.reason)


@dataclass(frozen=True, slots=True)
class Brakes:
    """The brakes of one source, by its settings."""

    source: str
    options: WriteOptions

    def worth_counting(self, changed: int) -> int:
        """Return up to how many of a source's tickets must be counted: of so many, `changed` are no large share."""
        return max(SHARE_FROM, int(changed / self.options.max_changed_share) + 1)

    def check(self, counts: Counts, release: Release | None = None) -> Allowed | Stopped:
        """Decide on one source's planned writes of one cycle.

        A release is for what is planned now, needed or not: no more tickets than it says are written to, and the
        rest waits for another one.
        """
        if self.options.mode != "on":
            return self._not_on()
        if counts.halt is not None and counts.halt.kind is HaltKind.PAUSED:
            return Stopped(Cause.PAUSED, f"{self.source}: {counts.halt}")
        if release is not None:
            return self._released(counts, release)
        return next(iter(self.holding(counts)), Allowed())

    def holding(self, counts: Counts) -> list[Stopped]:
        """Return every brake that would hold these writes without a release, were the mode `on`."""
        if counts.halt is not None:
            found = [self._withdrawal(counts)]
        else:
            found = [self._first_activation(counts), self._too_many_changes(counts), self._too_many_comments(counts)]
        return [stop for stop in found if stop is not None]

    def _released(self, counts: Counts, release: Release) -> Allowed:
        if release.tickets is None or release.tickets >= counts.planned:
            return Allowed(tickets=release.tickets, consumes=True, lifts_hold=True)
        what = f"{release.tickets} of {_tickets(counts.planned)} were released, the rest waits"
        return Allowed(tickets=release.tickets, consumes=True, holds=self._told(what))

    def _not_on(self) -> Stopped:
        if self.options.mode == "plan":
            return Stopped(Cause.PLAN, f"{self.source}: write-back is in plan mode, nothing is written")
        return Stopped(Cause.OFF, f"{self.source}: write-back is off")

    def _first_activation(self, counts: Counts) -> Stopped | None:
        if counts.is_activated or not counts.planned:
            return None
        what = f"this register has never written before; {_tickets(counts.planned)} would be written to"
        return self._stop(Cause.FIRST_ACTIVATION, what, "this register has never written before")

    def _withdrawal(self, counts: Counts) -> Stopped | None:
        if not counts.planned:
            return None
        what = f"a withdrawal was asked for; our texts would be taken back from {_tickets(counts.planned)}"
        return self._stop(Cause.WITHDRAWAL, what, "a withdrawal was asked for")

    def _too_many_changes(self, counts: Counts) -> Stopped | None:
        share = counts.changed / counts.tickets if counts.tickets else 0.0
        if counts.tickets >= SHARE_FROM and share > self.options.max_changed_share:
            limit = f"more than the {self.options.max_changed_share:.0%} that max_changed_share allows"
            what = f"the verdicts of {counts.changed} of {counts.tickets} tickets changed in one cycle, {limit}"
            brief = f"the verdicts of {counts.changed} of {counts.tickets} tickets changed in one cycle"
            return self._stop(Cause.TOO_MANY_CHANGES, what, brief, is_latched=True)
        if counts.is_held and counts.planned:
            what = f"an earlier stop was not released; {_tickets(counts.planned)} would be written to"
            return self._stop(Cause.TOO_MANY_CHANGES, what, "an earlier stop was not released", is_latched=True)
        return None

    def _too_many_comments(self, counts: Counts) -> Stopped | None:
        limit = self.options.max_new_comments_per_day
        if not counts.new_comments or counts.recent + counts.new_comments <= limit:
            return None
        planned = f"{counts.new_comments} new {'comment' if counts.new_comments == 1 else 'comments'}"
        what = (
            f"{planned} on top of {counts.recent} in the last 24 hours, more than max_new_comments_per_day = {limit}"
        )
        before = f" on top of {counts.recent} in the last 24 hours" if counts.recent else ""
        brief = f"{planned}{before} {'exceeds' if counts.new_comments == 1 else 'exceed'} {limit} a day"
        return self._stop(Cause.TOO_MANY_COMMENTS, what, brief)

    def _stop(self, cause: Cause, what: str, brief: str, *, is_latched: bool = False) -> Stopped:
        return Stopped(cause, self._told(f"{what}; nothing was written"), is_latched, brief)

    def _told(self, what: str) -> str:
        hint = "look at `capa-sync plan`, then release once with `capa-sync sync --release N|all`"
        return f"{self.source}: safety stop: {what}; {hint}"


def choose(plans: Mapping[str, TicketPlan], allowed: Allowed) -> Sequence[str]:
    """Return ticket ids whose writes may go out: all, or the first `allowed.tickets`, worst state first."""
    order = ("overdue", "warning", "waived", "clear")
    ready = [ticket for ticket, plan in plans.items() if plan.writes]
    ready.sort(key=lambda ticket: (order.index(plans[ticket].state), ticket))
    return ready if allowed.tickets is None else ready[: allowed.tickets]


def _tickets(count: int) -> str:
    return f"{count} {'ticket' if count == 1 else 'tickets'}"
