"""The raw parts of a Jira ticket: what is kept permanently, and what of it counts as content; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from capa_sync.model.patterns import bytes_without_addresses
from capa_sync.model.ticket import Part
from capa_sync.sources.bodies import body_of
from capa_sync.sources.jira.shapes import items_and_total

RECORD, HISTORY, COMMENTS, CHILDREN = "record", "history", "comments", "children"
UNKNOWN = "unknownFields"
"""Our own member of a record: field that no answer contained for this version -> UNASKED or UNDELIVERED."""
CHANGELOG = "changelog"
"""Key in UNKNOWN for a history that Jira refused: the mirror's stays, and is not complete."""
KNOWN, UNASKED, UNDELIVERED = "", "unasked", "undelivered"
"""State of a left-out field: an answer contained it after all; not requested yet; not returned on request."""
KINDS = {"comment": "comments", "issuelinks": "links", "subtasks": "subtasks", "attachment": "attachments"}
"""Fields that every complete issue has, if only as an empty list -> what they hold (`SourceTicket.unknown`)."""
_FOR_THE_READER = ("expand", "renderedFields", "names", "schema", "operations", "editmeta", "changelog", UNKNOWN)
"""Members of an issue that depend on the request, not on the issue; a tracker cannot set our own one."""
_OF_THE_VIEWER = ("lastViewed", "watches", "votes")
"""Fields that change although nobody edits the ticket."""


def record_part(issue: dict[str, Any]) -> Part:
    """Make the record part of an issue after `split`."""
    body = body_of(issue)
    if b'"ongoingCycle"' not in body:
        return _hashed(RECORD, body)
    fields = {name: value for name, value in issue["fields"].items() if not _ticks(value)}
    content = orjson.dumps({**issue, "fields": fields}, option=orjson.OPT_SORT_KEYS)
    return Part(RECORD, body, _hashed(RECORD, content).digest)


def _ticks(value: Any) -> bool:
    """Tell whether a value is a JSM SLA: its elapsed time has another value at each read."""
    return isinstance(value, dict) and "ongoingCycle" in value


def history_part(entries: list[Any], *, is_complete: bool) -> Part:
    """Make the history part; entries in true order."""
    return _part(HISTORY, {"complete": is_complete, "histories": entries})


def comments_part(comments: list[Any]) -> Part:
    """Make the comments part."""
    return _part(COMMENTS, comments)


def children_part(children: list[Any]) -> Part:
    """Make the part with the tickets whose `parent` this one is (`[{"id", "key"}]`)."""
    return _part(CHILDREN, children)


def _part(kind: str, content: Any) -> Part:
    return _hashed(kind, body_of(content))


def _hashed(kind: str, body: bytes) -> Part:
    content = bytes_without_addresses(body)
    return Part(kind, body, hashlib.sha256(content).hexdigest(), is_exact=content == body)


def split(issue: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Remove changelog, comment list and whatever shows no content from an issue; returns (changelog, comments).

    This changes the issue itself: it is most of a backfill's memory, and nothing else uses it.
    """
    changelog = issue.get("changelog")
    for name in _FOR_THE_READER:
        issue.pop(name, None)
    fields = issue.get("fields")
    comments = None
    if isinstance(fields, dict):
        for name in [name for name in KINDS if name in fields and not is_shown(name, fields[name])]:
            del fields[name]
        if not isinstance(fields.get("labels", []), list):
            del fields["labels"]
        comments = fields.pop("comment", None)
        if isinstance(comments, dict):
            # their number stays in the record: a comment within the millisecond of the last read changes no `updated`
            fields["comment"] = {"total": comments.get("total")}
        for name in _OF_THE_VIEWER:
            fields.pop(name, None)
        for name in ("assignee", "reporter", "creator"):
            _undecorate(fields.get(name))
    return _dict(changelog), _dict(comments)


def is_shown(name: str, value: Any) -> bool:
    """Tell whether the value of one of KINDS is of Jira's form, which has a list also where there is nothing.

    Another value (null, an object, a list of comments without its total) shows nothing: it counts as left out.
    """
    return items_and_total(value, "comments") is not None if name == "comment" else isinstance(value, list)


def _dict(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def undecorate(entries: Iterable[Any]) -> None:
    """Remove the pictures from the authors of history entries or comments: half their bytes, and no content."""
    for entry in entries:
        _undecorate(entry.get("author"))
        _undecorate(entry.get("updateAuthor"))


def _undecorate(user: Any) -> None:
    if isinstance(user, dict):
        user.pop("avatarUrls", None)
