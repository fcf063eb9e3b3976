"""What changes without a trace is found by census or full sweep within the request budget; noise is no change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.sandbox.messages import Request
from capa_sync.sandbox.stories.script import Create, Fill
from tests.sync.portions import small_portions
from tests.sync.users import JiraUserDriver, users_on
from tests.sync.world import JIRAS, SOURCES, Site, World, open_world


class Killed(BaseException):
    """The process ends here."""


class Pages:
    """Counts committed pages, and ends the process after the page with the given number."""

    def __init__(self, last: int = 10_000) -> None:
        self.read = 0
        self._last = last

    def __call__(self, name: str) -> None:
        """Pass a step of the cycle."""
        self.read += name == "after-page-commit"
        if self.read >= self._last:
            raise Killed


def fill(world: World, count: int = 9) -> None:
    """Create some tickets, farther apart than the overlap in which polls compare everything."""
    for number in range(count):
        world.only.play(f"story {number}", Create({"title": f"Ticket {number}", "grade": "minor"}))
        world.later(minutes=10)


def small_pages(site: Site) -> str:
    """Let lists come in pages of three; return the setting that a ServiceNow source needs for that."""
    if site.name != "servicenow":
        site.settings(short_pages=3)
    return "page_size = 3"


@pytest.fixture
def _small_portions() -> Iterator[None]:
    with small_portions(3):
        yield


def alter(site: Site, story: str, title: str, **how: bool) -> None:
    """Change a title so that neither update time nor history shows it."""
    if site.name == "servicenow":
        values = {"short_description": title}
        ways = {"auto_sys_fields": False, "workflow": False, **how}
        site.tracker.as_user("admin").update("sn_grc_issue", site.id_of(story), values, **ways)
    else:
        site.tracker.admin.alter(site.player.address(story)[0], {"summary": title})


@pytest.mark.parametrize("source", SOURCES)
def test_a_silent_change_is_found_by_the_full_sweep_and_marked_observed(source: str, tmp_path: Path) -> None:
    """A week later it is a change row of origin `observed`, with from and to, dated by our own read."""
    with open_world(tmp_path, source) as world:
        fill(world)
        world.cycle()
        alter(world.only, "story 4", "Silently renamed")
        world.cycle(days=1)
        ticket = world.only.id_of("story 4")
        assert world.observed(ticket) == []
        world.cycle(days=7)
        [(field_id, before, after)] = world.observed(ticket)
        assert field_id == ("short_description" if source == "servicenow" else "summary")
        assert (before, after) == ("Ticket 4", "Silently renamed")
        [row] = world.view("v_changes", origin="observed")
        assert row["changed_at"] == f"{world.clock.now():%Y-%m-%dT%H:%M:%SZ}"
        assert row["changed_by"] == ""
        assert [r["title"] for r in world.view("v_register", ticket_id=ticket)] == ["Silently renamed"]
        world.cycle(days=8)
        assert len(world.observed(ticket)) == 1


def test_an_audited_change_without_an_update_time_is_history(tmp_path: Path) -> None:
    """`autoSysFields(false)` alone keeps the update time and leaves an audit row: the sweep reads it as history."""
    with open_world(tmp_path, "servicenow") as world:
        fill(world)
        world.cycle()
        alter(world.only, "story 4", "By a script", workflow=True)
        world.cycle()
        ticket = world.only.id_of("story 4")
        assert world.changes(ticket) == []
        world.cycle(days=8)
        assert [to for _, _, _, to, _, _ in world.changes(ticket)] == ["By a script"]
        assert world.observed(ticket) == []


def test_a_change_without_an_audit_row_is_observed_at_the_next_poll(tmp_path: Path) -> None:
    """`setWorkflow(false)` alone moves the update time: seen at once, with the row's update time and author."""
    with open_world(tmp_path, "servicenow") as world:
        fill(world)
        world.cycle(hours=1)
        alter(world.only, "story 4", "Imported", auto_sys_fields=True)
        edited = world.clock.now()
        world.cycle()
        ticket = world.only.id_of("story 4")
        assert world.observed(ticket) == [("short_description", "Ticket 4", "Imported")]
        [row] = world.view("v_changes", origin="observed")
        assert row["changed_at"] == f"{edited:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.usefixtures("_small_portions")
