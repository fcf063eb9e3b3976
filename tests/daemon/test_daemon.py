"""The daemon as a process: how it ends, its lock, and what it does when only time passes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import shutdown
from capa_sync.sandbox.stories.script import Create, Day, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import LATEST
from tests.daemon.harness import ENDS_SOON, FACTS, KILLED, NOW, PATIENCE, Harness, until

STOP_WITHIN = 10.0


def _states(harness: Harness) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in harness.rows("v_writes"):
        found.setdefault(str(row["ticket_key"]), set()).add(str(row["state"]))
    return found


# --- its end -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_each_signal_to_stop_ends_an_idle_daemon_with_0(make_harness: MakeHarness, number: signal.Signals) -> None:
    """A daemon that waits for its next poll ends, with a line in its log; SIGHUP does not read the settings again."""
    harness = make_harness("servicenow")
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        harness.file.write_text("no settings", encoding="utf-8")
        assert daemon.process.signal(number).wait().code == 0
        assert daemon.lines("daemon_stopped", clean="true")


UNASKED = """
import capa_sync.cli.run as run, capa_sync.cli.app as app
class Daemon(run.Daemon):
    def run(self):
        self._runtime.stop.set()
        return super().run()
run.Daemon = Daemon
app.main(["run"])
"""


def test_a_daemon_that_ends_unasked_never_ends_with_0(make_harness: MakeHarness) -> None:
    """When no signal asked for the stop, the exit code makes the supervisor start the daemon again."""
    harness = make_harness("jira")
    done = subprocess.run(
        [sys.executable, "-c", UNASKED],
        cwd=harness.folder,
        env=harness.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 70, done.stderr
    assert "without being asked" in done.stderr


@pytest.mark.slow
def test_a_tracker_that_disappears_is_one_line_before_the_cycle_fails(make_harness: MakeHarness) -> None:
    """Half a minute of attempts is not silent: the first failed request says what failed and what happens next."""
    harness = make_harness("jira")
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        harness.servers["jira"].stop()
        daemon.wait_for("cycle_failed", source="jira")
        [line] = daemon.lines("request_failed", source="jira")
        assert "sent again in" in line
        assert daemon.process.err.index(line) < daemon.process.err.index("action=cycle_failed")
        assert daemon.stop().code == 0


ODD = {
    "jira": ("GET", r"/project/search", '{"values": [null]}'),
    "jira-dc": ("GET", r"/rest/api/2/project(\?|$)", "[null]"),
    "servicenow": ("GET", r"/table/sn_grc_issue/", '{"result": []}'),
}


@pytest.mark.parametrize("source", ODD)
def test_odd_answers_do_not_end_the_daemon(make_harness: MakeHarness, source: str) -> None:
    """One endpoint answers with an odd body: the daemon goes on, and recovers when the answers are right again."""
    harness = make_harness(source)
    harness.create_broken(source)
    method, path, answer = ODD[source]
    harness.servers[source].faults.add("answer", (method, path), status=200, answer=answer, times=None)
    with harness.daemon() as daemon:
        if source == "servicenow":
            daemon.wait_for("safety_stop")
            harness.run("sync", "--release", "all")
            daemon.wait_for("write_deferred")
        else:
            daemon.wait_for("cycle_failed", 2)
        harness.servers[source].faults.clear()
        daemon.wait_for_cycles(2, [source])
        assert daemon.stop().code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/search/jql"), ("GET", "/issue/10001")], ids=["reading", "before a write"]
)
def test_sigterm_ends_it_within_ten_seconds_while_the_tracker_hangs(
    make_harness: MakeHarness, method: str, path: str
) -> None:
    """A tracker that does not answer does not delay the end of the daemon; exit code 0."""
    harness = make_harness("jira")
    harness.create_broken("jira")
    hang = harness.servers["jira"].faults.add("delay", (method, path), seconds=120)
    with harness.daemon() as daemon:
        harness.run("sync", "--release", "all")
        until(lambda: hang.hits)
        assert daemon.stop().code == 0


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["run", "sync"])
def test_sigterm_while_slices_wait_for_a_slow_instance_ends_it_cleanly(make_harness: MakeHarness, verb: str) -> None:
    """Every session of a backfill waits for an answer: the process ends at once, and no thread delays it."""
    harness = make_harness("servicenow")
    harness.create_clean("servicenow")
    hang = harness.servers["servicenow"].faults.add(
        "delay", ("GET", r"/sys_audit\?.*documentkey"), times=None, seconds=600
    )
    child = harness.start(verb)
    until(lambda: hang.hits)
    child.signal(signal.SIGTERM).wait()
    assert child.code == (0 if verb == "run" else 130)
    assert verb == "sync" or any(
        "action=daemon_stopped" in line and "clean=true" in line for line in child.err.splitlines()
    )


@pytest.mark.parametrize("verb", ["run", "sync"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_sigterm_ends_it_within_its_time_whatever_is_computed(
    make_harness: MakeHarness, verb: str, number: int
) -> None:
    """A computation that blocks every thread of the process is ended by the guard, and the next start goes on."""
    harness = make_harness("jira")
    harness.create_broken("jira")
    child = harness.start(verb, TEST_STEPS="compute:1 POST /rest/api/3/search/jql", **ENDS_SOON)
    until(lambda: "computing" in child.err)
    child.signal(number).wait()
    assert child.code == KILLED
    assert "was ended; what it was writing is looked up at the next start" in child.err
    given = re.search(r"work did not end within ([\d.]+) s of the wish to stop", child.err)
    assert given is not None
    assert float(given[1]) == float(ENDS_SOON[LATEST]) + shutdown.MOMENT
    harness.sync()
    assert len(harness.picture("jira", "broken")["comments"]) == 1


def test_the_latest_end_is_within_ten_seconds() -> None:
    """Running work has its time, then the process ends itself, then the guard ends it: all as promised.

    These are the times of a process for which no test shortened them.
    """
    assert shutdown.GRACE < shutdown.LATEST < shutdown.LATEST + shutdown.MOMENT <= STOP_WITHIN


@pytest.mark.slow
def test_a_process_that_ends_leaves_no_guard_behind(make_harness: MakeHarness) -> None:
    """The guard ends with the process that it watches, however that ends."""
    harness = make_harness("jira")
    for number, code in ((signal.SIGTERM, 0), (signal.SIGKILL, KILLED)):
        with harness.daemon() as daemon:
            daemon.wait_for("cycle_finished")
            guards = until(lambda pid=daemon.process.pid: _guards_of(pid))
            assert daemon.process.signal(number).wait().code == code
        until(lambda pids=guards: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def _guards_of(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.endswith(b"/guard.py") for word in words) and str(pid).encode() in words:
            found.append(int(folder.name))
    return found


@pytest.mark.slow
def test_a_write_under_way_at_the_end_is_looked_up_at_the_next_start(make_harness: MakeHarness) -> None:
    """A comment was applied and its answer hung: it is `unknown` after SIGTERM, then found; there is one comment."""
    harness = make_harness("jira")
    harness.create_broken("jira")
    faults = harness.servers["jira"].faults
    hang = faults.add("delay_after", ("POST", "/issue/10001/comment"), seconds=120)
    with harness.daemon() as daemon:
        assert harness.run("sync", "--release", "all").code == 0
        until(lambda: hang.hits)
        until(lambda: harness.picture("jira", "broken")["comments"])
        assert daemon.stop().code == 0
    assert "unknown" in _states(harness)["CAPA-1"]
    faults.clear()
    with harness.daemon() as daemon:
        until(lambda: _states(harness)["CAPA-1"] == {"delivered"})
    again = [path for _, method, path in harness.writes() if method == "POST"]
    assert again == [], "the first request is not in the tracker's log yet; a second must not be there"
    assert len(harness.picture("jira", "broken")["comments"]) == 1


# --- one at a time -------------------------------------------------------------------------------------------------
def test_a_second_daemon_is_refused_and_a_killed_one_blocks_nobody(make_harness: MakeHarness) -> None:
    """While one process holds the register, `run`, `sync` and `rebuild` end with 6 and one line naming it."""
    harness = make_harness("servicenow")
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        for verb in ("run", "sync", "rebuild"):
            refused = harness.run(verb)
            assert refused.code == 6
            line = f"{harness.register_file}: held by another capa-sync (process {daemon.process.pid})"
            assert refused.err.splitlines()[-1:] == [line]
            assert "Traceback" not in refused.err
        assert daemon.process.signal(signal.SIGKILL).wait().code == KILLED
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
    harness.sync()


def test_a_release_left_while_the_daemon_runs_is_taken_at_its_next_tick(make_harness: MakeHarness) -> None:
    """The first activation writes nothing; `sync --release all` leaves a request, and the daemon carries it out."""
    harness = make_harness()
    keys = [harness.create_broken(source) for source in harness.names]
    with harness.daemon() as daemon:
        for source in harness.names:
            daemon.wait_for("safety_stop", source=source)
        assert harness.writes() == []
        assert set.union(*_states(harness).values()) == {"withheld"}
        left = harness.run("sync", "--release", "all")
        assert (left.code, left.out) == (0, "the daemon holds the register and will release at its next tick\n")
        daemon.wait_for("request_taken", 3)
        until(lambda: all(_states(harness)[key] == {"delivered"} for key in keys))
        assert harness.picture("jira", "broken")["labels"] == ["capa-warning"]
        assert len(harness.picture("servicenow", "broken")["notes"]) == 1
        assert daemon.stop().code == 0


def test_an_unreachable_source_delays_no_other_and_never_ends_the_daemon(make_harness: MakeHarness) -> None:
    """One tracker answers with a proxy error only; the others are read as before, and it is read once it answers."""
    harness = make_harness()
    harness.servers["jira-dc"].faults.add("proxy_error", times=None)
    harness.create_broken("jira")
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(2, ("jira", "servicenow"))
        harness.servers["jira-dc"].faults.clear()
        daemon.wait_for("cycle_finished", source="jira-dc")
        assert daemon.stop().code == 0


# --- time ----------------------------------------------------------------------------------------------------------
EARLY = datetime(2026, 6, 20, 15, 59, 59, tzinfo=UTC)
OPENS = datetime(2026, 6, 20, 23, 0, tzinfo=UTC)
"""Due on Friday the 19th, of which one more day is free (docs/contract.md 7): in Jira a day, which ends in London at
23:00 UTC, in ServiceNow an instant, 17:00 in London."""
WEEKS = timedelta(days=13)


def _create_dated(harness: Harness, source: str) -> None:
    """Create a ticket without a breach whose action is due on Friday."""
    harness.clock.set(NOW - timedelta(days=4))
    harness.play_event(source, "dated", Create(FACTS))
    harness.play_event(
        source, "dated", Fill({"root_cause": "Nobody is told when a reviewer leaves, so reviews lapse."})
    )
    harness.clock.set(NOW - timedelta(days=3))
    harness.play_event(source, "dated", Fill({"action_text": "Name a deputy reviewer", "due_at": Day(-4)}))
    harness.clock.set(NOW)


def _overdue(harness: Harness) -> list[tuple[Any, Any]]:
    rows = [row for row in harness.rows("v_findings") if row["rule"] == "action-overdue"]
    return sorted((row["source"], row["severity"]) for row in rows if row["state"] == "open")


@pytest.mark.slow
def test_findings_appear_and_sharpen_by_time_alone_in_one_comment(make_harness: MakeHarness) -> None:
    """No ticket changes; a running daemon opens the finding at its instant and raises the severity later."""
    harness = make_harness("jira", "servicenow")
    harness.create_broken("jira")
    for source in harness.names:
        _create_dated(harness, source)
    harness.sync()
    assert "2026-06-20 23:00:00Z jira:CAPA-2" in harness.run("status").out
    with harness.daemon() as daemon:
        harness.set_clock(EARLY)
        daemon.wait_for_cycles(2, harness.names)
        assert _overdue(harness) == []
        harness.set_clock(OPENS)
        until(lambda: harness.picture("servicenow", "dated")["notes"] and harness.picture("jira", "dated")["state"])
        daemon.wait_for_cycles(1, harness.names)  # what was delivered is recorded before the clock moves on
        first = harness.picture("jira", "dated")
        assert _overdue(harness) == [("jira", "medium"), ("servicenow", "medium")]
        assert first["labels"] == ["capa-overdue", "capa-warning"]
        assert len(harness.picture("servicenow", "dated")["notes"]) == 1

        harness.set_clock(EARLY + WEEKS)
        daemon.wait_for_cycles(2, harness.names)
        assert _overdue(harness) == [("jira", "medium"), ("servicenow", "medium")]
        assert harness.picture("jira", "dated") == first, "a day later there is nothing new to write"
        harness.set_clock(OPENS + WEEKS)
        until(lambda: len(harness.picture("servicenow", "dated")["notes"]) == 2)
        until(lambda: _overdue(harness) == [("jira", "high"), ("servicenow", "high")])
        daemon.wait_for_cycles(2, harness.names)
        assert daemon.stop().code == 0
    assert harness.picture("jira", "dated")["comments"] == first["comments"], (
        "the comment names the date and counts no days"
    )
    assert "19 June 2026" in str(first["comments"])


# --- people --------------------------------------------------------------------------------------------------------
def _delete_comment(harness: Harness, source: str) -> None:
    tracker = harness.players[source].tracker
    key = harness.key(source, "broken")
    (own,) = [comment for comment in tracker.state.find(key).comments if "capa-sync" in str(comment.author)]
    tracker.as_user("anna").delete_comment(key, str(own.id))


@pytest.mark.parametrize("source", ["jira", "jira-dc"])
def test_a_comment_that_a_person_deletes_is_restored_once_and_not_again(
    make_harness: MakeHarness, source: str
) -> None:
    """The first deletion may be a mistake, the second is deliberate; `status` lists tickets left in peace."""
    harness = make_harness(source)
    key = harness.create_broken(source)
    harness.sync()
    counts = []
    for day in (2, 4, 6):
        if harness.picture(source, "broken")["comments"]:
            _delete_comment(harness, source)
        harness.set_clock(NOW + timedelta(days=day))
        harness.sync()
        harness.sync()
        counts.append(len(harness.picture(source, "broken")["comments"]))
    assert counts == [1, 0, 0]
    assert f"left in peace: 1\n  {source}:{key}: a person deleted our comment twice" in harness.run("status").out
