"""Encodes a ticket's parts as bytes, which the store keeps permanently, within bounds of size."""

from __future__ import annotations

from typing import Any

import orjson

MOST_BYTES = 4 * 1024 * 1024
"""Maximum bytes of one part of a ticket: a rule then reads it within two seconds (benchmarks)."""
MOST_NODES = 400_000
"""Maximum values in one part of a ticket; counted by separator signs, so that signs in text may count as well."""

MOST_MARKS = 400_000
"""Maximum signs in one part of a ticket that may be markup or end a line: each takes one to three microseconds."""
_MARKS = (b",", b"[", b"{", b"|", b"<", b"&", b"*", b"_", b"+", b"!", rb"\\", rb"\n")
"""As JSON writes them. Words alone take a hundredth of that time."""

MOST_ENTRIES = 20_000
"""Maximum history entries of a ticket that is processed."""
UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, RecursionError)
"""Errors that an unexpected shape may raise: then that ticket is quarantined, and the others continue."""


class TooMuch(ValueError):
    """A part of a ticket is larger, deeper or of more pieces than allowed; the message names the bound for people."""


def body_of(content: Any) -> bytes:
    """Encode content of a ticket. Raises TooMuch for content beyond the bounds."""
    try:
        body = _encoded(content)
    except TypeError as error:
        raise TooMuch("it is nested deeper than 250 levels, or holds what JSON cannot tell") from error
    if len(body) > MOST_BYTES:
        raise TooMuch(f"it holds {len(body) // 1024} kB, more than the {MOST_BYTES // 1024} kB that are worked on")
    if len(body) > MOST_NODES and (nodes := body.count(b",") + body.count(b"[") + body.count(b"{")) > MOST_NODES:
        raise TooMuch(f"it holds {nodes} pieces, more than the {MOST_NODES} that are worked on")
    if len(body) > MOST_MARKS and (marks := sum(map(body.count, _MARKS))) > MOST_MARKS:
        raise TooMuch(f"it holds {marks} signs of markup, more than the {MOST_MARKS} that are worked on")
    return body


def _encoded(content: Any) -> bytes:
    """Encode content with members in the order of their names, in no more memory than needed.

    The bytes that orjson returns keep their write buffer, up to eight times their length (measured with 3.13): for a
    thousand tickets that wait for their page to be committed, that is 50 MiB.
    """
    return bytes(memoryview(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)))
