"""A tracker that names a wrong instant, in serverInfo or as the Date of some answers, moves no brake."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from capa_sync.sandbox.messages import Reply, Request
from tests.sync.users import users_on
from tests.sync.world import JIRAS, SOURCES, World, open_world

YEAR = timedelta(days=365)
END_OF_TIME = "Fri, 31 Dec 9999 23:59:59 GMT"
RECORDS = {"jira": "/search/jql", "jira-dc": "/search", "servicenow": "/table/sn_grc_issue"}
"""Source -> the end of the path that its records come from."""
DISTANCES = (YEAR, -timedelta(minutes=11))


@dataclass
class Spoiler:
    """Spoils what a tracker says of the time; `is_on` turns it on. `spoilt` counts the answers that it spoilt."""

    world: World
    spoil: Callable[[Request, Reply], bool]
    is_on: bool = True
    spoilt: int = 0

    def __call__(self, request: Request, reply: Reply) -> None:
        """Spoil one answer before it is sent."""
        if self.is_on and reply.status == 200:
            self.spoilt += self.spoil(request, reply)


@dataclass
class WrongDate:
    """Gives answers another Date: those whose path ends so, all of them or the one of this number."""

    world: World
    date: str
    end: str = ""
    only: int | None = None
    met: int = 0

    def __call__(self, request: Request, reply: Reply) -> bool:
        """Spoil one answer, where it is one of them."""
        if not request.path.endswith(self.end):
            return False
        self.met += 1
        if self.only is None or self.met == self.only:
            reply.headers["Date"] = self.date
            return True
        return False


def wrong_server_time(world: World, distance: timedelta) -> Callable[[Request, Reply], bool]:
    """Return what spoils serverInfo's serverTime by so much, and leaves every Date."""

    def spoil(request: Request, reply: Reply) -> bool:
        if not request.path.endswith("/serverInfo"):
            return False
        stated = {**json.loads(reply.body), "serverTime": (world.clock.now() + distance).isoformat()}
        reply.body = json.dumps(stated).encode()
        return True

    return spoil


def away(world: World, distance: timedelta) -> str:
    """A Date so far from the true one."""
    return format_datetime(world.clock.now() + distance, usegmt=True)


def spoil_clock(world: World, spoil: Callable[[Request, Reply], bool]) -> Spoiler:
    """Spoil the instants of the tracker from now on."""
    spoiler = Spoiler(world, spoil)
    world.only.server.after.append(spoiler)
    return spoiler


def settle_for(world: World, length: str) -> None:
    """Set the quiet time after the last edit, and restart."""
    file = world.folder / "capa-sync.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('settle = "0s"', f'settle = "{length}"'), "utf-8")
    world.restart()


def records_to_warn(world: World) -> None:
    """Create three records that each get a warning once they are quiet."""
    users = users_on(world.only)
    for story in ("one", "two", "three"):
        users.create(story)
    for record in users.records():
        users.create_part(record, "an action")


def quarantined(world: World) -> list[str]:
    """Why tickets are set aside."""
    return [row["quarantine_reason"] for row in world.view("v_tickets") if row["quarantine_reason"]]


def assert_brake_held(world: World, spoiler: Spoiler) -> None:
    """With the wrong instant and after it, nothing is written; when the quiet time is over, all is."""
    source = world.only.name
    for _cycle in range(3):
        world.cycle(minutes=1)
        assert world.writes() == []
        assert quarantined(world) == []
    assert spoiler.spoilt
    spoiler.is_on = False
    assert world.cycle(minutes=1)[source].stopped == ""
    assert world.writes() == []
    assert len(world.view("v_register")) == 3
    world.cycle(days=80)
    assert world.writes() == []
    world.cycle(days=11)
    assert world.writes()


@pytest.mark.parametrize("distance", DISTANCES, ids=str)
@pytest.mark.parametrize("source", JIRAS)
def test_a_wrong_server_time_moves_no_brake_and_stops_judging(
    source: str, distance: timedelta, tmp_path: Path
) -> None:
    """The Dates are right: nothing is judged, one line says what to do, and the next right answer ends it."""
    with open_world(tmp_path, source, mode="on") as world:
        settle_for(world, "90d")
        records_to_warn(world)
        spoiler = spoil_clock(world, wrong_server_time(world, distance))
        stopped = world.cycle()[source].stopped
        assert "its serverTime is" in stopped
        assert "ask the admin of the tracker" in stopped
        assert "\n" not in stopped
        assert world.view("v_register") == []
        assert_brake_held(world, spoiler)


