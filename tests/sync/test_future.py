"""Update times and clocks that run ahead: no change is missed, and what has a future instant counts as not done."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from capa_sync.daemon.health import health_of
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.clock import SandboxClock
from tests.sync.equal import assert_equal
from tests.sync.users import users_on
from tests.sync.world import JIRAS, SOURCES, START, open_world

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


@pytest.mark.parametrize("apart", [10, 90, 600])
@pytest.mark.parametrize("source", JIRAS)
def test_an_update_time_in_the_future_hides_no_later_change(source: str, apart: int, tmp_path: Path) -> None:
    """One edit has an update time an hour ahead, later ones the right time: each is mirrored by the next polls."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for number in range(4):
            users.create(f"ticket {number}")
        world.cycle()
        world.cycle(minutes=20)
        now = world.clock.now()
        world.clock.set(now + HOUR)
        users.edit(users.records()[0], "ahead", 1)
        world.clock.set(now)
        world.cycle(seconds=apart)
        assert_equal(world, users)
        for number in range(5):
            users.edit(users.records()[number % 4], f"right {number}", number)
            world.cycle(seconds=apart)
            assert_equal(world, users)


@pytest.mark.parametrize("source", JIRAS)
def test_an_update_time_in_the_future_takes_nothing_from_the_overlap(source: str, tmp_path: Path) -> None:
    """A ticket is an hour ahead while the index lags: what the index shows late is mirrored all the same."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for number in range(4):
            users.create(f"ticket {number}")
        world.cycle()
        world.cycle(minutes=20)
        now = world.clock.now()
        world.clock.set(now + HOUR)
        users.edit(users.records()[0], "ahead", 1)
        world.clock.set(now)
        world.only.settings(index_lag_s=90.0)
        world.cycle(minutes=10)
        for number in range(5):
            users.edit(users.records()[1 + number % 3], f"right {number}", number)
            world.cycle(seconds=20)
        for _poll in range(6):
            world.cycle(seconds=60)
        assert_equal(world, users)


@pytest.mark.parametrize("source", SOURCES)
def test_a_tracker_s_clock_that_was_ahead_for_an_hour_hides_nothing(source: str, tmp_path: Path) -> None:
    """The tracker's clock is ahead while we poll, then set right: what is updated after that is mirrored."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for number in range(3):
            users.create(f"ticket {number}")
        world.cycle()
        world.only.settings(clock_skew_s=3600.0)
        world.restart()
        users.edit(users.records()[0], "ahead", 1)
        world.cycle(minutes=10)
        world.cycle(minutes=10)
        world.only.settings(clock_skew_s=0.0)
        for number in range(5):
            users.edit(users.records()[number % 3], f"right {number}", number)
            world.cycle(seconds=40)
        assert_equal(world, users)


@pytest.mark.parametrize("source", SOURCES)
def test_a_tracker_s_clock_set_right_while_we_were_away_hides_nothing(source: str, tmp_path: Path) -> None:
    """The tracker's clock was ahead at our last poll; the next comes when real time has passed that instant."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for number in range(3):
            users.create(f"ticket {number}")
        world.cycle()
        world.only.settings(clock_skew_s=3600.0)
        world.restart()
        users.edit(users.records()[0], "ahead", 1)
        world.cycle(minutes=10)
        world.cycle(minutes=10)
        world.only.settings(clock_skew_s=0.0)
        world.later(minutes=5)
        users.edit(users.records()[1], "meanwhile", 1)
        world.later(minutes=90)
        world.restart()
        world.cycle()
        assert_equal(world, users)


@pytest.mark.parametrize("source", SOURCES)
def test_with_tickets_updated_in_the_future_an_unchanged_world_costs_nothing_more(
    source: str, tmp_path: Path
) -> None:
    """Known tickets with future update times cost no request and change no row, poll after poll."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for number in range(8):
            users.create(f"ticket {number}")
        world.cycle()
        world.cycle(minutes=20)
        now = world.clock.now()
        requests = world.only.server.requests
        requests.reset()
        world.cycle(minutes=1)
        quiet = len(list(requests))
        world.clock.set(now + HOUR)
        for ticket in users.records()[:6]:
            users.edit(ticket, "ahead", 1)
        world.clock.set(now + timedelta(minutes=2))
        world.cycle()
        world.cycle()
        before = world.runtime.register.rows_by_table()
        requests.reset()
        world.cycle(minutes=1)
        assert len(list(requests)) == quiet
        assert world.runtime.register.rows_by_table() == before


