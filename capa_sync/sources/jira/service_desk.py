"""Jira Service Management: our comment must be internal, so that no customer reads it or gets a mail about it.

An internal comment is one with the comment property `sd.public.comment` = `{"internal": true}`, set in the creating
request. Jira Cloud says in each comment whether customers see it (`jsdPublic`); Data Center has only the property.
"""

from __future__ import annotations

from typing import Any

from capa_sync.errors import ShownToCustomer, SourceError, WriteRefused
from capa_sync.model.write import Write
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.guard import INTERNAL_KEY

INTERNAL_PROPERTY: dict[str, Any] = {"key": INTERNAL_KEY, "value": {"internal": True}}


def is_service_desk(ticket: dict[str, Any]) -> bool:
    """Tell whether a ticket, read with its `project`, belongs to a service project."""
    project = (ticket.get("fields") or {}).get("project") or {}
    return str(project.get("projectTypeKey") or "") == "service_desk"


def is_shown_to_customers(client: JiraClient, comment_id: str, comment: Any) -> bool:
    """Tell whether customers see a comment of a service project; a comment not marked as internal is visible.

    Raises SourceError.
    """
    is_public = comment.get("jsdPublic") if isinstance(comment, dict) else None
    if isinstance(is_public, bool):
        return is_public
    found = client.find(f"comment/{comment_id}/properties/{INTERNAL_KEY}")
    value = found.get("value") if isinstance(found, dict) else None
    return not (isinstance(value, dict) and value.get("internal") is True)


def require_internal(client: JiraClient, write: Write, comment_id: str, comment: Any) -> None:
    """Refuse to edit our comment when customers see it: a person, or a move of the project, made it public.

    Raises WriteRefused, permanent.
    """
    if is_shown_to_customers(client, comment_id, comment):
        message = f"{write.ticket_key}: customers can see our comment {comment_id}, so it is not edited"
        raise WriteRefused(client.source, f"{message}; delete it or make it internal, then run capa-sync retry")


def take_back(client: JiraClient, write: Write, comment_id: str) -> ShownToCustomer:
    """Delete a new comment that Jira made public although it was sent as internal; return the error to raise."""
    message = f"{write.ticket_key}: Jira showed our internal comment {comment_id} to the customer"
    try:
        client.write("DELETE", f"issue/{write.ticket_id}/comment/{comment_id}", None)
    except SourceError as error:
        advice = f"and did not let us delete it ({error.message}); delete it now"
        return ShownToCustomer(client.source, f"{message} {advice}")
    return ShownToCustomer(client.source, f"{message}; it was deleted at once")
