"""Checks the shapes of Jira's answers before they are used; pure.

An answer of another shape (from a proxy, a plug-in, another endpoint) is refused: read as an empty list or as a
ticket that is gone, it would change presences, lose changes or double a comment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from capa_sync.errors import BadAnswer

Object = dict[str, Any]
_LONGEST_ID, _LONGEST_KEY = 19, 255
"""Digits of a 64-bit number; characters of Jira's column."""


def is_id(value: Any) -> bool:
    """Tell whether this is an id as Jira writes it: digits in a string."""
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_ID


def is_key(value: Any) -> bool:
    """Tell whether this can be an issue's key: a project's name, a hyphen, a number."""
    if not isinstance(value, str) or len(value) > _LONGEST_KEY:
        return False
    project, _, number = value.rpartition("-")
    return is_id(number) and project.isprintable() and not set(project) & {" ", "/", "?", "#", "%"} and bool(project)


def is_count(value: Any) -> TypeGuard[int]:
    """Tell whether this is a number of things: `total` as Jira writes it."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_issue(value: Any) -> bool:
    """Tell whether this is a row of a search or an issue: an object with an id, and a key in words if any."""
    return isinstance(value, dict) and is_id(value.get("id")) and isinstance(value.get("key", ""), str)


def lack_of(issue: Object) -> str:
    """Return which member an issue's answer lacks although every issue has it, "" when it lacks none.

    Without its key and its type, or as a sub-task without its parent, nothing tells whether it is a record or an
    action: read as empty, an action would get a row in the register and a warning.
    """
    fields = issue["fields"]
    kind, parent = fields.get("issuetype"), fields.get("parent")
    if not is_key(issue.get("key")):
        return "its key"
    if not isinstance(kind, dict) or not kind.get("name") or not isinstance(kind.get("subtask"), bool):
        return "its issue type"
    if kind["subtask"] and not (isinstance(parent, dict) and is_id(parent.get("id"))):
        return "its parent, although it is a sub-task"
    return ""


def one_issue(source: str, answer: Any, asked: str) -> Object:
    """Return the issue that was asked for by id or key. Raises BadAnswer for anything else."""
    if not is_issue(answer) or (is_id(asked) and answer["id"] != asked):
        raise BadAnswer(source, f"the answer for issue {asked} is no issue, or another one")
    found: Object = answer
    return found


def fields_of(source: str, answer: Any, asked: str) -> Object:
    """Return the fields of the issue that was asked for. Raises BadAnswer when it shows none."""
    fields = one_issue(source, answer, asked).get("fields")
    if not isinstance(fields, dict):
        raise BadAnswer(source, f"the answer for issue {asked} holds no fields")
    return fields


def rows_of(source: str, answer: Any, name: str, what: str) -> list[Object]:
    """Return a member that is a list of objects. Raises BadAnswer when it is none; `what` names it in the message."""
    rows = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadAnswer(source, f"{what}: the answer holds no list of {name}")
    return rows


def counted_rows(source: str, answer: Any, name: str, what: str) -> tuple[list[Object], int]:
    """Return a member that is a list of objects, and the total that the answer states. Raises BadAnswer."""
    rows, total = rows_of(source, answer, name, what), answer.get("total")
    if not is_count(total):
        raise BadAnswer(source, f"{what}: the answer has no total")
    return rows, total


def entry_ids(source: str, rows: list[Object], what: str) -> list[str]:
    """Return the ids of history entries or comments. Raises BadAnswer when one has no id."""
    ids = [str(row.get("id")) if isinstance(row.get("id"), str | int) else "" for row in rows]
    if not all(ids) or len(set(ids)) < len(ids):
        raise BadAnswer(source, f"{what}: entries without ids, or twice the same")
    return ids


def items_and_total(page: Any, name: str) -> tuple[list[Object], int] | None:
    """Return the items of a nested list and the total that the list states; None when it is not of Jira's form.

    Such a list is unknown, not empty: without its total nothing tells whether it is whole.
    """
    listed, total = (page.get(name), page.get("total")) if isinstance(page, Mapping) else (None, None)
    if not isinstance(listed, list) or not is_count(total):
        return None
    return [item for item in listed if isinstance(item, dict)], total
