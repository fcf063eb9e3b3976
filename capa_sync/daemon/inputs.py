"""The inputs of the pipeline: everything that the verdicts, rows and plan of a ticket rest on, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from capa_sync.daemon.joins import Joins
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.source_inputs import SourceInputs
from capa_sync.model.light import light
from capa_sync.model.settings import JudgeOptions, WriteOptions
from capa_sync.rules import RuleSet
from capa_sync.store import Register


@light
class PipelineInputs:
    """The inputs for tickets of one source at one instant.

    Attributes:
        register: where tickets, findings and writes are read. rules, options: the rule set, and the settings that
            rules read. source: the source of the tickets. sources: all sources, in the order of the settings.
        joins: which tickets of these sources are the same nonconformity. now: the instant of evaluation.
        past: the mirror as it was at that instant; None: as it is.
    """

    register: Register
    rules: RuleSet
    options: JudgeOptions
    source: SourceInputs
    sources: Mapping[str, SourceInputs]
    joins: Joins
    now: datetime
    past: PastMirror | None = None

    def of(self, source: str) -> PipelineInputs:
        """Return the same inputs for tickets of another source."""
        return replace(self, source=self.sources[source])

    def with_settings(self, options: JudgeOptions, write: WriteOptions, clock_skew: timedelta) -> PipelineInputs:
        """Return the same inputs with other settings; a worker takes those of the asking process."""
        return replace(self, options=options, source=replace(self.source, write=write, clock_skew=clock_skew))
