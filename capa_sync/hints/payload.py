"""Reads the ids that a hint names and nothing else: other content may be stale, forged or out of order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MOST_IDS = 50
"""Largest number of ids taken from one hint."""
_JIRA_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_JIRA_COMMENT = re.compile(r"/rest/api/[0-9a-z]{1,10}/issue/([1-9][0-9]{0,17})/comment/", re.ASCII)
_SYS_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def ids_in(kind: str, body: bytes) -> list[str]:
    """Return the immutable ids of tickets that a hint of a `jira` or `servicenow` source names; none if malformed."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(payload, dict):
        return []
    found = _jira_ids(payload) if kind == "jira" else _servicenow_ids(payload)
    return list(dict.fromkeys(found))[:MOST_IDS]


def _jira_ids(payload: dict[str, Any]) -> Iterator[str]:
    """Yield the issue's id; a comment event may lack the issue, so the id in the comment's URL is read too."""
    yield from _matching(_JIRA_ID, _member(payload, "issue").get("id"))
    address = _member(payload, "comment").get("self")
    if isinstance(address, str) and (found := _JIRA_COMMENT.search(address)):
        yield found[1]
    link = _member(payload, "issueLink")
    for end in ("sourceIssueId", "destinationIssueId"):
        yield from _matching(_JIRA_ID, link.get(end))


def _servicenow_ids(payload: dict[str, Any]) -> Iterator[str]:
    """Yield the record's sys_id; its table is ignored, because the source knows which table it reads."""
    yield from _matching(_SYS_ID, payload.get("sys_id"))


def _matching(form: re.Pattern[str], value: object) -> Iterator[str]:
    if isinstance(value, str | int) and not isinstance(value, bool) and form.fullmatch(str(value)):
        yield str(value)


def _member(payload: dict[str, Any], name: str) -> dict[str, Any]:
    found = payload.get(name)
    return found if isinstance(found, dict) else {}
