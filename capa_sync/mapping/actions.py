"""Finds a record's actions: in its own fields, and in sub-tasks, linked and child tickets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from capa_sync.mapping.action_reader import ActionReader, instant_of
from capa_sync.mapping.binding import BoundMapping
from capa_sync.mapping.check_lists import lives_of
from capa_sync.mapping.children import ChildTicket
from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.stages import StageReplay
from capa_sync.mapping.statuses import OptionSet
from capa_sync.mapping.timeline import TicketHistory, add_rows, replay
from capa_sync.mapping.undelivered import why_actions_unknown
from capa_sync.model.record import STAGE_ORDER, Action, ActionKind, ActionOrigin, FieldChange, Stage
from capa_sync.model.ticket import ChildRef
from capa_sync.model.values import BLANK, EMPTY, UNMAPPED, Raw, Value, ValueState

_DONE_STAGES = frozenset(stage.value for stage in STAGE_ORDER[STAGE_ORDER.index(Stage.IMPLEMENTED) :])


@dataclass(slots=True)
class ActionsFound:
    """All actions of a record with their timeline rows, and the problems that make rules on actions "cannot tell"."""

    actions: list[Action] = field(default_factory=list)
    rows: list[FieldChange] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def collect_actions(
    bound: BoundMapping,
    record: TicketHistory,
    children: Iterable[ChildTicket],
    stage: StageReplay,
    fields: Mapping[str, Value],
    people: PeopleDirectory,
) -> ActionsFound:
    """Return every action; owner and due date may be inherited from `fields`, the record's values."""
    found = ActionsFound()
    found.problems += why_actions_unknown(bound, record.ticket)
    for entry in bound.actions:
        if entry.entry.origin is ActionOrigin.FIELD:
            place = _CheckList if entry.entry.check_list else _FieldAction
            place(bound, entry, record, people).add_to(found, stage, fields)
    for child in children:
        if child.history is None or child.bound is None:
            name = child.ref.key or child.ref.id
            found.problems.append(f"{_WORDS[child.ref.relation]} {name} cannot be read")
            found.actions.append(_unread(child))
        else:
            _ChildAction(bound, child.bound, child.history, people).add_to(found, child.ref, fields)
    return found


_WORDS = {"subtask": "sub-task", "link": "linked ticket", "child": "child ticket"}


def _unread(child: ChildTicket) -> Action:
    kind = child.bound.kind if child.bound and isinstance(child.bound.kind, ActionKind) else ActionKind.OTHER
    unread = Value(ValueState.UNREADABLE, reason="the ticket cannot be read")
    return Action(
        child.ref.id or child.ref.key,
        child.ref.key,
        ActionOrigin(child.ref.relation),
        kind,
        unread,
        unread,
        unread,
        unread,
        readable=False,
        reason="the ticket cannot be read",
    )


_NO_TEXT = frozenset({ValueState.EMPTY, ValueState.PLACEHOLDER})


class _FieldAction(ActionReader):
    """The action written in a field of the record itself."""

    def add_to(self, found: ActionsFound, stage: StageReplay, fields: Mapping[str, Value]) -> None:
        name, entry = self.action.id, self.action
        text, first_at, first_group = self.text(name)
        owner = self.inherited("owner", self.own(entry.owner, name), fields)
        due_at = self.inherited("due_at", self.own(entry.due_at, name), fields)
        evidence, done = self.own(entry.evidence, name), self.own(entry.done_at, name)
        found.rows += self.rows
        if text.state in _NO_TEXT:
            if first_at is None:
                return
            text = EMPTY  # no longer an action, but it was one: its position in the history still counts
        if not text.is_known:
            found.problems.append(f"the action in '{entry.text.label}': {text.reason}")
        found.actions.append(
            Action(
                name,
                self.history.ticket.key,
                ActionOrigin.FIELD,
                entry.kind if isinstance(entry.kind, ActionKind) else ActionKind.OTHER,
                text,
                owner,
                due_at,
                evidence,
                created_at=first_at,
                started_at=first_at,
                started_group=first_group,
                done_at=instant_of(done) if entry.done_at else _implemented_since(stage, self.history),
                text_first_at=first_at,
                text_first_group=first_group,
                readable=text.is_known,
                reason=text.reason,
            )
        )


class _CheckList(ActionReader):
    """The actions written as a check list in a field of the record: one for each item."""

    def add_to(self, found: ActionsFound, _: StageReplay, fields: Mapping[str, Value]) -> None:
        name, entry = self.action.id, self.action
        text, first_at, _group = self.text(name)
        owner = self.inherited("owner", self.own(entry.owner, name), fields)
        due_at = self.inherited("due_at", self.own(entry.due_at, name), fields)
        evidence = self.own(entry.evidence, name)
        found.rows += self.rows
        if not text.is_known:
            found.problems.append(f"the check list in '{entry.text.label}': {text.reason}")
        is_certain = first_at is not None  # of an ambiguous history no time is known
        for life in lives_of(self._states()):
            item = life.item
            found.actions.append(
                Action(
                    f"{name}:{hashlib.sha256(life.words.casefold().encode()).hexdigest()[:8]}",
                    life.words[:_LONGEST_NAME],
                    ActionOrigin.FIELD,
                    entry.kind if isinstance(entry.kind, ActionKind) else ActionKind.OTHER,
                    Value(ValueState.FILLED, life.words, life.words) if item is not None else EMPTY,
                    owner,
                    due_at,
                    evidence,
                    created_at=life.first_at if is_certain else None,
                    started_at=life.started_at if is_certain else None,
                    started_group=life.started_group if is_certain else None,
                    done_at=life.done_at,
                    cancelled=item is not None and item.is_skipped,
                    text_first_at=life.first_at if is_certain else None,
                    text_first_group=life.first_group if is_certain else None,
                )
            )

    def _states(self) -> list[tuple[datetime, int, str]]:
        """Return instant, group and text of the field at creation and after each change."""
        _, born, steps = self.value(self.action.text)
        states = [(self.birth.at, self.birth.group, born.text if born.is_filled else "")]
        return states + [(step.at, step.group, step.new.text if step.new.is_filled else "") for step in steps]


