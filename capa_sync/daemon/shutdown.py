"""Turns SIGTERM, SIGINT and SIGHUP into the stop event, or into the interruption of a verb that has none."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from capa_sync.daemon.guard import set_guard

GRACE = 8.0
"""Seconds for which running work may continue after a stop request (docs/contract.md 3)."""
LATEST = 9.0
"""Seconds after which the process ends in any case; an unfinished write is looked up at the next start."""
MOMENT = 0.5
"""Seconds after LATEST at which the guard kills a process that cannot end itself."""
_LATE = b"stopped while work was under way; what was being written is looked up at the next start\n"
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_WAKING = signal.SIGURG
"""Makes the main thread look for signals that wait; nobody sends it to a program without urgent network data."""
_WAKE_AGAIN = 0.1
"""Seconds between two of them."""


def stop_on_signals(
    stop: threading.Event, *, late_code: int | None = None, before_late_end: Callable[[], object] = lambda: None
) -> threading.Event:
    """Set `stop` on SIGTERM, SIGINT and SIGHUP; a second SIGINT ends at once, as people at a terminal expect.

    Returns an event that is set before `stop`, and only by these signals: it shows that the end was requested.
    With `late_code` the process ends LATEST seconds after the first signal, with that code and a line on standard
    error, if it still runs; it is killed shortly later when a computation keeps all of its threads from running.
    `before_late_end` is called before that end, to remove temporary files.

    A separate thread sets the event: a handler runs on the main thread, and would wait for ever if that thread held
    the event's lock at that moment.
    """
    heard, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(_WAKING, signal.SIG_DFL)  # of `interrupt_on_signals`: it must not stop anything here
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    if late_code is not None:
        set_guard(heard, LATEST + MOMENT)

    caught: set[int] = set()

    def handler(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and number in caught:
            raise KeyboardInterrupt
        caught.add(number)

    for number in _SIGNALS:
        signal.signal(number, handler)
    asked = threading.Event()
    threading.Thread(
        target=_listen, args=(heard, asked, stop, late_code, before_late_end), name="signals", daemon=True
    ).start()
    return asked


def interrupt_on_signals(late_code: int) -> None:
    """Let SIGTERM and SIGHUP interrupt the main thread as SIGINT does, so that what was begun is tidied up.

    For every verb, until it calls `stop_on_signals`. The first of them counts; one that was ignored at the start, as
    `nohup` does, stays so. A process that still runs LATEST seconds later ends with `late_code`.

    A signal that comes just before the main thread begins to wait does not end that wait: Python notes it, and the
    thread finds it only when it wakes. So it is woken until the process ends.
    """
    heard, wake = os.pipe()
    os.set_blocking(wake, False)

    def handler(_number: int, _frame: FrameType | None) -> None:
        for number in taken:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    taken = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, handler)
    signal.signal(_WAKING, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    threading.Thread(target=_end_late, args=(heard, late_code), name="late-end", daemon=True).start()


def _end_late(heard: int, code: int) -> None:
    """Wait for the first signal, let the main thread notice it, and end this process where that does not end it."""
    while os.read(heard, 1)[0] == _WAKING:
        pass
    latest, main, pause = time.monotonic() + LATEST, threading.main_thread().ident, threading.Event()
    while (left := latest - time.monotonic()) > 0:
        pause.wait(min(_WAKE_AGAIN, left))
        signal.pthread_kill(main or 0, _WAKING)
    with contextlib.suppress(OSError):
        os.write(2, _LATE)
    os._exit(code)


def _listen(
    heard: int,
    asked: threading.Event,
    stop: threading.Event,
    late_code: int | None,
    before_late_end: Callable[[], object],
) -> None:
    """Wait for the first signal; each of them means stop. Its byte is not read, because the guard must see it too."""
    waiting = select.poll()
    waiting.register(heard, select.POLLIN)
    waiting.poll()
    asked.set()
    stop.set()
    if late_code is not None:
        threading.Event().wait(LATEST)
        with contextlib.suppress(OSError):
            before_late_end()
        with contextlib.suppress(OSError):
            os.write(2, _LATE)  # not through sys.stderr: another thread may hold its lock
        os._exit(late_code)
