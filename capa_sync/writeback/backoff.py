"""When an undelivered write is tried again: soon at first, then less often, and never all writes at once."""

from __future__ import annotations

import hashlib
from datetime import timedelta

FIRST = timedelta(seconds=5)
LONGEST = timedelta(hours=1)


def wait(write_id: str, attempts: int) -> timedelta:
    """Return the wait after `attempts` tries of one write: 5 s, doubled each time up to 1 h, and of that 50 to 100 %.

    The percentage follows from the write's id and the attempt: it differs between writes and is the same in a rerun.
    """
    full: timedelta = min(LONGEST, FIRST * (1 << min(max(attempts, 1) - 1, 20)))
    draw: float = hashlib.sha256(f"{write_id}:{attempts}".encode()).digest()[0] / 255
    return full * (0.5 + draw / 2)
