"""A running daemon erases what another process asked for, between its cycles."""

from __future__ import annotations

from datetime import timedelta

from tests.daemon.conftest import MakeHarness


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
    assert harness.run("verify").code == 0
