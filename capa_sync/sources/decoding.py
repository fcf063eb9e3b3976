"""Decodes the JSON of a tracker's answer, also where one value in it is something that strict parsers refuse.

One ticket's value must not make a whole page unreadable. Values that Java and JavaScript servers are known to send,
or that a ticket may contain on purpose, are made harmless: lone surrogates become question marks, NaN, Infinity and
numbers that are too long become texts, and nesting that is too deep is cut.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any

import orjson

# Everything up to the next bracket outside a string, then that bracket or the document's end. Possessive, and an open
# string ends at the document's end, so that it matches wherever it begins: one step a byte, whatever the document is.
_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z))*+([\[\]{}]|\Z)', re.DOTALL)
_STEPS = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}
_NO_SIGNS = bytes({*range(256)} - _STEPS.keys() - {*b'"'})
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
DEEPEST = 400
"""Levels of nesting that are kept: more than the store accepts (bodies.py), so such a ticket is quarantined."""
_LONGEST_NUMBER = 64


def decode_json(content: bytes) -> Any:
    """Return the decoded document. Raises ValueError when the content is no JSON."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return _decode_slowly(content)


def _decode_slowly(content: bytes) -> Any:
    text = _shallow(content).decode("utf-8")
    try:
        found = json.loads(text, parse_constant=str, parse_float=_number, parse_int=_number)
    except RecursionError as error:
        raise ValueError("nested without end") from error
    if not _SURROGATE.search(content):
        return found
    written = json.dumps(found, ensure_ascii=False)
    return orjson.loads(written.encode("utf-8", "replace"))


def _number(text: str) -> float | str:
    """Return a number, or its text where no machine number can hold it."""
    if len(text) > _LONGEST_NUMBER:
        return text[:_LONGEST_NUMBER]
    number = float(text) if not text.lstrip("-").isdigit() else int(text)
    return number if math.isfinite(number) and abs(number) < 2**63 else text


def _shallow(content: bytes) -> bytes:
    """Replace values nested deeper than DEEPEST by null; a document that is cut off itself stays as it is."""
    if content.count(b"[") + content.count(b"{") <= DEEPEST or _depth(content) <= DEEPEST:
        return content
    depth, kept_to, begun = 0, 0, 0
    pieces: list[bytes] = []
    for found in _BRACKET.finditer(content):
        bracket = found[1]
        if bracket in (b"[", b"{"):
            depth += 1
            if depth == DEEPEST + 1:
                pieces.append(content[kept_to : found.start(1)])
                begun = found.start(1)
        elif bracket:
            depth -= 1
            if depth == DEEPEST and begun:
                pieces.append(b"null")
                kept_to, begun = found.end(), 0
    return b"".join([*pieces, content[kept_to:]]) if pieces and not begun else content


def _depth(content: bytes) -> int:
    """Return how many levels a document has, three to six times as fast as by matching each bracket (measured).

    A backslash stands in texts alone. Without those in pairs and those before a quote, each quote begins or ends one.
    """
    quoted = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(quoted.translate(None, _NO_SIGNS).split(b'"')[::2])
    return max(accumulate(map(_STEPS.__getitem__, outside)), default=0)
