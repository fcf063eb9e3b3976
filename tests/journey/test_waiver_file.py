"""Waivers of a reviewed file: taken while the daemon runs, ended with their entry, kept while the file is broken."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from capa_sync.daemon.waiver_file import WaiverFile
from capa_sync.sandbox.stories.script import ChangeStage, Create, Fill
from tests.sync.equal import assert_rebuilt
from tests.sync.ours import ours_on
from tests.sync.users import users_on
from tests.sync.world import World, open_world

RULE = "extent-assessed"
ENTRY = """waivers:
  - ticket: {key}
    rule: extent-assessed
    until: {until}
    because: Only one such system is left
    by: mara.roy
"""


def git(folder: Path, *words: str) -> str:
    """Run git as a person."""
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def reported(world: World) -> list[str]:
    """Return what is wrong with the file."""
    return world.runtime.register.waivers.file()[2]


def states(world: World) -> list[str]:
    """Return the states of the waivers, the oldest first."""
    return [f"{row['state']}: {row['why']}".rstrip(": ") for row in world.view("v_waivers")]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_entries_are_taken_kept_while_the_file_is_broken_and_ended_with_their_line(tmp_path: Path) -> None:
    """The finding follows the last good file; its revision is recorded; an unchanged file changes nothing."""
    with open_world(tmp_path, "jira", rules=(RULE,), mode="on") as world:
        file = tmp_path / "waivers.yaml"
        git(tmp_path, "init", "-q")
        world.runtime.waiver_file = WaiverFile(file, file.name)
        world.only.play("life", Create({"title": "Access review missed", "owner": "anna.lee", "grade": "minor"}))
        world.later(hours=1)
        world.only.play("life", ChangeStage("planned"))
        world.cycle(hours=1)
        assert reported(world) == ["waivers.yaml: there is no such file; look at the name and the folder"]
        key = world.runtime.register.tickets.key("jira", world.only.id_of("life"))
        good = ENTRY.format(key=key, until="2026-04-30")
        file.write_text(good + good.removeprefix("waivers:\n").replace(key, "CAPA-999"), encoding="utf-8")
        git(tmp_path, "add", file.name)
        git(tmp_path, "commit", "-qm", "Waive")
        world.cycle()
        assert (world.states("life"), states(world)) == ({RULE: "waived"}, ["active"])
        [line] = reported(world)
        assert line.startswith("waivers.yaml:7: there is no ticket 'CAPA-999' in the register")
        [row] = world.view("v_waivers")
        assert (row["way"], row["revision"]) == ("file", git(tmp_path, "rev-parse", "HEAD"))
        assert "waived until 30 April 2026 by Mara Roy" in ours_on(users_on(world.only), row["ticket_id"]).texts[0]
        world.cycle()  # it reads our own labels
        before = world.runtime.register.rows_by_table()
        for _ in range(2):
            world.cycle()
        assert world.runtime.register.rows_by_table() == before
        assert_rebuilt(world)
        file.write_text(good.replace("by:", "bye:"), encoding="utf-8")
        world.cycle()
        assert world.states("life") == {RULE: "waived"}
        assert reported(world)[0] == "waivers.yaml:6: a waiver has no key 'bye'; did you mean 'by'?"
        file.write_text(ENTRY.format(key=key, until="2026-05-31"), encoding="utf-8")
        world.cycle()
        assert states(world) == ["ended: it is no longer in the waivers file", "active"]
        assert world.view("v_waivers")[1]["revision"].endswith("+changed")
        world.only.play("life", Fill({"extent_note": "looked"}))
        world.cycle(hours=1)
        assert world.states("life") == {RULE: "open"}
        file.write_text("waivers: []\n", encoding="utf-8")
        world.cycle()
        assert reported(world) == []
        assert_rebuilt(world)


def test_an_entry_without_a_finding_has_nothing_to_waive(tmp_path: Path) -> None:
    """It is bound at the first evaluation; what the rule finds later is another finding."""
    with open_world(tmp_path, "jira", rules=(RULE,), mode="on") as world:
        world.only.play("life", Create({"title": "Access review missed", "owner": "anna.lee", "grade": "minor"}))
        world.cycle(hours=1)
        key = world.runtime.register.tickets.key("jira", world.only.id_of("life"))
        file = tmp_path / "waivers.yaml"
        file.write_text(ENTRY.format(key=key, until="2026-04-30"), encoding="utf-8")
        world.runtime.waiver_file = WaiverFile(file, file.name)
        world.cycle()
        assert states(world) == [f"ended: {RULE} found nothing on the ticket, so there was nothing to waive"]
        world.only.play("life", ChangeStage("planned"))
        world.cycle(hours=1)
        assert world.states("life") == {RULE: "open"}
