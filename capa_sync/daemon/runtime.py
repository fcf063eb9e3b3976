"""What a cycle works with: the register, the rules, and one context per source. `wiring` builds it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.joins import Joins
from capa_sync.daemon.outcome import Outcome
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.plan_cache import PlanCache
from capa_sync.daemon.rule_files import RuleFiles
from capa_sync.daemon.source_inputs import SourceInputs
from capa_sync.daemon.waiver_file import WaiverFile
from capa_sync.daemon.withheld_plans import WithheldPlans
from capa_sync.errors import Problem
from capa_sync.kinds import SourceKind
from capa_sync.mapping import BoundMapping, MappingFile
from capa_sync.model.clock import Clock
from capa_sync.model.register_check import RegisterLimits
from capa_sync.model.settings import JudgeOptions, RetentionOptions, WriteOptions
from capa_sync.model.site import SiteFacts
from capa_sync.ports.reading import Source
from capa_sync.ports.writing import TicketWriter
from capa_sync.rules import RuleSet
from capa_sync.store import Register

Progress = Callable[[str, str, int, int | None], None]
"""Called with the progress of a cycle: source, step, tickets done, total tickets (None: unknown)."""


def no_progress(_source: str, _step: str, _done: int, _total: int | None) -> None:
    """Ignore the progress."""


def no_checkpoint(_name: str) -> None:
    """Do nothing at a named step of the cycle."""


@dataclass(slots=True)
class SourceContext:
    """The context of one source: its ports, its mapping and its state in this process.

    Attributes:
        name: from the settings. kind: what its kind of source declares. source, writer: its two ports.
        mapping: as loaded.
        write: options of write-back. poll_every, census_every, full_sweep_every: intervals.
        facts, bound: site facts from the tracker, and the mapping bound to them; None before sign-in.
        facts_at: when this process last read the site facts.
        planned_all: True once this process has planned every ticket of the source that may need a write.
        plans: plans of tickets just judged, by ticket id, that write or withdraw something.
        withheld_plans: plans that a brake or the mode withholds.
        site: address of the tracker; sources on the same tracker share the brake on new comments.
        notes: where the mapping does not fit the settings.
        logged: mapping problems that this process has logged; they are not repeated at each sign-in.
        url: address of the tracker for people. scope: what is read there (the query), in words for people.
        accounts_mark: the state of the register's accounts that `bound` knows; None: those of the sign-in.
        accounts_version: of the accounts on which verdicts of unchanged tickets rest: as of the sign-in, or of the
            first evaluation. accounts_not_before: when accounts may be asked about again after a fault.
        closed_rights: rights that showed to be missing after the sign-in; for people.
        waivers_taken: digest of the waivers file as this process took it last.
        last_stop: the safety stop that this process logged last, without its numbers, and when; None after its end.
        clock_skew: the tracker's clock minus ours, as last seen, never beyond max_clock_skew. max_clock_skew: the
            largest skew at which we judge.
        server_offset: the same by the time that the tracker stated at the sign-in. furthest_offset: the one furthest
            from zero that this cycle has seen.
    """

    name: str
    kind: SourceKind
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
    plans: PlanCache = field(default_factory=PlanCache)
    withheld_plans: WithheldPlans = field(default_factory=WithheldPlans)
    site: str = ""
    url: str = ""
    scope: str = ""
    notes: tuple[Problem, ...] = ()
    logged: set[str] = field(default_factory=set)
    clock_skew: timedelta = timedelta(0)
    max_clock_skew: timedelta = timedelta(minutes=10)
    server_offset: timedelta | None = None
    furthest_offset: timedelta | None = None
    waivers_taken: str | None = None
    accounts_mark: tuple[int, int] | None = None
    accounts_version: str = ""
    accounts_not_before: datetime | None = None
    closed_rights: tuple[str, ...] = ()
    last_stop: tuple[str, datetime] | None = None

    def inputs(self) -> SourceInputs:
        """Return what the pipeline reads of this source, as it is now."""
        return SourceInputs(
            name=self.name,
            kind=self.kind,
            parser=self.source.parser(),
            mapping=self.mapping,
            bound=self.bound,
            facts=self.facts,
            write=self.write,
            clock_skew=self.clock_skew,
        )


class EvaluationPool(Protocol):
    """A pool that may evaluate batches of due tickets for this process (`workers`)."""

    def are_worth_it(self, tickets: int, /) -> bool:
        """Tell whether the pool evaluates so many tickets faster than this process."""

    def speculate(self, inputs: PipelineInputs, ids: Sequence[str], total: int | None, /) -> None:
        """Evaluate these records speculatively, of `total` that will be read, if that pays."""

    def dismiss(self, source: str, /) -> None:
        """Drop the speculative results of a source."""

    def evaluate(self, inputs: PipelineInputs, batches: Sequence[Sequence[str]], /) -> Iterator[list[Outcome] | None]:
        """Yield the outcomes of each batch in order; None for a batch that this process must evaluate."""


class NoPool:
    """No pool: this process evaluates every batch."""

    def are_worth_it(self, _tickets: int, /) -> bool:
        """Return False."""
        return False

    def speculate(self, _inputs: PipelineInputs, _ids: Sequence[str], _total: int | None, /) -> None:
        """Do nothing."""

    def dismiss(self, _source: str, /) -> None:
        """Do nothing."""

    def evaluate(
        self, _inputs: PipelineInputs, batches: Sequence[Sequence[str]], /
    ) -> Iterator[list[Outcome] | None]:
        """Leave every batch to this process."""
        yield from (None for _ in batches)


@dataclass(slots=True)
class Runtime:
    """The runtime: everything the stages share in one process.

    Attributes:
        register: the open register. rules: the active rule set. options: what rules may read besides the record.
        contexts: source contexts by name, in the order of the settings; the order decides which ticket of a joined
            record is the primary. clock: the time. stop: set when the process must stop.
        progress, checkpoint: hooks for progress bars and for the kill test.
        workers: the worker pool that evaluates due tickets when there are many.
        waiver_file: the reviewed file of waivers, or none. rule_files: those that the page may have written, or None.
        limits: those of the checks over the whole register. retention: how long ended records are kept.
        past: the mirror as it was, for work on a copy that was set back; None: as it is.
    """

    register: Register
    rules: RuleSet
    options: JudgeOptions
    contexts: Mapping[str, SourceContext]
    clock: Clock
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Progress = no_progress
    checkpoint: Callable[[str], None] = no_checkpoint
    workers: EvaluationPool = field(default_factory=NoPool)
    waiver_file: WaiverFile = field(default_factory=WaiverFile)
    rule_files: RuleFiles | None = None
    limits: RegisterLimits = field(default_factory=RegisterLimits)
    retention: RetentionOptions = field(default_factory=RetentionOptions)
    past: PastMirror | None = None

    @property
    def joins(self) -> Joins:
        """The joined records of the register, with the mappings of all sources."""
        return Joins(self.register, {name: context.mapping for name, context in self.contexts.items()})

    def inputs(self, context: SourceContext, now: datetime) -> PipelineInputs:
        """Return the inputs of the pipeline for tickets of a source, as they are now."""
        sources = {name: other.inputs() for name, other in self.contexts.items()}
        return PipelineInputs(
            self.register, self.rules, self.options, sources[context.name], sources, self.joins, now, self.past
        )
