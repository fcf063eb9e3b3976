"""Odd tickets: what a field, a history entry or a comment may hold that no tracker's form would let through."""

from __future__ import annotations

import json
import pickle
import random
import re
from collections.abc import Callable
from typing import Any

Json = Any
Slot = tuple[Any, str | int]
ENDLESS = "@1e999@"
"""A placeholder for a number without end until the payload is bytes."""
_DEEP = re.compile(rb'"@(lists|objects) (\d+)@"')
"""A placeholder for so many levels of nesting, too many for the code that makes payloads."""
_TEXTS = (
    "",
    " ",
    "\u0000",
    "\ud800",
    "a\udfff\ud800b",
    "\u202e\u2066",
    "\x1b[31mred",
    "TBD",
    "{title}",
    "{0.__class__}",
    "%s%n",
    "=1+1",
    "<script>alert(1)</script>",
    "<p>TBD</p>",
    "<![CDATA[",
    "<!",
    "&#99999999999;",
    "h1. x\n{code}",
    "[~accountid:5b10]",
    "|a|b|\n||",
    "{{" * 50,
    "a.a.a. @1" * 20,
    "com.foo.Bar@1f[id=7,name=x",
    "Parent values: a(1)Level 1 values: b(2)",
    "[1, 2, ",
    "true",
    "null",
    "-0",
    "²",
    "٣",
)
_DATES = (
    "0000-00-00",
    "0000-00-00 00:00:00",
    "0001-01-01T00:00:00.000+0000",
    "0000-01-01T00:00:00.000+0000",
    "99999-01-01T00:00:00.000+0000",
    "9999-12-31T23:59:59.999-1400",
    "9999-12-31 23:59:59",
    "2026-02-30",
    "2026-02-30 25:61:61",
    "2026-13-01T00:00:00Z",
    "2026-01-01T00:00:00+99:99",
    "20260101",
    "2026-W01-1",
    "1e999",
)
_NUMBERS = (0, -1, 2**31, 2**53 + 1, 2**63, -(2**63), 10**40, 10**400, 1.5, -0.0, float("nan"), float("inf"), ENDLESS)
_NODES = (
    "paragraph",
    "bulletList",
    "listItem",
    "table",
    "tableRow",
    "tableCell",
    "panel",
    "media",
    "mention",
    "date",
)


def slots(value: Json) -> list[Slot]:
    """Return the places below a document: what holds each value, and its name or number there."""
    found: list[Slot] = []
    to_visit = [value]
    while to_visit:
        holder = to_visit.pop()
        if isinstance(holder, dict):
            found.extend((holder, name) for name in holder)
            to_visit.extend(holder.values())
        elif isinstance(holder, list):
            found.extend((holder, number) for number in range(len(holder)))
            to_visit.extend(holder)
    return found


def copied(value: Json) -> Json:
    """Return a deep copy of a document, faster than `copy.deepcopy`."""
    return pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))  # noqa: S301 - pickled here


def document(dice: random.Random, depth: int, width: int) -> Json:
    """Return a rich text document nested in so many lists, and so wide at its bottom."""
    content: list[Json] = [{"type": "text", "text": dice.choice(_TEXTS)} for _ in range(width)]
    for _ in range(depth):
        kind = dice.choice(_NODES)
        content = [
            {"type": kind, "content": content, "attrs": dice.choice([{}, None, {"text": 1, "timestamp": ENDLESS}])}
        ]
    return {"type": "doc", "version": 1, "content": content}


def odd_value(dice: random.Random) -> Json:
    """Return one odd value; large ones seldom."""
    rare = dice.random()
    if rare < 0.0005:
        return dice.choice(("x", "<b>", "{{a}} ", "a.a.a. @1 ", '"\\', "\ud800")) * (3_000_000 // 3)
    if rare < 0.003:
        return [dice.choice(_TEXTS)] * 20_000
    if rare < 0.03:
        return f"@{dice.choice(('lists', 'objects'))} {dice.choice((20, 62, 126, 240, 260, 390, 410, 1_030, 3_000))}@"
    if rare < 0.08:
        return document(dice, dice.choice((1, 5, 30, 62, 90, 130)), dice.choice((0, 1, 50, 1_000)))
    makers: tuple[Callable[[], Json], ...] = (
        lambda: dice.choice(_TEXTS),
        lambda: dice.choice(_DATES),
        lambda: dice.choice(_NUMBERS),
        lambda: dice.choice((None, True, False, [], {}, [[]], [{}], [None], {"": None})),
        lambda: {
            name: odd_value(dice) for name in dice.sample(("id", "value", "name", "key", "child", "displayName"), 3)
        },
        lambda: [odd_value(dice) for _ in range(dice.randrange(4))],
        lambda: "".join(map(chr, (dice.choice((dice.randrange(0x250), dice.randrange(0x11000))) for _ in range(40)))),
    )
    return dice.choice(makers)()


def spoiled(dice: random.Random, document_: Json) -> Json:
    """Return a document with one to four things of it changed, taken away or doubled."""
    found = copied(document_)
    for _ in range(dice.randint(1, 4)):
        places = slots(found)
        if not places:
            break
        parent, last = dice.choice(places)
        how = dice.random()
        if how < 0.15:
            del parent[last]
        elif how < 0.25 and isinstance(parent, list):
            parent.extend(copied(parent[last]) for _ in range(dice.choice((1, 2, 300))))
        elif how < 0.3 and isinstance(parent, dict):
            parent[dice.choice((*_TEXTS[3:], "fields", "items", "id"))] = odd_value(dice)
        else:
            parent[last] = odd_value(dice)
    return found


def as_bytes(document_: Json) -> bytes:
    """Write a document as a server in another language might: with NaN, halves of characters and endless numbers."""
    return _DEEP.sub(_nested, json.dumps(document_).replace(f'"{ENDLESS}"', "1e999").encode())


def _nested(found: re.Match[bytes]) -> bytes:
    begin, end = (b"[", b"]") if found[1] == b"lists" else (b'{"content":', b"}")
    return begin * int(found[2]) + b'"deep"' + end * int(found[2])
