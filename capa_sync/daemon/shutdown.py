"""SIGTERM and SIGINT become the stop event, nothing else."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

GRACE = 8.0
"""Seconds that work under way may go on for after the wish to stop (facts/house.md, decision 10)."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def stop_on_signals(stop: threading.Event) -> threading.Event:
    """Set `stop` on SIGTERM, SIGINT and SIGHUP; a second SIGINT ends at once, as people at a terminal expect.

    Returns an event that is set before `stop` is, and by these signals alone: it tells an end that was asked for.

    The event is set by a thread of its own: a handler runs on the main thread, and would wait for itself for ever
    if that thread held the event's lock at that moment.
    """
    heard, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)

    caught: set[int] = set()

    def handler(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and number in caught:
            raise KeyboardInterrupt
        caught.add(number)

    for number in _SIGNALS:
        signal.signal(number, handler)
    asked = threading.Event()
    threading.Thread(target=_listen, args=(heard, asked, stop), name="signals", daemon=True).start()
    return asked


def _listen(heard: int, asked: threading.Event, stop: threading.Event) -> None:
    """Wait for the first signal that means to stop; bytes are signal numbers."""
    while not set(os.read(heard, 64)) & set(_SIGNALS):
        pass
    asked.set()
    stop.set()
