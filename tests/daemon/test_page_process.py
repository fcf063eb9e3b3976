"""The page that `run` serves: a real process beside a real daemon, which goes on whatever happens to the page."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import pytest
import requests

from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import PATIENCE, Daemon, until

ENV = {"CAPA_SYNC_WEB__WITH_RUN": "true", "CAPA_SYNC_WEB__LISTEN": "127.0.0.1:0"}


def address(daemon: Daemon) -> str:
    """Wait for the page, and return its address."""
    daemon.wait_for("page_listening")
    [line] = daemon.lines("page_listening")
    (found,) = re.findall(r"at=(\S+)", line)
    return str(found)


def is_served(page: str) -> bool:
    """Tell whether the page answers."""
    try:
        return requests.get(page, timeout=PATIENCE).status_code == 200
    except requests.ConnectionError:
        return False


def page_pid(daemon: Daemon) -> int:
    """Return the process of the page, which the daemon started."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        words = stat.read_text().rpartition(")")[2].split()
        if int(words[1]) == daemon.process.pid and b"page_process" in (stat.parent / "cmdline").read_bytes():
            return int(stat.parent.name)
    raise AssertionError("the daemon has no page")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_the_page_is_served_while_the_daemon_runs_and_ends_with_it(
    make_harness: MakeHarness, end: signal.Signals
) -> None:
    """It shows the register, knows no secret, and is gone when the daemon ended, killed or not."""
    harness = make_harness("jira")
    with harness.daemon(**ENV) as daemon:
        page = address(daemon)
        daemon.wait_for("cycle_finished")
        assert "Today" in requests.get(page, timeout=PATIENCE).text
        environ = Path(f"/proc/{page_pid(daemon)}/environ").read_bytes()
        assert b"JIRA_TOKEN" not in environ
        assert daemon.process.signal(end).wait().code == (0 if end is signal.SIGTERM else -end)
    until(lambda: not is_served(page))


def test_a_page_that_is_not_served_is_one_line_where_the_settings_name_its_address(make_harness: MakeHarness) -> None:
    """Whoever set where it listens may wait for it; the line says what to set or to run."""
    harness = make_harness("jira")
    with harness.daemon(CAPA_SYNC_WEB__LISTEN="127.0.0.1:0") as daemon:
        daemon.wait_for("cycle_finished")
        [line] = daemon.lines("page_not_served")
        assert "with_run = true" in line
        assert "capa-sync serve" in line
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        assert daemon.lines("page_not_served") == []


def test_a_page_that_is_killed_is_one_line_and_the_daemon_polls_on(make_harness: MakeHarness) -> None:
    """The daemon needs nothing of it, and ends cleanly while it waits to start it again."""
    harness = make_harness("jira")
    with harness.daemon(**ENV) as daemon:
        address(daemon)
        with os.fdopen(os.pidfd_open(page_pid(daemon))) as page:
            page_pid(daemon)  # the open process is the page, and no other can take its place
            signal.pidfd_send_signal(page.fileno(), signal.SIGKILL)
        daemon.wait_for("page_ended")
        daemon.wait_for_cycles(2, ["jira"])
        assert daemon.stop().code == 0
        assert len(daemon.lines("page_ended")) == 1


def test_a_port_in_use_is_one_line_with_what_to_change(make_harness: MakeHarness) -> None:
    """The daemon starts, polls and ends as without a page."""
    harness = make_harness("jira")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with harness.daemon(**{**ENV, "CAPA_SYNC_WEB__LISTEN": listen}) as daemon:
            daemon.wait_for("page_ended")
            [line] = daemon.lines("page_ended")
            assert f"cannot listen on {listen}" in line
            assert "choose another port in [web] listen" in line
            daemon.wait_for("cycle_finished")
            assert daemon.stop().code == 0
