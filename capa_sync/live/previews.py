"""Previews of edited rules for the page: one process at a time, so that the page answers meanwhile.

The process is `rules preview` on a file with the edited text. What it finds is kept in memory: a preview is a look,
and leaves nothing in the register.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

import capa_sync
from capa_sync.errors import Problem, UserError
from capa_sync.model.clock import Clock
from capa_sync.model.workshop import RulePreview
from capa_sync.private_folders import private_folder

KEPT = 10
"""Previews that are kept; older ones are forgotten."""
_END = 5.0
"""Seconds for which a stopped preview may remove its copy of the register before it is killed."""
_PROGRAM = "import sys; sys.path.insert(0, {place!r}); from capa_sync.cli.app import main; main()"


@dataclass
class _Running:
    """A preview with the texts that it judges by, and its process, None before it starts."""

    preview: RulePreview
    texts: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None


class Previews:
    """The previews of one page; safe for many threads.

    Args:
        file: the settings file. clock: the time. test_clock: its text for the process, "" for the machine's clock.
    """

    def __init__(self, file: Path, clock: Clock, test_clock: str) -> None:
        self._file = file.resolve()
        self._clock = clock
        self._test_clock = test_clock
        self._lock = threading.Lock()
        self._known: dict[int, _Running] = {}

    def begin(self, rule: str, texts: Mapping[str, str], by: str) -> int:
        """Start a preview of the live rules with these texts (by rule id) in place of some; return its number.

        Raises UserError while another one runs: each judges the whole mirror, and the daemon needs the processor too.
        """
        with self._lock:
            running = next((known for known in self._known.values() if known.preview.ended_at is None), None)
            if running is not None:
                what = f"a preview of {running.preview.rule} by {running.preview.asked_by or 'somebody'} still runs"
                raise UserError([Problem("", 0, what, "wait for its end, or stop it")])
            number = max(self._known, default=0) + 1
            self._known[number] = _Running(RulePreview(number, rule, texts[rule], by, self._clock.now()), texts)
            for old in sorted(self._known)[:-KEPT]:
                del self._known[old]
        threading.Thread(target=self._run, args=(self._known[number],), name="preview", daemon=True).start()
        return number

    def find(self, number: int) -> RulePreview | None:
        """Return a preview; None when there is none of that number any more."""
        known = self._known.get(number)
        return None if known is None else known.preview

    def stop(self, number: int) -> None:
        """Ask the process of a preview to end."""
        known = self._known.get(number)
        if known is not None and known.process is not None:
            known.process.terminate()

    def close(self) -> None:
        """End every process."""
        for known in list(self._known.values()):
            if known.process is None or known.process.poll() is not None:
                continue
            known.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                known.process.wait(_END)
            known.process.kill()

    def _run(self, running: _Running) -> None:
        asked = running.preview
        with private_folder("rule") as folder:
            files = [folder / f"{name}.yaml" for name in running.texts]
            for file, text in zip(files, running.texts.values(), strict=True):
                file.write_text(text, encoding="utf-8")
            result, problem = self._result(running, files)
        running.preview = replace(asked, result=result, problem=problem, ended_at=self._clock.now())

    def _result(self, running: _Running, files: Sequence[Path]) -> tuple[dict[str, Any] | None, str]:
        """Run the process; return what it found, or why it found nothing."""
        place = str(Path(capa_sync.__file__).parents[1])
        command = [sys.executable, "-P", "-c", _PROGRAM.format(place=place)]
        command += ["rules", "preview", *map(str, files), "--json", "--config", str(self._file)]
        command += ["--test-clock", self._test_clock] if self._test_clock else []
        try:
            running.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
            )
        except OSError as error:
            return None, f"its process cannot be started: {error.strerror}"
        printed = running.process.communicate()
        out, err = (text.replace(f"{files[0].parent}/".encode(), b"") for text in printed)
        if running.process.returncode == 0:
            found: dict[str, Any] = orjson.loads(out)
            return found, ""
        code = running.process.returncode
        return None, err.decode("utf-8", "replace").strip() or (
            "it was stopped" if code < 0 else f"it ended with {code}"
        )
