"""A process killed while it carries out a release or withdraws a warning: it is written once, released once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import ClassVar

import pytest

from capa_sync.sandbox.stories.script import Fill
from capa_sync.store import Register, RegisterLock
from tests.daemon.fork_server import ForkServer
from tests.daemon.harness import NOW, Harness
from tests.daemon.kill_scenario import STORY, VerbKillScenario
from tests.daemon.steps import COMMIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
JIRAS = ("jira", "jira-dc")
HELD, UNWRITTEN, RELEASED = 4, 3, "one"


class ReleaseScenario(VerbKillScenario):
    """Two tickets are held by the brake of a first activation, and a person has released one of them.

    The release is in the register as a request, left while a daemon held it; the next process carries it out.
    """

    stories = (RELEASED, "other")
    codes = (0, HELD)
    ignored_tables = ("part", "plan_due")  # while a brake holds, what a new process means to plan stays due

    def prepare(self, register: Register) -> None:
        """Prepare the register by a real safety stop and a real `sync --release 1`."""
        register.close()
        with self.harness() as harness:
            stopped = harness.run("sync")
            assert stopped.code == HELD, stopped.err
            assert harness.writes() == []
            held = RegisterLock(harness.register_file)
            held.acquire()
            left = harness.run("sync", "--release", "1")
            held.release()
            assert left.out.startswith("the daemon holds the register"), left.out + left.err
            shutil.copy(harness.register_file, self.register)


class ClearScenario(VerbKillScenario):
    """A ticket was warned on, and a person has repaired what the warning said."""

    @contextmanager
    def harness(self) -> Iterator[Harness]:
        """Open the harness in that state."""
        with super().harness() as harness:
            assert harness.run("sync").code == 0
            harness.set_clock(NOW + timedelta(days=1))
            harness.play_event(
                self.source, STORY, Fill({"root_cause": "Nobody is told when a reviewer leaves the company."})
            )
            harness.set_clock(NOW + timedelta(days=2))
            harness.play_event(
                self.source, STORY, Fill({"action_text": "Name a deputy reviewer and train the team on it"})
            )
            yield harness


class LostWriteScenario(VerbKillScenario):
    """One write of a warning never reached the tracker and had no answer; since then a person has repaired the point.

    Attributes:
        lost: source -> method, address and body of that write: Jira's labels, ServiceNow's work note.
    """

    lost: ClassVar[Mapping[str, tuple[str, str, str]]] = {
        "jira": ("PUT", r"/issue/\d+$", "labels"),
        "servicenow": ("PATCH|PUT", "sn_grc_issue", "work_notes"),
    }
    ignored_tables = ("part",)

    @contextmanager
    def harness(self) -> Iterator[Harness]:
        """Open the harness in that state."""
        with super().harness() as harness:
            method, path, body = self.lost[self.source]
            harness.servers[self.source].faults.add("drop_before", (method, path), body=body, times=1)
            assert harness.run("sync").code == UNWRITTEN
            harness.set_clock(NOW + timedelta(days=1))
            harness.play_event(
                self.source, STORY, Fill({"root_cause": "Nobody is told when a reviewer leaves the company."})
            )
            harness.set_clock(NOW + timedelta(days=2))
            harness.play_event(
                self.source, STORY, Fill({"action_text": "Name a deputy reviewer and train the team on it"})
            )
            yield harness


@pytest.mark.parametrize("source", ["jira", "servicenow"])
def test_a_lost_write_that_is_no_longer_wanted_is_not_sent_wherever_the_next_process_is_killed(
    fork_server: ForkServer, source: str
) -> None:
    """Killed before each commit and each write: the warning leaves no label and no note; what arrived is clear."""
    scenario = LostWriteScenario(fork_server, source)
    picture = scenario.undisturbed.pictures[STORY]
    assert picture["state"] == "clear"
    assert picture["labels" if source == "jira" else "notes"] == []
    assert scenario.before_each_step(reading=False) == []
    scenario.close()


@pytest.mark.parametrize("source", ["jira", "servicenow"])
def test_a_release_is_used_up_once_wherever_its_process_is_killed(fork_server: ForkServer, source: str) -> None:
    """Killed before each commit and around each write: one ticket is warned on, once, and the other one waits."""
    scenario = ReleaseScenario(fork_server, source)
    is_jira = source in JIRAS
    first, other = (scenario.undisturbed.pictures[story] for story in scenario.stories)
    assert len(first["comments" if is_jira else "notes"]) == 1
    assert other["comments" if is_jira else "notes"] == []
    assert not other["state"]
    assert scenario.writes == (3 if is_jira else 2)
    ((_, allowed, used, _, closed),) = [row[-5:] for row in scenario.undisturbed.tables["release"]]
    assert (allowed, used, bool(closed)) == (1, 1, True)
    assert scenario.stored == [COMMIT] * scenario.steps.count(COMMIT)
    assert len(scenario.stored) >= 10
    assert scenario.before_each_step(reading=False) == []
    assert scenario.around_each_write() == []
    scenario.close()


@pytest.mark.parametrize("source", ["jira-dc", "servicenow"])
def test_a_warning_is_withdrawn_once_wherever_its_process_is_killed(fork_server: ForkServer, source: str) -> None:
    """Killed before each commit and around each write: comment, or fields and one note, report the end once."""
    scenario = ClearScenario(fork_server, source)
    picture, is_jira = scenario.undisturbed.pictures[STORY], source in JIRAS
    assert picture["state"] == "clear"
    assert scenario.writes == (3 if is_jira else 2)
    if is_jira:
        assert picture["labels"] == []
        assert len(picture["comments"]) == 1
        assert "are clear" in str(picture["comments"])
    else:
        assert "are clear" in picture["text"]
        assert ["are clear" in note for note in picture["notes"]] == [True, False]
    assert scenario.stored == [COMMIT] * scenario.steps.count(COMMIT)
    assert len(scenario.stored) >= 10
    assert scenario.before_each_step(reading=False) == []
    assert scenario.around_each_write() == []
    scenario.close()
