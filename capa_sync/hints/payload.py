"""The ids that a hint names, and nothing else of it: everything besides may be stale, forged or of another order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MOST_IDS = 50
"""Ids of one hint at most."""
_JIRA_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_JIRA_COMMENT = re.compile(r"/rest/api/[0-9a-z]{1,10}/issue/([1-9][0-9]{0,17})/comment/", re.ASCII)
_SYS_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def ids_in(kind: str, body: bytes) -> list[str]:
    """Return the immutable ids of the tickets that a hint of a `jira` or `servicenow` names; none for rubbish."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(payload, dict):
        return []
    found = _jira_ids(payload) if kind == "jira" else _servicenow_ids(payload)
    return list(dict.fromkeys(found))[:MOST_IDS]


def _jira_ids(payload: dict[str, Any]) -> Iterator[str]:
    """Yield the issue's id; of a comment event, which may lack the issue, the one in the comment's own address."""
    yield from _matching(_JIRA_ID, _member(payload, "issue").get("id"))
    address = _member(payload, "comment").get("self")
    if isinstance(address, str) and (found := _JIRA_COMMENT.search(address)):
        yield found[1]
    link = _member(payload, "issueLink")
    for end in ("sourceIssueId", "destinationIssueId"):
        yield from _matching(_JIRA_ID, link.get(end))


def _servicenow_ids(payload: dict[str, Any]) -> Iterator[str]:
    """Yield the record's sys_id; its table is not believed, for the source knows where it reads."""
    yield from _matching(_SYS_ID, payload.get("sys_id"))


def _matching(form: re.Pattern[str], value: object) -> Iterator[str]:
    if isinstance(value, str | int) and not isinstance(value, bool) and form.fullmatch(str(value)):
        yield str(value)


def _member(payload: dict[str, Any], name: str) -> dict[str, Any]:
    found = payload.get(name)
    return found if isinstance(found, dict) else {}
