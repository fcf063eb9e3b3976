"""The management review of a past period stays the same, byte for byte, whatever happens later."""

from __future__ import annotations

from datetime import timedelta

from capa_sync.sandbox.stories.script import Create, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, Harness


def report(harness: Harness, name: str) -> bytes:
    """Write the report of the two weeks before the harness began; return its bytes."""
    done = harness.run("register", "report", str(harness.folder / name), *PERIOD)
    assert done.code == 0, done.err
    return (harness.folder / name).read_bytes()


PERIOD = ("--from", "2026-06-01", "--to", "2026-06-14")


def test_a_later_edit_and_a_new_ticket_change_nothing_in_the_report_of_an_earlier_period(
    make_harness: MakeHarness,
) -> None:
    """A cause that is filled, a ticket that is closed and one that is new belong to the next report."""
    harness = make_harness("jira")
    harness.create_broken("jira", days=8)
    harness.sync()
    before = report(harness, "before.html")
    assert b"nonconformity found in the period" in before
    harness.set_clock(harness.clock.now() + timedelta(days=5))
    harness.play_event("jira", "broken", Fill({"root_cause": "No deputy is named for the yearly review of access"}))
    harness.play_event("jira", "new", Create(FACTS))
    harness.sync()
    assert report(harness, "after.html") == before
    refused = harness.run(
        "register", "report", str(harness.folder / "x.html"), "--from", "2027-01-01", "--to", "2027-02-01"
    )
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert not (harness.folder / "x.html").exists()
    reader = harness.run("register", "report", str(harness.folder / "after.html"), *PERIOD, "--as-role", "reader")
    assert (reader.code, (harness.folder / "after.html").read_bytes()) == (0, before)  # nothing is confidential here
    assert harness.run("verify").code == 0
