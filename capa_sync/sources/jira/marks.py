"""Finding our own comment on a ticket by the property that was created with it (CONTRACT.md 8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from capa_sync.errors import AnswerTooLarge, BadAnswer
from capa_sync.model.write import PROPERTY_KEY
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.values import account_of

_PAGE = 100
MARKER = "marker"


def property_value(marker: str) -> dict[str, str]:
    """The comment property's value: identity only, register and ticket."""
    return {MARKER: marker}


def find_own_comment(client: JiraClient, ticket_id: str, me: str, marker: str, *, adopts: bool = True) -> str:
    """Return the id of our newest comment that carries this marker, "" when there is none.

    Where no comment of this register stands, one that another register made for this ticket with our account is
    taken over: a ticket has one comment, also after a register was lost or doubled.

    Args:
        client: the session.
        ticket_id: whose comments.
        me: our own account; comments of others are not looked at.
        marker: identity of register and ticket.
        adopts: whether a comment of another register counts.
    """
    adopted = ""
    for ids in _own_comments(client, ticket_id, me):
        for id_, value in _properties(client, ids):
            found = str(value.get(MARKER, "")) if isinstance(value, dict) else ""
            if found == marker:
                return id_
            if adopts and not adopted and found.rpartition(" ")[2] == ticket_id:
                adopted = id_
    return adopted


def _own_comments(client: JiraClient, ticket_id: str, me: str) -> Iterator[list[str]]:
    """Ids of our comments, newest first, a page at a time."""
    start = 0
    while True:
        answer = _page(client, ticket_id, start)
        if answer is None:
            return
        comments = answer.get("comments") if isinstance(answer, dict) else None
        total = answer.get("total") if isinstance(answer, dict) else None
        if not isinstance(comments, list) or not isinstance(total, int):
            raise BadAnswer(client.source, f"the comments of ticket {ticket_id} are no list")
        own = [one for one in comments if account_of(one.get("author")) == me]
        own.sort(key=lambda one: (str(one.get("created")), int(one["id"])), reverse=True)
        if own:
            yield [str(one["id"]) for one in own]
        start += len(comments)
        if start >= total:
            return
        if not comments:
            raise BadAnswer(client.source, f"the comments of ticket {ticket_id} end after {start} of {total}")


def _page(client: JiraClient, ticket_id: str, start: int) -> Any:
    """Ask for one page of comments, for half as many as long as the answer is too large."""
    size = _PAGE
    while True:
        params = {"startAt": start, "maxResults": size, "orderBy": "-created"}
        try:
            return client.find(f"issue/{ticket_id}/comment", params)
        except AnswerTooLarge:
            if size == 1:
                raise
            size //= 2


def _properties(client: JiraClient, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The `capa-sync` property of each comment that has one: in one request on Cloud, one by one on Data Center."""
    if not client.is_cloud:
        for id_ in ids:
            found = client.find(f"comment/{id_}/properties/{PROPERTY_KEY}")
            if isinstance(found, dict):
                yield id_, found.get("value")
        return
    known = _by_id(client, ids)
    for id_ in ids:
        for one in known.get(id_, {}).get("properties") or ():
            if one.get("key") == PROPERTY_KEY:
                yield id_, one.get("value")


def _by_id(client: JiraClient, ids: Sequence[str]) -> dict[str, Any]:
    """Read comments with their properties by id, in halves as long as the answer is too large."""
    try:
        answer = client.post("comment/list", {"ids": [int(id_) for id_ in ids]}, {"expand": "properties"})
    except AnswerTooLarge:
        if len(ids) == 1:
            raise
        middle = len(ids) // 2
        return {**_by_id(client, ids[:middle]), **_by_id(client, ids[middle:])}
    values = answer.get("values") if isinstance(answer, dict) else None
    if not isinstance(values, list):
        raise BadAnswer(client.source, "the comments by id are no list")
    return {str(one.get("id")): one for one in values}
