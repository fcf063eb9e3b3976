"""The daemon as a process: how it ends, whom it lets in, what time alone makes it do."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.sandbox.stories.script import Create, Day, Fill
from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import FACTS, KILLED, NOW, PATIENCE, Desk, until

STOP_WITHIN = 10.0


def _states(desk: Desk) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in desk.rows("v_writes"):
        found.setdefault(str(row["ticket_key"]), set()).add(str(row["state"]))
    return found


# --- its end -------------------------------------------------------------------------------------------------------
def test_sigterm_ends_an_idle_daemon_at_once_with_0(make_desk: MakeDesk) -> None:
    """A daemon that waits for its next poll ends when asked, having said so in its log."""
    desk = make_desk("servicenow")
    with desk.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        assert daemon.stop(PATIENCE).code == 0
        assert daemon.lines("daemon_stopped", clean="true")


UNASKED = """
import capa_sync.cli.run as run, capa_sync.cli.app as app
class Daemon(run.Daemon):
    def run(self):
        self._house.stop.set()
        return super().run()
run.Daemon = Daemon
app.main(["run"])
"""


def test_a_daemon_that_ends_unasked_never_ends_with_0(make_desk: MakeDesk) -> None:
    """Whatever set the wish to stop, if it was no signal: the exit code makes who started it start it again."""
    desk = make_desk("jira")
    done = subprocess.run(
        [sys.executable, "-c", UNASKED],
        cwd=desk.folder,
        env=desk.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 70, done.stderr
    assert "without being asked" in done.stderr


ODD = {
    "jira": ("GET", r"/project/search", '{"values": [null]}'),
    "jira-dc": ("GET", r"/rest/api/2/project(\?|$)", "[null]"),
    "servicenow": ("GET", r"/table/sn_grc_issue/", '{"result": []}'),
}


@pytest.mark.parametrize("source", ODD)
def test_odd_answers_do_not_end_the_daemon(make_desk: MakeDesk, source: str) -> None:
    """The tracker answers one endpoint with an odd body for good: the daemon goes on, and heals when that ends."""
    desk = make_desk(source)
    desk.tell_broken(source)
    method, path, answer = ODD[source]
    desk.servers[source].faults.add("answer", (method, path), status=200, answer=answer, times=None)
    with desk.daemon() as daemon:
        if source == "servicenow":
            daemon.wait_for("safety_stop")
            desk.run("sync", "--release", "all")
            daemon.wait_for("write_deferred")
        else:
            daemon.wait_for("cycle_failed", 2)
        desk.servers[source].faults.clear()
        daemon.wait_for_cycles(2, [source])
        assert daemon.stop(PATIENCE).code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/search/jql"), ("GET", "/issue/10001")], ids=["reading", "before a write"]
)
def test_sigterm_ends_it_within_ten_seconds_while_the_tracker_hangs(
    make_desk: MakeDesk, method: str, path: str
) -> None:
    """A tracker that does not answer keeps nobody from stopping the daemon; exit code 0."""
    desk = make_desk("jira")
    desk.tell_broken("jira")
    hang = desk.servers["jira"].faults.add("delay", (method, path), seconds=120)
    with desk.daemon() as daemon:
        desk.run("sync", "--release", "all")
        until(lambda: hang.hits)
        assert daemon.stop(PATIENCE).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["run", "sync"])
def test_sigterm_while_slices_wait_for_a_slow_instance_ends_it_cleanly(make_desk: MakeDesk, verb: str) -> None:
    """Every session of a first fill waits for an answer: the process ends at once, and no thread holds it up."""
    desk = make_desk("servicenow")
    desk.tell_clean("servicenow")
    hang = desk.servers["servicenow"].faults.add(
        "delay", ("GET", r"/sys_audit\?.*documentkey"), times=None, seconds=600
    )
    child = desk.start(verb)
    until(lambda: hang.hits)
    child.signal(signal.SIGTERM).wait(PATIENCE)
    assert child.code == (0 if verb == "run" else 130)
    assert verb == "sync" or any(
        "action=daemon_stopped" in line and "clean=true" in line for line in child.err.splitlines()
    )


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["run", "sync"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_sigterm_ends_it_within_ten_seconds_whatever_is_computed(make_desk: MakeDesk, verb: str, number: int) -> None:
    """A computation that lets no thread of the process run is ended from outside, and the next start goes on."""
    desk = make_desk("jira")
    desk.tell_broken("jira")
    child = desk.start(verb, TEST_STEPS="compute:1 POST /rest/api/3/search/jql")
    until(lambda: "computing" in child.err)
    began = time.monotonic()
    child.signal(number).wait(PATIENCE)
    took = time.monotonic() - began
    assert child.code == KILLED
    assert "was ended; what it was writing is looked up at the next start" in child.err
    assert took < 6 * STOP_WITHIN, "ten seconds, and more on a busy machine"
    desk.sync()
    assert len(desk.picture("jira", "broken")["comments"]) == 1


@pytest.mark.slow
def test_a_process_that_ends_leaves_no_guard_behind(make_desk: MakeDesk) -> None:
    """The guard goes with the process that it watches, however that ends."""
    desk = make_desk("jira")
    for number, code in ((signal.SIGTERM, 0), (signal.SIGKILL, KILLED)):
        with desk.daemon() as daemon:
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
def test_a_write_under_way_at_the_end_is_looked_up_at_the_next_start(make_desk: MakeDesk) -> None:
    """The comment was applied, its answer hung: `unknown` after SIGTERM, found again later, still one comment."""
    desk = make_desk("jira")
    desk.tell_broken("jira")
    faults = desk.servers["jira"].faults
    hang = faults.add("delay_after", ("POST", "/issue/10001/comment"), seconds=120)
    with desk.daemon() as daemon:
        assert desk.run("sync", "--release", "all").code == 0
        until(lambda: hang.hits)
        until(lambda: desk.picture("jira", "broken")["comments"])
        assert daemon.stop(PATIENCE).code == 0
    assert "unknown" in _states(desk)["CAPA-1"]
    faults.clear()
    with desk.daemon() as daemon:
        until(lambda: _states(desk)["CAPA-1"] == {"delivered"})
    again = [path for _, method, path in desk.writes() if method == "POST"]
    assert again == [], "the first request still hangs in the tracker's log; there was to be no second"
    assert len(desk.picture("jira", "broken")["comments"]) == 1


# --- one at a time -------------------------------------------------------------------------------------------------
def test_a_second_daemon_is_refused_and_a_killed_one_blocks_nobody(make_desk: MakeDesk) -> None:
    """While one holds the register, `run`, `sync` and `rebuild` end with 6 and one line naming it."""
    desk = make_desk("servicenow")
    with desk.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        for verb in ("run", "sync", "rebuild"):
            refused = desk.run(verb)
            assert refused.code == 6
            line = f"{desk.register_file}: held by another capa-sync (process {daemon.process.pid})"
            assert refused.err.splitlines()[-1:] == [line]
            assert "Traceback" not in refused.err
        assert daemon.process.signal(signal.SIGKILL).wait().code == KILLED
    with desk.daemon() as daemon:
        daemon.wait_for("cycle_finished")
    desk.sync()


def test_a_release_left_while_the_daemon_runs_is_taken_at_its_next_tick(make_desk: MakeDesk) -> None:
    """The first activation writes nothing; `sync --release all` leaves a request, the daemon carries it out."""
    desk = make_desk()
    keys = [desk.tell_broken(source) for source in desk.names]
    with desk.daemon() as daemon:
        for source in desk.names:
            daemon.wait_for("safety_stop", source=source)
        assert desk.writes() == []
        assert set.union(*_states(desk).values()) == {"withheld"}
        left = desk.run("sync", "--release", "all")
        assert (left.code, left.out) == (0, "the daemon holds the register and will release at its next tick\n")
        daemon.wait_for("request_taken", 3)
        until(lambda: all(_states(desk)[key] == {"delivered"} for key in keys))
        assert desk.picture("jira", "broken")["labels"] == ["capa-warning"]
        assert len(desk.picture("servicenow", "broken")["notes"]) == 1
        assert daemon.stop(PATIENCE).code == 0


def test_a_dead_source_delays_no_other_and_never_ends_the_daemon(make_desk: MakeDesk) -> None:
    """One tracker refuses every connection; the others are read on and on, and `status` names the dead one."""
    desk = make_desk()
    desk.servers["jira-dc"].faults.add("proxy_error", times=None)
    desk.tell_broken("jira")
    with desk.daemon() as daemon:
        daemon.wait_for_cycles(2, ("jira", "servicenow"))
        desk.servers["jira-dc"].faults.clear()
        daemon.wait_for("cycle_finished", source="jira-dc", seconds=60)
        assert daemon.stop(PATIENCE).code == 0


# --- time ----------------------------------------------------------------------------------------------------------
EARLY = datetime(2026, 6, 20, 15, 59, 59, tzinfo=UTC)
OPENS = datetime(2026, 6, 20, 23, 0, tzinfo=UTC)
"""Due on Friday the 19th, of which one more day is free (CONTRACT.md 7): in Jira a day, which ends in London at 23:00
UTC, in ServiceNow an instant, 17:00 in London."""
WEEKS = timedelta(days=13)


def _tell_dated(desk: Desk, source: str) -> None:
    """A ticket in order, its action due on Friday."""
    desk.clock.set(NOW - timedelta(days=4))
    desk.tell(source, "dated", Create(FACTS))
    desk.tell(source, "dated", Fill({"root_cause": "Nobody is told when a reviewer leaves, so reviews lapse."}))
    desk.clock.set(NOW - timedelta(days=3))
    desk.tell(source, "dated", Fill({"action_text": "Name a deputy reviewer", "due_at": Day(-4)}))
    desk.clock.set(NOW)


def _overdue(desk: Desk) -> list[tuple[Any, Any]]:
    rows = [row for row in desk.rows("v_findings") if row["rule"] == "action-overdue"]
    return sorted((row["source"], row["severity"]) for row in rows if row["state"] == "open")


@pytest.mark.slow
def test_findings_appear_and_sharpen_by_time_alone_in_one_comment(make_desk: MakeDesk) -> None:
    """Nobody touches the tickets; a running daemon opens the finding at its instant and raises its severity later."""
    desk = make_desk("jira", "servicenow")
    desk.tell_broken("jira")
    for source in desk.names:
        _tell_dated(desk, source)
    desk.sync()
    assert "2026-06-20 23:00:00Z jira:CAPA-2" in desk.run("status").out
    with desk.daemon() as daemon:
        desk.set_clock(EARLY)
        daemon.wait_for_cycles(2, desk.names)
        assert _overdue(desk) == []
        desk.set_clock(OPENS)
        until(lambda: desk.picture("servicenow", "dated")["notes"] and desk.picture("jira", "dated")["state"])
        daemon.wait_for_cycles(1, desk.names)  # what was delivered is recorded before the clock moves on
        first = desk.picture("jira", "dated")
        assert _overdue(desk) == [("jira", "medium"), ("servicenow", "medium")]
        assert first["labels"] == ["capa-overdue", "capa-warning"]
        assert len(desk.picture("servicenow", "dated")["notes"]) == 1

        desk.set_clock(EARLY + WEEKS)
        daemon.wait_for_cycles(2, desk.names)
        assert _overdue(desk) == [("jira", "medium"), ("servicenow", "medium")]
        assert desk.picture("jira", "dated") == first, "a day later nothing new is to be said"
        desk.set_clock(OPENS + WEEKS)
        until(lambda: len(desk.picture("servicenow", "dated")["notes"]) == 2)
        until(lambda: _overdue(desk) == [("jira", "high"), ("servicenow", "high")])
        daemon.wait_for_cycles(2, desk.names)
        assert daemon.stop(PATIENCE).code == 0
    assert desk.picture("jira", "dated")["comments"] == first["comments"], "it names the date and counts no days"
    assert "19 June 2026" in str(first["comments"])


# --- people --------------------------------------------------------------------------------------------------------
def _delete_comment(desk: Desk, source: str) -> None:
    tracker = desk.players[source].tracker
    key = desk.key(source, "broken")
    (own,) = [each for each in tracker.state.find(key).comments if "capa-sync" in str(each.author)]
    tracker.as_user("anna").delete_comment(key, str(own.id))


@pytest.mark.parametrize("source", ["jira", "jira-dc"])
def test_a_comment_that_a_person_deletes_is_put_back_once_then_left_in_peace(
    make_desk: MakeDesk, source: str
) -> None:
    """The first deletion may be a slip, the second is a wish; `status` says which tickets are left in peace."""
    desk = make_desk(source)
    key = desk.tell_broken(source)
    desk.sync()
    counts = []
    for day in (2, 4, 6):
        if desk.picture(source, "broken")["comments"]:
            _delete_comment(desk, source)
        desk.set_clock(NOW + timedelta(days=day))
        desk.sync()
        desk.sync()
        counts.append(len(desk.picture(source, "broken")["comments"]))
    assert counts == [1, 0, 0]
    assert f"left in peace: 1\n  {source}:{key}: a person deleted our comment twice" in desk.run("status").out
