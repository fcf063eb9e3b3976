"""Finds our own comment on a ticket by the property that was created with it (docs/contract.md 8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from capa_sync.errors import AccessDenied, AnswerTooLarge, BadAnswer
from capa_sync.model.write import PROPERTY_KEY
from capa_sync.sources.advance import MOST_OF_ONE, Advance
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.shapes import counted_rows, is_id, rows_of
from capa_sync.sources.jira.values import account_of

_PAGE = 100
MARKER = "marker"


def property_value(marker: str) -> dict[str, str]:
    """Return the comment property's value: only the identity of register and ticket."""
    return {MARKER: marker}


def find_own_comment(client: JiraClient, ticket_id: str, me: str, marker: str, *, adopts: bool = True) -> str:
    """Return the id of our newest comment with this marker, "" when there is none.

    Where this register has no comment, one that another register created for this ticket with our account is adopted:
    a ticket has one comment, also after a register was lost or copied.

    Args:
        client: the session.
        ticket_id: whose comments.
        me: our own account; comments of others are not looked at.
        marker: identity of register and ticket.
        adopts: whether a comment of another register counts.

    Raises AccessDenied when the list of comments is not shown, although the ticket may be.
    """
    adopted = ""
    for ids in _own_comments(client, ticket_id, me):
        for id_, value in _properties(client, ids):
            found = _marker_of(value)
            if found == marker:
                return id_
            if adopts and not adopted and _is_for(found, ticket_id):
                adopted = id_
    return adopted


def has_marker(client: JiraClient, comment_id: str, ticket_id: str, marker: str) -> bool:
    """Tell whether a comment has this marker, or that of another register for its ticket. Raises SourceError."""
    found = client.find(f"comment/{comment_id}/properties/{PROPERTY_KEY}")
    value = property_in(client.source, found) if found is not None else None
    shown = _marker_of(value)
    return shown == marker or _is_for(shown, ticket_id)


def _marker_of(value: Any) -> str:
    return str(value.get(MARKER, "")) if isinstance(value, dict) else ""


def _is_for(marker: str, ticket_id: str) -> bool:
    """Tell whether a marker, whichever register's, names a ticket."""
    return marker.rpartition(" ")[2] == ticket_id


def _own_comments(client: JiraClient, ticket_id: str, me: str) -> Iterator[list[str]]:
    """Yield the ids of our comments, newest first, page by page."""
    start, what = 0, f"the comments of ticket {ticket_id}"
    advance = Advance(client.source, what, most=MOST_OF_ONE)
    while True:
        answer = _page(client, ticket_id, start)
        if answer is None:  # a list that is not shown proves no comment absent
            message = f"{what} are not shown to us: whether ours is there is not known"
            raise AccessDenied(client.source, message)
        comments, total = counted_rows(client.source, answer, "comments", what)
        if not all(is_id(comment.get("id")) for comment in comments):
            raise BadAnswer(client.source, f"a comment of ticket {ticket_id} has no id")
        advance.note((comment["id"] for comment in comments), total=total)
        # a comment without an author may be ours: its property decides
        own = [comment for comment in comments if account_of(comment.get("author")) in (me, "")]
        own.sort(key=lambda comment: (str(comment.get("created")), int(comment["id"])), reverse=True)
        if own:
            yield [str(comment["id"]) for comment in own]
        start += len(comments)
        if start >= total:
            return
        if not comments:
            raise BadAnswer(client.source, f"{what} end after {start} of {total}")


def _page(client: JiraClient, ticket_id: str, start: int) -> Any:
    """Read one page of comments; halve its size as long as the answer is too large."""
    size = _PAGE
    while True:
        params = {"startAt": start, "maxResults": size, "orderBy": "-created"}
        try:
            return client.find_shown(f"issue/{ticket_id}/comment", params)
        except AnswerTooLarge:
            if size == 1:
                raise
            size //= 2


def _properties(client: JiraClient, ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield each comment's `capa-sync` property: with one request on Cloud, one for each comment on Data Center."""
    if not client.is_cloud:
        for id_ in ids:
            found = client.find(f"comment/{id_}/properties/{PROPERTY_KEY}")
            if found is not None:
                yield id_, property_in(client.source, found)
        return
    known = _by_id(client, ids)
    for id_ in ids:
        if id_ not in known:
            raise BadAnswer(client.source, f"the comments by id leave out {id_}")
        for prop in rows_of(client.source, known[id_], "properties", f"comment {id_}"):
            if prop.get("key") == PROPERTY_KEY:
                yield id_, property_in(client.source, prop)


def _by_id(client: JiraClient, ids: Sequence[str]) -> dict[str, Any]:
    """Read comments with their properties by id; in halves as long as the answer is too large."""
    try:
        answer = client.post("comment/list", {"ids": [int(id_) for id_ in ids]}, {"expand": "properties"})
    except AnswerTooLarge:
        if len(ids) == 1:
            raise
        middle = len(ids) // 2
        return {**_by_id(client, ids[:middle]), **_by_id(client, ids[middle:])}
    values = rows_of(client.source, answer, "values", "the comments by id")
    return {str(row.get("id")): row for row in values}


def property_in(source: str, answer: Any) -> Any:
    """Return the value of our property in an answer. Raises BadAnswer when it has none."""
    if not isinstance(answer, dict) or answer.get("key") != PROPERTY_KEY or "value" not in answer:
        raise BadAnswer(source, "the answer for our property shows another, or none")
    return answer["value"]
