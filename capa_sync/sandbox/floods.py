"""Answers that are too large or too slow: endless, highly compressed, or sent one byte at a time."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from capa_sync.sandbox.faults import Fault
from capa_sync.sandbox.messages import Reply

KINDS = frozenset({"endless", "bomb", "drip"})
_BLANKS = b" " * 64 * 1024


def flood(reply: Reply, fault: Fault, wait: Callable[[float], bool]) -> tuple[Reply, Iterable[bytes]]:
    """Return the head of such an answer and an iterable of the pieces of its body.

    Args:
        reply: the answer of the tracker.
        fault: a fault whose kind is in KINDS.
        wait: waits the given number of seconds; returns True when the server stops.
    """
    if fault.kind == "drip":
        return reply, _dripped(reply.body, fault.seconds, wait)
    headers = {"Content-Type": "application/json", **fault.headers}
    if fault.kind == "bomb":
        headers["Content-Encoding"] = "gzip"
        return Reply(fault.status or 200, headers=headers), [_bomb()]
    return Reply(fault.status or 200, headers=headers), _endless(wait)


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join([packer.compress(_BLANKS) for _ in range(1024)]) + packer.flush()


def _dripped(body: bytes, seconds: float, wait: Callable[[float], bool]) -> Iterator[bytes]:
    for place in range(len(body)):
        if wait(seconds):
            return
        yield body[place : place + 1]


def _endless(wait: Callable[[float], bool]) -> Iterator[bytes]:
    while not wait(0):
        yield _BLANKS
