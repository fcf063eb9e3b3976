"""The brakes (docs/contract.md 4): may planned writes of one source be sent now? Pure, decided from counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from capa_sync.errors import SafetyStop
from capa_sync.model.amounts import count_of
from capa_sync.model.halt import Cause, Halt, HaltKind
from capa_sync.model.light import light
from capa_sync.model.settings import WriteOptions

ROLLING_DAY = timedelta(hours=24)
"""New comments are counted over this time up to now, from the stored writes: a restart does not reset the count."""
SHARE_FROM = 50
"""With fewer tickets than this in a source, the share of changed tickets is not checked."""


@light
class ReleaseLimit:
    """A person's `sync --release N|all`: how many tickets may be written to, once; None means all."""

    tickets: int | None = None


@light
class Counts:
    """The input of the brakes, for one source in one cycle.

    Attributes:
        planned: tickets with a write planned now. new_comments: those of them that notify people.
        recent: notifying writes of the last rolling day that were delivered, are unknown, or wait in the outbox, of
            all sources on the same tracker, whatever their names.
        changed: tickets evaluated before whose verdicts changed in this cycle. tickets: evaluated tickets of the
            source, counted up to `BrakePolicy.worth_counting`.
        is_activated: this register was released before. is_held: a stored stop of an earlier cycle
            (`Stopped.is_latched`, `Allowed.holds`) is not released yet.
        halt: the pause or withdrawal that a person asked for, None when there is none.
    """

    planned: int
    new_comments: int
    recent: int
    changed: int
    tickets: int
    is_activated: bool
    is_held: bool = False
    halt: Halt | None = None

    @property
    def is_withdrawing(self) -> bool:
        """Return whether a person asked that our texts be taken back; a pause leaves that to its end."""
        return self.halt is not None and self.halt.kind is HaltKind.WITHDRAWN


@light
class Allowed:
    """Writing is allowed.

    Attributes:
        tickets: the most tickets that may be written to, None all. consumes: this uses up a release.
        lifts_hold: a stored stop ends, since every planned ticket may be written to.
        holds: the stop to store for the tickets beyond the release, "" when there are none.
    """

    tickets: int | None = None
    consumes: bool = False
    lifts_hold: bool = False
    holds: str = ""


@light
class Stopped:
    """Nothing is written to this source; `reason` names the cause, the numbers and the release command.

    `is_latched`: store the stop, since the next cycle no longer sees its cause (`Counts.is_held`).
    `brief`: the cause with its numbers in a few words, for `plan`; "" where there is none.
    """

    cause: Cause
    reason: str
    is_latched: bool = False
    brief: str = ""

    @property
    def is_safety_stop(self) -> bool:
        """Return whether a brake stopped the writes; False when write-back is paused or not `on`."""
        return self.cause not in (Cause.OFF, Cause.PLAN, Cause.PAUSED)

    def raise_if_safety_stop(self) -> None:
        """Raise SafetyStop (exit 4) with the reason when a brake stopped the writes."""
        if self.is_safety_stop:
            raise SafetyStop(self.reason)


