"""Replays the timeline of a test into a canonical record, so that state and history cannot disagree."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

from capa_sync.model.catalogue import FIELDS
from capa_sync.model.disagreement import STAGE, disagreements
from capa_sync.model.record import (
    Action,
    ActionKind,
    ActionOrigin,
    CapaRecord,
    FieldChange,
    Pause,
    RecordComment,
    Stage,
)
from capa_sync.model.similar import EarlierMatch
from capa_sync.model.ticket import Origin, Presence
from capa_sync.model.values import EMPTY, UNMAPPED, Value, ValueState
from capa_sync.rules.calendar import calendar_for
from capa_sync.rules.case import ActionEdit, Case, TimelineRow, When

_NINE = time(9)
_MINUTE = timedelta(minutes=1)


def row_times(case: Case) -> list[datetime]:
    """Return the instant of each row: its own time, otherwise 09:00; rows of one day are a minute apart."""
    calendar = calendar_for(case.options.timezone, case.options.holidays)
    times: list[datetime] = []
    for row in case.rows:
        at = calendar.at(datetime.combine(row.when.day, row.when.time or _NINE))
        if row.when.time is None and times and at <= times[-1]:
            at = times[-1] + _MINUTE
        times.append(at)
    return times


def instant(case: Case, when: When) -> datetime:
    """Return the instant at which a test evaluates its record on a day."""
    return calendar_for(case.options.timezone, case.options.holidays).at(when.wall)


def replay(case: Case, until: datetime) -> CapaRecord | None:
    """Return the record as it was at an instant; None before it was created."""
    rows = [(at, row) for at, row in zip(row_times(case), case.rows, strict=True) if at <= until]
    if not rows:
        return None
    builder = _RecordBuilder(case, rows[0][0])
    for group, (at, row) in enumerate(rows):
        builder.apply(at, group, row)
    return builder.record(until)


class _RecordBuilder:
    """A record under construction, row by row."""

    def __init__(self, case: Case, created_at: datetime) -> None:
        self._case = case
        self._created_at = created_at
        self._fields = dict.fromkeys(FIELDS, EMPTY)
        self._fields["track"] = Value(ValueState.FILLED, "nonconformity", "nonconformity")
        self._stage, self._status = Stage.IDENTIFIED, "Open"
        self._timeline: list[FieldChange] = []
        self._actions: dict[str, Action] = {}
        self._comments: list[RecordComment] = []
        self._pauses: list[Pause] = []
        self._presence = Presence.PRESENT
        self._attachments = 0
        self._joined: dict[str, Value] | None = None
        self._earlier: dict[str, bool] = {}
        self._last = created_at
        self._last_human: datetime | None = None

    def apply(self, at: datetime, group: int, row: TimelineRow) -> None:
        """Apply one row."""
        human = row.by not in self._case.ignored
        self._last = at
        self._last_human = at if human else self._last_human
        if not group:
            self._birth(at, row, human)
        else:
            self._edit(at, group, row, human)
        for edit in row.actions:
            self._act(at, group, row, edit, human)
        if row.comment:
            self._comments.append(RecordComment(at, row.by, human, f"comment-{len(self._comments) + 1}"))
        self._hold(at, row.hold)
        self._presence = row.presence or self._presence
        self._attachments = self._attachments if row.attachments is None else row.attachments
        self._match(row)
        if row.joined is not None:
            self._joined = {**(self._joined or {}), **row.joined}

    def _match(self, row: TimelineRow) -> None:
        """Take over which earlier records the record matches, and whether their actions were effective."""
        if row.earlier_matches is not None or row.earlier_effective is not None:
            effective = row.earlier_effective or ()
            self._earlier = {key: key in effective for key in (*effective, *(row.earlier_matches or ()))}

    def _birth(self, at: datetime, row: TimelineRow, human: bool) -> None:
        self._fields.update(row.fields)
        self._stage = Stage(row.stage or self._stage)
        self._status = row.source_status or self._status
        initial = {name: value for name, value in self._fields.items() if value != EMPTY}
        for name, value in {**initial, "stage": _word(self._stage), "source_status": _word(self._status)}.items():
            self._note(FieldChange(at, 0, name, EMPTY, value, row.by, human, Origin.BIRTH, "birth"))

    def _edit(self, at: datetime, group: int, row: TimelineRow, human: bool) -> None:
        changed = [(name, self._fields[name], value) for name, value in row.fields.items()]
        if row.stage:
            changed.append(("stage", _word(self._stage), _word(row.stage)))
            self._stage = Stage(row.stage)
        if row.source_status:
            changed.append(("source_status", _word(self._status), _word(row.source_status)))
            self._status = row.source_status
        self._fields.update(row.fields)
        for name, old, new in changed:
            self._note(FieldChange(at, group, name, old, new, row.by, human, Origin.HISTORY, f"edit-{group}"))

    def _note(self, change: FieldChange) -> None:
        if change.field not in self._case.unmapped:
            self._timeline.append(change)

    def _act(self, at: datetime, group: int, row: TimelineRow, edit: ActionEdit, human: bool) -> None:
        old = self._actions.get(edit.id)
        new = _edited(old or _new_action(edit, at), edit, at, group)
        self._actions[edit.id] = new
        before = old.text if old else EMPTY
        origin = Origin.HISTORY if group else Origin.BIRTH
        entry = f"edit-{group}" if group else "birth"
        self._note(
            FieldChange(at, group, "actions", before, new.text, row.by, human, origin, entry, action_id=edit.id)
        )

    def _hold(self, at: datetime, hold: bool | None) -> None:
        held = bool(self._pauses) and self._pauses[-1].end is None
        if hold and not held:
            self._pauses.append(Pause(at, None))
        elif hold is False and held:
            self._pauses[-1] = Pause(self._pauses[-1].start, at)

    def record(self, as_of: datetime) -> CapaRecord:
        """Return the record after the rows applied so far, joined with the other ticket that they name."""
        own = self._own(as_of)
        if self._joined is None:
            return own
        stage = Stage(str(self._joined[STAGE].data)) if STAGE in self._joined else own.stage
        fields = {**dict.fromkeys(FIELDS, EMPTY), **{n: v for n, v in self._joined.items() if n != STAGE}}
        other = replace(own, source="other", ticket_id="2", ticket_key="CAPA-2", fields=fields, stage=stage)
        return replace(own, also=(("other", "2", "CAPA-2"),), disagreements=disagreements((own, other)))

    def _own(self, as_of: datetime) -> CapaRecord:
        case = self._case
        fields = dict(self._fields)
        fields.update({name: UNMAPPED for name in case.unmapped if name in fields})
        blind = Value(ValueState.UNREADABLE, reason="the test says so")
        fields.update({name: blind for name in case.unreadable if name in fields})
        people = {row.by for row in case.rows} | {str(v.data) for v in self._people()}
        unmapped = "actions" in case.unmapped
        return CapaRecord(
            source="test",
            ticket_id="1",
            ticket_key="CAPA-1",
            ticket_url="",
            fields=fields,
            labels={},
            stage=self._stage,
            source_status=self._status,
            timeline=tuple(self._timeline),
            created_at=self._created_at,
            updated_at=self._last,
            as_of=as_of,
            actions=() if unmapped else tuple(self._actions.values()),
            actions_mapped=not unmapped,
            actions_problem="the test says so" if "actions" in case.unreadable else "",
            comments=tuple(self._comments),
            pauses=tuple(self._pauses),
            history_complete=case.history_complete,
            people_active={p: None if p in case.silent else p not in case.inactive for p in people},
            presence=self._presence,
            last_human_at=self._last_human,
            attachments=self._attachments,
            earlier=None if "earlier_matches" in case.unreadable else self._matched(),
            undelivered={"attachments": "the test says so"} if "attachments" in case.unreadable else {},
        )

    def _matched(self) -> tuple[EarlierMatch, ...]:
        closed_on = self._created_at.date() - timedelta(days=30)
        return tuple(EarlierMatch("test", key, key, closed_on, known) for key, known in self._earlier.items())

    def _people(self) -> list[Value]:
        owners = [action.owner for action in self._actions.values()]
        return [value for value in [*self._fields.values(), *owners] if value.is_filled]


def _word(text: str) -> Value:
    return Value(ValueState.FILLED, str(text), str(text))


def _new_action(edit: ActionEdit, at: datetime) -> Action:
    origin = ActionOrigin(edit.origin or "subtask")
    kind = ActionKind(edit.kind or "corrective")
    return Action(edit.id, edit.id, origin, kind, EMPTY, EMPTY, EMPTY, EMPTY, created_at=at)


def _edited(action: Action, edit: ActionEdit, at: datetime, group: int) -> Action:
    parts = {name: getattr(edit, name) for name in ("text", "owner", "due_at", "evidence", "cancelled", "readable")}
    action = replace(action, **{name: value for name, value in parts.items() if value is not None})
    if edit.text is not None and edit.text.is_filled and action.text_first_at is None:
        action = replace(action, text_first_at=at, text_first_group=group)
    if edit.started and action.started_at is None:
        action = replace(action, started_at=at, started_group=group)
    if edit.done is not None:
        action = replace(action, done_at=at if edit.done else None)
    return action
