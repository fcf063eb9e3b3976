"""What capa-sync has written on a ticket, read from the sandbox's own memory; and what people do to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.sync.users import RECORDS, JiraUserDriver, UserDriver, is_ours

OWN_LABELS = ("capa-warning", "capa-overdue", "capa-waived")


@dataclass(frozen=True)
class Ours:
    """Everything of ours on one ticket.

    Attributes:
        texts: each text with the state of the ticket: the comment, or ServiceNow's text field.
        state, rules: as stored for programs; `rules` is None where only the text names them.
        labels: ours among the ticket's. notes: work notes.
    """

    texts: tuple[str, ...]
    state: str
    rules: str | None
    labels: frozenset[str]
    notes: tuple[str, ...] = ()


def ours_on(users: UserDriver, ticket: str) -> Ours:
    """Read what is ours on a ticket of either kind of tracker."""
    if isinstance(users, JiraUserDriver):
        issue = users.tracker.state.issues[int(ticket)]
        stored: dict[str, Any] = issue.properties.get("capa-sync") or {}
        return Ours(
            tuple(json.dumps(comment.body).replace("\\", "") for comment in issue.comments if is_ours(comment)),
            str(stored.get("state", "")),
            str(stored.get("rules", "")),
            frozenset(issue.fields.get("labels") or ()) & frozenset(OWN_LABELS),
        )
    row = users.tracker.find(RECORDS, ticket) or {}
    rows = users.tracker.rows("sys_journal_field", f"element_id={ticket}^element=work_notes")
    text = row.get("u_capa_sync_text", "")
    return Ours(
        (text,) if text else (),
        row.get("u_capa_sync_state", ""),
        None,
        frozenset(),
        tuple(note["value"] for note in rows if "[capa-sync " in note["value"]),
    )


def delete_ours(users: UserDriver, ticket: str) -> bool:
    """Delete our comment as a person; return whether there was one. Work notes cannot be deleted."""
    if not isinstance(users, JiraUserDriver):
        return False
    issue = users.tracker.state.issues[int(ticket)]
    found = [comment for comment in issue.comments if is_ours(comment)]
    for comment in found:
        users.person(2).delete_comment(issue.key, str(comment.id))
    return bool(found)


def relabel(users: UserDriver, ticket: str, label: str) -> None:
    """Put one of our labels on the ticket as a person, or remove it."""
    if isinstance(users, JiraUserDriver):
        issue = users.tracker.state.issues[int(ticket)]
        labels = set(issue.fields.get("labels") or ()) ^ {label}
        users.person(2).edit(issue.key, {"labels": sorted(labels)})
