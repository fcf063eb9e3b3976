"""A worker process as seen from the daemon: a connection to it, and the tasks sent to it."""

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

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.workers.task import Task

SENT_AHEAD = 4
"""Speculative tasks sent at once, so that the worker never waits for the next. No more than these are sent, because
they must be done before other tasks begin."""
END = 5.0
"""Seconds for which a worker may end by itself before it is killed."""


_Answers = SimpleQueue[bytes | None]


class EvaluationWorker:
    """One worker process; the remaining tasks of a worker that fails stay unanswered.

    A thread takes the worker's answers from the connection as they come, so that the worker does not wait until they
    are asked for.

    Args:
        command: the command that starts it; the number of an open socket is appended.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._sent: deque[Task] = deque()
        self._declines = False
        self._answers: _Answers = SimpleQueue()
        self._ours, theirs = socket.socketpair()
        self._line: Connection | None = Connection(self._ours.dup().detach())
        self._process: subprocess.Popen[bytes] | None = None
        self._listener = threading.Thread(target=_listen, args=(self._line, self._answers), daemon=True)
        self._listener.start()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [*command, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # Ctrl-C is for this process, which ends its workers
                )
        except OSError:
            self._lose()

    @property
    def is_lost(self) -> bool:
        """Tell whether the worker no longer answers."""
        return self._line is None

    @property
    def has_room(self) -> bool:
        """Tell whether one more speculative task could begin soon, and the worker has declined none."""
        return not (self.is_lost or self._declines) and len(self._sent) < SENT_AHEAD

    @property
    def speculative_tickets(self) -> int:
        """Return how many tickets of speculative tasks the worker has not evaluated yet."""
        self.take_receipts()
        return sum(len(task.ids) for task in self._sent if task.is_ahead)

    @property
    def has_answer(self) -> bool:
        """Tell whether `answer` returns without waiting."""
        self.take_receipts()
        return self.is_lost or not self._sent or not self._answers.empty()

    def give(self, task: Task) -> None:
        """Send the worker a task; it does its tasks in order."""
        if self._line is None:
            return
        try:
            self._line.send(task)
            self._sent.append(task)
        except OSError:
            self._lose()

    def take_receipts(self) -> None:
        """Take the receipts that have arrived, without waiting for others."""
        while not self.is_lost and self._sent and self._sent[0].is_ahead and not self._answers.empty():
            receipt = self._receive()
            self._declines = receipt is None or pickle.loads(receipt) is None  # noqa: S301 - from our own process

    def answer(self) -> bytes | None:
        """Return the pickled outcomes of the worker's next task that is not speculative, None without an answer."""
        while not self.is_lost and self._sent and self._sent[0].is_ahead:
            self._receive()
        return self._receive()

    def _receive(self) -> bytes | None:
        answer = self._answers.get() if not self.is_lost else None
        if answer is None:
            self._lose()
            return None
        self._sent.popleft()
        return answer

    def _lose(self) -> None:
        if not self.is_lost:
            log(
                LogAction.WORKER_LOST,
                level="warning",
                code=self._process.poll() if self._process is not None else None,
            )
            self._hang_up()

    def _hang_up(self) -> None:
        """Close the connection after the listener has ended: a closed descriptor's number is reused at once."""
        if self._line is None:
            return
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._listener.join()
        self._ours.close()
        self._line.close()
        self._line = None

    def end(self) -> None:
        """End the process; it has END seconds to finish its present task."""
        self._hang_up()
        if self._process is None:
            return
        try:
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _listen(line: Connection, answers: _Answers) -> None:
    """Put each answer into the queue when it comes, and None after the last."""
    with suppress(EOFError, OSError):
        while True:
            answers.put(line.recv_bytes())
    answers.put(None)
