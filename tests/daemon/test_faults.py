"""What a tracker or a network does to our writes never doubles, loses or garbles one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import NOW, Desk, Picture

WRITE = ("POST|PUT|PATCH", r"/issue/\d+(/comment|/properties/capa-sync)?(\?|$)|/table/sn_grc_issue/")
"""Method and path of the requests that write, and of no search by POST."""

FAULTS: dict[str, dict[str, Any]] = {
    "answer lost after it was applied": {"kind": "drop_after"},
    "500 after it was applied": {"kind": "status_after", "status": 500},
    "connection cut before it was applied": {"kind": "drop_before"},
    "429 without a wish": {"kind": "rate_limit"},
    "429 with seconds": {"kind": "rate_limit", "retry_after": 7},
    "429 with an HTTP date": {"kind": "rate_limit", "retry_after": NOW + timedelta(seconds=40)},
    "429 for more than an hour": {"kind": "rate_limit", "retry_after": 4000},
    "503 before it was applied": {"kind": "answer", "status": 503},
}
IS_APPLIED = ("drop_after", "status_after")


def _undated(picture: Picture) -> str:
    """A picture as text without its dates: each ticket is told and warned on at its own time."""
    return re.sub(r"\d+ June 2026( \d\d:\d\d)?", "DATE", repr(picture))


def _states(desk: Desk, key: str) -> set[str]:
    return {str(row["state"]) for row in desk.rows("v_writes") if row["ticket_key"] == key}


@pytest.mark.slow
@pytest.mark.parametrize("source", ["jira", "jira-dc", "servicenow"])
def test_a_fault_on_every_write_ends_in_the_same_picture(make_desk: MakeDesk, source: str) -> None:
    """Each kind of fault hits each write of a ticket once; then the ticket looks like one that met none."""
    desk = make_desk(source, rules=("root-cause-before-action",))
    desk.tell_broken(source, "unhurt", days=0)
    desk.sync()
    measure = _undated(desk.picture(source, "unhurt"))
    for number, (name, fault) in enumerate(FAULTS.items()):
        key = desk.tell_broken(source, f"hurt {number}", days=0)
        _deliver_hurt(desk, source, key, fault)
        assert _undated(desk.picture(source, f"hurt {number}")) == measure, name


def _deliver_hurt(desk: Desk, source: str, key: str, fault: dict[str, Any]) -> None:
    """Let one write a cycle meet the fault until all are delivered."""
    faults = desk.servers[source].faults
    hits = 0
    for cycle in range(8):
        if cycle and _states(desk, key) == {"delivered"}:
            break
        faults.clear()
        passed = 1 if cycle and fault["kind"] not in IS_APPLIED else 0
        planned = faults.add(fault["kind"], WRITE, after=passed, **{k: v for k, v in fault.items() if k != "kind"})
        desk.run("sync", "--release", "all")
        hits += max(0, planned.hits - passed)
        desk.set_clock(desk.clock.now() + timedelta(hours=2))
    faults.clear()
    assert _states(desk, key) == {"delivered"}
    assert hits >= 2, "every write was to be hit"


@pytest.mark.parametrize("source", ["jira", "servicenow"])
def test_a_wish_for_an_hour_is_kept_over_restarts(make_desk: MakeDesk, source: str) -> None:
    """After a 429 with a long Retry-After nothing at all is sent before its end, by no process; then all goes on."""
    desk = make_desk(source, "jira-dc")
    desk.tell_broken(source)
    desk.tell_broken("jira-dc")
    server = desk.servers[source]
    server.faults.add("rate_limit", WRITE, retry_after=4000)
    assert desk.run("sync", "--release", "all").code == 3
    sent = len(server.requests)
    desk.set_clock(NOW + timedelta(minutes=30))
    waiting = desk.run("sync")
    assert waiting.code == 3
    assert "asked us to wait until 2026-06-15 10:06:40Z" in waiting.err
    assert len(server.requests) == sent, "the tracker was asked although it wished for silence"
    assert desk.picture("jira-dc", "broken")["labels"] == ["capa-warning"], "the other source had to wait"
    desk.set_clock(NOW + timedelta(minutes=67))
    desk.sync()
    assert _states(desk, desk.key(source, "broken")) == {"delivered"}


def test_a_ticket_waits_behind_its_own_stuck_write_alone(make_desk: MakeDesk) -> None:
    """A write refused on one ticket leaves the other's untouched; `status` names it, `retry` sends it."""
    desk = make_desk("jira")
    stuck, other = desk.tell_broken("jira", "stuck"), desk.tell_broken("jira", "other")
    server = desk.servers["jira"]
    server.faults.add("answer", ("POST", "/issue/10001/comment"), status=403, answer='{"errorMessages": ["No"]}')
    desk.sync()
    assert _states(desk, other) == {"delivered"}
    assert "failed" in _states(desk, stuck)
    desk.set_clock(NOW + timedelta(hours=1))
    told = desk.run("status").out
    assert f"jira:{stuck} comment, failed for 3600 s" in told
    assert other not in told.partition("stuck writes")[2].partition("next checks")[0]
    asked = desk.run("retry", stuck)
    assert (asked.code, asked.out) == (0, "asked to send 1 stuck write again\n")
    desk.sync()
    assert _states(desk, stuck) == {"delivered"}
    assert "stuck writes: 0" in desk.run("status").out
    assert desk.run("retry", "CAPA-99").code == 2


@pytest.mark.parametrize("source", ["jira", "jira-dc", "servicenow"])
def test_what_a_release_let_through_goes_out_although_others_are_held(make_desk: MakeDesk, source: str) -> None:
    """One of two tickets is released and its first write comes at a bad time: it is made up for, the other waits."""
    desk = make_desk(source, rules=("root-cause-before-action",))
    for story in ("one", "other"):
        desk.tell_broken(source, story)
    desk.servers[source].faults.add("rate_limit", WRITE, times=1)
    assert desk.run("sync").code == 4
    assert desk.run("sync", "--release", "1").code == 3
    assert not desk.picture(source, "one")["state"]
    desk.set_clock(NOW + timedelta(minutes=2))
    held = desk.run("sync")
    assert held.code == 4
    assert "an earlier stop was not released; 1 ticket would be written to" in held.out + held.err
    assert desk.picture(source, "one")["state"] == "warning"
    assert not desk.picture(source, "other")["state"]
