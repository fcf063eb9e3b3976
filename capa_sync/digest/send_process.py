"""Starts the process of one send, and ends it at its deadline; `handing_over` is what runs in it.

The address reaches the process through a pipe: the list of processes shows it to nobody. The process says first that
it begins, so that one that ended before, for whatever reason, has certainly handed over nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from time import monotonic

import capa_sync
from capa_sync.model.digest import SendResult, SendState
from capa_sync.model.light import light
from capa_sync.model.visible import seen
from capa_sync.redaction import redacted

_LOOK = 0.2
_LONGEST = 300
_PROGRAM = "import sys; sys.path.insert(0, {place!r}); from capa_sync.digest.handing_over import main; main()"


@light
class Outgoing:
    """What a process is to send: to which address, with which title, and the body in both forms."""

    address: str
    title: str
    html: str
    text: str


@light
class Ended:
    """How a send ended; `was_late`: at its deadline, after it had begun."""

    result: SendResult
    was_late: bool = False


def sent_in_process(order: Outgoing, stop: threading.Event, deadline: float, grace: float) -> Ended:
    """Send in a process of its own and return how that ended, at the latest at the deadline, a grace after `stop`."""
    place = str(Path(capa_sync.__file__).parents[1])
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM.format(place=place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a plugin's own lines may hold the address
            start_new_session=True,  # Ctrl-C in a terminal is for us: the send under way has its grace
        )
    except OSError as error:
        return Ended(SendResult(SendState.PENDING, f"its process cannot be started: {error.strerror}"))
    asked = {**asdict(order), "parent": os.getpid(), "seconds": deadline + grace}
    until = monotonic() + deadline
    printed, was_ended = _printed(process, json.dumps(asked).encode(), stop, until, grace)
    why = "no answer came in time" if was_ended else f"its process ended with {process.returncode}"
    return _found(printed, why, was_late=was_ended and monotonic() >= until)


def _printed(
    process: subprocess.Popen[bytes], asked: bytes, stop: threading.Event, until: float, grace: float
) -> tuple[bytes, bool]:
    """Return what a process prints up to its end, and whether it was ended: at the latest at `until`."""
    first: bytes | None = asked
    while True:
        try:
            return process.communicate(first, timeout=_LOOK)[0], False
        except subprocess.TimeoutExpired:
            first = None
        grace -= _LOOK if stop.is_set() else 0
        if grace <= 0 or monotonic() >= until:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what a plugin has started
            return process.communicate()[0], True


def _found(printed: bytes, why: str, *, was_late: bool) -> Ended:
    begun, _, answer = printed.partition(b"\n")
    try:
        state, error = json.loads(answer)
        return Ended(SendResult(SendState(state), seen(redacted(error))[:_LONGEST]))
    except ValueError:
        pass
    if not begun:
        return Ended(SendResult(SendState.PENDING, f"{why}, before anything was handed over"))
    return Ended(SendResult(SendState.UNKNOWN, why), was_late=was_late)
