"""A ticket as it was at a past instant: its later changes are taken back; what of it is not known then is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from capa_sync.kinds import HistoryFields
from capa_sync.mapping.binding import BoundMapping
from capa_sync.mapping.history_names import SharedName, history_name
from capa_sync.mapping.texts import fold
from capa_sync.mapping.timeline import TicketHistory
from capa_sync.model.light import light
from capa_sync.model.record import ActionOrigin, CapaRecord
from capa_sync.model.ticket import ChildRef, RawChange, RawComment, SourceTicket
from capa_sync.model.values import Raw, Value, ValueState

ATTACHMENTS, COMMENTS = "attachments", "comments"
_LINK = "link"
_NO_ATTACHMENTS = "how many attachments there were is not known: the tracker's history does not name them"


@light
class PastTicket:
    """A ticket as it was.

    Attributes:
        ticket: with the values, changes, comments and parts of then; a value that is not known is absent.
        doubts: field id, `comments` or `attachments` -> why its state then is not known.
    """

    ticket: SourceTicket
    doubts: Mapping[str, str]


def as_it_was(ticket: SourceTicket, bound: BoundMapping, history: HistoryFields, at: datetime) -> PastTicket:
    """Return a ticket as it was at an instant after its creation, by its own change history."""
    kept = _kept(ticket.changes, at)
    later = ticket.changes[kept:]
    values, doubts = _values_then(ticket, kept, bound)
    comments = tuple([_then(comment, at) for comment in ticket.comments if comment.at <= at])
    parents = parent_fields(bound, history)
    moved = next((change for change in later if change.field_id in parents), None)
    retyped = next((change for change in later if history.type and change.field_id == history.type), None)
    attachments = ticket.attachments
    if attachments is not None and history.attachments:
        attachments -= sum(
            len(change.new.ids) - len(change.old.ids) for change in later if change.field_id == history.attachments
        )
    elif attachments is not None:
        doubts[ATTACHMENTS] = _NO_ATTACHMENTS
    return PastTicket(
        replace(
            ticket,
            values=values,
            changes=ticket.changes[:kept],
            comments=comments,
            children=tuple(_children_then(ticket.children, later, bound)),
            attachments=attachments if attachments is None else max(attachments, 0),
            kind=_shown(retyped.old) if retyped is not None else ticket.kind,
            parent=next(iter(moved.old.ids), "") if moved is not None else ticket.parent,
            updated_at=_touched_at(ticket, kept, comments),
            lost=ticket.lost | doubts.keys(),
        ),
        doubts,
    )


def parent_fields(bound: BoundMapping, history: HistoryFields) -> set[str]:
    """Return the fields that name the ticket of which another one is a part."""
    return {history.parent, *(entry.entry.reference for entry in bound.actions)} - {""}


def _kept(changes: Sequence[RawChange], at: datetime) -> int:
    """Return how many changes had happened; a ticket's own order counts, where its instants run backwards."""
    return next((place for place, change in enumerate(changes) if change.at > at), len(changes))


def _values_then(ticket: SourceTicket, kept: int, bound: BoundMapping) -> tuple[Mapping[str, Raw], dict[str, str]]:
    """Return the values after the changes that had happened, and the fields whose values are not known."""
    before: dict[str, Raw] = {}
    doubts: dict[str, str] = {}
    later = ticket.changes[kept:]
    if not later:
        return ticket.values, doubts
    for change in later:
        field_id, shared = _field_of(change, bound)
        if shared is not None:
            doubts |= dict.fromkeys(shared.ids, shared.reason)
        else:
            before.setdefault(field_id, change.old)
    if bound.named is not None:
        under = {change.field_name for change in later}
        renamed = TicketHistory(ticket, bound.history_ids, bound.shared, bound.named).renamed
        doubts |= {field_id: found.reason for field_id, found in renamed.items() if found.name in under}
    for change in ticket.changes[:kept]:
        field_id, _ = _field_of(change, bound)
        if field_id in before:
            before[field_id] = change.new
    values = {**ticket.values, **before}
    return {name: raw for name, raw in values.items() if name not in doubts}, doubts


def _field_of(change: RawChange, bound: BoundMapping) -> tuple[str, SharedName | None]:
    """Return the field that a change means; of a name that several fields share, which ones it may mean."""
    id_ = change.field_id if bound.named is None else bound.named.id_of(change)
    known = bound.history_ids.get(id_)
    if known is None and id_.startswith("name:"):
        key = history_name(id_[5:])
        return bound.history_ids.get(key, id_), bound.shared.get(key)
    return known or change.field_id, None


def _then(comment: RawComment, at: datetime) -> RawComment:
    """Return a comment as it was; the text before a later edit is not known."""
    if comment.updated_at is None or comment.updated_at <= at:
        return comment
    return replace(comment, text="", updated_at=None, edited_by="")


def _shown(raw: Raw) -> str:
    return raw.names[0] if raw.names else raw.text


def _touched_at(ticket: SourceTicket, kept: int, comments: Iterable[RawComment]) -> datetime:
    instants = [comment.updated_at or comment.at for comment in comments]
    instants += [change.at for change in ticket.changes[:kept][-1:]]
    return max(instants, default=ticket.created_at)


def _children_then(refs: Sequence[ChildRef], later: Sequence[RawChange], bound: BoundMapping) -> Iterable[ChildRef]:
    """Return the references with the later changes of links taken back; the mirror takes out later children."""
    found = list(refs)
    types = sorted(_link_types(bound), key=len, reverse=True)
    for change in reversed(later):
        if fold(change.field_name) != _LINK:
            continue
        added, removed = f" {fold(change.new.text)} ", f" {fold(change.old.text)} "
        found = [
            ref
            for ref in found
            if not (ref.relation == _LINK and ref.key in change.new.ids and f" {fold(ref.link_type)} " in added)
        ]
        if link_type := next((name for name in types if f" {fold(name)} " in removed), ""):
            found += [ChildRef("", key, _LINK, link_type) for key in change.old.ids]
    return found


def _link_types(bound: BoundMapping) -> set[str]:
    """Return the types of links that the mapping reads, as seen from the record."""
    named = {link for field in bound.fields for part in field.parts for link in part.links}
    return named | {
        name for action in bound.actions if action.entry.origin is ActionOrigin.LINK for name in action.entry.types
    }


def with_doubts(record: CapaRecord, bound: BoundMapping, doubts: Mapping[str, str]) -> CapaRecord:
    """Return a past record in which what was not known then cannot be told."""
    if not doubts:
        return record
    fields = dict(record.fields)
    for field in bound.fields:
        why = next((doubts[part.field_id] for part in field.parts if part.field_id in doubts), "")
        if why:
            fields[field.name] = Value(ValueState.UNREADABLE, reason=why)
    named = [*(doubts.get(name) for action in bound.actions for name in action.field_ids), record.actions_problem]
    undelivered = {name: doubts[name] for name in (COMMENTS, ATTACHMENTS) if name in doubts}
    return replace(
        record,
        fields=fields,
        actions_problem="; ".join(dict.fromkeys(filter(None, named))),
        undelivered={**record.undelivered, **undelivered},
    )


def stage_doubt(bound: BoundMapping, doubts: Mapping[str, str]) -> str:
    """Return why the stage then is not known, "" when it is."""
    watched = bound.stage.watched if bound.stage is not None else ()
    return next((doubts[field_id] for field_id in watched if field_id in doubts), "")
