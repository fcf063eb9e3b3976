"""Removes what we wrote on a Jira ticket: our comment and our property, after proof that they are ours."""

from __future__ import annotations

from capa_sync.errors import BadAnswer, WriteRefused
from capa_sync.model.write import PROPERTY_KEY, Write
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.marks import find_own_comment
from capa_sync.sources.jira.values import account_of

MOST_COPIES = 5
"""Maximum of our comments that are deleted on one ticket before Jira's answers are doubted; there should be one."""


def remove_comment(client: JiraClient, write: Write, remote_id: str, me: str) -> None:
    """Delete our comment on a ticket; nothing happens when there is none.

    Args:
        client: the session.
        write: names the ticket and our marker.
        remote_id: the stored id of our comment, "" when none is known.
        me: our own account.

    Raises:
        WriteRefused: permanently where our account may not delete its own comments. SourceError: not done, or not
            known whether done.
    """
    own_id = remote_id if _is_own(client, write, remote_id, me) else _find_marked(client, write, me)
    for _copy in range(MOST_COPIES):
        if not own_id:
            return
        _delete(client, write, f"issue/{write.ticket_id}/comment/{own_id}", "Delete Own Comments")
        own_id = _find_marked(client, write, me)
    raise WriteRefused(
        client.source, f"{write.ticket_key}: Jira accepted deletions of our comment and shows it still"
    )


def is_comment_removed(client: JiraClient, write: Write, remote_id: str, me: str) -> bool:
    """Tell whether a ticket has no comment of ours. Raises SourceError."""
    return not _is_own(client, write, remote_id, me) and not _find_marked(client, write, me)


def remove_property(client: JiraClient, write: Write) -> None:
    """Delete our issue property; nothing happens when there is none. Raises as `remove_comment`."""
    path = f"issue/{write.ticket_id}/properties/{PROPERTY_KEY}"
    if client.find(path) is not None:
        _delete(client, write, path, "Edit Issues")


def is_property_removed(client: JiraClient, write: Write) -> bool:
    """Tell whether our issue property is gone. Raises SourceError."""
    return client.find(f"issue/{write.ticket_id}/properties/{PROPERTY_KEY}") is None


def _find_marked(client: JiraClient, write: Write, me: str) -> str:
    """Return the id of our newest comment with this register's marker; those of other registers stay."""
    return find_own_comment(client, write.ticket_id, me, write.marker, adopts=False)


def _is_own(client: JiraClient, write: Write, comment_id: str, me: str) -> bool:
    """Tell whether a comment exists and our account wrote it. Raises BadAnswer for another comment."""
    found = client.find(f"issue/{write.ticket_id}/comment/{comment_id}") if comment_id else None
    if isinstance(found, dict) and found.get("id") != comment_id:
        raise BadAnswer(client.source, f"the answer for comment {comment_id} is another one")
    return isinstance(found, dict) and account_of(found.get("author")) == me


def _delete(client: JiraClient, write: Write, path: str, right: str) -> None:
    try:
        client.write("DELETE", path, None)
    except WriteRefused as refused:
        if client.find(path) is None:  # somebody else was faster
            return
        if not refused.permanent:  # the ticket is locked, or a proxy refused it: no right is missing
            raise
        message = f"{write.ticket_key}: {refused.message}; our account needs the permission '{right}'"
        raise WriteRefused(client.source, message) from None
