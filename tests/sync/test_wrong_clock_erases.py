"""Retention erases nothing by a wrong clock, ahead or behind: what it erases cannot be brought back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from capa_sync.cli.app import cli
from capa_sync.daemon.erasure_work import UNCONFIRMED_AGAIN, ErasureWork
from capa_sync.model.settings import RetentionOptions
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.stories.script import ChangeStage, Create
from tests.sync.users import users_on
from tests.sync.world import SECRETS, SOURCES, START, World, open_world

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


class Clocks:
    """The world's clock, and ours with a distance to it."""

    def __init__(self, world: World, ours: SandboxClock) -> None:
        self._world, self._ours = world, ours
        self.apart = timedelta(0)

    def later(self, **by: float) -> None:
        """Let time pass for both."""
        self._world.later(**by)
        self._ours.set(self._world.clock.now() + self.apart)

    def cycle(self, **by: float) -> str:
        """Run one cycle later; return the brake that held."""
        self.later(**by)
        return self._world.cycle(seconds=0)[self._world.only.name].stopped


@contextmanager
def kept_world(folder: Path, source: str = "jira", more: str = "") -> Iterator[tuple[World, Clocks]]:
    """One open record, one closed today; the daemon's retention is on."""
    ours = SandboxClock(START, ticking=False)
    with open_world(folder, source, our_clock=ours, more=more) as world:
        for story in ("open", "closed"):
            world.only.play(story, Create({"title": story, "grade": "minor"}))
        world.only.play("closed", ChangeStage("closed"))
        clocks = Clocks(world, ours)
        clocks.cycle(seconds=30)
        clocks.cycle(hours=1)
        world.runtime.retention = RetentionOptions(erases=True)
        yield world, clocks


def erased(world: World, work: ErasureWork) -> list[str]:
    """Let a tick of the daemon pass; return the ids of what is erased by then."""
    work.do(world.runtime)
    return [stone.ticket_id for stone in world.runtime.register.erasures.tombstones()]


@pytest.mark.parametrize("years", [7, -10])
@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_erased_while_our_clock_is_wrong(source: str, years: int, tmp_path: Path) -> None:
    """Also by a clock that was set after the last answer, and where no tracker answers; later it is, once due."""
    with kept_world(tmp_path, source) as (world, clocks):
        work = ErasureWork()
        assert erased(world, work) == []
        clocks.apart = years * YEAR
        clocks.later(minutes=1)
        assert erased(world, work) == []  # the answers came before the clock was set
        assert f"our clock is {abs(years) * 365} d" in clocks.cycle(minutes=1)
        assert erased(world, ErasureWork()) == []
        assert world.runtime.register.erasures.unconfirmed() == ([source] if years > 0 else [])
        world.restart()
        world.runtime.retention = RetentionOptions(erases=True)
        assert erased(world, ErasureWork()) == []  # no answer yet in this process
        clocks.apart = timedelta(0)
        clocks.cycle(hours=2)
        assert erased(world, ErasureWork()) == []
        assert world.runtime.register.erasures.unconfirmed() == []
        clocks.cycle(days=7 * 365)
        assert erased(world, ErasureWork()) == [world.only.id_of("closed")]


@pytest.mark.parametrize("source", SOURCES)
def test_a_deletion_that_was_found_by_a_clock_behind_is_as_young_as_it_is(source: str, tmp_path: Path) -> None:
    """No presence is stored by a clock that is known to be wrong; the census follows when it is right."""
    with kept_world(tmp_path, source) as (world, clocks):
        users_on(world.only).delete(gone := world.only.id_of("open"))
        clocks.apart = -10 * YEAR
        clocks.cycle(hours=2)
        clocks.cycle(minutes=15)
        assert world.presence(gone) is Presence.PRESENT
        clocks.apart = timedelta(0)
        clocks.cycle(minutes=1)
        clocks.cycle(hours=3)
        assert world.presence(gone) in (Presence.DELETED, Presence.DELETED_OR_HIDDEN)
        since = world.runtime.register.tickets.presence_since(source, gone)
        assert since is not None
        assert START < since <= world.clock.now()
        assert erased(world, ErasureWork()) == []


def set_since(world: World, ticket: str, since: datetime) -> None:
    """Store that a ticket is gone since an instant, as a version did that trusted its clock."""
    database = world.runtime.register._db
    database.execute(
        "UPDATE mirror SET presence_at = ? WHERE ticket_id = ?", (f"{since:%Y-%m-%dT%H:%M:%S.%fZ}", ticket)
    )


