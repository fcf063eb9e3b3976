"""Answers that are none: shapes that a broken proxy, plug-in or release makes of a true JSON answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Shape = Callable[[bytes], bytes]
_ROWS = ("issues", "values", "comments", "result", "issueChangeLogs", "changeHistories", "histories", "issueErrors")
_IDS = ("id", "sys_id", "key", "accountId", "name", "issueId")
_DEPTH = 2_000
_PERSON = {"accountId": "5b10", "name": "someone", "sys_id": "6c" * 16, "user_name": "someone", "active": "true"}


def _fixed(text: str) -> Shape:
    return lambda _true: text.encode()


def _changed(change: Callable[[Any], Any]) -> Shape:
    """Apply a change to the decoded answer; an answer without JSON becomes what the change makes of `{}`."""

    def shape(true: bytes) -> bytes:
        try:
            found = json.loads(true)
        except ValueError:
            found = {}
        return json.dumps(change(found)).encode()

    return shape


def _lists(change: Callable[[list[Any]], Any]) -> Shape:
    """Change every list of rows, at the top or in a member that holds rows."""

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return change(value)
        if isinstance(value, dict):
            return {name: walk(member) if name in _ROWS else member for name, member in value.items()}
        return value

    return _changed(walk)


def _rows(change: Callable[[Any], Any]) -> Shape:
    """Change every row."""
    return _lists(lambda rows: [change(row) for row in rows])


def _members(change: Callable[[Any], Any]) -> Shape:
    """Change every member of the answer itself, or of each of its rows."""

    def walk(value: Any) -> Any:
        return {name: change(member) for name, member in value.items()} if isinstance(value, dict) else change(value)

    def whole(found: Any) -> Any:
        if isinstance(found, dict) and not any(name in found for name in _ROWS):
            return walk(found)
        if isinstance(found, list):
            return [walk(row) for row in found]
        if isinstance(found, dict):
            return {name: _in_rows(member, walk) if name in _ROWS else member for name, member in found.items()}
        return change(found)

    return _changed(whole)


def _in_rows(value: Any, walk: Callable[[Any], Any]) -> Any:
    return [walk(row) for row in value] if isinstance(value, list) else walk(value)


def _without_ids(row: Any) -> Any:
    return {name: member for name, member in row.items() if name not in _IDS} if isinstance(row, dict) else row


def _odd_ids(odd: Any) -> Callable[[Any], Any]:
    def change(row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        return {name: odd if name in _IDS else member for name, member in row.items()}

    return change


def _swapped(value: Any) -> Any:
    """Text where there was a number or a truth, a number where there was text."""
    if isinstance(value, str):
        return 17
    return str(value) if isinstance(value, bool | int | float) else value


def _shouted(value: Any) -> Any:
    """All member names in capitals, at the top and in rows."""
    if isinstance(value, dict):
        return {name.upper(): _shouted(member) for name, member in value.items()}
    return [_shouted(entry) for entry in value] if isinstance(value, list) else value


SHAPES: Mapping[str, Shape] = {
    "null": _fixed("null"),
    "empty list": _fixed("[]"),
    "empty object": _fixed("{}"),
    "a string": _fixed('"all is well"'),
    "a number": _fixed("17"),
    "true": _fixed("true"),
    "nothing": _fixed(""),
    "a web page": _fixed("<!DOCTYPE html><html><body>Log in</body></html>"),
    "half a document": lambda true: true[: len(true) // 2],
    "a document twice": lambda true: true + true,
    "another encoding": lambda true: true.decode("utf-8", "replace").encode("utf-16"),
    "a person": _fixed(json.dumps(_PERSON)),
    "a list of persons": _fixed(json.dumps([_PERSON])),
    "a result of a person": _fixed(json.dumps({"result": _PERSON})),
    "a result of persons": _fixed(json.dumps({"result": [_PERSON], "issues": [_PERSON], "values": [_PERSON]})),
    "an error": _fixed('{"errorMessages": ["Odd"], "errors": {}, "error": {"message": "Odd"}, "status": "failure"}'),
    "a wrapped document": _changed(lambda found: {"data": found}),
    "a listed document": _changed(lambda found: [found]),
    "capitals": _changed(_shouted),
    "rows of null": _rows(lambda _row: None),
    "rows of strings": _rows(lambda _row: "row"),
    "rows of numbers": _rows(lambda _row: 17),
    "rows of lists": _rows(lambda row: [row]),
    "rows of empty objects": _rows(lambda _row: {}),
    "rows in an object": _lists(lambda rows: {str(number): row for number, row in enumerate(rows)}),
    "null for rows": _lists(lambda _rows: None),
    "a string for rows": _lists(lambda _rows: "rows"),
    "a number for rows": _lists(lambda _rows: 17),
    "members of null": _members(lambda _member: None),
    "members in lists": _members(lambda member: [member]),
    "members in objects": _members(lambda member: {"is": member}),
    "members of other types": _members(_swapped),
    "members of huge numbers": _members(lambda member: member if isinstance(member, dict | list) else 10**400),
    "members of NaN": _members(lambda member: member if isinstance(member, dict | list) else float("nan")),
    "rows without ids": _rows(_without_ids),
    "rows with null for ids": _rows(_odd_ids(None)),
    "rows with objects for ids": _rows(_odd_ids({"is": "odd"})),
    "rows with lists for ids": _rows(_odd_ids(["odd"])),
    "nested without end": _fixed("[" * _DEPTH + "]" * _DEPTH),
    "rows nested without end": lambda true: true.replace(
        b"[{", b'[{"nested":' + b"[" * _DEPTH + b"]" * _DEPTH + b",", 1
    ),
}
"""Name -> what becomes of a true answer's body."""
