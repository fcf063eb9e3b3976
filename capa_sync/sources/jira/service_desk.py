"""Jira Service Management: our comment must be internal, so that no customer reads it or gets a mail about it.

An internal comment is one with the comment property `sd.public.comment` = `{"internal": true}`, set in the creating
request. Jira Cloud says in each comment whether customers see it (`jsdPublic`); Data Center has only the property.
"""

from __future__ import annotations

from typing import Any

from capa_sync.errors import Authentication, Fatal, ShownToCustomer, SourceError, WriteRefused
from capa_sync.model.write import Write
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.guard import INTERNAL_KEY
from capa_sync.sources.jira.shapes import is_id, is_key

INTERNAL_PROPERTY: dict[str, Any] = {"key": INTERNAL_KEY, "value": {"internal": True}}


def is_service_desk(client: JiraClient, write: Write, ticket: dict[str, Any]) -> bool:
    """Tell whether a ticket, read with its `project`, belongs to a service project.

    A kind that the ticket's answer leaves out is unknown: the project itself is then asked.

    Raises:
        WriteRefused: Jira does not say; a later answer may.
        Retryable, NotBefore, Authentication: the project could not be read now.
    """
    fields = ticket.get("fields")
    project = fields.get("project") if isinstance(fields, dict) else None
    return (_kind_of(project) or _asked_kind(client, write, ticket, project)) == "service_desk"


def _kind_of(project: Any) -> str:
    """Return the kind that a project states, "" when it states none."""
    kind = project.get("projectTypeKey") if isinstance(project, dict) else None
    return kind if isinstance(kind, str) else ""


def _asked_kind(client: JiraClient, write: Write, ticket: dict[str, Any], project: Any) -> str:
    """Return the kind that the project itself states. Raises the errors of `is_service_desk`."""
    name, value = _name_of(ticket, project)
    try:
        found = client.find(f"project/{value}") if name else None
    except Authentication:
        raise
    except Fatal as error:
        raise _unknown_kind(client, write, f" ({error.message})") from None
    if not isinstance(found, dict) or str(found.get(name)) != value or not _kind_of(found):
        raise _unknown_kind(client, write, "")
    return _kind_of(found)


def _name_of(ticket: dict[str, Any], project: Any) -> tuple[str, str]:
    """Return `id` or `key` and the value by which to ask for a ticket's project; ("", "") when neither is known."""
    stated = project if isinstance(project, dict) else {}
    if is_id(stated.get("id")):
        return "id", stated["id"]
    key = f"{stated['key']}-1" if isinstance(stated.get("key"), str) else ticket.get("key")
    return ("key", str(key).rpartition("-")[0]) if is_key(key) else ("", "")


def _unknown_kind(client: JiraClient, write: Write, why: str) -> WriteRefused:
    message = f"{write.ticket_key}: Jira does not say whether its project is a service desk{why}"
    advice = "until it does, nothing is written that customers might read; may our account browse the project?"
    return WriteRefused(client.source, f"{message}; {advice}", permanent=False)


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
