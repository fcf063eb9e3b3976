"""Other processes that weigh batches of due tickets, so that a first cycle takes every core.

A clerk reads the register and the settings by itself and writes nowhere; it is told which rules and which mapping
this process judges by, and declines when its own are others. Whatever a clerk does not answer is weighed here.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import Self

from capa_sync.daemon.desk import Desk
from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.log import Action, log
from capa_sync.daemon.outcome import Outcome
from capa_sync.model.settings import JudgeOptions, WriteOptions

WORTH = 4_000
"""Due tickets from which on the second that a clerk takes to start is won back."""
MOST = 4
"""Clerks at once; each takes a hundred MiB."""
AHEAD = 2
"""Batches that a clerk has on its desk, so that it never waits for the next."""
END = 5.0
"""Seconds for a clerk to end by itself when it is sent home."""


@dataclass(frozen=True, slots=True)
class Task:
    """One batch to weigh.

    `options`, `write` and `clock_skew` are those of the process that asks; `known_by` are the hashes of rules and
    bound mapping that its verdicts must rest on.
    """

    source: str
    ids: tuple[str, ...]
    now: datetime
    options: JudgeOptions
    write: WriteOptions
    clock_skew: timedelta
    known_by: tuple[str, str]


def known_by(house: House, setup: SourceSetup) -> tuple[str, str]:
    """Return the hashes of rules and bound mapping that a source is judged by."""
    return house.rules.hash, setup.bound.hash if setup.bound is not None else ""


def weigh_for(house: House, task: Task) -> list[Outcome] | None:
    """Weigh a batch for another process, as it would; None when this one knows other rules or another mapping."""
    setup = house.setups[task.source]
    if known_by(house, setup) != task.known_by:
        return None
    house.options, setup.write, setup.clock_skew = task.options, task.write, task.clock_skew
    return Desk(house, setup, task.ids, task.now).weigh(task.ids)


class Clerks:
    """Starts clerks when there is enough to weigh.

    Args:
        command: what starts one; the number of an open socket is added.
        cores: clerks at once, one a core by default. worth: due tickets from which on they are asked.
    """

    def __init__(self, command: Sequence[str], cores: int | None = None, worth: int = WORTH) -> None:
        self._command = command
        self._worth = worth
        self._cores = min(MOST, cores or len(os.sched_getaffinity(0)))

    def are_worth_it(self, tickets: int) -> bool:
        """Tell whether so many tickets are weighed sooner with clerks."""
        return self._cores > 1 and tickets >= self._worth

    def weigh(
        self, house: House, setup: SourceSetup, batches: Sequence[Sequence[str]], now: datetime
    ) -> Iterator[list[Outcome] | None]:
        """Yield the outcomes of each batch in order; None for one that is to be weighed here."""
        known, skew = known_by(house, setup), setup.clock_skew
        tasks = [Task(setup.name, tuple(ids), now, house.options, setup.write, skew, known) for ids in batches]
        with ExitStack() as stack:
            clerks = [
                stack.enter_context(_Clerk(self._command, tasks[first :: self._cores]))
                for first in range(self._cores)
            ]
            for number in range(len(tasks)):
                yield clerks[number % self._cores].answer()


class _Clerk:
    """One such process with the batches that are his; one that fails leaves the rest of them unanswered."""

    def __init__(self, command: Sequence[str], tasks: Sequence[Task]) -> None:
        self._command = command
        self._waiting = iter(tasks)
        self._line: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
            for _ in range(AHEAD):
                self._give()
        except OSError:
            self._lose()
        return self

    def _start(self) -> None:
        ours, his = socket.socketpair()
        self._line = Connection(ours.detach())
        with his:
            self._process = subprocess.Popen(
                [*self._command, str(his.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[his.fileno()],
                start_new_session=True,  # Ctrl-C is for this process, which sends its clerks home
            )

    def _give(self) -> None:
        task = next(self._waiting, None)
        if task is not None and self._line is not None:
            self._line.send(task)

    def answer(self) -> list[Outcome] | None:
        """Return the outcomes of his next batch, None when there is no answer."""
        if self._line is None:
            return None
        try:
            outcomes: list[Outcome] | None = self._line.recv()
            self._give()
        except (EOFError, OSError):
            self._lose()
            return None
        return outcomes

    def _lose(self) -> None:
        log(Action.CLERK_LOST, level="warning", code=self._process.poll() if self._process is not None else None)
        self._hang_up()

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None

    def __exit__(self, *_: object) -> None:
        self._hang_up()
        if self._process is None:
            return
        try:
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(house: House, line: Connection) -> None:
    """Be a clerk: weigh what comes over the line until the other end hangs up.

    What fails here is left to the process that asked, which knows how to say so.
    """
    while True:
        try:
            task: Task = line.recv()
        except (EOFError, OSError):
            return
        try:
            outcomes = weigh_for(house, task)
        except Exception:  # noqa: BLE001 - the same work is done again there, and its fault told
            outcomes = None
        try:
            line.send(outcomes)
        except OSError:
            return