@light
class BrakePolicy:
    """The brakes of one source with the limits of its settings."""

    source: str
    options: WriteOptions

    def worth_counting(self, changed: int) -> int:
        """Return how many tickets of a source to count at most: in so many, `changed` is no large share."""
        return max(SHARE_FROM, int(changed / self.options.max_changed_share) + 1)

    def check(self, counts: Counts, release: ReleaseLimit | None = None) -> Allowed | Stopped:
        """Decide on one source's planned writes of one cycle.

        A release is for what is planned now, even if no brake needs it: no more tickets than it allows are written
        to, and the rest waits for the next release.
        """
        if self.options.mode != "on":
            return self._not_on()
        if counts.halt is not None and counts.halt.kind is HaltKind.PAUSED:
            return Stopped(Cause.PAUSED, f"{self.source}: {counts.halt}")
        if release is not None:
            return self._released(counts, release)
        return next(iter(self.holding(counts)), Allowed())

    def holding(self, counts: Counts) -> list[Stopped]:
        """Return every brake that would stop these writes in mode `on`, after a pause, without a release."""
        if counts.is_withdrawing:
            found = [self._withdrawal(counts)]
        else:
            found = [self._first_activation(counts), self._too_many_changes(counts), self._too_many_comments(counts)]
        return [stop for stop in found if stop is not None]

    def _released(self, counts: Counts, release: ReleaseLimit) -> Allowed:
        if counts.is_withdrawing:  # it is for removals: what holds warnings stays as it is
            return Allowed(tickets=release.tickets, consumes=True)
        if release.tickets is None or release.tickets >= counts.planned:
            return Allowed(tickets=release.tickets, consumes=True, lifts_hold=True)
        what = f"{release.tickets} of {count_of(counts.planned, 'ticket')} were released, the rest waits"
        return Allowed(tickets=release.tickets, consumes=True, holds=self._reason(what))

    def _not_on(self) -> Stopped:
        if self.options.mode == "plan":
            return Stopped(Cause.PLAN, f"{self.source}: write-back is in plan mode, nothing is written")
        return Stopped(Cause.OFF, f"{self.source}: write-back is off")

    def _first_activation(self, counts: Counts) -> Stopped | None:
        if counts.is_activated or not counts.planned:
            return None
        what = f"this register has never written before; {count_of(counts.planned, 'ticket')} would be written to"
        return self._stop(Cause.FIRST_ACTIVATION, what, "this register has never written before")

    def _withdrawal(self, counts: Counts) -> Stopped | None:
        if not counts.planned:
            return None
        what = f"a withdrawal was asked for; our texts would be taken back from {count_of(counts.planned, 'ticket')}"
        return self._stop(Cause.WITHDRAWAL, what, "a withdrawal was asked for")

    def _too_many_changes(self, counts: Counts) -> Stopped | None:
        options = self.options
        if counts.tickets >= SHARE_FROM and counts.changed / counts.tickets > options.max_changed_share:
            limit = f"more than the {options.max_changed_share:.0%} that max_changed_share allows"
            brief = f"the verdicts of {counts.changed} of {count_of(counts.tickets, 'ticket')} changed in one cycle"
            return self._stop(Cause.TOO_MANY_CHANGES, f"{brief}, {limit}", brief, is_latched=True)
        if counts.is_held and counts.planned:
            what = f"an earlier stop was not released; {count_of(counts.planned, 'ticket')} would be written to"
            return self._stop(Cause.NOT_RELEASED, what, "an earlier stop was not released", is_latched=True)
        return None

    def _too_many_comments(self, counts: Counts) -> Stopped | None:
        limit = self.options.max_new_comments_per_day
        if not counts.new_comments or counts.recent + counts.new_comments <= limit:
            return None
        planned = count_of(counts.new_comments, "new comment")
        what = (
            f"{planned} on top of {counts.recent} in the last 24 hours, more than max_new_comments_per_day = {limit}"
        )
        before = f" on top of {counts.recent} in the last 24 hours" if counts.recent else ""
        brief = f"{planned}{before} {'exceeds' if counts.new_comments == 1 else 'exceed'} {limit} a day"
        return self._stop(Cause.TOO_MANY_COMMENTS, what, brief)

    def _stop(self, cause: Cause, what: str, brief: str, *, is_latched: bool = False) -> Stopped:
        return Stopped(cause, self._reason(f"{what}; nothing was written"), is_latched, brief)

    def _reason(self, what: str) -> str:
        hint = "look at `capa-sync plan`, then release once with `capa-sync sync --release N|all`"
        return f"{self.source}: safety stop: {what}; {hint}"


class PlannedState(Protocol):
    """What `choose` needs of a plan; `TicketPlan` has the descriptions."""

    @property
    def writes(self) -> Sequence[object]:
        """Return the new writes."""

    @property
    def state(self) -> str:
        """Return the state of the ticket."""


def choose(plans: Mapping[str, PlannedState], allowed: Allowed) -> Sequence[str]:
    """Return ids of tickets whose writes may be sent: all, or the first `allowed.tickets`, worst state first."""
    order = ("overdue", "warning", "waived", "clear")
    ready = [ticket for ticket, plan in plans.items() if plan.writes]
    ready.sort(key=lambda ticket: (order.index(plans[ticket].state), ticket))
    return ready[: allowed.tickets]
