"""A running daemon erases what another process asked for, between its cycles."""

from __future__ import annotations

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
