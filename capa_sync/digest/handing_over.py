"""The process of one send: hands one message over, says how that ended, and ends.

It ends by itself too, when the process that waits for it is gone, when its time is over, or when an answer fills its
memory. Nothing that a plugin prints leaves it: that may hold the address.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from math import ceil
from pathlib import Path

from capa_sync.digest.answers import hold_answers
from capa_sync.digest.services import Services
from capa_sync.model.digest import SendState
from capa_sync.redaction import conceal_address

MOST_MEMORY = 256 * 1024 * 1024
"""Bytes in memory above which a send is ended; a usual one takes a quarter of that."""
_HARD_LIMIT = 2 * MOST_MEMORY
"""Bytes that the system grants, where the process may set such a limit; the service of systemd may not."""
_LOOK = 0.2


def main() -> None:
    """Read the order from standard input, and send."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # meant for the daemon, which decides when a send under way ends
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (_HARD_LIMIT, _HARD_LIMIT))
    line = _line_to_parent()
    asked = json.loads(sys.stdin.buffer.read())
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(ceil(asked["seconds"]) + 1)
    conceal_address(asked["address"])
    end = partial(_end, line)
    threading.Thread(target=_watch, args=(asked["parent"], partial(end, SendState.UNKNOWN)), daemon=True).start()
    services = Services()
    hold_answers(partial(end, SendState.UNKNOWN))
    os.write(line, b"begun\n")
    result = services.handed_over(asked["address"], asked["title"], asked["html"], asked["text"])
    end(result.state, result.error)


def _line_to_parent() -> int:
    """Return a descriptor of our standard output that nobody else has; to all others it leads nowhere."""
    line = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return line


def _end(line: int, state: SendState, error: str) -> None:
    """Say how the send ended and end at once, whatever a plugin's threads still do."""
    os.write(line, json.dumps([state, error]).encode())
    os._exit(0)


def _watch(parent: int, end: partial[None]) -> None:
    """End the process without its parent, or with an answer that fills its memory."""
    pause = threading.Event()
    while os.getppid() == parent:
        if _memory() > MOST_MEMORY:
            end(f"the answer does not end: it took more than {MOST_MEMORY >> 20} MiB of memory")
        pause.wait(_LOOK)
    os._exit(1)


def _memory() -> int:
    """Return the bytes of this process that are in memory; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except OSError:
        return 0
