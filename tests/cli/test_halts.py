"""`pause`, `resume` and `withdraw`, typed by a person, with and without a daemon that holds the register."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import NOW, Desk, until

RULES = ("root-cause-before-action",)


def warned(make_desk: MakeDesk) -> Desk:
    """Two tickets that carry our comment."""
    desk = make_desk("jira", rules=RULES)
    for story in ("one", "two"):
        desk.tell_broken("jira", story)
    desk.sync()
    assert comments(desk) == 2
    return desk


def comments(desk: Desk) -> int:
    """How many of the two tickets carry our comment."""
    return sum(bool(desk.picture("jira", story)["comments"]) for story in ("one", "two"))


def test_a_pause_is_told_by_status_and_sync_and_refuses_a_release(make_desk: MakeDesk) -> None:
    """It names who asked and the way out; a release would wait unseen, so it is refused."""
    desk = warned(make_desk)
    desk.tell_broken("jira", "three")
    done = desk.run("pause")
    assert done.code == 0
    assert "writing to every source is paused; `capa-sync resume` ends that" in done.out
    done = desk.run("sync")
    assert done.code == 0
    assert "jira: writing is paused since" in done.err
    assert not desk.picture("jira", "three")["comments"]
    assert "every source: writing is paused since" in desk.run("status").out
    assert json.loads(desk.run("status", "--json").out)["halts"][0]["kind"] == "paused"
    refused = desk.run("sync", "--release", "all")
    assert refused.code == 2
    assert "`capa-sync resume` ends that; then release" in refused.err
    assert desk.run("resume", "--source", "jira").code == 2
    assert desk.run("resume").code == 0
    desk.sync()
    assert desk.picture("jira", "three")["comments"]


def test_a_withdrawal_is_planned_released_and_undone(make_desk: MakeDesk) -> None:
    """`withdraw` removes nothing, `plan` shows what goes, a release removes it, `resume` brings it back."""
    desk = warned(make_desk)
    done = desk.run("withdraw", "--source", "jira")
    assert done.code == 0
    assert "our texts on 2 tickets of jira are to be taken back; nothing was removed yet" in done.out
    held = desk.run("sync")
    assert held.code == 4
    assert "our texts would be taken back from 2 tickets" in held.err
    assert comments(desk) == 2
    planned = json.loads(desk.run("plan", "--json").out)["planned"]
    assert {(each["kind"], each["text"]) for each in planned} == {("comment", ""), ("labels", ""), ("property", "")}
    assert desk.run("sync", "--release", "all").code == 0
    assert comments(desk) == 0
    assert desk.run("sync").code == 0
    assert desk.run("resume").code == 0
    desk.set_clock(NOW + timedelta(hours=25))  # a ticket's people are notified once a day
    desk.sync()
    assert comments(desk) == 2


def test_a_withdrawal_where_nothing_may_be_written_is_refused(make_desk: MakeDesk) -> None:
    """With write-back off nothing could be removed: one line, exit 2, with the way out."""
    desk = make_desk("jira", rules=RULES, write_back='mode = "off"')
    desk.sync()
    done = desk.run("withdraw")
    assert done.code == 2
    assert "write_back.mode is not on for jira" in done.err
    assert len(done.err.splitlines()) == 1


def test_a_running_daemon_pauses_withdraws_and_resumes(make_desk: MakeDesk) -> None:
    """Each verb is carried out by the daemon at its next tick, and logged."""
    desk = warned(make_desk)
    with desk.daemon() as daemon:
        daemon.wait_for_cycles(1, ["jira"])
        assert desk.run("pause").code == 0
        daemon.wait_for("writing_paused")
        desk.tell_broken("jira", "three", days=0)
        desk.set_clock(NOW + timedelta(hours=1))  # people have stopped editing by then
        daemon.wait_for("finding_opened", source="jira")
        daemon.wait_for_cycles(2, ["jira"])
        assert not desk.picture("jira", "three")["comments"]
        assert desk.run("resume").code == 0
        daemon.wait_for("writing_resumed")
        until(lambda: desk.picture("jira", "three")["comments"])
        assert desk.run("withdraw").code == 0
        daemon.wait_for("withdrawal_asked")
        assert desk.run("sync", "--release", "all").code == 0
        until(lambda: comments(desk) == 0)
