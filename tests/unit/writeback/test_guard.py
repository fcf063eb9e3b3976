"""The brakes: what stops a flood, what ends a stop, and that no write passes unnoticed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.errors import SafetyStop
from capa_sync.writeback.guard import ROLLING_DAY, Allowed, BrakePolicy, Cause, Counts, ReleaseLimit, Stopped, choose
from capa_sync.writeback.plan import TicketPlan
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
