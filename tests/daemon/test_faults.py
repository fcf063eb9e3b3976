"""Faults of a tracker or a network never double, lose or garble a write."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW, Harness, Picture

WRITE = ("POST|PUT|PATCH", r"/issue/\d+(/comment|/properties/capa-sync)?(\?|$)|/table/sn_grc_issue/")
"""Method and path of the requests that write; searches by POST do not match."""

FAULTS: dict[str, dict[str, Any]] = {
    "answer lost after it was applied": {"kind": "drop_after"},
    "500 after it was applied": {"kind": "status_after", "status": 500},
    "connection cut before it was applied": {"kind": "drop_before"},
    "429 without Retry-After": {"kind": "rate_limit"},
    "429 with seconds": {"kind": "rate_limit", "retry_after": 7},
    "429 with an HTTP date": {"kind": "rate_limit", "retry_after": NOW + timedelta(seconds=40)},
    "429 for more than an hour": {"kind": "rate_limit", "retry_after": 4000},
    "503 before it was applied": {"kind": "answer", "status": 503},
}
IS_APPLIED = ("drop_after", "status_after")


def _undated(picture: Picture) -> str:
    """Return a picture as text without its dates: each ticket is created and warned on at its own time."""
    return re.sub(r"\d+ June 2026( \d\d:\d\d)?", "DATE", repr(picture))


def _states(harness: Harness, key: str) -> set[str]:
    return {str(row["state"]) for row in harness.rows("v_writes") if row["ticket_key"] == key}


@pytest.mark.slow
@pytest.mark.parametrize("source", ["jira", "jira-dc", "servicenow"])
def test_a_fault_on_every_write_ends_in_the_same_picture(make_harness: MakeHarness, source: str) -> None:
    """Each kind of fault affects each write of a ticket once; then the ticket equals one without a fault."""
    harness = make_harness(source, rules=("root-cause-before-action",))
    harness.create_broken(source, "undisturbed", days=0)
    harness.sync()
    expected = _undated(harness.picture(source, "undisturbed"))
    for number, (name, fault) in enumerate(FAULTS.items()):
        key = harness.create_broken(source, f"faulty {number}", days=0)
        _deliver_with_fault(harness, source, key, fault)
        assert _undated(harness.picture(source, f"faulty {number}")) == expected, name


def _deliver_with_fault(harness: Harness, source: str, key: str, fault: dict[str, Any]) -> None:
    """Let the fault affect one write per cycle until all are delivered."""
    faults = harness.servers[source].faults
    hits = 0
    for cycle in range(8):
        if cycle and _states(harness, key) == {"delivered"}:
            break
        faults.clear()
        passed = 1 if cycle and fault["kind"] not in IS_APPLIED else 0
        planned = faults.add(fault["kind"], WRITE, after=passed, **{k: v for k, v in fault.items() if k != "kind"})
        harness.run("sync", "--release", "all")
        hits += max(0, planned.hits - passed)
        harness.set_clock(harness.clock.now() + timedelta(hours=2))
    faults.clear()
    assert _states(harness, key) == {"delivered"}
    assert hits >= 2, "the fault must affect every write"


@pytest.mark.parametrize("source", ["jira", "servicenow"])
def test_a_retry_after_of_an_hour_is_kept_over_restarts(make_harness: MakeHarness, source: str) -> None:
    """After a 429 with a long Retry-After no process sends anything before its end; then everything goes on."""
    harness = make_harness(source, "jira-dc")
    harness.create_broken(source)
    harness.create_broken("jira-dc")
    server = harness.servers[source]
    server.faults.add("rate_limit", WRITE, retry_after=4000)
    assert harness.run("sync", "--release", "all").code == 3
    sent = len(server.requests)
    harness.set_clock(NOW + timedelta(minutes=30))
    waiting = harness.run("sync")
    assert waiting.code == 3
    assert "asked us to wait until 2026-06-15 10:06:40Z" in waiting.err
    assert len(server.requests) == sent, "a request was sent before the end of Retry-After"
    assert harness.picture("jira-dc", "broken")["labels"] == ["capa-warning"], "the other source had to wait"
    harness.set_clock(NOW + timedelta(minutes=67))
    harness.sync()
    assert _states(harness, harness.key(source, "broken")) == {"delivered"}


def test_a_ticket_waits_behind_its_own_stuck_write_alone(make_harness: MakeHarness) -> None:
    """A refused write does not affect the other ticket; `status` names it, `retry` sends it again."""
    harness = make_harness("jira")
    stuck, other = harness.create_broken("jira", "stuck"), harness.create_broken("jira", "other")
    server = harness.servers["jira"]
    server.faults.add("answer", ("POST", "/issue/10001/comment"), status=403, answer='{"errorMessages": ["No"]}')
    harness.sync(code=3)
    assert _states(harness, other) == {"delivered"}
    assert "failed" in _states(harness, stuck)
    harness.set_clock(NOW + timedelta(hours=1))
    status = harness.run("status").out
    assert f"jira:{stuck} comment, failed, planned 60 min ago" in status
    assert other not in status.partition("stuck writes")[2].partition("next checks")[0]
    asked = harness.run("retry", stuck)
    assert (asked.code, asked.out) == (0, "asked to send 1 stuck write again\n")
    harness.sync()
    assert _states(harness, stuck) == {"delivered"}
    assert "stuck writes: 0" in harness.run("status").out
    assert harness.run("retry", "CAPA-99").code == 2


@pytest.mark.parametrize("source", ["jira", "jira-dc", "servicenow"])
def test_what_a_release_permitted_is_sent_although_others_are_held(make_harness: MakeHarness, source: str) -> None:
    """One of two tickets is released and its first write is rate limited: it is sent later; the other waits."""
    harness = make_harness(source, rules=("root-cause-before-action",))
    for story in ("one", "other"):
        harness.create_broken(source, story)
    harness.servers[source].faults.add("rate_limit", WRITE, times=1)
    assert harness.run("sync").code == 4
    assert harness.run("sync", "--release", "1").code == 3
    assert not harness.picture(source, "one")["state"]
    harness.set_clock(NOW + timedelta(minutes=2))
    held = harness.run("sync")
    assert held.code == 4
    assert "an earlier stop was not released; 1 ticket would be written to" in held.out + held.err
    assert harness.picture(source, "one")["state"] == "warning"
    assert not harness.picture(source, "other")["state"]
