"""Ctrl-C while a verb works ends it with 130, and the next run does what was left."""

from __future__ import annotations

import signal
import threading

import pytest

from tests.daemon.conftest import MakeHarness


@pytest.mark.parametrize("verb", ["sync", "plan"])
def test_a_verb_that_is_interrupted_ends_with_130_and_says_so(make_harness: MakeHarness, verb: str) -> None:
    """It does not end with 0, which would mean that everything was read and written."""
    harness = make_harness("jira")
    harness.create_broken("jira")
    hang = harness.servers["jira"].faults.add("delay", ("POST|GET", "/search/jql"), seconds=120)
    child = harness.start(verb)
    wait = threading.Event()
    while not hang.hits:
        assert not child.ended.is_set(), child.err
        wait.wait(0.05)
    child.signal(signal.SIGINT).wait()
    assert child.code == 130
    assert child.err.splitlines()[-1].startswith("stopped")
    assert "Traceback" not in child.err
    harness.servers["jira"].faults.clear()
    harness.sync()
    assert harness.run("status").code == 0
