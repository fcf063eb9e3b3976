"""The tests inside rule files, as data: the edits of a ticket, and the verdicts expected on some days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime, time

from capa_sync.model.finding import Outcome, Severity
from capa_sync.model.light import light
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.ticket import Presence
from capa_sync.model.values import Value


@light
class When:
    """A local day, with a time or without one."""

    day: date
    time: time | None = None

    @property
    def wall(self) -> datetime:
        """Return the naive local time; for a day without a time, the last moment of the day."""
        return datetime.combine(self.day, self.time or time.max)


@light
class ActionEdit:
    """What a row changes in one action; None: unchanged."""

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


@light
class TimelineRow:
    """One edit of the ticket, saved at once. The first row creates the ticket.

    `joined`: what another ticket of the same nonconformity holds from then on; None: unchanged. `earlier_matches`,
    `earlier_effective`: the earlier records that it matches from then on; None: unchanged.
    """

    when: When
    by: str
    fields: Mapping[str, Value]
    actions: tuple[ActionEdit, ...] = ()
    stage: str = ""
    source_status: str = ""
    comment: str = ""
    hold: bool | None = None
    presence: Presence | None = None
    attachments: int | None = None
    joined: Mapping[str, Value] | None = None
    earlier_matches: tuple[str, ...] | None = None
    earlier_effective: tuple[str, ...] | None = None


@light
class Expect:
    """The verdict expected on a day; empty attributes are not checked.

    Attributes:
        look_again: the day at which the verdict is next due, or `never`.
    """

    when: When
    line: int
    outcome: Outcome
    severity: Severity | None = None
    says: tuple[str, ...] = ()
    next_due_at: When | str = ""
    hides: tuple[str, ...] | None = None


@light
class Case:
    """One test of a rule file.

    Attributes:
        ignored: accounts that do not count as humans. inactive: people whose account is not active.
        silent: people for whom the tracker does not report whether they are active.
        unmapped, unreadable: fields (or `actions`) that are in that state during the whole test.
        history_complete: False when the history could not be read.
        options: the settings of the test, not those of the installation, so that a test gives the same result
            everywhere.
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
