"""The claimed stage now and over time, from status changes and from the fields of side-state conditions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from capa_sync.mapping.people import Directory
from capa_sync.mapping.statuses import BoundStage
from capa_sync.mapping.timeline import Birth, Step, TicketHistory, birth_of, rows_of
from capa_sync.model.record import FieldChange, Pause, Stage
from capa_sync.model.ticket import Origin, RawChange
from capa_sync.model.values import BLANK, Raw, Value, ValueState

_STAGE_VALUES = {stage: Value(ValueState.FILLED, stage.value, stage.value) for stage in Stage}


@dataclass(slots=True)
class StageReplay:
    """What the history of a ticket's status says.

    Attributes:
        value: claimed stage now, state ERROR when its status is not listed. status: the tracker's status name.
        rows: timeline rows of `stage` and `source_status`. steps: of `stage` alone.
        pauses: stretches on hold.
    """

    value: Value
    status: str
    rows: list[FieldChange] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)


def replay_stage(
    bound: BoundStage, history: TicketHistory, people: Directory, *, absent_is_empty: bool
) -> StageReplay:
    """Replay status and side-state fields from creation to now."""
    return _Replay(bound, history, absent_is_empty).run(people)


class _Replay:
    def __init__(self, bound: BoundStage, history: TicketHistory, absent_is_empty: bool) -> None:
        self.bound = bound
        self.history = history
        watched = [*(side.field_id for side in bound.sides), *(each for each, _ in bound.on_hold)]
        self.ids = dict.fromkeys([bound.field_id, *watched])
        self.now = {each: history.raw_now(each, absent_is_empty=absent_is_empty) or BLANK for each in self.ids}
        self.held = {each: self._born_with(each) for each in self.ids}
        self.entered = history.ticket.created_at
        self.kept = _STAGE_VALUES[Stage.IDENTIFIED]
        self.pauses: list[Pause] = []
        self.steps: list[Step] = []
        self.names: list[Step] = []

    def _born_with(self, field_id: str) -> Raw:
        changes = self.history.changes_of(field_id)
        return changes[0].old if changes else self.now[field_id]

    def run(self, people: Directory) -> StageReplay:
        birth = birth_of(self.history)
        born = stage = self._claim()
        name = born_name = self._name()
        self._pause(birth.at)
        for group, changes in self._groups():
            told = changes[0]
            for change in changes:
                self.held[change.field_id] = change.new
                if change.field_id == self.bound.field_id:
                    self.entered = change.at
                    told = change
            stage, name = self._after(group, told, stage, name)
        stage, name = self._end(stage, name)
        rows = _rows(birth, born, born_name, self.steps, self.names, people, self.bound.label)
        return StageReplay(stage, name.text, rows, self.steps, self.pauses)

    def _groups(self) -> list[tuple[int, list[RawChange]]]:
        groups: dict[int, list[RawChange]] = {}
        for each in self.ids:
            for change in self.history.changes_of(each):
                one = change if change.field_id == each else _renamed(change, each)
                groups.setdefault(self.history.groups[change.order], []).append(one)
        return sorted(groups.items())

    def _after(self, group: int, told: RawChange, stage: Value, name: Value) -> tuple[Value, Value]:
        at = told.at
        new, new_name = self._claim(), self._name()
        self._pause(at)
        base = (group, at, told.by, told.entry, told.origin, told.field_name)
        if new != stage:
            self.steps.append(Step(*base, stage, new))
        if new_name != name:
            self.names.append(Step(*base, name, new_name))
        return new, new_name

    def _end(self, stage: Value, name: Value) -> tuple[Value, Value]:
        """Take the step from the last told state to the present one, where no history tells it."""
        status = self.bound.field_id
        moved = not _same_option(self.held[status], self.now[status])
        if moved:
            self.entered = self.history.end_at()
        at = self.history.end_at()
        self.held = dict(self.now)
        new, new_name = self._claim(), self._name() if moved else name
        self._pause(at)
        base = (self.history.end_group, at, "", "", Origin.OBSERVED, self.bound.label)
        if new != stage:
            self.steps.append(Step(*base, stage, new))
        if new_name != name:
            self.names.append(Step(*base, name, new_name))
        return new, self._name()

    def _claim(self) -> Value:
        """Return the stage claimed by what is held; a status on hold keeps the stage it was entered from."""
        status = self.held[self.bound.field_id]
        if not self.bound.holds(self.held):
            stage = self.bound.stage_of(status, self.entered)
            self.kept = _STAGE_VALUES[stage] if stage else self._unlisted(status)
        side = self.bound.side_of(self.held)
        return _STAGE_VALUES[side] if side else self.kept

    def _unlisted(self, status: Raw) -> Value:
        name = self.bound.name_of(status)
        if status.is_blank:
            return Value(ValueState.ERROR, reason=f"the ticket tells no status (field '{self.bound.label}')")
        ids = f" ({', '.join(status.ids)})" if status.ids and status.ids[0] != name else ""
        when = f" for {self.entered:%Y-%m-%d}" if self._is_known_at_other_times(status) else ""
        reason = f"status '{name}'{ids} is not listed{when} under `stage: values:` in {self.bound.where}"
        return Value(ValueState.ERROR, text=name, reason=reason)

    def _is_known_at_other_times(self, status: Raw) -> bool:
        return any(key in self.bound.rules for key in self.bound.keys_of(status))

    def _name(self) -> Value:
        name = self.bound.name_of(self.held[self.bound.field_id])
        return Value(ValueState.FILLED, name, name) if name else Value(ValueState.EMPTY)

    def _pause(self, at: datetime) -> None:
        holds = self.bound.holds(self.held)
        is_open = bool(self.pauses) and self.pauses[-1].end is None
        if holds and not is_open:
            self.pauses.append(Pause(at, None))
        elif is_open and not holds:
            self.pauses[-1] = Pause(self.pauses[-1].start, at)


def _renamed(change: RawChange, field_id: str) -> RawChange:
    return RawChange(
        change.entry,
        change.at,
        change.order,
        field_id,
        change.field_name,
        change.old,
        change.new,
        change.by,
        change.origin,
    )


def _same_option(told: Raw, found: Raw) -> bool:
    return (
        told.ids == found.ids if told.ids and found.ids else (told.names or told.text) == (found.names or found.text)
    )


def _rows(
    birth: Birth,
    born: Value,
    born_name: Value,
    steps: list[Step],
    names: list[Step],
    people: Directory,
    label: str,
) -> list[FieldChange]:
    return [
        *rows_of("source_status", birth, born_name, names, people, label=label),
        *rows_of("stage", birth, born, steps, people, label=label),
    ]
