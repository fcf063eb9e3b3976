"""Plays scenes on the sandbox ServiceNow: `sn_grc_issue` and its remediation tasks, through its Python API."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Final

from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.servicenow.admin import ServiceNowActor
from capa_sync.sandbox.stories.people import PEOPLE
from capa_sync.sandbox.stories.script import (
    AddAction,
    ChangeStage,
    Create,
    Day,
    Fields,
    Fill,
    FinishAction,
    Name,
    Say,
    Scene,
    StoryEvent,
)
from capa_sync.sandbox.stories.vocabulary import WORDS
from capa_sync.sandbox.stories.working_days import OFFICE, WorkingDays

ISSUE: Final = "sn_grc_issue"
TASK: Final = "sn_grc_task"
_STATE_OF = {
    "identified": {"state": "10"},
    "contained": {"state": "11"},
    "analysed": {"state": "11"},
    "planned": {"state": "12"},
    "implemented": {"state": "13"},
    "verified": {"state": "13"},
    "closed": {"state": "3"},
    "rejected": {"state": "4", "substate": "not_an_issue"},
}
"""Stage -> columns. ServiceNow has no state for "analysed" and "verified": the state does not change there."""
_DONE = "3"
_BEFORE_WORK, _END_OF_WORK = time(8, 40), time(17)
_YES = {"yes": "true", "no": "false"}


@dataclass(slots=True)
class ServiceNowPlayer:
    """One ServiceNow and the records that scenes created in it.

    Attributes:
        ids: story -> sys_id.
        numbers: story -> number.
        tasks: story -> sys_id of its latest action.
        people: person id -> sys_id.
    """

    tracker: ServiceNowTracker
    days: WorkingDays
    ids: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Add the company's people; none of them has a password."""
        for person in PEOPLE.values():
            self.people[person.id] = self.tracker.add_account(
                person.id, name=person.name, password=None, time_zone="Europe/London", active=not person.has_left
            )

    def play(self, scene: Scene) -> None:
        """Carry out the event of one scene at the clock's current instant."""
        actor, event, story = self.tracker.as_user(scene.by), scene.event, scene.story
        if isinstance(event, Create):
            kind = {"u_track": event.kind, "issue_type": _issue_type(event.kind)}
            row = actor.insert(ISSUE, {**kind, **self._columns(event.fields)})
            self.ids[story], self.numbers[story] = row["sys_id"], row["number"]
        elif isinstance(event, AddAction | FinishAction):
            self._act(actor, story, event)
        else:
            self._change(actor, self.ids[story], event)

    def address(self, story: str) -> tuple[str, str]:
        """Return the record's number and the path of its web page."""
        return self.numbers[story], f"/nav_to.do?uri={ISSUE}.do%3Fsys_id%3D{self.ids[story]}"

    def _change(self, actor: ServiceNowActor, sys_id: str, event: StoryEvent) -> None:
        if isinstance(event, Fill):
            actor.update(ISSUE, sys_id, self._columns(event.fields))
        elif isinstance(event, ChangeStage):
            actor.update(ISSUE, sys_id, {**self._columns(event.fields), **_STATE_OF[event.stage]})
        elif isinstance(event, Say):
            actor.work_note(ISSUE, sys_id, event.text)
        elif isinstance(event, Name):
            actor.update(ISSUE, sys_id, {WORDS[event.field].column: self.numbers[event.story]})

    def _act(self, actor: ServiceNowActor, story: str, event: AddAction | FinishAction) -> None:
        sys_id, task = self.ids[story], self.tasks.get(story)
        if isinstance(event, FinishAction):
            if task:
                actor.update(TASK, task, {"state": _DONE, "u_evidence": event.evidence})
            elif event.evidence:
                actor.update(ISSUE, sys_id, self._columns({"implementation_evidence": event.evidence}))
        elif event.place == "field":
            due = {"due_at": event.due} if event.due else {}
            actor.update(ISSUE, sys_id, self._columns({"action_text": event.text, **due}))
        else:
            self.tasks[story] = self._add_task(actor, sys_id, event)

    def _add_task(self, actor: ServiceNowActor, issue: str, event: AddAction) -> str:
        owner = {"assigned_to": self.people[event.owner]} if event.owner else {}
        due = {"planned_end_date": self._instant(event.due, _END_OF_WORK)} if event.due else {}
        return actor.insert(TASK, {"issue": issue, "short_description": event.text, **owner, **due})["sys_id"]

    def _columns(self, fields: Fields) -> dict[str, str]:
        return {WORDS[name].column: self._value(name, value) for name, value in fields.items()}

    def _value(self, name: str, value: str | Day) -> str:
        word = WORDS[name]
        if isinstance(value, Day):
            hour = _END_OF_WORK if name == "due_at" else _BEFORE_WORK
            return self.days.day(value).isoformat() if word.kind == "day" else self._instant(value, hour)
        if word.kind == "person" and value:
            return self.people[value]
        return _YES[value] if name in ("confidential", "training_needed") else value

    def _instant(self, day: Day, hour: time) -> str:
        """Return a local day and time as an instant in the database's form, in UTC."""
        local = datetime.combine(self.days.day(day), hour, OFFICE)
        return local.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _issue_type(kind: str) -> str:
    return {"nonconformity": "non_compliance", "preventive": "risk"}.get(kind, kind)
