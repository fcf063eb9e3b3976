"""Plays scenes on a sandbox Jira (Cloud or Data Center) through its Python interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.jira.script import Actor
from capa_sync.sandbox.stories.jira_site import (
    ACTION_TYPE,
    CHANGE_TYPE,
    CHANGES,
    NONCONFORMITIES,
    STATUS_OF,
    TYPE_OF,
    site_lines,
)
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
from capa_sync.sandbox.stories.working_days import WorkingDays


@dataclass(slots=True)
class JiraPlayer:
    """One Jira and the tickets that scenes created in it.

    Attributes:
        number_of: returns the number of another story's ticket, for references across trackers.
        keys: story -> issue key.
        actions: story -> key of the issue of its latest action.
    """

    tracker: JiraTracker
    days: WorkingDays
    number_of: Callable[[str], str]
    keys: dict[str, str] = field(default_factory=dict)
    actions: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Load the company's people, projects, statuses and fields."""
        self.tracker.load(site_lines(self.tracker.face))

    def play(self, scene: Scene) -> None:
        """Carry out the event of one scene at the clock's current instant."""
        actor, event, story = self.tracker.as_user(self._account(scene.by)), scene.event, scene.story
        if isinstance(event, Create):
            project = NONCONFORMITIES[self.tracker.face]
            self.keys[story] = actor.create(project, TYPE_OF[event.kind], self._fields(event.fields))
        elif isinstance(event, AddAction | FinishAction):
            self._act(actor, story, event)
        else:
            self._change(actor, self.keys[story], event)

    def address(self, story: str) -> tuple[str, str]:
        """Return the ticket's key and the path of its web page."""
        return self.keys[story], f"/browse/{self.keys[story]}"

    def _change(self, actor: Actor, key: str, event: StoryEvent) -> None:
        if isinstance(event, Fill):
            actor.edit(key, self._fields(event.fields))
        elif isinstance(event, ChangeStage):
            actor.transition(key, STATUS_OF[event.stage], self._fields(event.fields))
        elif isinstance(event, Say):
            actor.comment(key, event.text)
        elif isinstance(event, Name):
            actor.edit(key, {WORDS[event.field].jira: self.number_of(event.story)})

    def _act(self, actor: Actor, story: str, event: AddAction | FinishAction) -> None:
        key = self.keys[story]
        if isinstance(event, FinishAction):
            evidence = {WORDS["implementation_evidence"].jira: event.evidence} if event.evidence else {}
            child = self.actions.get(story)
            if child:
                actor.transition(child, "Done", evidence)
            elif evidence:
                actor.edit(key, evidence)
        elif event.place == "field":
            due = {"due_at": event.due} if event.due else {}
            actor.edit(key, self._fields({"action_text": event.text, **due}))
        else:
            self.actions[story] = self._add_issue(actor, key, event)

    def _add_issue(self, actor: Actor, key: str, event: AddAction) -> str:
        owner = {"owner": event.owner} if event.owner else {}
        due = {"due_at": event.due} if event.due else {}
        fields = self._fields({"title": event.text, **owner, **due})
        if event.place == "child":
            project = NONCONFORMITIES[self.tracker.face]
            return actor.create(project, ACTION_TYPE, {**fields, "parent": key})
        change = actor.create(CHANGES, CHANGE_TYPE, fields)
        actor.link(change, "Resolves", key)
        return change

    def _account(self, person: str) -> str:
        account = PEOPLE[person]
        return account.cloud if self.tracker.face == "cloud" else account.datacenter

    def _fields(self, fields: Fields) -> Mapping[str, str]:
        return {WORDS[name].jira: self._value(name, value) for name, value in fields.items()}

    def _value(self, name: str, value: str | Day) -> str:
        word = WORDS[name]
        if isinstance(value, Day):
            return self.days.day(value).isoformat()
        if word.kind == "person":
            return self._account(value)
        return word.options[value] if word.kind == "option" and value else value