@pytest.mark.parametrize(("distance", "only"), [(YEAR, None), (YEAR, 1), (YEAR, 2), (DISTANCES[1], 1)], ids=str)
@pytest.mark.parametrize("source", SOURCES)
def test_a_wrong_date_on_some_answers_moves_no_brake(
    source: str, distance: timedelta, only: int | None, tmp_path: Path
) -> None:
    """The Dates of the records' answers are wrong, or of one of them: the cycle that saw it judges nothing."""
    with open_world(tmp_path, source, mode="on") as world:
        settle_for(world, "90d")
        records_to_warn(world)
        spoiler = spoil_clock(world, WrongDate(world, away(world, distance), RECORDS[source], only))
        stopped = world.cycle()[source].stopped
        if spoiler.spoilt:
            assert "deadlines cannot be checked" in stopped
            assert world.view("v_register") == []
        assert_brake_held(world, spoiler)


@pytest.mark.parametrize("end", ["records", "every answer"])
@pytest.mark.parametrize("date", [END_OF_TIME, "Mon, 01 Jan 1601 00:00:00 GMT"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_date_that_no_tracker_can_mean_is_none(source: str, date: str, end: str, tmp_path: Path) -> None:
    """It counts as an answer without a Date: tickets are judged, none is quarantined, and no brake moves."""
    with open_world(tmp_path, source, mode="on") as world:
        settle_for(world, "90d")
        records_to_warn(world)
        spoiler = spoil_clock(world, WrongDate(world, date, RECORDS[source] if end == "records" else ""))
        assert world.cycle()[source].stopped == ""
        assert len(world.view("v_register")) == 3
        assert_brake_held(world, spoiler)


@pytest.mark.parametrize("server_time", ["9999-12-31T23:59:59.999+0000", "soon", None])
@pytest.mark.parametrize("source", JIRAS)
def test_a_server_time_that_no_tracker_can_mean_is_none(source: str, server_time: object, tmp_path: Path) -> None:
    """The Dates alone count then."""
    with open_world(tmp_path, source, mode="on") as world:
        settle_for(world, "90d")
        records_to_warn(world)
        world.only.tracker.state.site["serverInfo"] = {"serverTime": server_time}
        assert world.cycle()[source].stopped == ""
        assert len(world.view("v_register")) == 3
        assert (world.writes(), quarantined(world)) == ([], [])


@pytest.mark.parametrize("source", JIRAS)
def test_the_quiet_time_counts_by_the_clock_that_stamps_edits(source: str, tmp_path: Path) -> None:
    """The tracker's clock is nine minutes behind, the Dates of a proxy before it are right: no write comes early."""
    with open_world(tmp_path, source, mode="on") as world:
        settle_for(world, "30m")
        world.only.settings(clock_skew_s=-540.0)
        records_to_warn(world)
        world.only.server.after.append(lambda _request, reply: reply.headers.update(Date=away(world, timedelta(0))))
        world.cycle(minutes=25)
        assert len(world.view("v_register")) == 3
        assert world.writes() == []
        world.cycle(minutes=10)
        assert world.writes()


@pytest.mark.parametrize("source", SOURCES)
def test_a_tracker_s_clock_that_is_set_is_measured_again_between_sign_ins(source: str, tmp_path: Path) -> None:
    """The clock is set nine minutes back after the sign-in: the quiet time counts by it at once."""
    with open_world(tmp_path, source, mode="on") as world:
        settle_for(world, "30m")
        world.cycle()
        records_to_warn(world)
        world.cycle(minutes=1)
        skew = world.runtime.contexts[source].clock_skew
        world.only.settings(clock_skew_s=-540.0)
        world.cycle(minutes=1)
        assert skew == timedelta(0)
        assert world.runtime.contexts[source].clock_skew == timedelta(minutes=-9)
