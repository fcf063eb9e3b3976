"""Malformed answers: what a broken proxy, plug-in or release can turn a valid JSON answer into."""

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
    """Apply a change to the decoded answer; an answer that is not JSON counts as `{}`."""

    def shape(true: bytes) -> bytes:
        try:
            found = json.loads(true)
        except ValueError:
            found = {}
        return json.dumps(change(found)).encode()

    return shape


def _lists(change: Callable[[list[Any]], Any]) -> Shape:
    """Change every list of rows, at the top level or in a member that holds rows."""

    def change_lists(value: Any) -> Any:
        if isinstance(value, list):
            return change(value)
        if isinstance(value, dict):
            return {name: change_lists(member) if name in _ROWS else member for name, member in value.items()}
        return value

    return _changed(change_lists)


def _rows(change: Callable[[Any], Any]) -> Shape:
    """Change every row."""
    return _lists(lambda rows: [change(row) for row in rows])


def _members(change: Callable[[Any], Any]) -> Shape:
    """Change every member of the answer, or of each of its rows if it has rows."""

    def change_row(value: Any) -> Any:
        return {name: change(member) for name, member in value.items()} if isinstance(value, dict) else change(value)

    def whole(found: Any) -> Any:
        if isinstance(found, dict) and not any(name in found for name in _ROWS):
            return change_row(found)
        if isinstance(found, list):
            return [change_row(row) for row in found]
        if isinstance(found, dict):
            return {name: _in_rows(member, change_row) if name in _ROWS else member for name, member in found.items()}
        return change(found)

    return _changed(whole)


def _in_rows(value: Any, change_row: Callable[[Any], Any]) -> Any:
    return [change_row(row) for row in value] if isinstance(value, list) else change_row(value)


def _without_ids(row: Any) -> Any:
    return {name: member for name, member in row.items() if name not in _IDS} if isinstance(row, dict) else row


def _odd_ids(odd: Any) -> Callable[[Any], Any]:
    def change(row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        return {name: odd if name in _IDS else member for name, member in row.items()}

    return change


def _with_other_type(value: Any) -> Any:
    """Replace numbers and booleans by text, and text by a number."""
    if isinstance(value, str):
        return 17
    return str(value) if isinstance(value, bool | int | float) else value


def _in_capitals(value: Any) -> Any:
    """Put all member names in capitals, at the top level and in rows."""
    if isinstance(value, dict):
        return {name.upper(): _in_capitals(member) for name, member in value.items()}
    return [_in_capitals(entry) for entry in value] if isinstance(value, list) else value


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
    "an error in numbers": _fixed('{"errorMessages": 5, "errors": 7, "message": 9, "error": 11}'),
    "an error in lists": _fixed('{"errorMessages": [[5]], "errors": {"a": [1]}, "message": ["x"], "error": ["y"]}'),
    "an error in objects": _fixed('{"errorMessages": {"a": 1}, "errors": [1], "error": {"message": [1]}}'),
    "a wrapped document": _changed(lambda found: {"data": found}),
    "a listed document": _changed(lambda found: [found]),
    "capitals": _changed(_in_capitals),
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
    "members of other types": _members(_with_other_type),
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
"""Name -> function that turns the body of a valid answer into the malformed one."""
