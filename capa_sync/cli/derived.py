"""`verify --derived`: makes the derived tables again on a private copy, and compares them with the register's."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from pathlib import Path

from capa_sync.cli.context import EXIT_STOPPED, read_setup, settled
from capa_sync.cli.progress import progress_listener
from capa_sync.daemon.rebuilding import compare_rebuilt
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.errors import Problem, UserError
from capa_sync.model.amounts import count_of
from capa_sync.model.chain import DerivedReport
from capa_sync.model.clock import Clock, StoppedClock
from capa_sync.private_folders import private_folder
from capa_sync.store import open_copy
from capa_sync.wiring import Setup, build_runtime_for_reading


def setup_for(config: Path) -> Setup:
    """Load the settings, whose live set judges. Raises UserError with one line where there are none."""
    if not config.is_file():
        what = f"--derived judges as `rebuild` does, and there are no settings {config}"
        raise UserError([Problem("", 0, what, "name them with --config, or verify without --derived")])
    return read_setup(config, with_secrets=False)


def compare(setup: Setup, path: Path, clock: Clock) -> DerivedReport:
    """Copy a register, make its derived tables again, and compare; the copy goes at the end. Raises UserError."""
    stop = threading.Event()
    with private_folder("derived") as folder:
        stop_on_signals(stop, late_code=EXIT_STOPPED, before_late_end=partial(shutil.rmtree, folder))
        with open_copy(path, folder / "register.db", clock_now=clock.now(), now=clock.now) as register:
            configuration = settled(setup, register, clock)
            runtime = build_runtime_for_reading(configuration, register, StoppedClock(clock.now()))
            runtime.stop = stop
            with progress_listener() as runtime.progress:
                report = compare_rebuilt(runtime)
    if stop.is_set():
        raise KeyboardInterrupt
    return report


def line_of(report: DerivedReport) -> str:
    """Return in one line what was found."""
    if report.differs:
        return f"  {report.differs}; `capa-sync rebuild` makes the derived tables again from what is chained"
    apart = [
        f"{count_of(count, 'ticket')} {why}"
        for count, why in (
            (report.waiting, "due to be judged by the next cycle"),
            (report.held, "quarantined or not visible, which `rebuild` leaves as they were"),
        )
        if count
    ]
    return "; but for ".join(["the derived tables are as `rebuild` makes them", *filter(None, [" and ".join(apart)])])
