"""A running daemon erases what another process asked for, between its cycles."""

from __future__ import annotations

import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.errors import RegisterUnavailable
from capa_sync.store import open_register
from tests.daemon.conftest import MakeHarness


def leave_free_space(register: Path) -> int:
    """Leave pages in a register that nothing uses, as a year of work does; return its size."""
    with sqlite3.connect(register) as connection:
        connection.execute("CREATE TABLE spare AS SELECT zeroblob(3000000) AS content")
        connection.execute("DROP TABLE spare")
    connection.close()
    return register.stat().st_size


def test_an_erasure_that_makes_the_register_shorter_ends_nothing(make_harness: MakeHarness) -> None:
    """Not the erasing process, nor a daemon, nor another process that has it open; a file cut short still does."""
    harness = make_harness("jira")
    keys = [harness.create_broken("jira", story) for story in ("one", "two", "three")]
    harness.sync()
    before = leave_free_space(harness.register_file)
    with open_register(harness.register_file, clock_now=harness.clock.now()) as beside:
        done = harness.run("register", "erase", keys[0], "--reason", "case 17", "--yes")
        assert (done.code, "free space" in done.out + done.err) == (0, False)
        assert harness.register_file.stat().st_size < before - 2_000_000
        beside.check_place()
        with beside.transaction():
            assert len([*beside.view("v_register")]) == 2
    leave_free_space(harness.register_file)
    with harness.daemon() as daemon:
        harness.run("register", "erase", keys[1], "--reason", "case 17", "--yes")
        daemon.wait_for("ticket_erased", ticket=keys[1])
        daemon.wait_for_cycles(2, ["jira"])
        assert daemon.stop().code == 0
    assert harness.register_file.stat().st_size < before - 2_000_000
    assert harness.run("verify").code == 0
    with open_register(harness.register_file, clock_now=harness.clock.now()) as beside:
        os.truncate(harness.register_file, harness.register_file.stat().st_size // 2)
        with pytest.raises(RegisterUnavailable, match="cut short while capa-sync had it open"):
            beside.check_place()


def test_a_running_daemon_erases_and_goes_on(make_harness: MakeHarness) -> None:
    """The request waits in the register; afterwards cycles end as before, and the chain is whole."""
    harness = make_harness("jira")
    keys = [harness.create_broken("jira", story) for story in ("broken", "other")]
    harness.sync()
    with harness.daemon() as daemon:
        left = harness.run("register", "erase", keys[0], "--reason", "case 17", "--yes")
        assert (left.code, "the daemon erases it as soon as" in left.out) == (0, True)
        daemon.wait_for("ticket_erased", ticket=keys[0], way="request")
        daemon.wait_for_cycles(2, ["jira"])
        assert daemon.lines("clean_up_waits") == []
        assert daemon.stop().code == 0
    assert [row["ticket_key"] for row in harness.rows("v_register")] == [keys[1]]
    assert harness.run("verify").code == 0


def test_without_yes_it_says_what_the_same_command_with_yes_would_do(make_harness: MakeHarness) -> None:
    """Under a legal hold it is refused; and the list of what was taken away is in words, a nameless visitor too."""
    harness = make_harness("jira")
    key = harness.create_broken("jira")
    harness.sync()
    with open_register(harness.register_file, clock_now=harness.clock.now()) as register:
        at = harness.clock.now().isoformat(timespec="microseconds")
        seen = {"verb": "page", "role": "reader", "view": "v_register", "at": at}
        register.note_visit("export", seen | {"by": ""})
        register.note_visit("export", seen | {"by": "anna"})
    erase = ("register", "erase", key, "--reason", "case 17")
    shown = harness.run(*erase).out.splitlines()
    assert shown[-1] == "nothing was erased; the same command with --yes erases it for good"
    taken = f"  {harness.clock.now():%Y-%m-%d %H:%M:%S}Z page v_register (by "
    assert [line for line in shown if "v_register" in line] == [
        f"{taken}a visitor without a name)",
        f"{taken}anna)",
    ]
    for held in (key, "--source jira"):
        assert harness.run("register", "hold", *held.split(), "--reason", "case 18").code == 0
        kept = harness.run(*erase)
        assert (kept.code, kept.out.splitlines()[-1]) == (
            0,
            "nothing was erased; with --yes it is refused until the legal hold ends: `capa-sync register unhold`",
        )
        assert harness.run(*erase, "--yes").code == 2
        assert harness.run("register", "unhold", *held.split()).code == 0
    assert harness.run(*erase).out.splitlines()[-1] == shown[-1]


def test_a_joined_record_goes_as_a_whole(make_harness: MakeHarness) -> None:
    """A hold on one of its tickets holds both; then both are gone, and neither tracker brings its ticket back."""
    harness = make_harness("jira", "servicenow")
    key, number = harness.create_broken("jira"), harness.create_broken("servicenow", "duplicate")
    harness.sync()
    harness.cloud.as_user("anna").edit(key, {"ServiceNow number": number})
    harness.set_clock(harness.clock.now() + timedelta(hours=25))
    harness.sync()
    assert [row["source"] for row in harness.rows("v_register")] == ["jira"]
    erase = ("register", "erase", number, "--reason", "case 17", "--yes")
    assert harness.run("register", "hold", key, "--reason", "case 18").code == 0
    assert harness.run(*erase).code == 2
    assert harness.run("register", "unhold", key).code == 0
    done = harness.run(*erase)
    assert done.code == 0
    assert [line for line in done.err.splitlines() if line.startswith("register: ")] == [
        "register: erasing tickets 2 of 2",
        "register: writing its file anew 1 of 1",
    ]
    assert b"quarterly access review" not in harness.register_file.read_bytes()
    written = harness.writes()
    for hours in (1, 25):
        harness.set_clock(harness.clock.now() + timedelta(hours=hours))
        harness.sync("--full")
    assert (harness.rows("v_tickets"), harness.writes()) == ([], written)
    for name in (key, f"jira:{key.lower()}", number):
        refused = harness.run("register", "pack", name, "--output", "none.zip")
        told = harness.run("explain", name).out.splitlines()[0]
        assert " was erased on " in told
        assert (refused.code, refused.err) == (2, f"{told}; an erased ticket has no pack; nothing was written\n")
    assert not (harness.folder / "none.zip").exists()
    assert harness.run("verify").code == 0
