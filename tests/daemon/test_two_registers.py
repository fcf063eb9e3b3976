"""Two registers on one tracker: a restored backup, or a new one beside a lost one, writes nothing that is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from capa_sync.sandbox.stories.script import Day, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import ALL, NOW, Harness, Picture, until

CAUSE = "Nobody is told when a reviewer leaves, so their reviews lapse unseen until the next audit."
STORIES = ("before", "after")


class Pair:
    """Two registers on the trackers of one desk; whoever is named `first` warns on every ticket before the other."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.second_register = harness.folder / "twin.db"

    def first(self) -> int:
        """A process on the first register does one cycle; returns how often it wrote."""
        return self._written(self.harness.sync)

    def second(self) -> int:
        """The same on the other register."""
        return self._written(lambda: self.harness.sync(CAPA_SYNC_REGISTER=str(self.second_register)))

    def _written(self, work: Callable[[], object]) -> int:
        before = len(self.harness.writes())
        work()
        return len(self.harness.writes()) - before

    def turns(self, days: int) -> list[int]:
        """Both take turns while days go by and nobody touches a ticket; returns how often each cycle wrote."""
        found = []
        for _ in range(days):
            self.later(days=1)
            found += [self.second(), self.first(), self.first(), self.second()]
        return found

    def later(self, **by: float) -> None:
        """Let time pass for everybody."""
        self.harness.set_clock(self.harness.clock.now() + timedelta(**by))

    def pictures(self) -> list[Picture]:
        """What stands on every ticket."""
        return [self.harness.picture(source, story) for source in ALL for story in STORIES]

    def words(self) -> list[int]:
        """How many comments, or work notes, each ticket carries."""
        return [len(picture["notes"] if "notes" in picture else picture["comments"]) for picture in self.pictures()]

    def play_event(self, event: Fill) -> None:
        """The same is done on every ticket."""
        for source in ALL:
            for story in STORIES:
                self.harness.play_event(source, story, event)


@pytest.fixture(params=["restored copy", "new register"])
def pair(request: pytest.FixtureRequest, make_harness: MakeHarness) -> Pair:
    """A register that has warned on every ticket, and its twin, which knows of some of that or of nothing."""
    harness = make_harness()
    pair = Pair(harness)
    for source in ALL:
        harness.create_broken(source, "before")
    assert pair.first() > 0
    if request.param == "restored copy":
        with harness.register() as register:
            register.copy_to(pair.second_register)
    for source in ALL:
        harness.create_broken(source, "after", days=0)
    assert pair.first() > 0
    assert pair.words() == [1] * 6
    return pair


@pytest.mark.slow
def test_the_twin_writes_nothing_that_is_there_and_no_two_write_to_and_fro(pair: Pair) -> None:
    """It finds comment, note, fields, labels and property by the marker, on another day too; then both are still."""
    measure = pair.pictures()
    pair.later(days=2)
    assert pair.second() == 0
    assert pair.turns(3) == [0] * 12
    assert pair.pictures() == measure
    states = {row["state"] for row in pair.harness.rows("v_writes")}
    assert states == {"delivered"}


@pytest.mark.slow
def test_each_news_is_told_once_by_whoever_comes_first(pair: Pair) -> None:
    """A new point, its end and the all-clear: six tickets, one comment each, and a work note for each news."""
    pair.later(days=2)
    assert pair.second() == 0
    pair.later(days=100)  # the actions are overdue now
    assert pair.second() > 0
    assert pair.first() == 0
    assert pair.words() == [1, 1, 1, 1, 2, 2]
    assert {picture["state"] for picture in pair.pictures()} == {"overdue"}
    pair.later(days=1)
    pair.play_event(Fill({"root_cause": CAUSE, "due_at": Day(-120)}))
    pair.later(days=1)
    pair.play_event(Fill({"action_text": "Name a deputy reviewer in the procedure and train the team on it"}))
    assert pair.first() > 0
    assert pair.second() == 0
    assert pair.words() == [1, 1, 1, 1, 3, 3]
    assert {picture["state"] for picture in pair.pictures()} == {"clear"}
    assert pair.turns(1) == [0] * 4


@pytest.mark.slow
def test_a_register_that_comes_late_knows_what_was_told_by_then(make_harness: MakeHarness) -> None:
    """One of two points told is fixed when the first register is lost: a new one has nothing to tell people."""
    harness = make_harness()
    pair = Pair(harness)
    for story in STORIES:
        for source in ALL:
            harness.create_broken(source, story)
    pair.later(days=100)
    assert pair.first() > 0
    pair.play_event(Fill({"due_at": Day(-120)}))
    pair.later(days=1)
    assert pair.first() > 0
    measure = pair.pictures()
    assert pair.words() == [1] * 6
    pair.later(days=1)
    assert pair.second() == 0
    assert pair.pictures() == measure


def test_a_daemon_and_a_verb_on_another_register_say_it_once(make_harness: MakeHarness) -> None:
    """While a daemon holds the first register, `sync` on a new one finds all that the daemon wrote."""
    harness = make_harness()
    pair = Pair(harness)
    for story in STORIES:
        for source in ALL:
            harness.create_broken(source, story)
    with harness.daemon() as daemon:
        harness.run("sync", "--release", "all")
        until(lambda: pair.words() == [1] * 6 and all(picture["state"] == "warning" for picture in pair.pictures()))
        daemon.wait_for_cycles(2)
        assert pair.second() == 0
        daemon.wait_for_cycles(2)
        assert daemon.stop().code == 0
    assert pair.second() == 0
    assert pair.words() == [1] * 6
    assert harness.clock.now() == NOW
