"""`pause`, `resume` and `withdraw`, typed by a person, with and without a daemon that holds the register."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from capa_sync.store import RegisterLock
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
    assert "our texts on 2 tickets of jira are to be taken back; none goes before a release" in done.out
    held = harness.run("sync")
    assert held.code == 4
    assert "our texts would be taken back from 2 tickets" in held.err
    assert "`capa-sync resume` ends that; 2 tickets still to be cleared" in held.err
    assert comments(harness) == 2
    planned = json.loads(harness.run("plan", "--json").out)["planned"]
    assert {(write["kind"], write["text"]) for write in planned} == {
        ("comment", ""),
        ("labels", ""),
        ("property", ""),
    }
    assert harness.run("sync", "--release", "all").code == 0
    assert comments(harness) == 0
    done = harness.run("sync")
    assert done.code == 0
    assert "jira: all our texts are taken back; no warning is written since" in done.err
    assert "being withdrawn" not in done.err
    assert "jira: all our texts are taken back; no warning is written since" in harness.run("status").out
    again = harness.run("withdraw")
    assert "jira: all our texts are taken back" in again.out
    assert json.loads(harness.run("withdraw", "--json").out)["tickets"] == 0
    assert harness.run("resume").code == 0
    harness.set_clock(NOW + timedelta(hours=25))  # a ticket's people are notified once a day
    harness.sync()
    assert comments(harness) == 2


def test_a_withdrawal_counts_what_is_left_on_each_source(make_harness: MakeHarness) -> None:
    """After one of two sources is cleared, or one of two tickets, only the others are counted and named."""
    harness = make_harness("jira", "servicenow", rules=RULES)
    for source, story in (("jira", "one"), ("jira", "two"), ("servicenow", "three")):
        harness.create_broken(source, story)
    harness.sync()
    assert harness.run("withdraw", "--source", "servicenow").code == 0
    assert harness.run("sync", "--source", "servicenow", "--release", "all").code == 0
    assert harness.picture("servicenow", "three")["text"] == ""
    both = harness.run("withdraw")
    assert "our texts on 2 tickets of jira are to be taken back" in both.out
    assert harness.run("sync", "--release", "1").code == 0
    assert "our texts on 1 ticket of jira are to be taken back" in harness.run("withdraw").out
    [cloud, grc] = json.loads(harness.run("status", "--json").out)["halts"]
    assert [(row["removable"], row["hidden"]) for row in (cloud, grc)] == [(1, 0), (0, 0)]
    harness.servers["jira"].faults.add("answer", ("PUT", r"/issue/\d+$"), status=403, answer='{"errorMessages": []}')
    assert harness.run("sync", "--release", "all").code == 3  # the labels stay
    assert "our texts on 1 ticket of jira are to be taken back" in harness.run("withdraw").out
    assert harness.run("retry").code == 0
    assert harness.run("sync", "--release", "all").code == 0
    done = harness.run("withdraw")
    assert "jira, servicenow: all our texts are taken back" in done.out
    assert {harness.picture("jira", story)["state"] for story in ("one", "two")} == {None}
    assert not any(harness.picture("jira", story)["labels"] for story in ("one", "two"))


def test_a_withdrawal_where_nothing_may_be_written_is_refused(make_harness: MakeHarness) -> None:
    """With write-back off nothing could be removed; the answer is one line, exit 2, with the way out."""
    harness = make_harness("jira", rules=RULES, write_back='mode = "off"')
    harness.run("sync")
    done = harness.run("withdraw")
    assert done.code == 2
    assert "write_back.mode is not on for jira" in done.err
    assert len(done.err.splitlines()) == 1


def _set_mode(harness: Harness, old: str, new: str) -> None:
    text = harness.file.read_text(encoding="utf-8")
    assert f'mode = "{old}"' in text
    harness.file.write_text(text.replace(f'mode = "{old}"', f'mode = "{new}"'), encoding="utf-8")


@pytest.mark.parametrize("mode", ["off", "plan"])
def test_a_release_where_nothing_may_be_written_is_refused_and_not_kept(make_harness: MakeHarness, mode: str) -> None:
    """One line names the mode and what to do, with and without a daemon; a later `sync` in mode `on` is held."""
    harness = make_harness("jira", rules=RULES, write_back=f'mode = "{mode}"')
    harness.create_broken("jira")
    assert harness.run("sync").code == 0
    for option in ("--release", "--refresh"):
        done = harness.run("sync", option, "3")
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert f"jira: write_back.mode is {mode}, nothing is written" in done.err
        assert f'set mode = "on", then {option.removeprefix("--")}' in done.err
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(1, ["jira"])
        assert harness.run("sync", "--release", "3").code == 2
    _set_mode(harness, mode, "on")
    held = harness.run("sync")
    assert (held.code, harness.writes()) == (4, [])
    assert "this register has never written before" in held.err


def test_a_release_leaves_out_the_sources_that_write_nothing(make_harness: MakeHarness) -> None:
    """Of two sources the one in mode `on` is released; the other is named, and later waits for its own release."""
    harness = make_harness("jira", "jira-dc", rules=RULES, extra={"jira-dc": 'write_back = { mode = "off" }'})
    for source in harness.names:
        harness.create_broken(source)
    done = harness.run("sync", "--release", "all")
    assert done.code == 0
    assert "jira-dc: write_back.mode is off, nothing is written, so the release leaves it out" in done.err
    assert {source for source, _method, _path in harness.writes()} == {"jira"}
    with harness.register() as register:
        assert register.outbox.released("jira-dc") is None


def test_a_release_that_was_not_used_ends_with_the_mode(make_harness: MakeHarness) -> None:
    """Given while the tracker was away, then the mode was off for a cycle: the release is not used afterwards."""
    harness = warned(make_harness)
    harness.servers["jira"].faults.add("answer", (".*", r"/search"), status=403, answer='{"errorMessages": []}')
    assert harness.run("sync", "--release", "all").code == 3
    with harness.register() as register:
        assert register.outbox.released("jira") is not None
    _set_mode(harness, "on", "off")
    assert harness.run("sync").code == 0
    with harness.register() as register:
        assert register.outbox.released("jira") is None


def test_a_release_for_a_daemon_is_refused_while_paused(make_harness: MakeHarness) -> None:
    """The daemon would keep it unnoticed until the end of the pause; so nothing is left for it."""
    harness = warned(make_harness)
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(1, ["jira"])
        assert harness.run("pause").code == 0
        refused = harness.run("sync", "--release", "all")
        assert refused.code == 2
        assert "`capa-sync resume` ends that; then release" in refused.err


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


def commented(harness: Harness, stories: list[str]) -> list[str]:
    """Return the stories whose ticket has our comment."""
    return [story for story in stories if harness.picture("jira", story)["comments"]]


def test_a_release_of_removals_releases_no_warning(make_harness: MakeHarness) -> None:
    """What held warnings before a withdrawal holds them after it, until somebody releases them."""
    harness = make_harness("jira", rules=RULES)
    stories = ["one", "two", "three", "four"]
    for story in stories:
        harness.create_broken("jira", story)
    assert harness.run("sync").code == 4
    assert harness.run("withdraw").code == 0
    assert harness.run("sync", "--release", "all").code == 0
    assert harness.run("resume").code == 0
    held = harness.run("sync")
    assert (held.code, harness.writes()) == (4, [])
    assert "this register has never written before; 4 tickets would be written to" in held.err
    assert harness.run("sync", "--release", "1").code == 0
    assert len(commented(harness, stories)) == 1
    assert harness.run("withdraw").code == 0
    assert harness.run("sync", "--release", "all").code == 0
    assert harness.run("resume").code == 0
    held = harness.run("sync")
    assert held.code == 4
    assert "an earlier stop was not released" in held.err
    assert commented(harness, stories) == []
    assert harness.run("sync", "--release", "all").code == 0
    assert len(commented(harness, stories)) == 3, "the fourth waits for a day since its last notification"


def test_a_release_that_waits_for_the_daemon_is_for_what_was_planned_then(make_harness: MakeHarness) -> None:
    """It was given for removals, and `resume` came before the daemon's tick: no warning is released by it."""
    harness = make_harness("jira", rules=RULES)
    harness.create_broken("jira", "one")
    assert harness.run("sync").code == 4
    assert harness.run("withdraw").code == 0
    with RegisterLock(harness.register_file):
        left = harness.run("sync", "--release", "all")
        assert "at its next tick" in left.out
        assert harness.run("resume").code == 0
    assert harness.run("sync").code == 4
    assert harness.writes() == []