_LONGEST_NAME = 60


def _implemented_since(stage: StageReplay, history: TicketHistory) -> datetime | None:
    """Return since when the claimed stage has been implemented or later without a break; None when it is not."""
    if stage.value.data not in _DONE_STAGES:
        return None
    since = history.ticket.created_at
    for step in stage.steps:
        if step.new.data in _DONE_STAGES and step.old.data not in _DONE_STAGES:
            since = step.at
    return since


class _ChildAction(ActionReader):
    """An action that is a ticket of its own."""

    def add_to(self, found: ActionsFound, ref: ChildRef, fields: Mapping[str, Value]) -> None:
        ticket, entry = self.history.ticket, self.action
        name = ticket.id
        text, first_at, first_group = self.text(name)
        owner = self.inherited("owner", self.own(entry.owner, name), fields)
        due_at = self.inherited("due_at", self.own(entry.due_at, name), fields)
        evidence, done = self.own(entry.evidence, name), self.own(entry.done_at, name)
        kind, problem = self._kind()
        found.problems += [problem] if problem else []
        status = self._statuses(name)
        found.rows += self.rows
        found.actions.append(
            Action(
                name,
                ticket.key,
                ActionOrigin(ref.relation),
                kind,
                text,
                owner,
                due_at,
                evidence,
                created_at=ticket.created_at,
                started_at=status.started_at,
                started_group=status.started_group,
                done_at=self._done_at(status, done),
                cancelled=status.is_cancelled,
                text_first_at=first_at,
                text_first_group=first_group,
                is_confidential=self._is_confidential(),
            )
        )

    def _is_confidential(self) -> bool:
        """Return whether the ticket says so itself; one without that field is as its record is."""
        there = (part for part in self.confidential if self.history.has(part.field_id))
        return any(self.value(part)[0].is_yes_or_unreadable for part in there)

    def _kind(self) -> tuple[ActionKind, str]:
        if isinstance(self.action.kind, ActionKind):
            return self.action.kind, ""
        value, _, _ = self.value(self.action.kind)
        if isinstance(value.data, str):
            return ActionKind(value.data), ""
        why = value.reason or "its kind is empty"
        return ActionKind.OTHER, f"{self.history.ticket.key}: {why}"

    def _done_at(self, status: _ChildStatus, own: Value) -> datetime | None:
        at = instant_of(own)
        if not self.action.done:
            return at
        return None if status.done_at is None or status.is_cancelled else at or status.done_at

    def _statuses(self, action_id: str) -> _ChildStatus:
        history, status_id = self.history, self.action.status_id
        changes = history.changes_of(status_id)
        now = history.raw_now(status_id, absent_is_empty=self.absent_is_empty) or BLANK
        birth = self.birth
        track = _ChildStatus(self.action.started, self.action.done)
        born = changes[0].old if changes else now
        track.enter(born, birth.at, birth.group)
        for change in changes:
            track.enter(change.new, change.at, history.groups[change.order])
        if track.last is not None and track.last.ids != now.ids:
            track.enter(now, history.end_at(), history.end_group)
        track.is_cancelled = any(
            (history.raw_now(field_id, absent_is_empty=True) or BLANK) in options
            for field_id, options in self.action.cancelled
        )
        _, steps = replay(history, status_id, _status_value, _status_value(now), self.people)
        add_rows(self.rows, "actions", birth, UNMAPPED, steps, self.people, "Status", action_id)
        return track


def _status_value(raw: Raw, _: PeopleDirectory | None = None) -> Value:
    name = raw.names[0] if raw.names else raw.text or (raw.ids[0] if raw.ids else "")
    return Value(ValueState.FILLED, name, name) if name else EMPTY


class _ChildStatus:
    """When a child was started and done, by the changes of its status."""

    def __init__(self, started: OptionSet, done: OptionSet) -> None:
        self._started = started
        self._done = done
        self.started_at: datetime | None = None
        self.started_group: int | None = None
        self.done_at: datetime | None = None
        self.is_cancelled = False
        self.last: Raw | None = None

    def enter(self, status: Raw, at: datetime, group: int) -> None:
        """Process one status; `done` counts from the last entry, `started` from the first."""
        self.last = status
        is_done = status in self._done
        if self.started_at is None and (is_done or status in self._started):
            self.started_at, self.started_group = at, group
        if not is_done:
            self.done_at = None
        elif self.done_at is None:
            self.done_at = at
