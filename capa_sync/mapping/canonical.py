"""Maps one ticket to one canonical record, or to the reasons why it cannot be mapped; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from capa_sync.mapping.actions import ActionsFound, collect_actions
from capa_sync.mapping.binding import BoundFieldSource, BoundMapping
from capa_sync.mapping.children import ChildTicket, find_children
from capa_sync.mapping.comment_requests import requests_in
from capa_sync.mapping.fills import filled_by
from capa_sync.mapping.links import link_history
from capa_sync.mapping.people import People
from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.stages import StageReplay, replay_stage
from capa_sync.mapping.timeline import (
    AMBIGUOUS,
    NO_STEPS,
    Birth,
    Step,
    TicketHistory,
    add_rows,
    birth_of,
    combine,
    first_filled,
    number_groups,
    replay,
)
from capa_sync.mapping.undelivered import undelivered_of, why_unknown
from capa_sync.model.record import ActionOrigin, CapaRecord, FieldChange, RecordComment, Stage, Unmapped
from capa_sync.model.ticket import Origin, Presence, SourceTicket
from capa_sync.model.values import BLANK, EMPTY, Raw, Value, ValueState

_GROUP = attrgetter("group")


def map_ticket(
    bound: BoundMapping,
    ticket: SourceTicket,
    children: Mapping[str, SourceTicket | None],
    *,
    people: People,
    as_of: datetime,
    presence: Presence = Presence.PRESENT,
    own_account: str = "",
) -> CapaRecord | Unmapped:
    """Map one ticket.

    Args:
        bound: the mapping, bound to this ticket's site.
        ticket: as mirrored.
        children: its sub-tasks, linked and child tickets by id (by key where only the key is
            known); None for a ticket that could not be read.
        people: the people file.
        as_of: instant up to which the source was read.
        presence: whether the ticket is still in the tracker.
        own_account: our account id in that tracker.

    Returns:
        The record, or Unmapped with the reasons (worded for an admin) when its stage is not known.
    """
    directory = bound.directory(ticket.source, people, own_account)
    if bound.stage is None:
        reason = (
            f"the site has no field '{bound.mapping.stage.ref.name}', which {bound.mapping.file} reads the stage from"
        )
        return Unmapped(ticket.source, ticket.id, ticket.key, (reason,))
    history = TicketHistory(ticket, bound.history_ids, bound.shared, bound.named)
    has_children = bool(bound.actions and (ticket.children or children))
    found_children = find_children(bound, ticket, children) if has_children else []
    histories = [child.history for child in found_children if child.history is not None]
    number_groups(history, histories)
    stage = replay_stage(bound.stage, history, directory, absent_is_empty=bound.facts.absent_is_empty)
    if not isinstance(stage.value.data, str):
        return Unmapped(ticket.source, ticket.id, ticket.key, (stage.value.reason,))
    mapper = _Mapper(bound, history, directory)
    mapper.map_fields()
    mapper.fill(found_children)
    found = collect_actions(bound, history, found_children, stage, mapper.fields, directory)
    gaps = _gaps(bound, history, found_children)
    staged = [row for row in stage.rows if "stage" not in gaps or row.origin is not Origin.BIRTH]
    rows = [*staged, *mapper.rows, *found.rows]
    rows.sort(key=_GROUP)
    record = _record(bound, history, stage, mapper, found, rows, found_children, as_of, presence)
    undelivered = undelivered_of(bound, ticket)
    return replace(record, history_gaps=gaps, undelivered=undelivered) if gaps or undelivered else record


FieldHistory = tuple[Value, Value, Sequence[Step]]
"""What one place yields: its value now, its value at creation, and the steps between."""


class _Mapper:
    """Maps the record's fields, with their present values and their history."""

    def __init__(self, bound: BoundMapping, history: TicketHistory, people: PeopleDirectory) -> None:
        self.bound = bound
        self.absent_is_empty = bound.facts.absent_is_empty
        self.history = history
        self.people = people
        self.birth: Birth = birth_of(history)
        self.links_unknown = why_unknown(history.ticket, "links")
        self.fields: dict[str, Value] = dict(bound.blank_values)
        self.rows: list[FieldChange] = []

    def map_fields(self) -> None:
        """Map every field; skip empty ones early, because most tickets never use most of the mapped fields."""
        value_of, changes, ambiguous = self.history.ticket.values.get, self.history.changes, self.history.ambiguous
        for field_id, field in self.bound.places:
            if not field_id:
                now, birth, steps = self._joined(field.parts)
            elif field_id in changes:
                now, birth, steps = self._part(field.parts[0])
            else:
                raw = value_of(field_id)
                if raw is BLANK:
                    continue
                now = birth = self._unchanged(field.parts[0], raw)
                steps = NO_STEPS
            if ambiguous and any(part.field_id in ambiguous for part in field.parts):
                birth = AMBIGUOUS
            self.fields[field.name] = now
            if birth is EMPTY and not steps:
                continue
            add_rows(self.rows, field.name, self.birth, birth, steps, self.people, field.label)

    def fill(self, children: Sequence[ChildTicket]) -> None:
        """Map the fields that an action's ticket holds (`fills`).

        With what a confidential ticket holds, the record is confidential too, as a joined record is.
        """
        for filled in filled_by(self.bound, children, self.people):
            self.fields[filled.field.name] = filled.now
            if filled.hiding is not None and filled.now.state is not ValueState.EMPTY:
                self.fields["confidential"] = filled.hiding
            if filled.birth is not None:
                name, label = filled.field.name, filled.field.label
                add_rows(self.rows, name, filled.birth, filled.born, filled.steps, self.people, label)

    def _unchanged(self, part: BoundFieldSource, raw: Raw | None) -> Value:
        """Return the value of a field without history entries: the ticket has held it since its creation."""
        if raw is None:
            return self._now(part)
        return EMPTY if raw.is_blank or part.convert is None else part.convert(raw, self.people)

    def _joined(self, parts: Sequence[BoundFieldSource]) -> FieldHistory:
        """Return the first filled of several places, or the single place that is not a field."""
        histories = [self._part(part) for part in parts]
        if len(histories) == 1:
            return histories[0]
        birth, steps = combine([(born, steps) for _, born, steps in histories])
        return first_filled([now for now, _, _ in histories]), birth, steps

    def _part(self, part: BoundFieldSource) -> FieldHistory:
        if part.constant is not None:
            value = part.constant(self.people)
            return value, value, NO_STEPS
        if part.convert is None:
            return link_history(part.links, self.history, self.links_unknown)
        now = self._now(part)
        birth, steps = replay(self.history, part.field_id, part.convert, now, self.people)
        return now, birth, steps

    def _now(self, part: BoundFieldSource) -> Value:
        """Return what a field holds now."""
        raw = self.history.raw_now(part.field_id, absent_is_empty=self.absent_is_empty)
        if raw is None:
            reason = (
                f"'{part.label}' is missing from the tracker's answer: hidden from our account, or off this ticket"
            )
            return Value(ValueState.UNREADABLE, reason=reason)
        return EMPTY if raw is BLANK or part.convert is None else part.convert(raw, self.people)


