"""What a preview costs beside the rule change that it shows, polls meanwhile, and an edited rule's first verdict."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import runtime_at
from benchmarks.running import TableLine, fresh_folder
from benchmarks.trackers import ROOT, tracker, write_settings
from capa_sync.daemon.cycle import run_cycle
from capa_sync.daemon.runtime import Runtime

POLLS = 200
"""Polls without a change that are timed before the preview; those beside it are as many as it lasts."""
_VERB = (sys.executable, "-m", "capa_sync")
_TICKET = "CAPA-1"
_EDITED = "rca-on-time.yaml"


def previewing(tickets: int) -> Iterator[TableLine]:
    """Fill a register; preview and activate an edited rule, in turn with what the daemon does for it."""
    with fresh_folder() as folder, tracker("jira", tickets) as url:
        settings = _settings(folder, url)
        _run(settings, "sync")
        _run(settings, "sync")
        _edit(folder)
        preview = _run(settings, "preview", "--json")
        with runtime_at(settings) as runtime:
            alone, beside = _polls(runtime, settings)
        _run(settings, "activate")
        change = _run(settings, "sync")
        yield _line(
            f"preview of a rule change over {tickets:,} tickets", preview / change, "the daemon's own work", 1.5
        )
        yield _line("polls beside a preview, median time", beside / alone, "without it", 1.2)
        _edit(folder, back=True)
        soon = _run(settings, "explain", _TICKET, "--rules-of", str(folder / "rules"))
        yield TableLine("an edited rule to its verdict on one ticket", f"{soon:.1f} s", "≤ 1.5 s", soon <= 1.5)


def _line(what: str, ratio: float, beside: str, limit: float) -> TableLine:
    return TableLine(what, f"{ratio:.2f} × {beside}", f"≤ {limit} ×", ratio <= limit)


def _settings(folder: Path, url: str) -> Path:
    shutil.copytree(ROOT / "rules", folder / "rules")
    settings = write_settings(folder, [("main", "jira", url)], write_back="plan")
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'rules = ["rules"]\n{text}', encoding="utf-8")
    return settings


def _edit(folder: Path, *, back: bool = False) -> None:
    """Make a warning rule quiet: all tickets are judged again, some planned otherwise. `back` takes the edit back."""
    rule, words = folder / "rules" / _EDITED, ("mode: warn", "mode: quiet")
    old, new = reversed(words) if back else words
    text = rule.read_text(encoding="utf-8")
    assert old in text, f"{rule} has no '{old}'"
    rule.write_text(text.replace(old, new, 1), encoding="utf-8")


def _polls(runtime: Runtime, settings: Path) -> tuple[float, float]:
    """Return the median time of a poll without a change, alone and while a preview runs."""
    context = runtime.contexts["main"]

    def poll() -> float:
        begun = time.perf_counter()
        assert not run_cycle(runtime, context).problem
        return time.perf_counter() - begun

    for _ in range(3):  # sign in, and let the overlap settle
        poll()
    alone = [poll() for _ in range(POLLS)]
    beside = _meanwhile(settings, poll)
    return statistics.median(alone), statistics.median(beside)


def _meanwhile(settings: Path, poll: Callable[[], float]) -> list[float]:
    """Poll while a preview runs."""
    preview = subprocess.Popen(_command(settings, "preview"), env=_environ(), stdout=subprocess.DEVNULL)
    times: list[float] = []
    while preview.poll() is None:
        times.append(poll())
        time.sleep(0.02)
    assert preview.returncode == 0, "the preview failed"
    return times


def _run(settings: Path, verb: str, *arguments: str) -> float:
    """Run a verb to its end and return the seconds that it took. Raises CalledProcessError."""
    begun = time.perf_counter()
    subprocess.run(_command(settings, verb, *arguments), env=_environ(), check=True, capture_output=True)
    return time.perf_counter() - begun


def _command(settings: Path, verb: str, *arguments: str) -> list[str]:
    return [*_VERB, verb, *arguments, "--config", str(settings)]


def _environ() -> dict[str, str]:
    return {**os.environ, "BENCH_SECRET": "no secret"}
