"""The brakes: what stops a flood, what ends a stop, and that no write passes unnoticed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.errors import SafetyStop
from capa_sync.model.halt import Cause, Halt, HaltKind
from capa_sync.writeback.guard import ROLLING_DAY, Allowed, BrakePolicy, Counts, ReleaseLimit, Stopped, choose
from capa_sync.writeback.ticket_plan import TicketPlan
from tests.unit.writeback.harness import HOUR, ON, T0

BRAKES = BrakePolicy("jira", ON)
CALM = Counts(planned=3, new_comments=3, recent=0, changed=3, tickets=100, is_activated=True)


def test_work_within_the_limits_is_allowed() -> None:
    """Within every limit all writes are delivered; a release counts for the present plan, and is used up."""
    assert BRAKES.check(CALM) == Allowed()
    assert BRAKES.check(CALM, ReleaseLimit(5)) == Allowed(tickets=5, consumes=True, lifts_hold=True)


def test_a_release_of_fewer_tickets_than_planned_holds_the_rest() -> None:
    """No more tickets are written than a person released, although the limits allow more; the rest waits."""
    allowed = BRAKES.check(CALM, ReleaseLimit(2))
    assert isinstance(allowed, Allowed)
    assert (allowed.tickets, allowed.consumes, allowed.lifts_hold) == (2, True, False)
    assert allowed.holds.startswith("jira: safety stop: 2 of 3 tickets were released, the rest waits; look at")
    assert isinstance(BRAKES.check(replace(CALM, planned=1, new_comments=1, is_held=True)), Stopped)


@pytest.mark.parametrize(("mode", "cause"), [("off", Cause.OFF), ("plan", Cause.PLAN), ("of", Cause.OFF)])
def test_only_mode_on_writes(mode: str, cause: Cause) -> None:
    """Off and plan write nothing, whatever is released, and are no safety stop."""
    verdict = BrakePolicy("jira", replace(ON, mode=mode)).check(CALM, ReleaseLimit())
    assert isinstance(verdict, Stopped)
    assert (verdict.cause, verdict.is_safety_stop) == (cause, False)
    verdict.raise_if_safety_stop()


def test_the_first_activation_of_a_register_needs_a_release() -> None:
    """Nothing is written before a person releases it, one comment or a thousand; then as many tickets as released."""
    first = replace(CALM, is_activated=False)
    stopped = BRAKES.check(first)
    assert isinstance(stopped, Stopped)
    assert stopped.reason == (
        "jira: safety stop: this register has never written before; 3 tickets would be written to; nothing was "
        "written; look at `capa-sync plan`, then release once with `capa-sync sync --release N|all`"
    )
    with pytest.raises(SafetyStop, match="--release N"):
        stopped.raise_if_safety_stop()
    partly = BRAKES.check(first, ReleaseLimit(2))
    assert isinstance(partly, Allowed)
    assert (partly.tickets, partly.consumes) == (2, True)
    assert BRAKES.check(first, ReleaseLimit()) == Allowed(tickets=None, consumes=True, lifts_hold=True)
    assert BRAKES.check(replace(first, planned=0, new_comments=0, changed=0)) == Allowed()


def test_more_new_comments_than_a_rolling_day_allows_stop() -> None:
    """The 25th is written, the 26th stops; the message has both numbers and the setting."""
    assert BRAKES.check(replace(CALM, new_comments=5, recent=20)) == Allowed()
    stopped = BRAKES.check(replace(CALM, new_comments=5, recent=21))
    assert isinstance(stopped, Stopped)
    assert (stopped.cause, stopped.is_latched) == (Cause.TOO_MANY_COMMENTS, False)
    assert "5 new comments on top of 21 in the last 24 hours" in stopped.reason
    assert "max_new_comments_per_day = 25" in stopped.reason


def test_edits_are_no_new_comments() -> None:
    """A source far beyond its limit still withdraws and edits."""
    assert BRAKES.check(replace(CALM, planned=30, new_comments=0, recent=90)) == Allowed()


def test_too_many_changed_verdicts_stop_from_fifty_tickets_on() -> None:
    """A fifth is allowed, more is not; 49 tickets are too few to decide."""
    assert BRAKES.check(replace(CALM, changed=10, tickets=50)) == Allowed()
    stopped = BRAKES.check(replace(CALM, changed=11, tickets=50))
    assert isinstance(stopped, Stopped)
    assert (stopped.cause, stopped.is_latched) == (Cause.TOO_MANY_CHANGES, True)
    assert "the verdicts of 11 of 50 tickets changed in one cycle, more than the 20% that max_changed_share" in (
        stopped.reason
    )
    assert BRAKES.check(replace(CALM, changed=49, tickets=49)) == Allowed()


def test_a_stop_on_changes_holds_in_the_next_calm_cycle() -> None:
    """What was stopped is not delivered later, when nothing changes any more; a whole release ends the stop."""
    stopped = replace(CALM, changed=0, is_held=True)
    assert isinstance(BRAKES.check(stopped), Stopped)
    assert isinstance(BRAKES.check(stopped, ReleaseLimit(1)), Allowed)
    assert BRAKES.check(stopped, ReleaseLimit(3)) == Allowed(tickets=3, consumes=True, lifts_hold=True)
    assert BRAKES.check(replace(stopped, planned=0, new_comments=0)) == Allowed()


def test_a_release_lets_the_worst_tickets_go_first() -> None:
    """Of the planned tickets, overdue come before warning before the rest; tickets without writes do not count."""
    write = ("x",)
    plans = {
        "3": TicketPlan(writes=write, state="warning"),  # type: ignore[arg-type]
        "2": TicketPlan(writes=write, state="clear"),  # type: ignore[arg-type]
        "1": TicketPlan(state="overdue"),
        "4": TicketPlan(writes=write, state="overdue"),  # type: ignore[arg-type]
    }
    assert choose(plans, Allowed(tickets=2)) == ["4", "3"]
    assert choose(plans, Allowed()) == ["4", "3", "2"]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40)), max_size=60))
def test_no_series_of_small_cycles_exceeds_the_rolling_count(cycles: list[tuple[int, int]]) -> None:
    """However cycles are divided and spaced, no 24 hours have more new comments than the limit."""
    sent: list[int] = []
    hour = 0
    for pause, wanted in cycles:
        hour += pause
        since = T0 + hour * HOUR - ROLLING_DAY
        recent = sum(T0 + at * HOUR > since for at in sent)
        counts = replace(CALM, planned=wanted, new_comments=wanted, recent=recent, changed=0)
        if isinstance(BRAKES.check(counts), Allowed):
            sent += [hour] * wanted
    assert all(sum(at <= other < at + 24 for other in sent) <= ON.max_new_comments_per_day for at in sent)


@given(
    changed=st.integers(0, 5_000),
    tickets=st.integers(0, 100_000),
    share=st.floats(0.001, 1.0),
    is_held=st.booleans(),
)
def test_tickets_need_not_be_counted_further_than_they_matter(
    changed: int, tickets: int, share: float, is_held: bool
) -> None:
    """Counting no further than the brakes ask gives the same answer, in the same words, for any mirror."""
    brakes = BrakePolicy("jira", replace(ON, max_changed_share=share))
    counts = replace(CALM, changed=changed, tickets=tickets, is_held=is_held)
    counted = min(tickets, brakes.worth_counting(changed))
    assert brakes.check(replace(counts, tickets=counted)) == brakes.check(counts)


def test_of_a_large_mirror_few_tickets_are_counted() -> None:
    """Ten changes among a million tickets are no large share as soon as a few dozen are counted."""
    assert BRAKES.worth_counting(0) == BRAKES.worth_counting(1) == 50
    assert BRAKES.worth_counting(100) == int(100 / ON.max_changed_share) + 1


HINT = "look at `capa-sync plan`, then release once with `capa-sync sync --release N|all`"
FLOOD = replace(CALM, new_comments=5, recent=21)


def stop_of(counts: Counts, release: ReleaseLimit | None = None) -> Stopped:
    """Return the stop of some counts."""
    stopped = BRAKES.check(counts, release)
    assert isinstance(stopped, Stopped)
    return stopped


@pytest.mark.parametrize(
    ("counts", "cause", "what", "brief", "is_latched"),
    [
        (
            replace(CALM, is_activated=False, planned=1),
            Cause.FIRST_ACTIVATION,
            "this register has never written before; 1 ticket would be written to",
            "this register has never written before",
            False,
        ),
        (
            replace(CALM, halt=Halt(HaltKind.WITHDRAWN, T0, "roy")),
            Cause.WITHDRAWAL,
            "a withdrawal was asked for; our texts would be taken back from 3 tickets",
            "a withdrawal was asked for",
            False,
        ),
        (
            replace(CALM, changed=21, tickets=100),
            Cause.TOO_MANY_CHANGES,
            "the verdicts of 21 of 100 tickets changed in one cycle, more than the 20% that max_changed_share allows",
            "the verdicts of 21 of 100 tickets changed in one cycle",
            True,
        ),
        (
            replace(CALM, is_held=True),
            Cause.NOT_RELEASED,
            "an earlier stop was not released; 3 tickets would be written to",
            "an earlier stop was not released",
            True,
        ),
        (
            FLOOD,
            Cause.TOO_MANY_COMMENTS,
            "5 new comments on top of 21 in the last 24 hours, more than max_new_comments_per_day = 25",
            "5 new comments on top of 21 in the last 24 hours exceed 25 a day",
            False,
        ),
        (
            replace(CALM, new_comments=1, recent=25),
            Cause.TOO_MANY_COMMENTS,
            "1 new comment on top of 25 in the last 24 hours, more than max_new_comments_per_day = 25",
            "1 new comment on top of 25 in the last 24 hours exceeds 25 a day",
            False,
        ),
        (
            replace(CALM, new_comments=26),
            Cause.TOO_MANY_COMMENTS,
            "26 new comments on top of 0 in the last 24 hours, more than max_new_comments_per_day = 25",
            "26 new comments exceed 25 a day",
            False,
        ),
    ],
)
def test_a_stop_says_its_cause_its_numbers_and_the_way_out(
    counts: Counts, cause: Cause, what: str, brief: str, is_latched: bool
) -> None:
    """A person reads in the log why nothing was written and how to release it, and in the plan the same in brief."""
    reason = f"jira: safety stop: {what}; nothing was written; {HINT}"
    assert stop_of(counts) == Stopped(cause, reason, is_latched, brief)
    assert stop_of(counts).is_safety_stop


def test_a_partial_release_says_what_waits() -> None:
    """The stored stop names the released and the planned tickets."""
    allowed = BRAKES.check(CALM, ReleaseLimit(1))
    assert allowed == Allowed(
        tickets=1, consumes=True, holds=f"jira: safety stop: 1 of 3 tickets were released, the rest waits; {HINT}"
    )


def test_a_pause_stops_even_a_release_and_is_no_safety_stop() -> None:
    """Nothing is written while a person paused the writes; the reason is the pause with its author."""
    paused = replace(CALM, halt=Halt(HaltKind.PAUSED, T0, "roy"))
    stopped = stop_of(paused, ReleaseLimit())
    assert stopped == Stopped(Cause.PAUSED, f"jira: {paused.halt}")
    assert not stopped.is_safety_stop


@pytest.mark.parametrize("is_activated", [True, False])
@pytest.mark.parametrize("is_held", [True, False])
@pytest.mark.parametrize("flood", [True, False])
def test_during_a_pause_the_brakes_are_those_of_its_end(*, flood: bool, is_held: bool, is_activated: bool) -> None:
    """The brakes ahead are the same with and without the pause; none of them is a withdrawal."""
    counts = replace(FLOOD if flood else CALM, is_held=is_held, is_activated=is_activated)
    paused = replace(counts, halt=Halt(HaltKind.PAUSED, T0, "roy"))
    assert BRAKES.holding(paused) == BRAKES.holding(counts)
    assert bool(BRAKES.holding(paused)) == (flood or is_held or not is_activated)


def test_a_withdrawal_is_written_by_release_alone_and_no_other_brake_adds_to_it() -> None:
    """Its release takes texts back; with nothing to take back there is no stop."""
    asked = replace(FLOOD, is_activated=False, halt=Halt(HaltKind.WITHDRAWN, T0, "roy"))
    assert [stop.cause for stop in BRAKES.holding(asked)] == [Cause.WITHDRAWAL]
    assert BRAKES.check(asked, ReleaseLimit()) == Allowed(consumes=True)
    assert BRAKES.check(replace(asked, planned=0)) == Allowed()


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("off", "jira: write-back is off"), ("plan", "jira: write-back is in plan mode, nothing is written")],
)
def test_a_mode_that_does_not_write_says_so(mode: str, reason: str) -> None:
    """The reason names the source and the mode, without a command that would not help."""
    stopped = BrakePolicy("jira", replace(ON, mode=mode)).check(CALM)
    assert isinstance(stopped, Stopped)
    assert (stopped.reason, stopped.is_latched, stopped.brief) == (reason, False, "")


def test_every_brake_that_would_stop_is_named() -> None:
    """The plan shows all brakes that would hold these writes, in the order in which they are checked."""
    counts = replace(FLOOD, is_activated=False, changed=21, tickets=100)
    assert [stop.cause for stop in BRAKES.holding(counts)] == [
        Cause.FIRST_ACTIVATION,
        Cause.TOO_MANY_CHANGES,
        Cause.TOO_MANY_COMMENTS,
    ]
    assert BRAKES.holding(CALM) == []


def test_a_source_without_tickets_has_no_share() -> None:
    """An empty source is not stopped, whatever else changed."""
    assert BRAKES.check(replace(CALM, planned=0, new_comments=0, changed=0, tickets=0)) == Allowed()


def test_the_released_tickets_go_by_state_and_then_by_id() -> None:
    """Overdue, warning, waived, clear; equal states by id, so that a repeated release takes the same tickets."""
    write = ("x",)
    states = {"5": "clear", "4": "waived", "3": "warning", "2": "overdue", "1": "overdue"}
    plans = {
        ticket: TicketPlan(writes=write, state=state)  # type: ignore[arg-type]
        for ticket, state in states.items()
    }
    assert choose(plans, Allowed()) == ["1", "2", "3", "4", "5"]
    assert choose(plans, Allowed(tickets=3)) == ["1", "2", "3"]
    assert choose(plans, Allowed(tickets=0)) == []
