"""Time zones, summer time, wrong clocks and lagging indexes change nothing of the mirror."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.sync.equal import assert_equal
from tests.sync.users import UserDriver, users_on
from tests.sync.world import SOURCES, World, open_world

ZONES = ("Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu")
SWITCHES = (  # London twice, St. John's twice: an hour is left out or occurs twice
    datetime(2026, 3, 8, 5, 25, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 55, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 25, tzinfo=UTC),
    datetime(2026, 11, 1, 4, 25, tzinfo=UTC),
)


def set_zone(world: World, zone: str) -> None:
    """Set the time zone in the profile of the account that we read with."""
    site = world.only
    if site.name == "servicenow":
        site.settings(user_time_zone=zone)
    else:
        site.tracker.admin.set_user("capa-sync", {"timeZone": zone})


def live(users: UserDriver, word: str) -> None:
    """One morning: a ticket is created, all tickets are edited within one instant, a person comments."""
    users.create(f"born {word}")
    for number, ticket in enumerate(users.records()):
        users.edit(ticket, f"{word} {number}", number)
        users.save_many(ticket, f"again {word} {number}", number)
    users.say(users.records()[0], f"said {word}")


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("source", SOURCES)
def test_our_profile_s_zone_changes_nothing(source: str, zone: str, tmp_path: Path) -> None:
    """Read in one zone, then in another, through both DST changes of two places: the mirror equals the tracker."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        if source == "jira-dc":
            world.only.settings(epoch_literals=False)  # dates are sent as quoted minutes, read in the profile's zone
        live(users, "first")
        set_zone(world, zone)
        world.cycle()
        assert_equal(world, users)
        for number, switch in enumerate(SWITCHES):
            for step in range(3):
                world.clock.set(switch + timedelta(minutes=35 * step))
                live(users, f"{number} {step}")
                world.cycle()
        assert_equal(world, users)
        before = world.contents()
        set_zone(world, "Europe/London")
        world.cycle(full=True)
        assert_equal(world, users)
        assert {id_: (p, t.changes, t.values) for id_, (p, t) in world.contents().items()} == {
            id_: (p, t.changes, t.values) for id_, (p, t) in before.items()
        }


@pytest.mark.parametrize(
    "trap",
    [
        {"clock_skew_s": 600.0},
        {"clock_skew_s": -600.0},
        {"index_lag_s": 90.0},
        {"index_lag_s": 90.0, "stale_fields": True},
        {"index_lag_s": 90.0, "stale_fields": True, "stale_stamps": False},
    ],
    ids=["ahead", "behind", "lag", "stale", "torn"],
)
@pytest.mark.parametrize("source", SOURCES)
def test_a_wrong_clock_or_a_lagging_index_changes_nothing(source: str, trap: dict[str, Any], tmp_path: Path) -> None:
    """With a clock ten minutes off, or an index or commits ninety seconds late, the mirror equals the tracker."""
    if source == "servicenow" and "index_lag_s" in trap:
        trap = {"commit_late_s": 90.0}
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        live(users, "before the trap")
        world.later(minutes=30)
        world.only.settings(**trap)
        world.cycle()
        for number in range(8):
            live(users, str(number))
            world.cycle(seconds=(10, 30, 75, 200)[number % 4])
        world.cycle(seconds=100)
        world.cycle()
        assert_equal(world, users)
        assert len(world.presences()) == len(users.ids())
