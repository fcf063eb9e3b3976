"""The bytes of a ticket's part, which are kept for ever."""

from __future__ import annotations

from typing import Any

import orjson

MOST_BYTES = 4 * 1024 * 1024
"""Of one part of a ticket: what a rule may have to read of it stays within two seconds (benchmarks)."""
MOST_NODES = 400_000
"""Values within one part of a ticket, counted by the signs that divide them, so that text may count as well."""

MOST_ENTRIES = 20_000
"""History entries of one ticket that are worked on."""
UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, RecursionError)
"""What a shape that no tracker should send may raise: that ticket is quarantined, the others go on."""


class TooMuch(ValueError):
    """A part of a ticket is larger, deeper or of more pieces than is worked on; the words say which, for people."""


def body_of(content: Any) -> bytes:
    """Encode content of a ticket as `_encoded` does. Raises TooMuch for content beyond the bounds."""
    try:
        body = _encoded(content)
    except TypeError as error:
        raise TooMuch("it is nested deeper than 250 levels, or holds what JSON cannot tell") from error
    if len(body) > MOST_BYTES:
        raise TooMuch(f"it holds {len(body) // 1024} kB, more than the {MOST_BYTES // 1024} kB that are worked on")
    if len(body) > MOST_NODES and (nodes := body.count(b",") + body.count(b"[") + body.count(b"{")) > MOST_NODES:
        raise TooMuch(f"it holds {nodes} pieces, more than the {MOST_NODES} that are worked on")
    return body


def _encoded(content: Any) -> bytes:
    """Encode content, members in the order of their names, in no more memory than it needs.

    What orjson returns keeps the room in which it was written, up to eight times its length (measured with 3.13):
    of a thousand tickets that wait for their page's turn that is 50 MiB.
    """
    return bytes(memoryview(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)))
