"""Tickets with a history and comments as long as the bounds allow, in the form of each tracker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from capa_sync.sources.servicenow.parts import AUDIT, JOURNAL
from tests.fuzz.test_tickets import Line

START = datetime(2025, 1, 1, tzinfo=UTC)
COLUMNS = {"due": "due_date", "reason": "u_replan_reason", "cause": "u_root_cause", "stage": "state"}
FIELDS = {"due": "Due date", "reason": "Reason for new date", "cause": "Root cause", "stage": "Status"}
STAGES = {"jira": (("10001", "Open"), ("10003", "Analysed")), "servicenow": (("10", "10"), ("11", "11"))}
Edit = tuple[str, str, str]
"""What is changed, the value before, and the one after."""


class LongTicket:
    """Makes the parts of one ticket; the edit with number N is made N minutes after the start.

    Args:
        line: the tracker. template: the parts of a ticket of it.
    """

    def __init__(self, line: Line, template: dict[str, Any]) -> None:
        assert line.context.facts is not None
        self._is_servicenow = line.name == "servicenow"
        self._ids = {field.name: field.id for field in line.context.facts.fields}
        history = template["history"]["histories"] if not self._is_servicenow else template[AUDIT]
        comments = template["comments"] if not self._is_servicenow else template[JOURNAL]
        self._entry, self._comment = _lean(history[0]), _lean(comments[0])
        self._stages = STAGES["servicenow" if self._is_servicenow else "jira"]

    def parts(self, edits: Sequence[Edit], comments: Sequence[int]) -> dict[str, Any]:
        """Return the parts; `comments` are minutes from the start."""
        if self._is_servicenow:
            rows = [self._audit(number, edit) for number, edit in enumerate(edits)]
            return {AUDIT: rows, JOURNAL: [self._note(minute) for minute in comments]}
        entries = [self._change(number, edit) for number, edit in enumerate(edits)]
        return {
            "history": {"complete": True, "histories": entries},
            "comments": [self._said(minute) for minute in comments],
        }

    def _audit(self, number: int, edit: Edit) -> dict[str, Any]:
        what, old, new = edit
        values = {"oldvalue": self._value(what, old)[0], "newvalue": self._value(what, new)[0]}
        at = f"{START + timedelta(minutes=number):%Y-%m-%d %H:%M:%S}"
        own = {"fieldname": COLUMNS[what], "sys_created_on": at, "sys_id": f"{number:032x}"}
        return {**self._entry, **own, **values, "record_checkpoint": str(number)}

    def _note(self, minute: int) -> dict[str, Any]:
        at = f"{START + timedelta(minutes=minute):%Y-%m-%d %H:%M:%S}"
        return {**self._comment, "sys_created_on": at, "sys_id": f"{minute + 10**9:032x}"}

    def _change(self, number: int, edit: Edit) -> dict[str, Any]:
        what, (old, old_name), (new, new_name) = edit[0], *(self._value(edit[0], text) for text in edit[1:])
        field = self._ids[FIELDS[what]]
        item = {"field": FIELDS[what], "fieldId": field, "fieldtype": "custom" if "_" in field else "jira"}
        if item["fieldtype"] == "jira":
            item["field"] = field
        values = {"from": old, "fromString": old_name, "to": new, "toString": new_name}
        own = {"id": str(50_000 + number), "created": self._instant(number), "items": [{**item, **values}]}
        return {**self._entry, **own}

    def _said(self, minute: int) -> dict[str, Any]:
        at = self._instant(minute)
        return {**self._comment, "id": str(10**9 + minute), "created": at, "updated": at}

    def _instant(self, minute: int) -> str:
        return f"{START + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%S}.000+0000"

    def _value(self, what: str, text: str) -> tuple[str, str]:
        """Return a value as it is stored, and as it is shown."""
        if what == "stage":
            return self._stages[int(text)]
        return (f"{text} 09:00:00", text) if what == "due" and self._is_servicenow else (text, text)


def _lean(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what fills the bytes of a part and is not read."""
    kept = {key: value for key, value in row.items() if key not in {"self", "updateAuthor", "jsdPublic"}}
    if isinstance(author := kept.get("author"), dict):
        kept["author"] = {key: author[key] for key in ("accountId", "name", "key", "displayName") if key in author}
    return kept


def due_days(count: int) -> list[Edit]:
    """Move the due date to a later day each time."""
    days = [f"{START + timedelta(days=number):%Y-%m-%d}" for number in range(count + 1)]
    return [("due", days[number], days[number + 1]) for number in range(count)]


def in_turn(what: str, values: Sequence[str], count: int) -> list[Edit]:
    """Give a field the same values again and again."""
    return [(what, values[n % len(values)], values[(n + 1) % len(values)]) for n in range(count)]


def _moved_with_reasons(count: int) -> tuple[list[Edit], list[int]]:
    reasons = in_turn("reason", ("", "the supplier was late"), count // 2)
    pairs = zip(due_days(count // 2), reasons, strict=True)
    return [edit for pair in pairs for edit in pair], []


SHAPES: dict[str, Callable[[int], tuple[list[Edit], list[int]]]] = {
    "moves, all comments long before": lambda n: (due_days(n), [-3 * 24 * 60 - k for k in range(n)]),
    "moves, all comments after": lambda n: (due_days(n), [n + k for k in range(n)]),
    "moves, comments between": lambda n: (due_days(n), list(range(n))),
    "moves with reasons": _moved_with_reasons,
    "stages back and forth": lambda n: (in_turn("stage", "01", n), list(range(n))),
    "a cause written and emptied": lambda n: (in_turn("cause", ("", "No step removes it"), n), list(range(n))),
}
"""Name -> its edits and the minutes of its comments, for a number of edits."""
