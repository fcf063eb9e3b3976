"""A preview gives way to a running daemon: it and the workers that it starts run when nothing else wants to."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from capa_sync.cli.process import give_way
from tests.cli.test_live_set import ORDER, WAITS, lower
from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import ROOT
from tests.patience import PATIENCE

NICENESS = "import os; print(os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))"
PREVIEW = """
import os, sys
from capa_sync.cli import preview
computed = preview.previewed
def previewed(*arguments):
    print("policy", os.sched_getscheduler(0))
    return computed(*arguments)
preview.previewed = previewed
"""
FORBID = """
def refuse(*_):
    raise PermissionError(1, "Operation not permitted")
os.nice = os.sched_setscheduler = refuse
"""
MAIN = "from capa_sync.cli.app import main; main()"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has an idle policy")


def priority_of_a_child() -> list[int]:
    """Return policy and niceness of a process that this thread starts."""
    return [int(word) for word in subprocess.check_output([sys.executable, "-c", NICENESS]).split()]


def test_the_thread_and_its_processes_have_the_idle_policy_and_other_threads_keep_theirs() -> None:
    """Only the thread that works gives way: the one that hears a stop request stays quick."""
    before = priority_of_a_child()
    with ThreadPoolExecutor(1, initializer=give_way) as thread:
        assert thread.submit(os.sched_getscheduler, 0).result() == os.SCHED_IDLE
        assert thread.submit(priority_of_a_child).result() == [os.SCHED_IDLE, 19]
    assert priority_of_a_child() == before


@pytest.mark.parametrize(("forbids", "policy"), [("", "SCHED_IDLE"), (FORBID, "SCHED_OTHER")], ids=["may", "may not"])
def test_a_preview_gives_way_where_it_may(make_harness: MakeHarness, forbids: str, policy: str) -> None:
    """A service may be forbidden to change priorities; its preview then works like any other process."""
    harness = make_harness("jira", rules=(ORDER,), settings=WAITS)
    harness.create_broken("jira")
    harness.sync()
    lower(harness)
    command = [sys.executable, "-c", PREVIEW + forbids + MAIN, "preview", "--config", str(harness.file)]
    done = subprocess.run(
        command, cwd=ROOT, env=harness.env, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert f"policy {getattr(os, policy)}" in done.stdout.splitlines()
    assert "changed: 1 ticket" in done.stdout
