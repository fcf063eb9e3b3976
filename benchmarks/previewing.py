"""What a preview costs beside the rule change that it shows, polls meanwhile, and an edited rule's first verdict."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.running import TableLine, fresh_folder
from benchmarks.trackers import ROOT, tracker, write_settings
from capa_sync.cli.context import open_runtime, settled
from capa_sync.daemon.cycle import run_cycle
from capa_sync.daemon.log import configure_logs
from capa_sync.daemon.runtime import Runtime
from capa_sync.model.clock import SystemClock
from capa_sync.settings import load_settings
from capa_sync.wiring import set_up

POLLS = 100
"""Polls without a change that are timed before and after each preview; those beside it are as many as it lasts."""
_PAUSE = 0.05
"""Seconds between two polls, alone as beside a preview: a daemon comes from sleep to each of them."""
_VERB = (sys.executable, "-m", "capa_sync")
_TICKET = "CAPA-1"
_EDITED = "rca-on-time.yaml"


def previewing(tickets: int, rounds: int) -> Iterator[TableLine]:
    """Fill a register; preview and activate an edited rule, in turn with what the daemon does for it."""
    with fresh_folder() as folder, tracker("jira", tickets) as url:
        settings = _settings(folder, url)
        _run(settings, "sync")
        _run(settings, "sync")
        ratio = statistics.median(_changed(settings, folder, is_back=turn % 2 > 0) for turn in range(rounds))
        yield _line(f"preview of a rule change over {tickets:,} tickets", ratio, "the daemon's own work", 1.5)
        _edit(folder, is_back=rounds % 2 > 0)
        with _daemon_at(settings) as runtime:
            ratio = statistics.median(_polls(runtime, settings) for _ in range(rounds))
        yield _line("polls beside a preview, median time", ratio, "without it", 1.2)
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


def _changed(settings: Path, folder: Path, *, is_back: bool) -> float:
    """Preview an edit, make it live, and judge by it; return how long the preview took in terms of the judging."""
    _edit(folder, is_back=is_back)
    preview = _run(settings, "preview", "--json")
    _run(settings, "activate")
    change = _run(settings, "sync")
    _report(f"preview {preview:.1f} s, sync with the changed rule {change:.1f} s")
    return preview / change


def _edit(folder: Path, *, is_back: bool) -> None:
    """Make a warning rule quiet: all tickets are judged again, some planned otherwise; or take the edit back."""
    rule, words = folder / "rules" / _EDITED, ("mode: warn", "mode: quiet")
    old, new = reversed(words) if is_back else words
    text = rule.read_text(encoding="utf-8")
    assert old in text, f"{rule} has no '{old}'"
    rule.write_text(text.replace(old, new, 1), encoding="utf-8")


@contextmanager
def _daemon_at(settings: Path) -> Iterator[Runtime]:
    """Open the register and build the runtime, as `run` does: it judges by the live set, not by the edited files."""
    configure_logs(quiet=True)
    clock = SystemClock()
    setup = set_up(load_settings(settings, _environ()), settings, _environ())
    with open_runtime(setup.register_path, partial(settled, setup, clock=clock, stores=True), clock) as runtime:
        yield runtime


def _polls(runtime: Runtime, settings: Path) -> float:
    """Return the median time of a poll without a change while a preview runs, in terms of one without it."""
    context = runtime.contexts["main"]

    def poll() -> float:
        time.sleep(_PAUSE)
        begun = time.perf_counter()
        result = run_cycle(runtime, context)
        assert not result.problem
        assert not result.counts["judged"]
        return time.perf_counter() - begun

    for _ in range(3):  # sign in, and let the overlap settle
        poll()
    alone = [poll() for _ in range(POLLS)]
    beside = _meanwhile(settings, poll)
    alone += [poll() for _ in range(POLLS)]
    ratio = statistics.median(beside) / statistics.median(alone)
    _report(f"poll {statistics.median(alone) * 1000:.1f} ms, beside a preview {ratio:.2f} × ({len(beside)} polls)")
    return ratio


def _meanwhile(settings: Path, poll: Callable[[], float]) -> list[float]:
    """Poll while a preview runs."""
    preview = subprocess.Popen(_command(settings, "preview"), env=_environ(), stdout=subprocess.DEVNULL)
    times: list[float] = []
    while preview.poll() is None:
        times.append(poll())
    assert preview.returncode == 0, "the preview failed"
    return times


def _report(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def _run(settings: Path, verb: str, *arguments: str) -> float:
    """Run a verb to its end and return the seconds that it took. Raises CalledProcessError."""
    begun = time.perf_counter()
    subprocess.run(_command(settings, verb, *arguments), env=_environ(), check=True, capture_output=True)
    return time.perf_counter() - begun


def _command(settings: Path, verb: str, *arguments: str) -> list[str]:
    return [*_VERB, verb, *arguments, "--config", str(settings)]


def _environ() -> dict[str, str]:
    return {**os.environ, "BENCH_SECRET": "no secret"}
