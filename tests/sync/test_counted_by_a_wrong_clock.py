"""What is counted at an instant, and kept because nobody can count it later, is not counted by a wrong clock."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon.cycle import run_hinted
from capa_sync.daemon.monthly import count_months
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.stories.script import Create, Fill
from tests.sync.world import SOURCES, START, World, open_world

DAYS = 70
APART = pytest.mark.parametrize("days", [DAYS, -DAYS], ids=["ahead", "behind"])


def kept(world: World) -> list[Any]:
    """Return what is kept: checks with their instants, months of the rules, and months of the checks."""
    rows = world.runtime.register._db.rows("SELECT * FROM month_check ORDER BY 1")
    return [world.runtime.register.checks.all(), world.view("v_rule_months"), rows]


def filled(world: World) -> None:
    """Store two records, and let the first month be counted."""
    for story in ("one", "two"):
        deed = Create({"title": story, "grade": "minor", "owner": "anna.lee", "detected_at": "2026-02-20"})
        world.only.play(story, deed)
    world.cycle()


@APART
@pytest.mark.parametrize("source", SOURCES)
def test_no_check_and_no_month_is_kept_while_our_clock_is_wrong(source: str, days: int, tmp_path: Path) -> None:
    """Neither after a poll nor after a hint; with the right clock the month is counted on."""
    ours = SandboxClock(START, ticking=False)
    with open_world(tmp_path, source, our_clock=ours) as world:
        filled(world)
        before = kept(world)
        assert {row["month"] for row in before[1]} == {"2026-03"}
        world.later(hours=2)
        ours.set(world.clock.now() + timedelta(days=days))
        assert "our clock is" in world.cycle(seconds=0)[source].stopped
        world.only.play("one", Fill({"description": "more"}))
        run_hinted(world.runtime, world.runtime.contexts[source], [world.only.id_of("one")])
        assert kept(world) == before
        world.later(hours=2)
        ours.set(world.clock.now())
        world.cycle(seconds=0)
        assert {row["month"] for row in world.view("v_rule_months")} == {"2026-03"}


def test_a_month_of_the_future_goes_when_our_clock_is_proven_to_be_right(tmp_path: Path) -> None:
    """It was counted by a clock that was ahead, where nobody could tell."""
    with open_world(tmp_path, "jira") as world:
        filled(world)
        count_months(world.runtime, world.clock.now() + timedelta(days=DAYS))
        assert {row["month"] for row in world.view("v_rule_months")} == {"2026-03", "2026-05"}
        world.cycle(hours=2)
        assert {row["month"] for row in world.view("v_rule_months")} == {"2026-03"}
        assert [row[0] for row in kept(world)[2]] == ["2026-03"]


def test_a_past_month_does_not_get_the_verdicts_of_today(tmp_path: Path) -> None:
    """A clock that may be behind changes nothing of a month after which another one was counted."""
    with open_world(tmp_path, "jira") as world:
        filled(world)
        before = kept(world)
        world.only.play("three", Create({"title": "three", "grade": "minor", "owner": "anna.lee"}))
        world.cycle(days=35)
        later = kept(world)
        assert later[1] != before[1]
        count_months(world.runtime, START)
        assert kept(world) == later


@APART
def test_an_entry_of_the_waivers_file_is_recorded_by_a_right_clock(days: int, tmp_path: Path) -> None:
    """The longest time of a waiver counts from the day on which its entry is recorded."""
    ours = SandboxClock(START, ticking=False)
    with open_world(tmp_path, "jira", our_clock=ours) as world:
        filled(world)
        context = world.runtime.contexts["jira"]
        taken, context.waivers_taken = context.waivers_taken, "another content"
        world.later(hours=2)
        ours.set(world.clock.now() + timedelta(days=days))
        world.cycle(seconds=0)
        assert context.waivers_taken == "another content"
        ours.set(world.clock.now())
        world.cycle(seconds=30)
        assert context.waivers_taken == taken
