"""Two registers on one tracker: a restored backup or a new register repeats nothing that is on the tracker."""

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
    """Two registers on the same trackers; the first one warns on every ticket before the second."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.second_register = harness.folder / "second.db"

    def first(self) -> int:
        """Run one cycle on the first register; return how often it wrote."""
        return self._written(self.harness.sync)

    def second(self) -> int:
        """Run one cycle on the second register; return how often it wrote."""
        return self._written(lambda: self.harness.sync(CAPA_SYNC_REGISTER=str(self.second_register)))

    def _written(self, work: Callable[[], object]) -> int:
        before = len(self.harness.writes())
        work()
        return len(self.harness.writes()) - before

    def turns(self, days: int) -> list[int]:
        """Run cycles on both in turn while days pass and no ticket changes; return how often each cycle wrote."""
        found = []
        for _ in range(days):
            self.later(days=1)
            found += [self.second(), self.first(), self.first(), self.second()]
        return found

    def later(self, **by: float) -> None:
        """Move the clock of trackers and processes."""
        self.harness.set_clock(self.harness.clock.now() + timedelta(**by))

    def pictures(self) -> list[Picture]:
        """Return what is on every ticket."""
        return [self.harness.picture(source, story) for source in ALL for story in STORIES]

    def words(self) -> list[int]:
        """Return how many comments, or work notes, each ticket has."""
        return [len(picture["notes"] if "notes" in picture else picture["comments"]) for picture in self.pictures()]

    def play_event(self, event: Fill) -> None:
        """Do the same on every ticket."""
        for source in ALL:
            for story in STORIES:
                self.harness.play_event(source, story, event)


@pytest.fixture(params=["restored copy", "new register"])
def pair(request: pytest.FixtureRequest, make_harness: MakeHarness) -> Pair:
    """A register that has warned on every ticket, and a second one that knows some of the warnings or none."""
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
def test_the_second_register_repeats_nothing_and_the_two_do_not_overwrite_each_other(pair: Pair) -> None:
    """It finds comment, note, fields, labels and property by the marker, also days later; then neither writes."""
    measure = pair.pictures()
    pair.later(days=2)
    assert pair.second() == 0
    assert pair.turns(3) == [0] * 12
    assert pair.pictures() == measure
    states = {row["state"] for row in pair.harness.rows("v_writes")}
    assert states == {"delivered"}


@pytest.mark.slow
def test_each_change_is_written_once_by_whichever_comes_first(pair: Pair) -> None:
    """A new point and the all-clear: six tickets with one comment each, and a work note for each change."""
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
def test_a_later_register_knows_what_was_written_before(make_harness: MakeHarness) -> None:
    """One of two written points is fixed when the first register is lost: a new one has nothing to write."""
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


def test_a_daemon_and_a_verb_on_another_register_write_it_once(make_harness: MakeHarness) -> None:
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