@pytest.mark.parametrize("source", SOURCES)
def test_a_killed_sweep_goes_on_where_it_was_and_polls_go_on_between(source: str, tmp_path: Path) -> None:
    """The process dies after two pages of a sweep: the next cycle polls first, then continues the sweep."""
    more = "page_size = 3" if source == "servicenow" else ""
    with open_world(tmp_path, source, more=more) as world:
        fill(world, 30)
        small_pages(world.only)
        world.cycle(hours=1)
        for story in ("story 1", "story 25"):
            alter(world.only, story, "Silent")
        pages = Pages(5)
        world.runtime.checkpoint = pages
        with suppress(Killed):
            world.try_cycle(days=8)
        begun = world.runtime.register.runs.last(source, "full")
        world.restart()
        world.only.play("story 9", Fill({"root_cause": "Edited meanwhile"}))
        rest = Pages()
        world.runtime.checkpoint = rest
        world.cycle()
        ended = world.runtime.register.runs.last(source, "full")
        assert begun is not None
        assert ended is not None
        assert (ended.id, ended.ok) == (begun.id, True)
        column = "short_description" if source == "servicenow" else "summary"
        assert [ticket.values[column].text for _, ticket in world.contents().values()].count("Silent") == 2
        assert len(world.changes(world.only.id_of("story 9"))) == 1
        whole = Pages()
        world.runtime.checkpoint = whole
        world.cycle(days=8)
        assert 0 < rest.read <= whole.read - 3


@pytest.mark.usefixtures("_small_portions")
@pytest.mark.parametrize("source", SOURCES)
def test_polls_go_on_while_a_long_sweep_lasts(source: str, tmp_path: Path) -> None:
    """A sweep that takes an hour is read in slices of one poll interval: edits are mirrored while it goes on."""
    more = "page_size = 3" if source == "servicenow" else ""
    with open_world(tmp_path, source, more=more) as world:
        fill(world, 30)
        small_pages(world.only)
        world.cycle(hours=1)
        alter(world.only, "story 15", "Silent")
        world.later(days=8)

        def slowly(_request: Request) -> None:
            world.clock.advance(timedelta(seconds=25))

        world.only.server.before.append(slowly)
        cycles = 0
        while not world.observed(world.only.id_of("story 15")):
            cycles += 1
            assert cycles < 60
            world.only.play("story 0", Fill({"root_cause": f"Cause {cycles}"}))
            world.cycle(seconds=1)
            assert len(world.changes(world.only.id_of("story 0"))) == cycles
        assert cycles >= 2
        world.only.server.before.clear()
        world.cycle()
        last = world.runtime.register.runs.last(source, "full")
        assert last is not None
        assert last.ok


@pytest.mark.parametrize("source", SOURCES)
def test_a_sweep_keeps_to_the_request_budget(source: str, tmp_path: Path) -> None:
    """Every request of a full sweep and a census respects the budget: two a second, whatever there is to read."""
    more = "page_size = 3" if source == "servicenow" else ""
    with open_world(tmp_path, source, more=more, budget="2/s") as world:
        fill(world, 30)
        small_pages(world.only)
        world.cycle()
        reader: Any = world.runtime.contexts[source].source
        budget = reader.client._budget if source == "servicenow" else reader.budget
        sent, waited, now = len(list(world.only.server.requests)), budget.waited, budget._monotonic()
        budget._monotonic = lambda: now  # no time passes, however long the machine takes
        world.cycle(days=8)
        requests = len(list(world.only.server.requests)) - sent
        assert requests > 10
        # each waits longer than the one before, as none of the waits was spent: half a second a request
        assert budget._full_at - now >= requests * 0.5 - 1
        assert budget.waited > waited


@pytest.mark.parametrize("source", JIRAS)
def test_an_address_that_differs_at_each_read_is_no_change(source: str, tmp_path: Path) -> None:
    """A Java object's memory address in a value makes no change row, no new version and no verdict."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        assert isinstance(users, JiraUserDriver)
        world.only.settings(volatile_fields=[users.ids_of["Root cause"]])
        for number in range(4):
            world.only.play(f"story {number}", Create({"title": "x", "root_cause": "com.example.Sprint"}))
        world.cycle(hours=1)
        versions = "SELECT COUNT(*) FROM part"
        stored = world.runtime.register.tickets._db.value(versions)
        values = {
            id_: ticket.values[users.ids_of["Root cause"]].text for id_, (_, ticket) in world.contents().items()
        }
        for _ in range(4):
            world.cycle(full=True)
            assert world.last[source].counts["judged"] == 0
        assert world.view("v_changes", origin="observed") == []
        assert world.runtime.register.tickets._db.value(versions) == stored
        assert "com.example.Sprint" in next(iter(values.values()))
