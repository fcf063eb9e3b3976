"""What a cycle works with: the register, the rules, and one setup a source; built by wiring, read by the daemon."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from capa_sync.daemon.held import HeldBack
from capa_sync.daemon.kept import KeptPlans
from capa_sync.daemon.outcome import Outcome
from capa_sync.errors import Problem
from capa_sync.mapping import BoundMapping, MappingFile
from capa_sync.model.clock import Clock
from capa_sync.model.settings import JudgeOptions, WriteOptions
from capa_sync.model.ticket import SiteFacts
from capa_sync.ports import Source, TicketWriter
from capa_sync.rules import RuleSet
from capa_sync.store import Register

Progress = Callable[[str, str, int, int | None], None]
"""Told how far a cycle is: source, step, tickets done, tickets in all (None unknown)."""


def no_progress(_source: str, _step: str, _done: int, _total: int | None) -> None:
    """Report to nobody."""


def no_checkpoint(_name: str) -> None:
    """Pass a named step of the cycle without notice."""


@dataclass(slots=True)
class SourceSetup:
    """One source, ready to work.

    Attributes:
        name, kind: from the settings. source, writer: its two ports. mapping: as loaded.
        write: brakes and words. poll_every, census_every, full_sweep_every: intervals.
        facts, bound: what the tracker said of itself, and the mapping bound to that; None before sign-in.
        facts_at: when the tracker was last asked about itself in this process.
        planned_all: True once this process has planned every ticket of the source that may need a write.
        plans: of tickets just judged, by id: those of which something is to be written or withdrawn.
        held: what was planned and may not be put.
        site: address of the tracker; sources on the same one share the brake on new comments.
        notes: what the mapping says that does not fit the settings.
        told: what was logged of the mapping in this process; it is not repeated at each sign-in.
        url: address of the tracker for people. scope: what is read there, in words for people (the query).
        clock_skew: the tracker's clock minus ours, as last seen. max_clock_skew: the distance up to which we judge.
    """

    name: str
    kind: str
    source: Source
    writer: TicketWriter
    mapping: MappingFile
    write: WriteOptions
    poll_every: timedelta
    census_every: timedelta
    full_sweep_every: timedelta
    facts: SiteFacts | None = None
    bound: BoundMapping | None = None
    facts_at: datetime | None = None
    planned_all: bool = False
    plans: KeptPlans = field(default_factory=KeptPlans)
    held: HeldBack = field(default_factory=HeldBack)
    site: str = ""
    url: str = ""
    scope: str = ""
    notes: tuple[Problem, ...] = ()
    told: set[str] = field(default_factory=set)
    clock_skew: timedelta = timedelta(0)
    max_clock_skew: timedelta = timedelta(minutes=10)


class Office(Protocol):
    """Whoever may weigh batches of due tickets for this process (`clerks`)."""

    def are_worth_it(self, tickets: int, /) -> bool:
        """Tell whether so many tickets are weighed sooner there."""

    def look_ahead(self, house: House, setup: SourceSetup, ids: Sequence[str], total: int | None, /) -> None:
        """Weigh these records meanwhile, of `total` that will be read, if that is worth it."""

    def dismiss(self, source: str, /) -> None:
        """Forget what was weighed ahead for a source."""

    def weigh(
        self, house: House, setup: SourceSetup, batches: Sequence[Sequence[str]], now: datetime, /
    ) -> Iterator[list[Outcome] | None]:
        """Yield the outcomes of each batch in order; None for one that is to be weighed here."""


class Alone:
    """Nobody weighs for this process."""

    def are_worth_it(self, _tickets: int, /) -> bool:
        """Say no."""
        return False

    def look_ahead(self, _house: House, _setup: SourceSetup, _ids: Sequence[str], _total: int | None, /) -> None:
        """Do nothing."""

    def dismiss(self, _source: str, /) -> None:
        """Do nothing."""

    def weigh(
        self, _house: House, _setup: SourceSetup, batches: Sequence[Sequence[str]], _now: datetime, /
    ) -> Iterator[list[Outcome] | None]:
        """Leave every batch to this process."""
        yield from (None for _ in batches)


@dataclass(slots=True)
class House:
    """Everything the stages share in one process.

    Attributes:
        register: the open register. rules: the active set. options: what rules may read besides the record.
        setups: by source name, in the order of the settings (which decides
            whose ticket carries the finding of a joined record). clock, stop: time and the wish to end.
        progress, checkpoint: hooks for bars and for the kill test.
        clerks: other processes that weigh due tickets, if there are many.
    """

    register: Register
    rules: RuleSet
    options: JudgeOptions
    setups: Mapping[str, SourceSetup]
    clock: Clock
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Progress = no_progress
    checkpoint: Callable[[str], None] = no_checkpoint
    clerks: Office = field(default_factory=Alone)
