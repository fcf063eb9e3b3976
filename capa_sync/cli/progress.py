"""Progress for a waiting person: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from capa_sync.cli.context import say

if TYPE_CHECKING:
    from rich.progress import Progress

    from capa_sync.daemon.runtime import Progress as Listener

PLAIN_EVERY = 500
"""Without a terminal, one line is printed per this number of tickets of a step."""
PLAIN_AFTER = 10.0
"""And one after this many seconds without any: some steps take a second for each ticket."""


@contextmanager
def progress_listener() -> Iterator[Listener]:
    """Yield a listener that draws bars when standard error is a terminal, and prints plain lines otherwise."""
    if not sys.stderr.isatty():
        yield _PlainLines()
        return
    from rich.console import Console  # a second of a library that nobody needs without a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bars(bars)


class _Bars:
    """Draws one bar per source and step."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[tuple[str, str], object] = {}

    def __call__(self, source: str, step: str, done: int, total: int | None) -> None:
        """Update the bar of this step."""
        key = (source, step)
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(f"{source}: {step}", total=total)
        self._bars.update(self._tasks[key], completed=done, total=total)  # type: ignore[arg-type]


class _PlainLines:
    """Prints a line after PLAIN_EVERY tickets of a step, after PLAIN_AFTER seconds, and when the step is done."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._last = seconds()
        self._printed: dict[tuple[str, str], int] = {}

    def __call__(self, source: str, step: str, done: int, total: int | None) -> None:
        """Print a line when it is due."""
        now = self._seconds()
        printed = self._printed.get((source, step), 0)
        if done < printed:  # the same step once more, by another set
            printed = 0
        is_late = done > printed and now - self._last >= PLAIN_AFTER
        if done - printed >= PLAIN_EVERY or is_late or (done and done == total and done != printed):
            self._printed[source, step], self._last = done, now
            say(f"{source}: {step} {done}{f' of {total}' if total else ''}", err=True)
