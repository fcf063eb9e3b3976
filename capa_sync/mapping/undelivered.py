"""Why comments, links or sub-tasks of a ticket are not known, worded for an admin; pure."""

from __future__ import annotations

from capa_sync.mapping.binding import BoundMapping
from capa_sync.model.record import ActionOrigin
from capa_sync.model.ticket import SourceTicket

_NAMES = {
    "comments": "the comments",
    "links": "the links",
    "subtasks": "the sub-tasks",
    "attachments": "the attachments",
}
_WHERE = {
    "comments": "permissions; in ServiceNow those of sys_journal_field",
    "links": "field configuration of Linked Issues",
    "subtasks": "field configuration of Sub-Tasks",
    "attachments": "field configuration of Attachment",
}
_UNDELIVERED = (
    "the tracker does not deliver {kind} to our account: let it read them ({where}), then run `capa-sync sync --full`"
)
_WAITING = "the tracker left out {kind}: they are requested in the next cycles, at most 100 requests in each"
_ACTIONS_IN = {ActionOrigin.SUBTASK: "subtasks", ActionOrigin.LINK: "links"}


def undelivered_of(bound: BoundMapping, ticket: SourceTicket) -> dict[str, str]:
    """Return `CapaRecord.undelivered`: the comments, actions and fields that are not known, with the reason."""
    if not ticket.unknown:
        return {}
    found = {
        "comments": why_unknown(ticket, "comments"),
        "attachments": why_unknown(ticket, "attachments"),
        "actions": "; ".join(why_actions_unknown(bound, ticket)),
    }
    links = why_unknown(ticket, "links")
    found.update((field.name, links) for field in bound.fields if any(part.links for part in field.parts))
    return {name: why for name, why in found.items() if why}


def why_actions_unknown(bound: BoundMapping, ticket: SourceTicket) -> list[str]:
    """Return why there may be actions that were not delivered; empty where the mapping reads none from there."""
    kinds = dict.fromkeys(_ACTIONS_IN.get(entry.entry.origin, "") for entry in bound.actions)
    return [why for kind in kinds if (why := why_unknown(ticket, kind))]


def why_unknown(ticket: SourceTicket, kind: str) -> str:
    """Return why `kind` (as in `SourceTicket.unknown`) is not known and how to mend it, "" when it is known."""
    if kind not in ticket.unknown:
        return ""
    if kind in ticket.unasked:
        return _WAITING.format(kind=_NAMES[kind])
    return _UNDELIVERED.format(kind=_NAMES[kind], where=_WHERE[kind])
