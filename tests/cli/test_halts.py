"""`pause`, `resume` and `withdraw`, typed by a person, with and without a daemon that holds the register."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW, Harness, until

RULES = ("root-cause-before-action",)


def warned(make_harness: MakeHarness) -> Harness:
    """Return a harness with two tickets that have our comment."""
    harness = make_harness("jira", rules=RULES)
    for story in ("one", "two"):
        harness.create_broken("jira", story)
    harness.sync()
    assert comments(harness) == 2
    return harness


def comments(harness: Harness) -> int:
    """Return how many of the two tickets have our comment."""
    return sum(bool(harness.picture("jira", story)["comments"]) for story in ("one", "two"))


def test_a_pause_is_shown_by_status_and_sync_and_refuses_a_release(make_harness: MakeHarness) -> None:
    """The output names `capa-sync resume`; a release would wait unnoticed, so it is refused."""
    harness = warned(make_harness)
    harness.create_broken("jira", "three")
    done = harness.run("pause")
    assert done.code == 0
    assert "writing to every source is paused; `capa-sync resume` ends that" in done.out
    done = harness.run("sync")
    assert done.code == 0
    assert "jira: writing is paused since" in done.err
    assert not harness.picture("jira", "three")["comments"]
    assert "every source: writing is paused since" in harness.run("status").out
    assert json.loads(harness.run("status", "--json").out)["halts"][0]["kind"] == "paused"
    refused = harness.run("sync", "--release", "all")
    assert refused.code == 2
    assert "`capa-sync resume` ends that; then release" in refused.err
    assert harness.run("resume", "--source", "jira").code == 2
    assert harness.run("resume").code == 0
    harness.sync()
    assert harness.picture("jira", "three")["comments"]


def test_a_withdrawal_is_planned_released_and_undone(make_harness: MakeHarness) -> None:
    """`withdraw` removes nothing, `plan` shows what would be removed, a release removes it, `resume` restores it."""
    harness = warned(make_harness)
    done = harness.run("withdraw", "--source", "jira")
    assert done.code == 0
    assert "our texts on 2 tickets of jira are to be taken back; nothing was removed yet" in done.out
    held = harness.run("sync")
    assert held.code == 4
    assert "our texts would be taken back from 2 tickets" in held.err
    assert comments(harness) == 2
    planned = json.loads(harness.run("plan", "--json").out)["planned"]
    assert {(write["kind"], write["text"]) for write in planned} == {
        ("comment", ""),
        ("labels", ""),
        ("property", ""),
    }
    assert harness.run("sync", "--release", "all").code == 0
    assert comments(harness) == 0
    assert harness.run("sync").code == 0
    assert harness.run("resume").code == 0
    harness.set_clock(NOW + timedelta(hours=25))  # a ticket's people are notified once a day
    harness.sync()
    assert comments(harness) == 2


def test_a_withdrawal_where_nothing_may_be_written_is_refused(make_harness: MakeHarness) -> None:
    """With write-back off nothing could be removed; the answer is one line, exit 2, with the way out."""
    harness = make_harness("jira", rules=RULES, write_back='mode = "off"')
    harness.sync()
    done = harness.run("withdraw")
    assert done.code == 2
    assert "write_back.mode is not on for jira" in done.err
    assert len(done.err.splitlines()) == 1


def test_a_running_daemon_pauses_withdraws_and_resumes(make_harness: MakeHarness) -> None:
    """The daemon carries out each verb at its next tick, and logs it."""
    harness = warned(make_harness)
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(1, ["jira"])
        assert harness.run("pause").code == 0
        daemon.wait_for("writing_paused")
        harness.create_broken("jira", "three", days=0)
        harness.set_clock(NOW + timedelta(hours=1))  # people have stopped editing by then
        daemon.wait_for("finding_opened", source="jira")
        daemon.wait_for_cycles(2, ["jira"])
        assert not harness.picture("jira", "three")["comments"]
        assert harness.run("resume").code == 0
        daemon.wait_for("writing_resumed")
        until(lambda: harness.picture("jira", "three")["comments"])
        assert harness.run("withdraw").code == 0
        daemon.wait_for("withdrawal_asked")
        assert harness.run("sync", "--release", "all").code == 0
        until(lambda: comments(harness) == 0)
