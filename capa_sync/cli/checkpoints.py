"""The hidden kill switch of our own tests: a process kills itself at a named step, as `kill -9` would."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from capa_sync.daemon.runtime import no_checkpoint

VARIABLE = "CAPA_SYNC_TEST_KILL_AT"
_RECORD = "record:"


def checkpoint_from(text: str) -> Callable[[str], None]:
    """Return the hook for `NAME[:COUNT]` (kill the process at the COUNTth pass of that step), `record:FILE`, or "".

    `record:FILE` appends the name of every passed step to the file, one per line, so that a test can list them.
    """
    if not text:
        return no_checkpoint
    if text.startswith(_RECORD):
        return _Recorder(Path(text.removeprefix(_RECORD)))
    name, _, count = text.partition(":")
    return _Killer(name, int(count or 1))


class _Recorder:
    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, name: str) -> None:
        with self._file.open("a", encoding="ascii") as lines:
            lines.write(f"{name}\n")


class _Killer:
    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._passed: Counter[str] = Counter()

    def __call__(self, name: str) -> None:
        self._passed[name] += 1
        if name == self._name and self._passed[name] == self._count:
            os.kill(os.getpid(), signal.SIGKILL)
