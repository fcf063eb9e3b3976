"""A process that warns on a ticket, killed at a step and started again, compared with the same run without a kill."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, ClassVar, TypeVar

from capa_sync.sandbox.messages import Reply, Request
from capa_sync.store import Register, open_register
from tests.daemon import steps
from tests.daemon.fork_server import Child, ForkServer, memory_folder
from tests.daemon.harness import KILLED, NOW, READING_POSTS, Harness, Picture, until
from tests.daemon.steps import COMMIT
from tests.patience import PATIENCE

_LEDGER_COLUMNS = {"mirror": (7,), "write_out": (16,), "set_part": (3,)}
"""Columns that differ by run: numbers of the ledger (mirror.first_run), write_out.attempts, paths (set_part.name)."""
_ENDS = ("cycle_finished", "cycle_failed", "cycle_abandoned", "safety_stop")
STORY = "broken"
Place = TypeVar("Place")
IS_FULL = bool(os.environ.get("CAPA_SYNC_KILLS"))
SEED = os.environ.get("CAPA_SYNC_KILLS_SEED", "9")


@dataclass(frozen=True)
class FinalState:
    """What is on each story's ticket and in the register at the end, without ledger numbers and attempts."""

    pictures: Mapping[str, Picture]
    tables: Mapping[str, Any]


class KillScenario:
    """Repeats the same run on one port and from one prepared register, so that the final states can be compared.

    A daemon reads a ticket to be warned on. The register is empty except for a release of all writes, so that no
    run needs another one.

    Attributes:
        steps: of the run without a kill, in order: COMMIT, or method and address of a request.
        stored: the statements of that run that ended a transaction in SQLite. requests: how many the tracker saw.
        undisturbed: the final state of that run. writes: how often it wrote on the tracker.
    """

    stories: ClassVar[Sequence[str]] = (STORY,)
    codes: ClassVar[Sequence[int]] = (0,)
    """Exit codes of a process that is not killed; the last one is that of a process with nothing to do."""
    ignored_tables: ClassVar[Sequence[str]] = ("part",)
    """Tables to which a restart rightly adds rows: here a version of the ticket as it was between two writes."""

    def __init__(self, fork_server: ForkServer, source: str) -> None:
        self.fork_server = fork_server
        self.source = source
        self._port = 0
        self._count = 0
        self._memory_folder = memory_folder()
        self.folder = Path(self._memory_folder.name)
        self.register = self.folder / "register.db"
        with open_register(self.register, clock_now=NOW) as register:
            self.prepare(register)
        file = self.folder / "steps"
        with self.harness() as harness:
            asked, written = len(harness.servers[source].requests), len(harness.writes())
            whole = self.play(harness, **{steps.VARIABLE: f"record:{file}"})
            assert whole.code in self.codes, f"ended with {whole.code}:\n{whole.err}"
            self.requests = len(harness.servers[source].requests) - asked
            self.writes = len(harness.writes()) - written
            self.undisturbed = self.final_state(harness)
        self.steps = file.read_text(encoding="utf-8").splitlines()
        self.stored = steps.traced(file).read_text(encoding="utf-8").splitlines()

    # --- one run ---------------------------------------------------------------------------------------------------
    def prepare(self, register: Register) -> None:
        """Write into a new register what every run starts from."""
        register.outbox.release(self.source, None, NOW)

    @contextmanager
    def harness(self) -> Iterator[Harness]:
        """Open a new harness with the tickets of the stories and a copy of the prepared register."""
        self._count += 1
        folder = self.folder / str(self._count)
        options: dict[str, Any] = {"rules": ("root-cause-before-action",), "poll_every": "1h"}
        with Harness(self.fork_server, folder, [self.source], ports={self.source: self._port}, **options) as harness:
            self._port = harness.servers[self.source].port
            shutil.copy(self.register, harness.register_file)
            for story in self.stories:
                harness.create_broken(self.source, story)
            yield harness
        shutil.rmtree(folder)

    def begin(self, harness: Harness, **env: str) -> Child:
        """Start the process that may be killed."""
        return harness.start("run", **env)

    def play(self, harness: Harness, **env: str) -> Child:
        """Run that process until it has nothing more to do, or is killed."""
        child = self.begin(harness, **env)
        until(lambda: child.ended.is_set() or any(f"action={word}" in child.err for word in _ENDS))
        if not child.ended.is_set():
            child.signal(signal.SIGTERM)
        return child.wait()

    def final_state(self, harness: Harness) -> FinalState:
        """Run one more cycle, assert that it writes nothing, and return the final state."""
        first, written = self._pictures(harness), len(harness.writes())
        assert harness.run("sync").code == self.codes[-1]
        tables = {
            table: [_masked(table, row) for row in rows]
            for table, rows in harness.tables().items()
            if table not in self.ignored_tables
        }
        assert self._pictures(harness) == first
        assert len(harness.writes()) == written, "the cycle after the restart wrote again"
        return FinalState(first, tables)

    def _pictures(self, harness: Harness) -> dict[str, Picture]:
        return {story: harness.picture(self.source, story) for story in self.stories}

    @property
    def sent(self) -> list[str]:
        """Method and path of each request of the run without a kill."""
        return [step.partition("?")[0] for step in self.steps if step != COMMIT]

    def close(self) -> None:
        """Remove the files of all runs."""
        self._memory_folder.cleanup()

    # --- kills -----------------------------------------------------------------------------------------------------
    def before_each_step(self, *, reading: bool = True) -> list[str]:
        """Kill a process before each step in turn; without `reading`, not before the requests that only read.

        Outside `make kills`, a seeded sample of the steps. Returns the differences from the undisturbed final state.
        """
        places = [
            step
            for step in numbered(self.steps)
            if reading or COMMIT in step or not _only_reads(*step.partition("?")[0].split(" ")[1:])
        ]
        return self._differences(
            (f"before step {step}", self._killed_before(step))
            for step in sampled(places, f"{type(self).__name__} {self.source}")
        )

    def around_each_write(self) -> list[str]:
        """Kill a process at each write, before and after it is applied; return the differences.

        Outside `make kills`, a seeded sample.
        """
        places = [(number, applied) for number in range(1, self.writes + 1) for applied in (False, True)]
        return self._differences(
            (f"write {number} {'applied' if applied else 'not applied'}", self._killed_at_write(number, applied))
            for number, applied in sampled(places, f"{type(self).__name__} {self.source} writes", least=2)
        )

    def when_idle(self) -> list[str]:
        """Kill a daemon when its cycle is over; return the differences."""
        with self.harness() as harness:
            child = self.begin(harness)
            until(lambda: "action=cycle_finished" in child.err)
            assert child.signal(signal.SIGKILL).wait().code == KILLED
            return self._differences([("when idle", self._resumed(harness))])

    def _killed_before(self, step: str) -> FinalState:
        with self.harness() as harness:
            killed = self.play(harness, **{steps.VARIABLE: f"kill:{step}"})
            assert killed.code == KILLED, f"it never reached its step {step}: {killed.code} {killed.err}"
            return self._resumed(harness)

    def _killed_at_write(self, number: int, applied: bool) -> FinalState:
        """Kill a process at its nth write, before or after it is applied; return the final state."""
        with self.harness() as harness:
            kill_at_write = _KillAtWrite(number)
            server = harness.servers[self.source]
            (server.after if applied else server.before).append(kill_at_write)
            child = self.begin(harness)
            kill_at_write.set_process(child)
            assert child.wait().code == KILLED
            (server.after if applied else server.before).clear()
            return self._resumed(harness)

    def _resumed(self, harness: Harness) -> FinalState:
        again = self.play(harness)
        assert again.code in self.codes, f"ended with {again.code}:\n{again.err}"
        return self.final_state(harness)

    def _differences(self, states: Iterable[tuple[str, FinalState]]) -> list[str]:
        found = []
        for name, state in states:
            if state.pictures != self.undisturbed.pictures:
                found.append(f"{name}: on the tickets is {state.pictures}")
            found += [
                f"{name}: table {table}: {[row for row in state.tables[table] if row not in rows]} instead of "
                f"{[row for row in rows if row not in state.tables[table]]}"
                for table, rows in self.undisturbed.tables.items()
                if state.tables[table] != rows
            ]
        return found


