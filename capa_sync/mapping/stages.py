"""The claimed stage now and over time, from status changes and from the fields of side-state conditions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from capa_sync.mapping.people import Directory
from capa_sync.mapping.statuses import BoundStage, Told
from capa_sync.mapping.timeline import Step, TicketHistory, add_rows, birth_of
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


_Base = tuple[int, datetime, str, str, Origin, str]
"""A step without its values: group, at, by, entry, origin, label."""


_BY_GROUP = itemgetter(0)


class _Replay:
    def __init__(self, bound: BoundStage, history: TicketHistory, absent_is_empty: bool) -> None:
        self.bound = bound
        self.history = history
        self.now: dict[str, Raw] = {}
        self.told: dict[str, Told] = {}
        self.status = BLANK
        for each in bound.watched:
            changes = history.told.get(each)
            now = history.raw_now(each, absent_is_empty=absent_is_empty) or BLANK
            born = changes[0].old if changes else now
            self.now[each], self.told[each] = now, bound.told(each, born)
            if each == bound.field_id:
                self.status = born
        self.entered = history.ticket.created_at
        self.kept = _STAGE_VALUES[Stage.IDENTIFIED]
        self.holds = False
        self.pauses: list[Pause] = []
        self.steps: list[Step] = []
        self.names: list[Step] = []

    def run(self, people: Directory) -> StageReplay:
        birth = birth_of(self.history)
        born = stage = self._claim()
        name = born_name = self._name()
        self._pause(birth.at)
        for group, changes in self._groups():
            told = changes[0][1]
            for field_id, change in changes:
                self.told[field_id] = self.bound.told(field_id, change.new)
                if field_id == self.bound.field_id:
                    self.status, self.entered = change.new, change.at
                    told = change
            stage, name = self._after(group, told, stage, name)
        stage, name = self._end(stage, name)
        rows: list[FieldChange] = []
        add_rows(rows, "source_status", birth, born_name, self.names, people, self.bound.label)
        add_rows(rows, "stage", birth, born, self.steps, people, self.bound.label)
        return StageReplay(stage, name.text, rows, self.steps, self.pauses)

    def _groups(self) -> list[tuple[int, list[tuple[str, RawChange]]]]:
        groups: dict[int, list[tuple[str, RawChange]]] = {}
        for each in self.bound.watched:
            for change in self.history.told.get(each, ()):
                groups.setdefault(self.history.groups[change.order], []).append((each, change))
        return sorted(groups.items(), key=_BY_GROUP)

    def _after(self, group: int, told: RawChange, stage: Value, name: Value) -> tuple[Value, Value]:
        new, new_name = self._claim(), self._name()
        self._pause(told.at)
        base = (group, told.at, told.by, told.entry, told.origin, told.field_name)
        self._step(base, stage, new, name, new_name)
        return new, new_name

    def _step(self, base: _Base, stage: Value, new: Value, name: Value, new_name: Value) -> None:
        if new is not stage and new != stage:
            self.steps.append(Step(*base, stage, new))
        if new_name is not name and new_name != name:
            self.names.append(Step(*base, name, new_name))

    def _end(self, stage: Value, name: Value) -> tuple[Value, Value]:
        """Take the step from the last told state to the present one, where no history tells it."""
        now = self.now[self.bound.field_id]
        moved = not _same_option(self.status, now)
        told = {each: self.bound.told(each, raw) for each, raw in self.now.items()}
        if not moved and told == self.told and stage.is_filled:
            return stage, self._name()
        at = self.history.end_at()
        if moved:
            self.entered = at
        self.status, self.told = now, told
        new, new_name = self._claim(), self._name() if moved else name
        self._pause(at)
        base = (self.history.end_group, at, "", "", Origin.OBSERVED, self.bound.label)
        self._step(base, stage, new, name, new_name)
        return new, self._name()

    def _claim(self) -> Value:
        """Return the stage claimed by what is told; a status on hold keeps the stage it was entered from."""
        self.holds, side, sides = False, len(self.bound.sides), self.bound.sides
        for told in self.told.values():
            self.holds = self.holds or told.holds
            side = min(told.side, side)
        if not self.holds:
            status = self.told[self.bound.field_id]
            stage = sides[status.side].stage if status.side < len(sides) else status.stage_at(self.entered)
            self.kept = _STAGE_VALUES[stage] if stage else self._unlisted()
        return _STAGE_VALUES[sides[side].stage] if side < len(sides) else self.kept

    def _unlisted(self) -> Value:
        status, told = self.status, self.told[self.bound.field_id]
        if status.is_blank:
            return Value(ValueState.ERROR, reason=f"the ticket tells no status (field '{self.bound.label}')")
        name = told.name.text
        ids = f" ({', '.join(status.ids)})" if status.ids and status.ids[0] != name else ""
        when = f" for {self.entered:%Y-%m-%d}" if told.rules else ""  # it is listed for other times
        reason = f"status '{name}'{ids} is not listed{when} under `stage: values:` in {self.bound.where}"
        return Value(ValueState.ERROR, text=name, reason=reason)

    def _name(self) -> Value:
        return self.told[self.bound.field_id].name

    def _pause(self, at: datetime) -> None:
        is_open = bool(self.pauses) and self.pauses[-1].end is None
        if self.holds and not is_open:
            self.pauses.append(Pause(at, None))
        elif is_open and not self.holds:
            self.pauses[-1] = Pause(self.pauses[-1].start, at)


def _same_option(told: Raw, found: Raw) -> bool:
    return (
        told.ids == found.ids if told.ids and found.ids else (told.names or told.text) == (found.names or found.text)
    )
