"""JSON of a tracker's answer as objects: also where it holds what strict readers refuse, in one place of it.

One ticket's value must not make a whole page unreadable. What Java and JavaScript servers are known to send, and what
a ticket may be made of on purpose, is made harmless: halves of characters become question marks, NaN, Infinity and
numbers without end become texts, and nesting without end is cut.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

# possessive, and an open string ends where the document ends: one step a byte, whatever the document is
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
DEEPEST = 400
"""Levels of nesting that are kept: more than can be stored of a ticket (bodies.py), so that it is set aside."""
_LONGEST_NUMBER = 64


def decode_json(content: bytes) -> Any:
    """Return the decoded document. Raises ValueError when it is none."""
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
    written = json.dumps(found, ensure_ascii=False)
    return orjson.loads(written.encode("utf-8", "replace"))


def _number(text: str) -> float | str:
    """Return a number, or its text where no machine number holds it."""
    if len(text) > _LONGEST_NUMBER:
        return text[:_LONGEST_NUMBER]
    number = float(text) if not text.lstrip("-").isdigit() else int(text)
    return number if math.isfinite(number) and abs(number) < 2**63 else text


def _shallow(content: bytes) -> bytes:
    """Replace by null what is nested deeper than DEEPEST; a document that is cut itself stays as it is."""
    depth, kept_to, begun = 0, 0, 0
    pieces: list[bytes] = []
    for token in _TOKEN.finditer(content):
        sign = token[0][:1]
        if sign in b"[{":
            depth += 1
            if depth == DEEPEST + 1:
                pieces.append(content[kept_to : token.start()])
                begun = token.start()
        elif sign in b"]}":
            depth -= 1
            if depth == DEEPEST and begun:
                pieces.append(b"null")
                kept_to, begun = token.end(), 0
    return b"".join([*pieces, content[kept_to:]]) if pieces and not begun else content
