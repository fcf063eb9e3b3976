"""What a real daemon does when the lock of its register is taken away, or its register is overwritten in place."""

from __future__ import annotations

import signal

import pytest

from tests.daemon.conftest import MakeHarness


@pytest.mark.parametrize("ending", [".lock", ".origin"])
def test_a_lock_that_is_deleted_ends_the_daemon_and_lets_no_second_one_in(
    make_harness: MakeHarness, ending: str
) -> None:
    """A second `run` is refused before the first looks again; then the first ends, and no comment is doubled."""
    harness = make_harness("jira")
    harness.create_broken("jira")
    harness.sync()
    written = harness.writes()
    lock = harness.register_file.with_name(f"register.db{ending}")
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        daemon.process.signal(signal.SIGSTOP)
        lock.unlink()
        second = harness.run("run")
        daemon.process.signal(signal.SIGCONT)
        ended = daemon.process.wait()
    (refused,) = second.err.splitlines()
    assert second.code == 6
    assert f"{harness.register_file}: held by another capa-sync" in refused
    assert (ended.code, "Traceback" in ended.err) == (6, False)
    line = ended.err.splitlines()[-1]
    assert line.startswith(f"{lock}: ")
    assert "while capa-sync held the register, so a second daemon may have begun" in line
    harness.sync()
    assert harness.writes() == written
