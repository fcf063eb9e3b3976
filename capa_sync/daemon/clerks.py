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
AHEAD = 250
"""Tickets weighed ahead at a time."""
HORIZON = 50
"""Batches shared out before they are waited for."""
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
        cores: what there is, all by default; this process takes one of them. worth: due tickets from which on
            clerks are asked.
    """

    def __init__(self, command: Sequence[str], cores: int | None = None, worth: int = WORTH) -> None:
        self._command = command
        self._worth = worth
        self._count = min(MOST, (cores or len(os.sched_getaffinity(0))) - 1)
        self._lock = threading.Lock()
        self._ahead: dict[str, _Ahead] = {}

    def are_worth_it(self, tickets: int) -> bool:
        """Tell whether so many tickets are weighed sooner with clerks."""
        return self._count > 0 and tickets >= self._worth

    def look_ahead(self, house: House, setup: SourceSetup, ids: Sequence[str], total: int | None) -> None:
        """Let a clerk weigh records that were just mirrored, of `total` where the tracker told that.

        There is one such clerk at a time, for a source that has enough of them.
        """
        with self._lock:
            ahead = self._ahead.setdefault(setup.name, _Ahead())
            ahead.note(ids)
            is_free = ahead.clerk is not None or all(other.clerk is None for other in self._ahead.values())
            if is_free and self.are_worth_it(max(total or 0, ahead.read)):
                ahead.feed(self._command, basis_of(house, setup), house.clock.now())

    def dismiss(self, source: str) -> None:
        """Send the clerk home who weighed ahead for a source."""
        with self._lock:
            ahead = self._ahead.pop(source, None)
        if ahead is not None and ahead.clerk is not None:
            ahead.clerk.end()

    def weigh(
        self, house: House, setup: SourceSetup, batches: Sequence[Sequence[str]], now: datetime
    ) -> Iterator[list[Outcome] | None]:
        """Yield the outcomes of each batch in order; None for one that is to be weighed here."""
        basis = basis_of(house, setup)
        with self._lock:
            ahead = self._ahead.get(setup.name, _Ahead())
        first = ahead.clerk if ahead.clerk is not None and not ahead.clerk.is_lost else None
        others = [Clerk(self._command) for _ in range(self._count - (first is not None))]
        try:
            shares = _Shares(first, ahead.seen, others)
            shared: deque[list[_Share]] = deque()
            for number, batch in enumerate(batches):
                for further in batches[number + len(shared) : number + HORIZON]:
                    shared.append(shares.of(further))
                    _hand_out(shared[-1], basis, now)
                yield _in_order(batch, list(_answered(house, setup, shared.popleft(), now)))
        finally:
            for clerk in others:
                clerk.end()
            self.dismiss(setup.name)


def _hand_out(portion: Sequence[_Share], basis: Basis, now: datetime) -> None:
    for clerk, ids in portion:
        if clerk is not None:
            clerk.give(Task(basis, tuple(ids), now))


def _answered(
    house: House, setup: SourceSetup, portion: Sequence[_Share], now: datetime
) -> Iterator[tuple[Sequence[str], list[Outcome] | None]]:
    """Yield the shares of a batch with their outcomes, None without an answer; a whole batch of ours has none yet."""
    for clerk, ids in sorted(portion, key=lambda share: share[0] is not None):  # ours while theirs are on their way
        if clerk is not None:
            yield ids, clerk.answer()
        else:
            yield ids, Desk(house, setup, ids, now).weigh(ids) if len(portion) > 1 else None


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


_FORESEEN, _HERE, _STORE = 0.15, 0.65, 0.17
"""What a ticket costs that was weighed ahead, that is weighed here, and what it costs here to store any ticket;
measured by one that a clerk weighs anew."""
_START = 2_000
"""Tickets that one clerk weighs while another starts."""
_Share = tuple[Clerk | None, list[str]]
"""Who is to weigh which tickets; None is this process."""


class _Shares:
    """Shares batches out, so that this process and all clerks are done at about the same time.

    Args:
        ahead: the clerk who has weighed ahead what is `seen`, if there is one. others: who start just now.
    """

    def __init__(self, ahead: Clerk | None, seen: set[str] | frozenset[str], others: Sequence[Clerk]) -> None:
        self._ahead = ahead
        self._seen = seen if ahead is not None else frozenset()
        self._load: dict[Clerk | None, float] = dict.fromkeys([ahead, None], 0.0)
        self._load |= dict.fromkeys(others, float(_START))

    def of(self, batch: Sequence[str]) -> list[_Share]:
        """Return who is to weigh which tickets of a batch."""
        seen = [ticket_id for ticket_id in batch if ticket_id in self._seen]
        new = [ticket_id for ticket_id in batch if ticket_id not in self._seen]
        self._load[None] += _STORE * len(batch)
        self._load[self._ahead] += _FORESEEN * len(seen)
        done = {who: load + len(new) * (1.0 if who is not None else _HERE) for who, load in self._load.items()}
        who = min(done, key=done.__getitem__)
        self._load[who] = done[who]
        shares: list[_Share] = [(who, list(batch))] if who is self._ahead else [(self._ahead, seen), (who, new)]
        return [share for share in shares if share[1]]


def _in_order(
    batch: Sequence[str], answers: Sequence[tuple[Sequence[str], list[Outcome] | None]]
) -> list[Outcome] | None:
    """Return the outcomes of a batch in its order, None when one of those who shared it gave no answer."""
    found: dict[str, Outcome] = {}
    for ids, outcomes in answers:
        if outcomes is None:
            return None
        found.update(zip(ids, outcomes, strict=True))
    return [found[ticket_id] for ticket_id in batch]


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
    rest = [ticket_id for ticket_id in task.ids if ticket_id not in known]
    if rest:
        known.update(zip(rest, Desk(house, setup, rest, task.now).weigh(rest), strict=True))
    return [known[ticket_id] for ticket_id in task.ids]
