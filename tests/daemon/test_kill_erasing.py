"""`register erase`, killed before each statement that stores anything: erased or not, and cleaned up afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.daemon import steps
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import KILLED, Harness
from tests.daemon.kill_scenario import sampled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
TEXT = b"quarterly access review"
CLEAN_UP = ["VACUUM", "COMMIT", "CHECKPOINT", "COMMIT"]
"""The file is written anew, that is noted, its log is emptied, that is noted."""


def holds_text(harness: Harness) -> bool:
    """Return whether any file of the register holds the text of the ticket."""
    return any(TEXT in file.read_bytes() for file in harness.folder.glob("register.db*") if file.is_file())


def waits(harness: Harness) -> bool:
    """Return whether `status` says that the clean-up waits."""
    return bool(json.loads(harness.run("status", "--json").out)["kept"]["clean_up_waits"])


def put_back(harness: Harness, saved: Path) -> None:
    """Make the register what it was before the erasure."""
    for file in harness.folder.glob("register.db-*"):
        file.unlink()
    shutil.copy(saved, harness.register_file)


def test_a_killed_erasure_is_none_or_is_finished_by_the_next_run(make_harness: MakeHarness, tmp_path: Path) -> None:
    """While a file may still hold the text, `status` says so; what was erased does not come back."""
    harness = make_harness("jira")
    erase = ("register", "erase", harness.create_broken("jira"), "--reason", "case 17", "--yes")
    harness.sync()
    saved, recorded = shutil.copy(harness.register_file, tmp_path / "saved.db"), tmp_path / "steps"
    assert harness.run(*erase, **{steps.VARIABLE: f"record-sql:{recorded}"}).code == 0
    words = recorded.read_text(encoding="utf-8").split()
    first = len(words) - len(CLEAN_UP)
    assert words[first:] == CLEAN_UP, words
    ends = set()
    for number in (*sampled(range(1, first), "erase"), *range(first, len(words) + 1)):
        put_back(harness, saved)
        killed = harness.run(*erase, **{steps.VARIABLE: f"kill-sql:{number}"})
        assert killed.code == KILLED, f"it never reached its step {number}"
        is_there, is_waiting = bool(harness.rows("v_register")), waits(harness)
        assert is_there or is_waiting or not holds_text(harness), f"nobody is told: step {number}, {words}"
        harness.sync()
        assert (bool(harness.rows("v_register")), harness.tables()["mirror"] == []) == (is_there, not is_there)
        assert holds_text(harness) is is_there
        if is_there:
            assert harness.run(*erase).code == 0
        assert (holds_text(harness), waits(harness)) == (False, False)
        ends.add((is_there, is_waiting))
    assert ends == {(True, False), (False, True)}