@pytest.mark.parametrize("source", JIRAS)
def test_many_tickets_in_the_future_are_reported_and_hide_no_other_change(source: str, tmp_path: Path) -> None:
    """More tickets than a page are ahead: edits with the right time are mirrored by polls, two requests each."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        page = world.runtime.contexts[source].source._options.page_size
        for number in range(page + 12):
            users.create(f"ticket {number}")
        world.cycle()
        world.cycle(minutes=20)
        now = world.clock.now()
        world.clock.set(now + HOUR)
        for ticket in users.records()[: page + 5]:
            users.edit(ticket, "ahead", 1)
        world.clock.set(now)
        world.cycle(full=True)
        users.edit(users.records()[-1], "right", 1)
        world.cycle()
        assert_equal(world, users)
        assert world.health()["stamped_ahead"] == page
        assert f"{page} tickets or more are stamped in the tracker's future" in world.status()
        world.cycle(minutes=11)
        requests = world.only.server.requests
        requests.reset()
        world.cycle()
        assert len(list(requests)) <= 3


@pytest.mark.parametrize("source", SOURCES)
def test_what_our_own_clock_dated_in_the_future_is_done_again(source: str, tmp_path: Path) -> None:
    """Our clock is ahead by forty days for one cycle: census and sweep are due at once after it, `as_of` is true."""
    ours = SandboxClock(START, ticking=False)
    with open_world(tmp_path, source, our_clock=ours) as world:
        users = users_on(world.only)
        users.create("first")
        world.cycle()
        ours.set(START + timedelta(days=40))
        users.create("second")
        world.cycle(full=True)
        as_of = world.runtime.register.runs.as_of(source)
        assert as_of is not None
        assert as_of <= world.clock.now()
        ours.set(world.clock.now())
        world.restart()
        world.only.server.requests.reset()
        users.create("third")
        world.later(seconds=30)
        ours.set(world.clock.now())
        world.cycle(seconds=0)
        assert_equal(world, users)
        runs = world.runtime.register.runs
        for kind in ("census", "full"):
            last = runs.last(source, kind)
            assert last is not None
            assert (last.ok, last.started_at <= ours.now()) == (True, True), kind
        as_of = runs.as_of(source)
        assert as_of is not None
        assert abs(ours.now() - as_of) < timedelta(minutes=1)
        assert {row["ticket_key"] for row in world.view("v_register")} == {t.key for t in users.truth().values()}


@pytest.mark.parametrize("minutes", [-130, -11, -9, 9, 11, 130])
@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_judged_or_written_by_a_clock_that_is_wrong(source: str, minutes: int, tmp_path: Path) -> None:
    """Up to ten minutes apart, tickets are judged; beyond that, they are only mirrored, and `status` says so."""
    is_right = abs(minutes) < 10
    ours = SandboxClock(START + timedelta(minutes=minutes), ticking=False)
    with open_world(tmp_path, source, our_clock=ours, mode="on") as world:
        users = users_on(world.only)
        users.create("one")
        result = world.cycle(seconds=0)[source]
        assert_equal(world, users)
        assert bool(world.view("v_register")) == is_right
        assert bool(result.stopped) == (not is_right)
        stops = health_of(world.runtime.register, {source: timedelta(minutes=1)}, ours.now())["safety_stops"]
        assert [stop["source"] for stop in stops] == ([] if is_right else [source])
        where = "ahead of" if minutes > 0 else "behind"
        length = "2 h 10 min" if abs(minutes) > 60 else "11 min"
        assert all(f"our clock is {length} {where} the tracker's" in stop["cause"] for stop in stops)
        ours.set(world.clock.now())
        assert world.cycle(seconds=0)[source].stopped == ""
        assert world.view("v_register")
        health = health_of(world.runtime.register, {source: timedelta(minutes=1)}, ours.now())
        assert health["safety_stops"] == []


def test_the_distance_that_is_borne_is_a_setting(tmp_path: Path) -> None:
    """A tracker whose clock is known to be wrong by an hour is judged all the same when the settings say so."""
    ours = SandboxClock(START + timedelta(minutes=50), ticking=False)
    with open_world(tmp_path, "jira", our_clock=ours, more='max_clock_skew = "1h"') as world:
        users_on(world.only).create("one")
        assert world.cycle(seconds=0)["jira"].stopped == ""
        assert world.view("v_register")


@pytest.mark.parametrize("is_first_ahead", [True, False], ids=["first-ahead", "later-ahead"])
@pytest.mark.parametrize("source", SOURCES)
def test_no_presence_is_confirmed_in_the_future(source: str, is_first_ahead: bool, tmp_path: Path) -> None:
    """Our clock was ahead for some cycles: presences are then confirmed by the censuses that were taken after it."""
    ours = SandboxClock(START, ticking=False)
    with open_world(tmp_path, source, our_clock=ours) as world:
        users = users_on(world.only)

        def cycle(ahead: timedelta = timedelta(0), **later: float) -> None:
            world.later(**later)
            ours.set(world.clock.now() + ahead)
            world.cycle(seconds=0)

        def confirmed() -> dict[str, datetime | None]:
            tickets = world.runtime.register.tickets
            return {id_: tickets.presence_confirmed_at(source, id_) for id_ in world.presences()}

        for number in range(4):
            users.create(f"ticket {number}")
        if not is_first_ahead:
            cycle(minutes=1)
        for number in range(2):
            cycle(YEAR, hours=30)
            users.create(f"while ahead {number}")
            users.delete(users.records()[0])
        cycle(hours=1)
        assert len(set(world.presences().values())) == 2
        for hours in (26, 2):
            assert all(instant is None or instant <= ours.now() for instant in confirmed().values())
            present = [id_ for id_, presence in world.presences().items() if presence is Presence.PRESENT]
            assert {confirmed()[id_] for id_ in present} == {world.clock.now()}
            cycle(hours=hours)
        unsure = {id_ for id_, instant in confirmed().items() if instant is None}
        assert all(world.presence(id_) is Presence.DELETED for id_ in unsure)  # proven once, and not asked again
