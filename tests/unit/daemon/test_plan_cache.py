"""The plan cache: each plan comes back complete and once, and the cache never exceeds its size."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.daemon.plan_cache import CachedPlan, PickledPlan, PlanCache
from capa_sync.writeback import TicketPlan
from tests.unit.store.fake_parser import DAY, T0
from tests.unit.store.writes import write

LOUD = TicketPlan((write("w1"), write("w2")), ("old",), T0 + DAY, "a brake holds it", "warning")
QUIET = TicketPlan(next_due_at=T0 + DAY, withheld="people were at work on it", state="waived")


def pickled(size: int) -> PickledPlan:
    """Return a plan of this many bytes, which is never unpickled."""
    return PickledPlan(None, False, b"x" * size)


def taken(plans: PlanCache, name: str) -> TicketPlan | None:
    """Take a ticket's plan, as it was made."""
    found = plans.take(name)
    return None if found is None else found.plan()


def stored_bytes(plans: PlanCache, *names: str) -> dict[str, bytes]:
    """Return the bytes of those plans of these tickets that the cache holds."""
    return {name: plans._plans[name] for name in names if name in plans._plans}


@pytest.mark.parametrize("plan", [LOUD, QUIET, TicketPlan()])
def test_a_plan_comes_back_as_it_was(plan: TicketPlan) -> None:
    """A plan comes back with all its writes; what must be known before it is unpickled stands beside it."""
    seal = PickledPlan.of(plan)
    assert (seal.next_due_at, seal.is_quiet) == (plan.next_due_at, plan.is_quiet)
    assert CachedPlan.of(plan).notifies == plan.notifies
    plans = PlanCache()
    plans.keep("1", seal)
    assert taken(plans, "1") == plan


def test_each_plan_is_taken_once_and_by_its_ticket_alone() -> None:
    """A ticket without a plan gets none."""
    plans = PlanCache()
    plans.keep("1", PickledPlan.of(LOUD))
    plans.keep("2", PickledPlan.of(QUIET))
    assert plans.take("3") is None
    assert (taken(plans, "2"), taken(plans, "2")) == (QUIET, None)
    assert (taken(plans, "1"), taken(plans, "1")) == (LOUD, None)


def test_what_does_not_fit_is_not_kept() -> None:
    """A plan that does not fit is computed again; a smaller one behind it may still fit, to the last byte."""
    plans = PlanCache(most=10)
    for name, size in (("1", 6), ("2", 5), ("3", 4), ("4", 1)):
        plans.keep(name, pickled(size))
    assert set(stored_bytes(plans, "1", "2", "3", "4")) == {"1", "3"}


def test_a_plan_that_is_taken_gives_its_room_back() -> None:
    """All of its bytes are free again."""
    plan = PickledPlan.of(LOUD)
    plans = PlanCache(most=len(plan.pickled))
    for name in ("1", "2", "3"):
        plans.keep(name, plan)
        plans.keep("late", plan)
        assert plans.take("late") is None
        assert taken(plans, name) == LOUD


def test_a_plan_that_is_replaced_gives_its_room_back() -> None:
    """The later plan of a ticket replaces the earlier one, even if both together would not fit."""
    plans = PlanCache(most=len(PickledPlan.of(LOUD).pickled))
    plans.keep("1", PickledPlan.of(QUIET))
    plans.keep("1", PickledPlan.of(LOUD))
    assert taken(plans, "1") == LOUD


def test_a_plan_too_large_leaves_not_even_the_one_before_it() -> None:
    """The earlier plan of a ticket is out of date, whether or not the new one was stored."""
    plans = PlanCache(most=len(PickledPlan.of(LOUD).pickled) - 1)
    plans.keep("1", PickledPlan.of(QUIET))
    plans.keep("1", PickledPlan.of(LOUD))
    assert plans.take("1") is None


def test_clearing_keeps_none_and_gives_all_room_back() -> None:
    """The next cycle begins with an empty cache."""
    plan = PickledPlan.of(LOUD)
    plans = PlanCache(most=len(plan.pickled))
    plans.keep("1", plan)
    plans.clear()
    assert plans.take("1") is None
    plans.keep("2", plan)
    assert taken(plans, "2") == LOUD


def test_a_folder_that_cannot_be_written_keeps_no_plan(tmp_path: Path) -> None:
    """The plan is made again: a full or read-only disk ends no cycle."""
    plans = PlanCache(folder=tmp_path / "not there")
    plans.keep("1", PickledPlan.of(LOUD))
    assert plans.take("1") is None


def test_plans_leave_no_file_behind(tmp_path: Path) -> None:
    """Their file has no name, in the folder of the register."""
    plans = PlanCache(folder=tmp_path)
    plans.keep("1", PickledPlan.of(LOUD))
    assert list(tmp_path.iterdir()) == []
    assert taken(plans, "1") == LOUD
