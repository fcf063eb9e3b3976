"""A task of a worker, and what its outcomes rest on besides the register."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.model.settings import JudgeOptions, WriteOptions


class Basis(NamedTuple):
    """What verdicts and plans rest on besides the register.

    `options`, `write` and `clock_skew` are those of the asking process; `known_by` holds the hashes of the rules and
    the bound mapping that the verdicts must rest on.
    """

    source: str
    options: JudgeOptions
    write: WriteOptions
    clock_skew: timedelta
    known_by: tuple[str, str]


class Task(NamedTuple):
    """One batch to evaluate at an instant; with `is_ahead`, speculatively: the worker keeps the outcomes."""

    basis: Basis
    ids: tuple[str, ...]
    now: datetime
    is_ahead: bool = False


def basis_of(inputs: PipelineInputs) -> Basis:
    """Return what a source's verdicts rest on in this process."""
    source = inputs.source
    bound = source.bound.hash if source.bound is not None else ""
    return Basis(source.name, inputs.options, source.write, source.clock_skew, (inputs.rules.hash, bound))
