"""The claimed stage now and over time, from status changes and from the fields of side-state conditions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.statuses import BoundStage, StageSignal
from capa_sync.mapping.timeline import Step, TicketHistory, add_rows, birth_of
from capa_sync.model.record import FieldChange, Pause, Stage
from capa_sync.model.ticket import Origin, RawChange
from capa_sync.model.values import BLANK, Raw, Value, ValueState

_STAGE_VALUES = {stage: Value(ValueState.FILLED, stage.value, stage.value) for stage in Stage}


@dataclass(slots=True)
class StageReplay:
    """The claimed stage of a ticket, as its status history shows it.

    Attributes:
        value: claimed stage now; its state is ERROR when the status is not listed. status: the tracker's status name.
        rows: timeline rows of `stage` and `source_status`. steps: of `stage` alone.
        pauses: periods on hold.
    """

    value: Value
    status: str
    rows: list[FieldChange] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)


def replay_stage(
    bound: BoundStage, history: TicketHistory, people: PeopleDirectory, *, absent_is_empty: bool
) -> StageReplay:
    """Replay the status and the side-state fields from creation to now."""
    return _Replay(bound, history, absent_is_empty).run(people)


_Base = tuple[int, datetime, str, str, Origin, str]
"""A step without its values: group, at, by, entry, origin, label."""


_BY_GROUP = itemgetter(0)


class _Replay:
    def __init__(self, bound: BoundStage, history: TicketHistory, absent_is_empty: bool) -> None:
        self.bound = bound
        self.history = history
        self.now: dict[str, Raw] = {}
        self.signals: dict[str, StageSignal] = {}
        self.status = BLANK
        for field_id in bound.watched:
            changes = history.changes.get(field_id)
            now = history.raw_now(field_id, absent_is_empty=absent_is_empty) or BLANK
            born = changes[0].old if changes else now
            self.now[field_id], self.signals[field_id] = now, bound.signal(field_id, born)
            if field_id == bound.field_id:
                self.status = born
        self.entered = history.ticket.created_at
        self.unpaused = _STAGE_VALUES[Stage.IDENTIFIED]
        self.holds = False
        self.pauses: list[Pause] = []
        self.steps: list[Step] = []
        self.names: list[Step] = []

    def run(self, people: PeopleDirectory) -> StageReplay:
        birth = birth_of(self.history)
        born = stage = self._claim()
        name = born_name = self._name()
        self._pause(birth.at)
        for group, changes in self._groups():
            shown = changes[0][1]
            for field_id, change in changes:
                self.signals[field_id] = self.bound.signal(field_id, change.new)
                if field_id == self.bound.field_id:
                    self.status, self.entered = change.new, change.at
                    shown = change
            stage, name = self._after(group, shown, stage, name)
        stage, name = self._end(stage, name)
        rows: list[FieldChange] = []
        add_rows(rows, "source_status", birth, born_name, self.names, people, self.bound.label)
        add_rows(rows, "stage", birth, born, self.steps, people, self.bound.label)
        return StageReplay(stage, name.text, rows, self.steps, self.pauses)

    def _groups(self) -> list[tuple[int, list[tuple[str, RawChange]]]]:
        groups: dict[int, list[tuple[str, RawChange]]] = {}
        for field_id in self.bound.watched:
            for change in self.history.changes.get(field_id, ()):
                groups.setdefault(self.history.groups[change.order], []).append((field_id, change))
        return sorted(groups.items(), key=_BY_GROUP)

    def _after(self, group: int, change: RawChange, stage: Value, name: Value) -> tuple[Value, Value]:
        new, new_name = self._claim(), self._name()
        self._pause(change.at)
        base = (group, change.at, change.by, change.entry, change.origin, change.field_name)
        self._step(base, stage, new, name, new_name)
        return new, new_name

    def _step(self, base: _Base, stage: Value, new: Value, name: Value, new_name: Value) -> None:
        if new is not stage and new != stage:
            self.steps.append(Step(*base, stage, new))
        if new_name is not name and new_name != name:
            self.names.append(Step(*base, name, new_name))

    def _end(self, stage: Value, name: Value) -> tuple[Value, Value]:
        """Add the step from the last recorded state to the present one, where the history does not contain it."""
        now = self.now[self.bound.field_id]
        moved = not _same_option(self.status, now)
        signals = {field_id: self.bound.signal(field_id, raw) for field_id, raw in self.now.items()}
        if not moved and signals == self.signals and stage.is_filled:
            return stage, self._name()
        at = self.history.end_at()
        if moved:
            self.entered = at
        self.status, self.signals = now, signals
        new, new_name = self._claim(), self._name() if moved else name
        self._pause(at)
        base = (self.history.end_group, at, "", "", Origin.OBSERVED, self.bound.label)
        self._step(base, stage, new, name, new_name)
        return new, self._name()

    def _claim(self) -> Value:
        """Return the claimed stage; a status on hold keeps the stage that the ticket had before."""
        self.holds, side, sides = False, len(self.bound.sides), self.bound.sides
        for signal in self.signals.values():
            self.holds = self.holds or signal.holds
            side = min(signal.side, side)
        if not self.holds:
            status = self.signals[self.bound.field_id]
            stage = sides[status.side].stage if status.side < len(sides) else status.stage_at(self.entered)
            self.unpaused = _STAGE_VALUES[stage] if stage else self._unlisted()
        return _STAGE_VALUES[sides[side].stage] if side < len(sides) else self.unpaused

    def _unlisted(self) -> Value:
        status, signal = self.status, self.signals[self.bound.field_id]
        if status.is_blank:
            return Value(ValueState.ERROR, reason=f"the ticket has no status (field '{self.bound.label}')")
        name = signal.name.text
        ids = f" ({', '.join(status.ids)})" if status.ids and status.ids[0] != name else ""
        when = f" for {self.entered:%Y-%m-%d}" if signal.rules else ""  # it is listed for other times
        reason = f"status '{name}'{ids} is not listed{when} under `stage: values:` at {self.bound.where}"
        return Value(ValueState.ERROR, text=name, reason=reason)

    def _name(self) -> Value:
        return self.signals[self.bound.field_id].name

    def _pause(self, at: datetime) -> None:
        is_open = bool(self.pauses) and self.pauses[-1].end is None
        if self.holds and not is_open:
            self.pauses.append(Pause(at, None))
        elif is_open and not self.holds:
            self.pauses[-1] = Pause(self.pauses[-1].start, at)


def _same_option(last: Raw, now: Raw) -> bool:
    if last.ids and now.ids:
        return last.ids == now.ids
    return (last.names or last.text) == (now.names or now.text)
