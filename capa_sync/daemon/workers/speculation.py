"""Speculative evaluation: outcomes of tickets that were evaluated before the source was read to its end.

An outcome is used only after the source was read to its end, and only if nothing that it rests on has changed.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple

from capa_sync.daemon.accounts import version_of_accounts
from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.outcome import Evaluated, Outcome
from capa_sync.daemon.pipeline import Pipeline
from capa_sync.model.finding import Outcome as RuleOutcome

OLDEST = timedelta(minutes=15)
"""Age up to which an outcome is used: its statements about time hold for the instant of its evaluation."""
_ROOM = 256 * 1024 * 1024
"""Largest number of bytes of outcomes on disk; tickets that do not fit are evaluated later, with their batch."""


class _SpeculativeResult(NamedTuple):
    """Where an outcome is in the file, what it rests on, when it was evaluated, and when time may change it.

    `accounts` is the state of the known accounts, where a rule could not tell: it may tell when more are known.
    """

    start: int
    length: int
    digest: bytes
    accounts: tuple[int, int] | None
    at: datetime
    until: datetime | None


class PickledOutcome:
    """An outcome as stored. Pickled once more it becomes the outcome itself, which the daemon alone unpickles."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return pickle.loads, (self._pickled,)

    def outcome(self) -> Outcome:
        """Return the outcome."""
        outcome: Outcome = pickle.loads(self._pickled)  # noqa: S301 - our own, and private
        return outcome


class SpeculativeResults:
    """Stores outcomes of one source in an unnamed private file beside the register, deleted with the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._end = 0
        self._known: dict[str, _SpeculativeResult] = {}
        self._basis: object = None

    def evaluate_speculatively(self, inputs: PipelineInputs, ids: Sequence[str], basis: object) -> bool:
        """Evaluate tickets and keep the outcomes; return False when there is no room. `basis`: what they rest on.

        Tickets that had a finding or a write before, or match an earlier record, are left out, so that an outcome
        rests on nothing but the mirror and `basis`.
        """
        basis = (basis, version_of_accounts(inputs.register, inputs.source.name, inputs.source.facts))
        if basis != self._basis:
            self._known.clear()
            self._basis = basis
        if self._end > _ROOM:
            return False
        accounts = inputs.register.accounts.mark(inputs.source.name)
        # before the tickets are read: a digest may be older, never newer
        digests = inputs.register.digests(inputs.source.name, ids)
        past = _with_a_past(inputs, ids)
        fresh = [ticket_id for ticket_id in ids if ticket_id in digests and ticket_id not in past]
        for outcome in Pipeline(inputs, fresh).evaluate(fresh):
            if isinstance(outcome, Evaluated):
                resting_on = accounts if _cannot_tell(outcome) else None
                self._keep(outcome, digests[outcome.ticket_id], resting_on, inputs.now)
        return True

    def _keep(self, outcome: Evaluated, digest: bytes, accounts: tuple[int, int] | None, now: datetime) -> None:
        self._file = self._file or tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with the process
        packed = pickle.dumps(outcome, protocol=pickle.HIGHEST_PROTOCOL)
        self._file.write(packed)
        self._known[outcome.ticket_id] = _SpeculativeResult(
            self._end, len(packed), digest, accounts, now, _until(outcome)
        )
        self._end += len(packed)

    def recall(self, inputs: PipelineInputs, ids: Sequence[str], basis: object) -> dict[str, PickledOutcome]:
        """Return by id the outcomes of these tickets that are valid now, and forget them."""
        if (
            basis,
            version_of_accounts(inputs.register, inputs.source.name, inputs.source.facts),
        ) != self._basis or self._file is None:
            return {}
        accounts = inputs.register.accounts.mark(inputs.source.name)
        known = {ticket_id: self._known.pop(ticket_id) for ticket_id in ids if ticket_id in self._known}
        young = [ticket_id for ticket_id, seen in known.items() if _holds_at(seen, inputs.now)]
        past = _with_a_past(inputs, young)
        digests = inputs.register.digests(inputs.source.name, young)
        self._file.flush()
        valid = [
            ticket_id
            for ticket_id in young
            if ticket_id not in past
            and digests.get(ticket_id) == known[ticket_id].digest
            and known[ticket_id].accounts in (None, accounts)
        ]
        return {ticket_id: self._read(known[ticket_id]) for ticket_id in valid}

    def _read(self, seen: _SpeculativeResult) -> PickledOutcome:
        assert self._file is not None  # noqa: S101 - an outcome was stored
        return PickledOutcome(os.pread(self._file.fileno(), seen.length, seen.start))


def _cannot_tell(outcome: Evaluated) -> bool:
    stored = outcome.rows.verdicts
    return stored is not None and any(row[3] == RuleOutcome.CANNOT_TELL.value for row in stored.own)


def _holds_at(seen: _SpeculativeResult, now: datetime) -> bool:
    # an outcome of the future was made by a clock that was ahead
    return timedelta(0) <= now - seen.at <= OLDEST and (seen.until is None or seen.until > now)


def _until(outcome: Evaluated) -> datetime | None:
    """Return the earliest instant at which time alone may change the verdicts or the plan."""
    verdicts = outcome.rows.next_due_at
    plan = outcome.plan.next_due_at if outcome.plan is not None else None
    times = (datetime.fromisoformat(verdicts) if verdicts is not None else None, plan)
    return min((at for at in times if at is not None), default=None)


def _with_a_past(inputs: PipelineInputs, ids: Sequence[str]) -> set[str]:
    """Return those of the tickets that had a finding or a write before, or that match an earlier record."""
    register, source = inputs.register, inputs.source.name
    return {
        *register.findings.latest_of(source, ids),
        *register.outbox.touched(source, ids),
        *register.similar.earlier(source, ids),
    }
