"""The script language of the stories: what happens to a ticket, in words that no tracker owns.

Fields have their canonical names, stages too; days are working days before the scenario's now (negative: after it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Day:
    """A day as a value: so many working days before now, negative after it."""

    ago: int


Fields: TypeAlias = Mapping[str, "str | Day"]
"""Canonical field -> text, word of an enumeration, person id, or day."""


@dataclass(frozen=True, slots=True)
class Create:
    """The ticket is written; `kind` is its track."""

    fields: Fields
    kind: str = "nonconformity"


@dataclass(frozen=True, slots=True)
class Fill:
    """Fields are filled or changed in one save; "" empties."""

    fields: Fields


@dataclass(frozen=True, slots=True)
class ChangeStage:
    """The ticket goes to a stage (or side status), with fields filled in the same save."""

    stage: str
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Say:
    """Somebody comments."""

    text: str


@dataclass(frozen=True, slots=True)
class AddAction:
    """A corrective action is planned.

    Attributes:
        text: what will be done.
        due: by when; None leaves the date out.
        place: "field" of the ticket, "child" (sub-task or task) or "link" (a change linked to the ticket).
        owner: person id, "" for the ticket's owner.
    """

    text: str
    due: Day | None
    place: str = "field"
    owner: str = ""


@dataclass(frozen=True, slots=True)
class FinishAction:
    """The latest action is done; the evidence is written where the action stands, "" for none."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Name:
    """The ticket names the key of another story's ticket in a field."""

    field: str
    story: str


Deed: TypeAlias = Create | Fill | ChangeStage | Say | AddAction | FinishAction | Name


@dataclass(frozen=True, slots=True)
class Scene:
    """One deed at one moment.

    Attributes:
        story: whose ticket.
        ago: working days before now.
        minute: minute of that day's working hours, 0 is 09:00 local time.
        by: person id.
    """

    story: str
    ago: int
    minute: int
    by: str
    deed: Deed


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
