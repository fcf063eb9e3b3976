"""The tests inside rule files, as data: a life of a ticket in changes, and what the rule says on some days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

from capa_sync.model.finding import Outcome, Severity
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.ticket import Presence
from capa_sync.model.values import Value


@dataclass(frozen=True, slots=True)
class When:
    """A local day, with a time or without one."""

    day: date
    time: time | None = None

    @property
    def wall(self) -> datetime:
        """Return the naive local time; for a day without one, the last moment of it."""
        return datetime.combine(self.day, self.time or time.max)


@dataclass(frozen=True, slots=True)
class ActionEdit:
    """What a row changes in one action; None leaves it."""

    id: str
    kind: str = ""
    origin: str = ""
    text: Value | None = None
    owner: Value | None = None
    due_at: Value | None = None
    evidence: Value | None = None
    started: bool | None = None
    done: bool | None = None
    cancelled: bool | None = None
    readable: bool | None = None


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One edit of the life: everything in it was saved together. The first row creates the ticket."""

    when: When
    by: str
    fields: Mapping[str, Value]
    actions: tuple[ActionEdit, ...] = ()
    stage: str = ""
    source_status: str = ""
    comment: str = ""
    hold: bool | None = None
    presence: Presence | None = None


@dataclass(frozen=True, slots=True)
class Expect:
    """What the rule must say on a day; empty parts are not checked. `look_again`: a day, or `never`."""

    when: When
    line: int
    outcome: Outcome
    severity: Severity | None = None
    says: tuple[str, ...] = ()
    look_again: When | str = ""
    hides: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a rule file.

    Attributes:
        ignored / inactive: accounts that count as no human / whose people are not active.
        silent: people of whom the tracker does not say whether they are active.
        unmapped, unreadable: fields (or `actions`) in that state for the whole life.
        history_complete: False -> the history could not be read.
        options: the settings of the test; not those of the installation, so that a test means the same everywhere.
    """

    name: str
    line: int
    rows: tuple[TimelineRow, ...]
    expects: tuple[Expect, ...]
    options: JudgeOptions = field(default_factory=JudgeOptions)
    ignored: frozenset[str] = frozenset()
    inactive: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    unmapped: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    history_complete: bool = True
