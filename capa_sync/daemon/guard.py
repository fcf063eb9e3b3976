"""Kills a process that does not end by itself after a stop request, whatever it is computing.

A pattern match, or any other computation in C, may keep every Python thread of its process from running; then nothing
in that process can end it. So a second, small process watches it, without our modules. It notices the stop request as
soon as the signal comes, because the C part of Python's signal handler writes to a pipe without waiting for a thread.

Run as a program: `guard.py PIPE PID SECONDS`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys

_LINE = (
    "capa-sync: work did not end within {:g} s of the wish to stop, so its process was ended; what it was writing is "
    "looked up at the next start\n"
)


def set_guard(pipe: int, seconds: float) -> None:
    """Start a guard process that kills this one, `seconds` after the first byte comes through a pipe.

    Args:
        pipe: the reading end; nothing may read from it, because the guard must see the byte. The guard ends by itself
            when the writing end is closed; only this process may hold that end.
        seconds: time from the first byte until this process is killed.
    """
    passed = os.dup(pipe)
    os.set_inheritable(passed, True)
    command = [sys.executable, "-I", "-S", __file__, str(passed), str(os.getpid()), str(seconds)]
    env = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}  # no secrets
    nowhere = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1)]
    # a service may be forbidden to start processes; without a guard, only such a computation delays its end
    with contextlib.suppress(OSError):
        os.posix_spawn(sys.executable, command, env, file_actions=nowhere, setsid=True)
    os.close(passed)


def watch(pipe: int, pid: int, seconds: float) -> None:
    """Wait for a byte, then for the end of the process; kill it when that takes longer than `seconds`."""
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    if not _is_open(waiting.poll()):
        return
    waiting.modify(pipe, 0)  # from now on, report only that the writing end was closed
    if waiting.poll(seconds * 1000):
        return
    sys.stderr.write(_LINE.format(seconds))
    sys.stderr.flush()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _is_open(events: list[tuple[int, int]]) -> bool:
    return bool(events) and not events[0][1] & (select.POLLHUP | select.POLLERR)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