def _gaps(bound: BoundMapping, history: TicketHistory, children: Iterable[ChildTicket]) -> dict[str, str]:
    """Return the canonical fields whose history is ambiguous, each with the reason and what a person can do."""
    ambiguous, gaps = history.ambiguous, dict[str, str]()
    of_children = [
        (child.history.ambiguous, [child.bound]) for child in children if child.history is not None and child.bound
    ]
    own = [entry for entry in bound.actions if entry.entry.origin is ActionOrigin.FIELD]
    if not ambiguous and not any(reasons for reasons, _ in of_children):
        return gaps
    watched = bound.stage.watched if bound.stage is not None else ()
    places: list[tuple[str, Sequence[str], Mapping[str, str]]] = [
        (field.name, [part.field_id for part in field.parts], ambiguous) for field in bound.fields
    ]
    places += [(name, watched, ambiguous) for name in ("stage", "source_status")]
    places += [
        (field.name, [part.field_id for part in field.parts], reasons)
        for reasons, entries in of_children
        for entry in entries
        for field in entry.fills
    ]
    of_actions = [(ambiguous, own), *of_children]
    places += [("actions", entry.field_ids, reasons) for reasons, entries in of_actions for entry in entries]
    for name, ids, reasons in places:
        gaps.update((name, reasons[field_id]) for field_id in ids if field_id in reasons)
    return gaps


