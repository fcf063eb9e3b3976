"""What a wrong clock of ours has stored, ahead or behind, keeps nothing from being done again when it is due."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.daemon.accounts import AGAIN_AFTER
from capa_sync.daemon.census import RECHECK, RECHECK_EVERY
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.stories.script import Create
from capa_sync.store import CENSUS, FULL
from capa_sync.store.ahead import WAS_AHEAD
from capa_sync.store.columns import instant, instant_text
from tests.sync.test_accounts import owned, result, set_active
from tests.sync.users import users_on
from tests.sync.world import SOURCES, START, World, open_world

YEAR = timedelta(days=365)
APART = pytest.mark.parametrize("apart", [YEAR, -YEAR], ids=["ahead", "behind"])


@APART
@pytest.mark.parametrize("kind", [CENSUS, RECHECK, FULL])
@pytest.mark.parametrize("source", SOURCES)
def test_what_is_done_at_intervals_is_done_again(source: str, kind: str, apart: timedelta, tmp_path: Path) -> None:
    """A run is stored a year from now, and its correction is not the first thing that follows: it counts as never."""
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for word in ("one", "two", "three"):
            users.create(word)
        world.cycle()
        world.only.play("gone", Create({"title": "gone", "grade": "minor"}))
        world.cycle(minutes=5)
        world.only.hide("gone")
        for _census in range(2):
            world.cycle(hours=2)
        runs, at = world.runtime.register.runs, world.clock.now() + apart
        runs.finish(runs.start(source, kind, at), at, ok=True, counts={"swept": 4})
        started = world.clock.now()
        for _cycle in range(2):  # the census of the first one is due for other reasons too
            world.cycle(hours=(RECHECK_EVERY / timedelta(hours=1)) + 1)
        last = runs.last(source, kind)
        assert last is not None
        assert last.ok
        assert started < last.started_at <= world.clock.now()
        gone = world.runtime.register.tickets.presence_confirmed_at(source, world.only.id_of("gone"))
        assert gone is not None
        assert started < gone <= world.clock.now()


@APART
@pytest.mark.parametrize("source", SOURCES)
def test_accounts_are_asked_about_again(source: str, apart: timedelta, tmp_path: Path) -> None:
    """All of them were last asked about a year from now: that one is closed is known with the next sign-in."""
    with open_world(tmp_path, source, rules=("owner-active",)) as world:
        owned(world)
        world.cycle()
        world.cycle(hours=2)
        assert result(world)[0] == "ok"
        database, at = world.runtime.register._db, world.clock.now() + apart
        database.execute("UPDATE tracker_account SET asked_at = ?", (instant_text(at),))
        world.runtime.contexts[source].accounts_not_before = at + AGAIN_AFTER
        set_active(world.only, active=False)
        begun = world.clock.now()
        for _cycle in range(2):
            world.cycle(hours=2)
        assert result(world)[0] == "breach"
        asked = database.column("SELECT asked_at FROM tracker_account")
        assert all(begun < instant(text) <= world.clock.now() for text in asked), asked


@pytest.mark.parametrize("years", [1, -10], ids=["ahead", "behind"])
@pytest.mark.parametrize("source", SOURCES)
def test_only_a_clock_that_may_be_right_takes_back_what_it_finds_in_its_future(
    source: str, years: int, tmp_path: Path
) -> None:
    """By a clock behind everything lies in the future; nothing of it is changed, in this process nor in the next."""
    ours = SandboxClock(START, ticking=False)
    with open_world(tmp_path, source, our_clock=ours, mode="on") as world:
        story = Create({"title": "one", "grade": "minor", "owner": "anna.lee"})
        for word in ("one", "gone", "three"):
            world.only.play(word, story)
        for hours in (0, 1):
            world.later(hours=hours, minutes=1)
            ours.set(world.clock.now())
            world.cycle(seconds=0)
        users_on(world.only).delete(gone := world.only.id_of("gone"))
        for hours in (2, 1):
            world.later(hours=hours)
            ours.set(world.clock.now())
            world.cycle(seconds=0)
        before, since = corrected(world), world.runtime.register.tickets.presence_since(source, gone)
        for is_new_process in (False, True):
            if is_new_process:
                world.restart()
            world.later(minutes=1)
            ours.set(world.clock.now() + years * YEAR)
            assert "our clock is" in world.cycle(seconds=0)[source].stopped
            assert corrected(world) == before
            assert all(run.problem != WAS_AHEAD for run in world.runtime.register.runs.all(source))
        world.later(minutes=1)
        ours.set(world.clock.now())
        world.cycle(seconds=0)
        assert corrected(world) == before
        assert world.runtime.register.tickets.presence_since(source, gone) == since
        assert all(run.started_at <= ours.now() or not run.ok for run in world.runtime.register.runs.all(source))


def corrected(world: World) -> list[object]:
    """Return the instants of what a clock that was ahead is corrected in: writes, changes of verdicts, presences."""
    rows = world.runtime.register.rows_by_table()
    return [rows[table] for table in ("write_out", "verdict_change", "past_presence")]


def test_what_is_ahead_is_taken_back_also_after_cycles_that_failed(tmp_path: Path) -> None:
    """The first right cycles cannot read: their runs are right, and those before them still count as never done."""
    with open_world(tmp_path, "jira") as world:
        users_on(world.only).create("one")
        world.cycle()
        runs, at = world.runtime.register.runs, world.clock.now() + YEAR
        runs.finish(runs.start("jira", "poll", at), at, ok=True, as_of=at)
        world.only.server.faults.add("html", ("GET|POST", r"/search"), times=None)
        for _cycle in range(2):
            world.later(minutes=20)
            assert world.try_cycle(seconds=0)["jira"].problem
        world.only.server.faults.clear()
        world.cycle(hours=1)
        [ahead] = [run for run in runs.all("jira") if run.started_at == at]
        assert not ahead.ok
