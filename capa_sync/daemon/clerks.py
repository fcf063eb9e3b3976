"""Other processes that weigh batches of due tickets, so that a first cycle takes every core.

A clerk reads the register and the settings by itself and writes nowhere in them; it is told which rules and which
mapping this process judges by, and declines when its own are others. Whatever a clerk does not answer is weighed
here. While a source is read for the first time, one clerk weighs ahead what is mirrored already (`foresight`).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import NamedTuple

from capa_sync.daemon.clerk import Clerk
from capa_sync.daemon.desk import Desk
from capa_sync.daemon.foresight import Foresight
from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.outcome import Outcome
from capa_sync.model.settings import JudgeOptions, WriteOptions

WORTH = 4_000
"""Due tickets from which on the second that a clerk takes to start is won back."""
MOST = 4
"""Clerks at once; each takes a hundred MiB."""
EARLY = 1_000
"""Tickets read of a source that promises enough of them, from which on a clerk weighs ahead."""
AHEAD = 500
"""Tickets weighed ahead at a time."""
QUEUE = 20_000
"""Tickets that wait to be weighed ahead."""


class Basis(NamedTuple):
    """What verdicts and plans rest on beside the register.

    `options`, `write` and `clock_skew` are those of the process that asks; `known_by` are the hashes of rules and
    bound mapping that its verdicts must rest on.
    """

    source: str
    options: JudgeOptions
    write: WriteOptions
    clock_skew: timedelta
    known_by: tuple[str, str]


class Task(NamedTuple):
    """One batch to weigh at an instant, or to weigh ahead and keep."""

    basis: Basis
    ids: tuple[str, ...]
    now: datetime
    is_ahead: bool = False


def basis_of(house: House, setup: SourceSetup) -> Basis:
    """Return what a source is judged by here."""
    bound = setup.bound.hash if setup.bound is not None else ""
    return Basis(setup.name, house.options, setup.write, setup.clock_skew, (house.rules.hash, bound))


class Clerks:
    """Starts clerks when there is enough to weigh.

    Args:
        command: what starts one; the number of an open socket is added.
        cores: clerks at once, one a core by default. worth: due tickets from which on they are asked.
        early: tickets read from which on one of them weighs ahead.
    """

    def __init__(
        self, command: Sequence[str], cores: int | None = None, worth: int = WORTH, early: int = EARLY
    ) -> None:
        self._command = command
        self._worth = worth
        self._early = early
        self._cores = min(MOST, cores or len(os.sched_getaffinity(0)))
        self._lock = threading.Lock()
        self._ahead: dict[str, _Ahead] = {}

    def are_worth_it(self, tickets: int) -> bool:
        """Tell whether so many tickets are weighed sooner with clerks."""
        return self._cores > 1 and tickets >= self._worth

    def look_ahead(self, house: House, setup: SourceSetup, ids: Sequence[str], total: int | None) -> None:
        """Let a clerk weigh records that were just mirrored, of `total` where the tracker told that.

        There is one such clerk at a time, for a source that has enough of them.
        """
        with self._lock:
            ahead = self._ahead.setdefault(setup.name, _Ahead())
            ahead.note(ids)
            is_free = ahead.clerk is not None or all(each.clerk is None for each in self._ahead.values())
            if is_free and ahead.read >= self._early and self.are_worth_it(max(total or 0, ahead.read)):
                ahead.feed(self._command, basis_of(house, setup), house.clock.now())

    def dismiss(self, source: str) -> None:
        """Send the clerk home who weighed ahead for a source."""
        with self._lock:
            ahead = self._ahead.pop(source, None)
        if ahead is not None and ahead.clerk is not None:
            ahead.clerk.go_home()

    def weigh(
        self, house: House, setup: SourceSetup, batches: Sequence[Sequence[str]], now: datetime
    ) -> Iterator[list[Outcome] | None]:
        """Yield the outcomes of each batch in order; None for one that is to be weighed here."""
        basis = basis_of(house, setup)
        with self._lock:
            ahead = self._ahead.get(setup.name, _Ahead())
        first = [ahead.clerk] if ahead.clerk is not None and not ahead.clerk.is_lost else []
        own = [Clerk(self._command) for _ in range(self._cores - len(first))]
        try:
            shares = _Shares([*first, *own], ahead.seen if first else frozenset())
            portions = [shares.of(batch) for batch in batches]
            for portion in portions:
                for clerk, ids in portion:
                    clerk.give(Task(basis, tuple(ids), now))
            for batch, portion in zip(batches, portions, strict=True):
                yield _in_order(batch, [(ids, clerk.answer()) for clerk, ids in portion])
        finally:
            for clerk in own:
                clerk.go_home()
            self.dismiss(setup.name)


class _Ahead:
    """The clerk who weighs ahead for one source, if there is one yet, and what waits for him.

    Attributes:
        seen: given to him. read: how many were mirrored.
    """

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.read = 0
        self.clerk: Clerk | None = None
        self._waiting: deque[str] = deque()

    def note(self, ids: Sequence[str]) -> None:
        """Let some wait for him; those who find too many before them are weighed in their time."""
        self.read += len(ids)
        if len(self._waiting) < QUEUE:
            self._waiting.extend(ids)

    def feed(self, command: Sequence[str], basis: Basis, now: datetime) -> None:
        """Keep him busy, and wait for nothing."""
        self.clerk = self.clerk or Clerk(command)
        self.clerk.take_receipts()
        while self._waiting and self.clerk.has_room:
            ids = [self._waiting.popleft() for _ in range(min(AHEAD, len(self._waiting)))]
            self.seen.update(ids)
            self.clerk.give(Task(basis, tuple(ids), now, is_ahead=True))


_FORESEEN = 0.1
"""What a ticket costs that was weighed ahead, measured by one that was not."""
_START = 2_000
"""Tickets that one clerk weighs while another starts."""


class _Shares:
    """Shares batches out, so that all clerks are done at about the same time.

    Args:
        clerks: the first of them has weighed ahead what is `seen`.
    """

    def __init__(self, clerks: Sequence[Clerk], seen: set[str] | frozenset[str]) -> None:
        self._clerks = clerks
        self._seen = seen
        self._load = {number: float(_START) if number and seen else 0.0 for number in range(len(clerks))}

    def of(self, batch: Sequence[str]) -> list[tuple[Clerk, list[str]]]:
        """Return who is to weigh which tickets of a batch."""
        seen = [each for each in batch if each in self._seen]
        self._load[0] += _FORESEEN * len(seen)
        new = [each for each in batch if each not in self._seen]
        least = min(self._load, key=self._load.__getitem__)
        self._load[least] += len(new)
        if least == 0:
            return [(self._clerks[0], list(batch))]
        return [(self._clerks[number], ids) for number, ids in ((0, seen), (least, new)) if ids]


def _in_order(
    batch: Sequence[str], answers: Sequence[tuple[Sequence[str], list[Outcome] | None]]
) -> list[Outcome] | None:
    """Return the outcomes of a batch in its order, None when one of those who shared it gave no answer."""
    found: dict[str, Outcome] = {}
    for ids, outcomes in answers:
        if outcomes is None:
            return None
        found.update(zip(ids, outcomes, strict=True))
    return [found[each] for each in batch]


def serve(house: House, line: Connection) -> None:
    """Be a clerk: weigh what comes over the line until the other end hangs up.

    What fails here is left to the process that asked, which knows how to say so.
    """
    foresight = Foresight(house.register.path.parent)
    while True:
        try:
            task: Task = line.recv()
        except (EOFError, OSError):
            return
        try:
            outcomes = weigh_for(house, task, foresight)
        except Exception:  # noqa: BLE001 - the same work is done again there, and its fault told
            outcomes = None
        try:
            line.send(outcomes)
        except OSError:
            return


def weigh_for(house: House, task: Task, foresight: Foresight) -> list[Outcome] | None:
    """Weigh a batch for another process, as it would; None when this one knows other rules or another mapping.

    A batch that is weighed ahead is kept here, and answered by an empty list; by None when there is no room for more.
    """
    basis = task.basis
    setup = house.setups[basis.source]
    if basis_of(house, setup).known_by != basis.known_by:
        return None
    house.options, setup.write, setup.clock_skew = basis.options, basis.write, basis.clock_skew
    if task.is_ahead:
        return [] if foresight.weigh_ahead(house, setup, task.ids, task.now, basis) else None
    known = foresight.recall(house, setup, task.ids, task.now, basis)
    rest = [each for each in task.ids if each not in known]
    if rest:
        known.update(zip(rest, Desk(house, setup, rest, task.now).weigh(rest), strict=True))
    return [known[each] for each in task.ids]
