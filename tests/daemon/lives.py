"""One ticket's way to its warning, killed at a step and started again, beside the same way without a kill."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from capa_sync.sandbox.messages import Reply, Request
from capa_sync.store import open_register
from tests.daemon.desk import KILLED, NOW, READING_POSTS, Desk, Picture
from tests.daemon.nursery import Child, Nursery

_LEDGER_COLUMNS = {"mirror": (7,), "write_out": (16,)}
"""Where the run ledger's numbers and the attempts stand: mirror.first_run, write_out.attempts."""
_APART = ("release", "meta", "part")
"""What a restart rightly adds to: a second release, and a version of the ticket as it stood between two writes."""


@dataclass(frozen=True)
class Life:
    """How it ended: what is on the ticket and what the register holds, apart from ledger and attempts."""

    picture: Picture
    tables: Mapping[str, Any]


class Lives:
    """Plays the same life again and again on one port and with one register id, so that all can be compared."""

    def __init__(self, nursery: Nursery, folder: Path, source: str) -> None:
        self.nursery = nursery
        self.folder = folder
        self.source = source
        self._port = 0
        self._count = 0
        self._empty = folder / "empty.db"
        open_register(self._empty, clock_now=NOW).close()
        self.steps = folder / "steps"
        self.commits = folder / "commits"
        with self.desk() as desk:
            desk.sync(CAPA_SYNC_TEST_KILL_AT=f"record:{self.steps}", TEST_COMMITS=f"count:{self.commits}")
            self.requests = len(desk.servers[source].requests)
            self.writes = len(desk.writes())
            self.unhurt = self.end_of(desk)

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """A new desk with one ticket to be warned on, and an empty register."""
        self._count += 1
        folder = self.folder / str(self._count)
        rules = ("root-cause-before-action",)
        with Desk(self.nursery, folder, [self.source], rules=rules, ports={self.source: self._port}) as desk:
            self._port = desk.servers[self.source].port
            shutil.copy(self._empty, desk.register_file)
            desk.tell_broken(self.source)
            yield desk
        shutil.rmtree(folder)

    def end_of(self, desk: Desk) -> Life:
        """Run on until nothing more happens."""
        first = desk.picture(self.source, "broken")
        desk.sync()
        tables = {
            table: [_masked(table, row) for row in rows]
            for table, rows in desk.tables().items()
            if table not in _APART
        }
        picture = desk.picture(self.source, "broken")
        assert picture == first, "the cycle after the restart wrote again"
        return Life(picture, tables)

    def killed(self, **env: str) -> Life:
        """The life with one process killed as the variables say, and another after it."""
        with self.desk() as desk:
            dead = desk.run("sync", "--release", "all", **env)
            assert dead.code == KILLED, f"lived on: {dead.code} {dead.err}"
            desk.sync()
            return self.end_of(desk)

    def killed_at_request(self, number: int, *, applied: bool) -> Life:
        """The life with the process killed when its nth write reached the tracker, before or after it was applied."""
        with self.desk() as desk:
            executioner = _Executioner(number)
            server = desk.servers[self.source]
            (server.after if applied else server.before).append(executioner)
            child = desk.start("sync", "--release", "all")
            executioner.aim(child)
            assert child.wait().code == KILLED
            (server.after if applied else server.before).clear()
            desk.sync()
            return self.end_of(desk)

    def after_each_commit(self) -> dict[str, Callable[[], Life]]:
        """A life for each commit to the register, killed right after it."""
        return {
            f"after commit {number}": partial(self.killed, TEST_COMMITS=f"after:{number}")
            for number in range(1, int(self.commits.read_text()) + 1)
        }

    def at_each_step(self) -> dict[str, Callable[[], Life]]:
        """A life for each named step of the cycle, killed there."""
        return {name: partial(self.killed, CAPA_SYNC_TEST_KILL_AT=name) for name in self.step_names()}

    def around_each_write(self) -> dict[str, Callable[[], Life]]:
        """Two lives for each request that writes: killed before the tracker applied it, and before it answered."""
        return {
            f"write {number} {'applied' if applied else 'not applied'}": partial(
                self.killed_at_request, number, applied=applied
            )
            for number in range(1, self.writes + 1)
            for applied in (False, True)
        }

    def step_names(self) -> list[str]:
        """NAME:COUNT of every named step of the unhurt life, in order."""
        seen: Counter[str] = Counter()
        names = []
        for name in self.steps.read_text().split():
            seen[name] += 1
            names.append(f"{name}:{seen[name]}")
        return names

    def differences(self, lives: Mapping[str, Callable[[], Life]]) -> list[str]:
        """Which of these lives ended otherwise than the unhurt one, and in what."""
        found = []
        for name, live in lives.items():
            life = live()
            if life.picture != self.unhurt.picture:
                found.append(f"{name}: on the ticket is {life.picture}")
            found += [
                f"{name}: table {table}: {[row for row in life.tables[table] if row not in rows]} instead of "
                f"{[row for row in rows if row not in life.tables[table]]}"
                for table, rows in self.unhurt.tables.items()
                if life.tables[table] != rows
            ]
        return found


class _Executioner:
    """A hook of the sandbox that kills the process whose nth write it sees."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._aimed = Event()
        self._child: Child | None = None

    def aim(self, child: Child) -> None:
        """Say whom to kill."""
        self._child = child
        self._aimed.set()

    def __call__(self, request: Request, _reply: Reply | None = None) -> None:
        """Count a write, and kill."""
        if request.method == "GET" or request.path.endswith(READING_POSTS):
            return
        self._left -= 1
        if self._left == 0:
            assert self._aimed.wait(10)
            assert self._child is not None
            self._child.signal(signal.SIGKILL).wait()


def _masked(table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    hidden = _LEDGER_COLUMNS.get(table, ())
    return tuple(None if place in hidden else value for place, value in enumerate(row))