@pytest.mark.parametrize("years", [7, -10])
def test_an_impossible_loss_of_the_past_is_corrected(years: int, tmp_path: Path) -> None:
    """What is stored as gone before it was last seen, or in the future, gets an instant that can be."""
    with kept_world(tmp_path) as (world, clocks):
        users_on(world.only).delete(gone := world.only.id_of("open"))
        clocks.cycle(hours=2)
        clocks.cycle(minutes=15)
        set_since(world, gone, START + years * YEAR)
        assert gone not in erased(world, ErasureWork())
        if years > 0:  # the run that stored it is in the future too
            world.runtime.register.runs.start("jira", "poll", START + years * YEAR)
        clocks.cycle(hours=2)
        since = world.runtime.register.tickets.presence_since("jira", gone)
        assert since is not None
        assert START < since <= world.clock.now()
        assert erased(world, ErasureWork()) == []


def test_a_presence_never_begins_before_the_one_that_it_ends(tmp_path: Path) -> None:
    """Where no answer has a Date nobody sees that our clock is behind: the last sight of a ticket bounds its loss."""
    with kept_world(tmp_path) as (world, _clocks):
        tickets, ticket = world.runtime.register.tickets, world.only.id_of("open")
        read = world.runtime.register.runs.last_success("jira")
        for presence in (Presence.UNOBSERVED, Presence.DELETED, Presence.PRESENT):
            tickets.set_presence("jira", ticket, presence, "a proof", START - 10 * YEAR)
            assert tickets.presence_since("jira", ticket) == read


def test_retention_waits_for_an_answer_and_status_says_so(tmp_path: Path) -> None:
    """Records due, a process without an answer: it waits, tries again, and erases after the first right Date."""
    with kept_world(tmp_path) as (world, clocks):
        clocks.later(days=7 * 365)
        work = ErasureWork()
        assert erased(world, work) == []  # the last answer is years old
        with (file := tmp_path / "capa-sync.toml").open("a", encoding="utf-8") as settings:
            settings.write('[retention]\nmode = "on"\n')
        assert "retention waits: nothing of jira is erased until an answer of each tracker" in world.status()
        clocks.cycle(seconds=30)
        assert erased(world, work) == []
        clocks.later(seconds=UNCONFIRMED_AGAIN.total_seconds())
        assert erased(world, work) == [world.only.id_of("closed")]
        assert "retention waits" not in world.status()
        assert file.exists()


def test_records_of_a_source_that_the_settings_name_no_longer_need_another_s_answer(tmp_path: Path) -> None:
    """Nobody asks the removed source any more: another one's right Date counts, unless one contradicts."""
    with kept_world(tmp_path) as (world, clocks):
        clocks.cycle(days=7 * 365)
        context = world.runtime.contexts["jira"]
        world.runtime.contexts = {}
        assert erased(world, ErasureWork()) == []
        world.runtime.contexts = {"other": context}
        clocks.apart = 2 * HOUR
        clocks.later(seconds=0)
        context.source.identify()
        assert erased(world, ErasureWork()) == []
        clocks.apart = timedelta(0)
        clocks.later(minutes=1)
        context.source.take_furthest_offset()
        context.source.identify()
        assert erased(world, ErasureWork()) == [world.only.id_of("closed")]


@pytest.mark.parametrize(("years", "is_erased"), [(0, True), (7, False), (-10, False)])
def test_sync_erases_only_after_the_trackers_have_answered(
    years: int, is_erased: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sync` asks the trackers first, and with a wrong clock erases nothing."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with kept_world(tmp_path) as (world, clocks):
        clocks.later(days=7 * 365 if is_erased else 1)
        world.runtime.register.close()
        file = tmp_path / "capa-sync.toml"
        with file.open("a", encoding="utf-8") as settings:
            settings.write('[retention]\nmode = "on"\n')
        at = (world.clock.now() + years * YEAR).isoformat()
        done = CliRunner().invoke(cli, ["sync", "--config", str(file), "--test-clock", at])
        assert ("our clock is" in done.output) == (not is_erased), done.output
        world.start()
        stones = world.runtime.register.erasures.tombstones()
        assert [stone.ticket_id for stone in stones] == ([world.only.id_of("closed")] if is_erased else [])