def _record(
    bound: BoundMapping,
    history: TicketHistory,
    stage: StageReplay,
    mapper: _Mapper,
    found: ActionsFound,
    rows: list[FieldChange],
    children: list[ChildTicket],
    as_of: datetime,
    presence: Presence,
) -> CapaRecord:
    ticket, people = history.ticket, mapper.people
    read = [child.history.ticket for child in children if child.history is not None]
    is_complete = ticket.history_complete and all(child.history_complete for child in read)
    starts = [part.history_from for part in (ticket, *read) if part.history_from is not None]
    comments = _comments(ticket, people)
    known = _people_met(mapper.fields, rows, found, comments, people)
    return CapaRecord(
        ticket.source,
        ticket.id,
        ticket.key,
        ticket.url,
        mapper.fields,
        bound.labels,
        Stage(str(stage.value.data)),
        stage.status,
        tuple(rows),
        ticket.created_at,
        ticket.updated_at,
        as_of,
        tuple(found.actions),
        bool(bound.actions),
        "; ".join(found.problems),
        comments,
        tuple(stage.pauses),
        is_complete,
        max(starts) if starts else None,
        {person: people.active_of(person) for person in known},
        {person: people.name_of(person) for person in known},
        presence,
        last_human_at((ticket, *read), people),
        ticket.attachments,
        mapping=bound.provenance,
        language=bound.mapping.language,
        same_as_key=ticket.values.get(bound.same_as_id, BLANK).text.strip() if bound.same_as_id else "",
    )


def _comments(ticket: SourceTicket, people: PeopleDirectory) -> tuple[RecordComment, ...]:
    return tuple(
        [
            RecordComment(
                comment.at,
                people.known(comment.by).by if comment.by else None,
                people.is_human(comment.by),
                comment.id,
                requests_in(comment, people),
            )
            for comment in ticket.comments
        ]
    )


def last_human_at(tickets: Iterable[SourceTicket], people: PeopleDirectory) -> datetime | None:
    """Return the last instant at which a person created, changed or commented on any of these tickets.

    Where history or comments cannot be read completely, any update may have been made by a person.
    """
    seen: list[datetime] = []
    for ticket in tickets:
        if not ticket.history_complete or ticket.history_from is not None or "comments" in ticket.unknown:
            seen.append(ticket.updated_at)
        if people.is_human(ticket.created_by):
            seen.append(ticket.created_at)
        for change in reversed(ticket.changes):
            if people.is_human(change.by):
                seen.append(change.at)
                break
        seen += [comment.updated_at or comment.at for comment in ticket.comments if people.is_human(comment.by)]
    return max(seen, default=None)


def _people_met(
    fields: Mapping[str, Value],
    rows: Iterable[FieldChange],
    found: ActionsFound,
    comments: Iterable[RecordComment],
    people: PeopleDirectory,
) -> list[str]:
    """Return every person of this record, in a stable order."""
    met = people.persons_among([value.data for value in fields.values() if value.data is not None])
    met |= {row.by for row in rows if row.by is not None}
    met |= {comment.by for comment in comments if comment.by is not None}
    met |= {action.owner.data for action in found.actions if isinstance(action.owner.data, str)}
    return sorted(met)
