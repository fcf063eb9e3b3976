"""`waive` and `waivers`, typed by a person, with and without a daemon that holds the register."""

from __future__ import annotations

import getpass
import json
from datetime import timedelta

from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW, until

RULE = "root-cause-before-action"
LAST = str(NOW.date() + timedelta(days=10))
WORDS = ("--until", LAST, "--by", "mara.roy", "--because", "The cause stands in the attached report")


def test_a_waiver_is_recorded_listed_and_taken_by_a_running_daemon(make_harness: MakeHarness) -> None:
    """A mistake is one line and exit 2; without a daemon the next `sync` shows it, with one its next cycle does."""
    harness = make_harness("jira", rules=(RULE,))
    first, second = harness.create_broken("jira", "one"), harness.create_broken("jira", "two")
    harness.sync()
    refused = harness.run("waive", first, RULE, *WORDS)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "the finding is high: a second person must approve the waiver\n"
    assert json.loads(harness.run("waivers", "--all", "--json").out) == []
    done = harness.run("waive", first, RULE, *WORDS, "--approved-by", "priya.nair")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{first}: {RULE} is waived until {LAST}; the next cycle shows it on the ticket\n"
    assert "1 finding waived; see `capa-sync waivers`" in harness.sync().out
    assert "waived until 25 June 2026" in str(harness.picture("jira", "one")["comments"])
    [row] = json.loads(harness.run("waivers", "--json").out)
    assert (row["state"], row["result"], row["recorded_by"], row["ends_soon"]) == (
        "active",
        "breach",
        getpass.getuser(),
        True,
    )
    printed = harness.run("waivers").out
    assert f"jira:{first} {RULE} (breach, high) until {LAST}, ends soon" in printed
    assert f"{RULE} is waived until {LAST} by mara.roy" in harness.run("explain", first).out
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(1, ["jira"])
        left = harness.run("waive", second, RULE, *WORDS, "--approved-by", "priya.nair")
        assert left.out == f"{second}: {RULE} is waived until {LAST}; the daemon does it at its next tick\n"
        daemon.wait_for("request_taken")
        until(lambda: "waived until" in str(harness.picture("jira", "two")["comments"]))
        harness.set_clock(NOW + timedelta(days=11))
        until(lambda: "waived until" not in str(harness.picture("jira", "two")["comments"]))
