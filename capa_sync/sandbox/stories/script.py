"""The events of a story: what happens to a ticket, in terms that belong to no tracker.

Fields and stages have their canonical names; days are working days before the scenario's now (negative: after it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from capa_sync.model.light import light


@light
class Day:
    """A day as a value: a number of working days before now, negative for days after it."""

    ago: int


Fields: TypeAlias = Mapping[str, "str | Day"]
"""Canonical field -> text, word of an enumeration, person id, or day."""


@light
class Create:
    """The ticket is created; `kind` is its track."""

    fields: Fields
    kind: str = "nonconformity"


@light
class Fill:
    """Fields are filled or changed in one save; "" empties a field."""

    fields: Fields


@light
class ChangeStage:
    """The ticket moves to a stage (or side status); fields may be filled in the same save."""

    stage: str
    fields: Fields = field(default_factory=dict)


@light
class Say:
    """A person comments."""

    text: str


@light
class AddAction:
    """A corrective action is planned.

    Attributes:
        text: what will be done.
        due: the due date; None leaves it out.
        place: "field" of the ticket, "child" (sub-task or task) or "link" (a change linked to the ticket).
        owner: person id, "" for the ticket's owner.
    """

    text: str
    due: Day | None
    place: str = "field"
    owner: str = ""


@light
class FinishAction:
    """The latest action is done; the evidence is written where the action is kept, "" for none."""

    evidence: str


@light
class Name:
    """A field of the ticket names the key of another story's ticket."""

    field: str
    story: str


StoryEvent: TypeAlias = Create | Fill | ChangeStage | Say | AddAction | FinishAction | Name


@light
class Scene:
    """One event at one instant.

    Attributes:
        story: the name of the story that the ticket belongs to.
        ago: working days before now.
        minute: minute of that day's working hours, 0 is 09:00 local time.
        by: the id of the acting person.
    """

    story: str
    ago: int
    minute: int
    by: str
    event: StoryEvent


@dataclass(slots=True)
class Story:
    """One ticket's life in one tracker.

    Attributes:
        name: unique over the scenario, e.g. `jira/action-overdue/broken`.
        source: the tracker, by the name it has in the demo's settings.
    """

    name: str
    source: str
    scenes: list[Scene] = field(default_factory=list)