class VerbKillScenario(KillScenario):
    """The same with a `sync` instead of a daemon."""

    def begin(self, harness: Harness, **env: str) -> Child:
        """Start one cycle."""
        return harness.start("sync", **env)

    def play(self, harness: Harness, **env: str) -> Child:
        """Run one cycle to its end."""
        return self.begin(harness, **env).wait()


class _KillAtWrite:
    """A hook of the sandbox that kills the process at its nth write; a write seen before it is applied is lost."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._is_set = Event()
        self._child: Child | None = None

    def set_process(self, child: Child) -> None:
        """Set the process to kill."""
        self._child = child
        self._is_set.set()

    def __call__(self, request: Request, reply: Reply | None = None) -> None:
        """Count a write, and kill the process at the nth."""
        if _only_reads(request.method, request.path):
            return
        self._left -= 1
        if self._left == 0:
            assert self._is_set.wait(PATIENCE)
            assert self._child is not None
            self._child.signal(signal.SIGKILL).wait()
            if reply is None:
                raise ConnectionAbortedError


def sampled(places: Sequence[Place], name: str, *, least: int = 3) -> list[Place]:
    """Return all places in `make kills`, else a twelfth of them, seeded by their name, and at least so many."""
    if IS_FULL:
        return list(places)
    count = min(len(places), max(least, len(places) // 12))
    chosen = sorted(random.Random(f"{SEED} {name}").sample(range(len(places)), count))  # noqa: S311 - chooses cases
    return [places[number] for number in chosen]


def numbered(words: Iterable[str]) -> list[str]:
    """Put before each word how often it has occurred so far, itself included."""
    seen: Counter[str] = Counter()
    found = []
    for word in words:
        seen[word] += 1
        found.append(f"{seen[word]} {word}")
    return found


def _only_reads(method: str, path: str) -> bool:
    return method == "GET" or path.endswith(READING_POSTS)


def _masked(table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    hidden = _LEDGER_COLUMNS.get(table, ())
    return tuple(None if place in hidden else value for place, value in enumerate(row))
