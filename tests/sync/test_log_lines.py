"""Each log action is written where its name and the operating page promise it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from capa_sync.model.ticket import Presence
from tests.sync.users import users_on
from tests.sync.world import JIRAS, SOURCES, World, open_world

Lines = list[Any]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The log lines of what follows `listen`."""
    before = structlog.get_config()["wrapper_class"]
    with capture_logs() as found:
        yield found
    structlog.configure(wrapper_class=before)


def listen(lines: Lines) -> None:
    """From now on keep the lines of level info and above; a world silences them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(20))
    lines.clear()


def of(lines: Lines, action: str) -> Lines:
    """The lines of one action."""
    return [line for line in lines if line["action"] == action]


def one_warned(world: World) -> str:
    """Create a ticket that gets a warning; return its key."""
    users = users_on(world.only)
    users.create("one")
    users.create_part(users.records()[0], "an action")
    return users.key(users.records()[0])


def test_a_refused_write_is_a_warning(lines: Lines, tmp_path: Path) -> None:
    """It waits for a person, so it does not hide among the lines of a quiet day."""
    with open_world(tmp_path, "jira", mode="on") as world:
        key = one_warned(world)
        world.only.server.faults.add(
            "answer", ("POST", "/comment"), status=403, answer='{"errorMessages": []}', times=None
        )
        listen(lines)
        world.cycle()
        [line] = of(lines, "write_failed")
        assert (line["ticket"], line["log_level"]) == (key, "warning")
        assert of(lines, "write_unknown") == []


def test_a_write_whose_answer_was_lost_is_reported_as_unknown(lines: Lines, tmp_path: Path) -> None:
    """It is deferred too; one that the tracker only asked us to wait with is not unknown."""
    with open_world(tmp_path, "jira", mode="on") as world:
        key = one_warned(world)
        world.only.server.faults.add("drop_after", ("POST", "/comment"))
        listen(lines)
        world.cycle()
        [line] = of(lines, "write_unknown")
        assert (line["ticket"], line["log_level"]) == (key, "warning")
        assert [deferred["write"] for deferred in of(lines, "write_deferred")] == [line["write"]]
        assert of(lines, "write_failed") == []


def test_a_write_that_waits_for_the_tracker_is_not_unknown(lines: Lines, tmp_path: Path) -> None:
    """A refused request was not applied: it is deferred alone."""
    with open_world(tmp_path, "jira", mode="on") as world:
        one_warned(world)
        world.only.server.faults.add("rate_limit", ("POST", "/comment"), retry_after=3600)
        listen(lines)
        world.try_cycle()
        assert len(of(lines, "write_deferred")) == 1
        assert of(lines, "write_unknown") == []


@pytest.mark.parametrize("source", SOURCES)
def test_each_change_of_presence_is_one_line(source: str, lines: Lines, tmp_path: Path) -> None:
    """A ticket that is hidden, one that left the query, and both when they come back; an unchanged one has none."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for number in range(6):
            users.create(f"ticket {number}")
        world.cycle()
        key = world.ticket(users.records()[0]).key
        listen(lines)
        world.cycle(days=1)
        assert of(lines, "presence_changed") == []
        users.hide(users.records()[0])
        world.cycle(days=1)
        [line] = of(lines, "presence_changed")
        assert (line["ticket"], line["presence"]) == (key, Presence.DELETED_OR_HIDDEN)
        lines.clear()
        users.show_all()
        world.cycle(days=1)
        [line] = of(lines, "presence_changed")
        assert (line["ticket"], line["presence"]) == (key, Presence.PRESENT)


@pytest.mark.parametrize("source", SOURCES)
def test_a_project_out_of_sight_changes_the_presence_of_each_ticket(
    source: str, lines: Lines, tmp_path: Path
) -> None:
    """Also where no census could be taken, because the tracker refuses the query."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for number in range(3):
            users.create(f"ticket {number}")
        world.cycle()
        listen(lines)
        world.only.close()
        world.try_cycle(days=1)
        world.try_cycle(days=1)
        changed = of(lines, "presence_changed")
        assert {line["presence"] for line in changed} == {Presence.ACCESS_LOST}
        assert sorted(line["ticket"] for line in changed) == sorted(
            world.ticket(ticket).key for ticket in users.ids()
        )


@pytest.mark.parametrize("source", JIRAS)
def test_a_renamed_field_has_drifted(source: str, lines: Lines, tmp_path: Path) -> None:
    """The pinned field counts on; the line says once under which name it is found now."""
    with open_world(tmp_path, source) as world:
        users_on(world.only).create("one")
        world.cycle()
        tracker = world.only.tracker
        field = tracker.state.field_by("Root cause")
        tracker.load([{"kind": "field", **field, "name": "Real cause"}])
        listen(lines)
        world.cycle(days=1)
        world.cycle(days=1)
        [line] = of(lines, "field_drifted")
        assert "is now called 'Real cause'" in line["problem"]
        assert line["log_level"] == "warning"


@pytest.mark.parametrize("step", ["after-page-commit", "before-judging-commit"])
def test_a_cycle_that_a_stop_ends_is_abandoned_and_did_not_fail(step: str, lines: Lines, tmp_path: Path) -> None:
    """It is neither finished nor failed: the next start goes on."""
    with open_world(tmp_path, "jira") as world:
        users = users_on(world.only)
        users.create("one")

        def stop(name: str) -> None:
            if name == step:
                world.runtime.stop.set()

        world.runtime.checkpoint = stop
        listen(lines)
        world.try_cycle()
        [line] = of(lines, "cycle_abandoned")
        assert (line["source"], line["log_level"]) == ("jira", "info")
        assert of(lines, "cycle_failed") == of(lines, "cycle_finished") == []


def test_a_cycle_that_failed_before_a_stop_has_failed(lines: Lines, tmp_path: Path) -> None:
    """A stop hides no fault."""
    with open_world(tmp_path, "jira") as world:
        world.only.server.faults.add("html", ("(GET|POST)", "/search"), times=None)
        listen(lines)
        world.try_cycle()
        assert len(of(lines, "cycle_failed")) == 1
        assert of(lines, "cycle_abandoned") == []
