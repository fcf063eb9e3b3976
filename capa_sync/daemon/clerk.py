"""A clerk as seen from this process: another one, with a line to it and the tasks that are his."""

from __future__ import annotations

import pickle
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Protocol

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.outcome import Outcome

DESK, AHEAD_DESK = 8, 4
"""Tasks that lie on a clerk's desk, so that he never waits for the next; and of those to be weighed ahead, which must
be done before others are begun."""
END = 5.0
"""Seconds for a clerk to end by itself when it is sent home."""


_Answers = SimpleQueue[bytes | None]


class Work(Protocol):
    """What a clerk is given: tickets to weigh, or to weigh ahead, for which he gives a mere receipt."""

    @property
    def is_ahead(self) -> bool:
        """Tell which of the two."""


class Clerk:
    """One such process; one that fails leaves the rest of his tasks unanswered.

    A thread takes his answers from the line as they come, so that he need not wait until they are asked for.

    Args:
        command: what starts it; the number of an open socket is added.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._waiting: deque[Work] = deque()
        self._on_desk: deque[Work] = deque()
        self._declines = False
        self._answers: _Answers = SimpleQueue()
        self._ours, his = socket.socketpair()
        self._line: Connection | None = Connection(self._ours.dup().detach())
        self._process: subprocess.Popen[bytes] | None = None
        self._listener = threading.Thread(target=_listen, args=(self._line, self._answers), daemon=True)
        self._listener.start()
        try:
            with his:
                self._process = subprocess.Popen(
                    [*command, str(his.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[his.fileno()],
                    start_new_session=True,  # Ctrl-C is for this process, which sends its clerks home
                )
        except OSError:
            self._lose()

    @property
    def is_lost(self) -> bool:
        """Tell whether he answers no more."""
        return self._line is None

    @property
    def has_room(self) -> bool:
        """Tell whether he could begin with one more task soon, and has not declined to weigh ahead."""
        return not (self.is_lost or self._declines) and len(self._waiting) + len(self._on_desk) < AHEAD_DESK

    def give(self, task: Work) -> None:
        """Give him a task; it waits here while his desk is full."""
        self._waiting.append(task)
        self._fill_desk()

    def _fill_desk(self) -> None:
        try:
            while self._line is not None and self._waiting and len(self._on_desk) < DESK:
                self._line.send(self._waiting[0])
                self._on_desk.append(self._waiting.popleft())
        except OSError:
            self._lose()

    def take_receipts(self) -> None:
        """Take the receipts that are there, and wait for none."""
        while not self.is_lost and self._on_desk and self._on_desk[0].is_ahead and not self._answers.empty():
            self._declines = self._receive() is None

    def answer(self) -> list[Outcome] | None:
        """Return the outcomes of his next task that is not weighed ahead, None when there is no answer."""
        while not self.is_lost and self._on_desk and self._on_desk[0].is_ahead:
            self._receive()
        return self._receive()

    def _receive(self) -> list[Outcome] | None:
        answer = self._answers.get() if not self.is_lost else None
        if answer is None:
            self._lose()
            return None
        self._on_desk.popleft()
        self._fill_desk()
        outcomes: list[Outcome] | None = pickle.loads(answer)  # noqa: S301 - from a process that we started
        return outcomes

    def _lose(self) -> None:
        if not self.is_lost:
            log(
                LogAction.CLERK_LOST,
                level="warning",
                code=self._process.poll() if self._process is not None else None,
            )
            self._hang_up()

    def _hang_up(self) -> None:
        """Close the line; not before who listens has heard the end, for its number may be another's at once."""
        if self._line is None:
            return
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._listener.join()
        self._ours.close()
        self._line.close()
        self._line = None

    def go_home(self) -> None:
        """End the process; he ends what he is at first, if that is soon."""
        self._hang_up()
        if self._process is None:
            return
        try:
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _listen(line: Connection, answers: _Answers) -> None:
    """Put the answers into the queue as they come, and None after the last."""
    with suppress(EOFError, OSError):
        while True:
            answers.put(line.recv_bytes())
    answers.put(None)
