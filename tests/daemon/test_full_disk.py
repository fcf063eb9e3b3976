"""A disk that is full at any step of a cycle: exit 6 in one line, and with room again each ticket has one warning."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.daemon.fork_server import ForkServer
from tests.daemon.harness import ALL, Harness
from tests.small_disk import small_disk

ROOM = (0, 24, 96, *range(192, 1_000, 12))
"""Kilobytes of room, from none to enough for a whole cycle."""
READING = (["status"], ["plan"], ["explain", "KEY"], ["verify"], ["register", "head"], ["history"], ["waivers"])
STORING = (["retry"], ["pause"], ["resume"], ["withdraw"], ["rebuild"], ["sync", "--release", "all"], ["run"])


class OnSmallDisk(Harness):
    """A harness whose register, and nothing else, is on a disk of 16 MB."""

    @property
    def register_file(self) -> Path:
        """The register, on that disk."""
        return self.folder / "disk" / "register.db"

    def write_settings(self) -> str:
        """Write the settings file with the register on that disk."""
        text = super().write_settings().replace('"register.db"', '"disk/register.db"')
        self.file.write_text(text, encoding="utf-8")
        return text

    def leave_room(self, kilobytes: int) -> None:
        """Fill the disk but for so much."""
        ballast = self.folder / "disk" / "ballast"
        ballast.unlink(missing_ok=True)
        found = os.statvfs(ballast.parent)
        if (size := found.f_bavail * found.f_frsize - kilobytes * 1024) > 0:
            ballast.write_bytes(bytes(size))


@pytest.fixture
def harness(request: pytest.FixtureRequest, fork_server: ForkServer, tmp_path: Path) -> Iterator[OnSmallDisk]:
    """One tracker; the register is on a small disk."""
    (tmp_path / "disk").mkdir()
    with small_disk("tmpfs", tmp_path / "disk", 16 << 20), OnSmallDisk(fork_server, tmp_path, [request.param]) as it:
        yield it


@pytest.mark.slow
@pytest.mark.parametrize("harness", ALL, indirect=True)
def test_a_full_disk_at_any_step_doubles_nothing_and_loses_nothing(harness: OnSmallDisk) -> None:
    """Each run has a little more room than the one before: it is full while it reads, judges and writes."""
    [source] = harness.names
    harness.sync()
    stories = [f"broken {number}" for number in range(3)]
    for story in stories:
        harness.create_broken(source, story, days=0)
    harness.set_clock(harness.clock.now() + timedelta(hours=1))
    ends = []
    for kilobytes in ROOM:
        harness.leave_room(kilobytes)
        written = len(harness.writes())
        done = harness.run("sync", "--release", "all")
        ends.append((done.code, len(harness.writes()) > written))
        if done.code == 0:
            break
        said = done.err.splitlines()[-1]
        assert said.startswith(f"{harness.register_file}: the disk ")
        assert said.endswith("; make room, and start again; what was stored is kept")
    assert {(6, False), (6, True)} <= set(ends)
    assert ends[-1][0] == 0
    harness.leave_room(4_000)
    for _ in range(2):
        harness.set_clock(harness.clock.now() + timedelta(minutes=10))
        harness.sync()
    for story in stories:
        picture = harness.picture(source, story)
        assert picture["state"] == "warning"
        assert len(picture.get("comments", [picture.get("text")])) == 1
        assert len(picture.get("notes", [""])) == 1
    harness.tables()
    before = harness.writes()
    harness.sync()
    assert harness.writes() == before


@pytest.mark.parametrize("harness", ["jira"], indirect=True)
def test_a_first_cycle_on_a_full_disk_says_so(harness: OnSmallDisk) -> None:
    """Nobody holds a register that is not there yet, and `sync` does not tell its user to run `sync`."""
    harness.leave_room(0)
    done = harness.run("sync", "--release", "all")
    assert done.code == 6
    assert done.err.splitlines() == [f"{harness.register_file}.lock: cannot be written: No space left on device"]
    harness.leave_room(4_000)
    harness.sync()


@pytest.mark.parametrize("harness", ["jira"], indirect=True)
def test_each_verb_that_stores_ends_with_6_and_says_why(harness: OnSmallDisk) -> None:
    """Nothing is written on a ticket, no verb claims to have done its work, and with room again all is as before.

    A verb that only reads may do so: SQLite needs room for that only where no other process has the register open.
    """
    key = harness.create_broken("jira")
    harness.sync()
    tables, written = harness.tables(), harness.writes()
    harness.leave_room(0)
    for verb in STORING:
        done = harness.run(*verb)
        assert (done.code, "Traceback" in done.err) == (6, False), (verb, done.err)
        assert done.err.splitlines()[-1].endswith("; make room, and start again; what was stored is kept"), verb
    for verb in READING:
        done = harness.run(*[key if word == "KEY" else word for word in verb])
        assert done.code == 0 or (done.code == 6 and "make room" in done.err), (verb, done.err)
    harness.leave_room(4_000)
    assert harness.tables() == tables
    assert harness.writes() == written
