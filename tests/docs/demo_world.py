"""A register and its settings after one cycle over the three sandbox trackers, which keep running for verbs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from capa_sync.cli.context import open_runtime
from capa_sync.cli.demo import SECRETS, demo_configuration
from capa_sync.cli.set_watch import SetWatch
from capa_sync.cli.trackers import default_trackers
from capa_sync.daemon.cycle import run_round
from capa_sync.daemon.log import configure_logs
from capa_sync.daemon.requests import release
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.waiver_requests import WaiverWish, record_waiver, waiver_of
from capa_sync.model.clock import SystemClock
from capa_sync.starter import starter_path
from tests.daemon.fork_server import ROOT, Child, ForkServer


@dataclass(frozen=True)
class DemoWorld:
    """The settings file, the register, and the environment with the secrets."""

    settings: Path
    register: Path
    environ: dict[str, str]

    def start(self, fork_server: ForkServer, outputs: Path, *arguments: str) -> Child:
        """Start a verb in the repository's folder; its output goes to a new file in the folder `outputs`."""
        out = outputs / f"{len(list(outputs.glob('*.out')))}-{arguments[0]}.out"
        read = [*starter_path("rules").glob("*.yaml"), *(self.register.parent / "mappings").glob("*.yaml")]
        return fork_server.start(list(arguments), env=self.environ, folder=ROOT, out=out, limits={}, yaml=read)


def waive_one(runtime: Runtime) -> None:
    """Waive the first open finding of severity medium, as the command does."""
    now = runtime.clock.now()
    found = next(row for row in runtime.register.reports.open_findings() if row["severity"] == "medium")
    wish = WaiverWish(
        f"{found['source']}:{found['ticket_key']}",
        found["rule"],
        str(now.date() + timedelta(days=30)),
        "Only one such system exists, and it is replaced soon",
        "mara.roy",
        approved_by="",
        recorded_by="root",
    )
    record_waiver(runtime.register, waiver_of(runtime, wish, now), now)


@contextmanager
def demo_world_in(folder: Path) -> Iterator[DemoWorld]:
    """Run the demo's first cycle in a folder, with everything written; the trackers run until the block ends."""
    configure_logs(quiet=True)
    ports = dict.fromkeys(("jira", "jira-dc", "servicenow"), 0)
    with default_trackers(ports) as trackers:
        configuration = demo_configuration(folder, trackers)
        clock, stop = SystemClock(), threading.Event()
        watch = SetWatch(configuration, clock, stop)
        with open_runtime(configuration.register_path, watch.first, clock, stop=stop) as runtime:
            release(runtime, runtime.contexts, None)
            run_round(runtime, list(runtime.contexts.values()))
            waive_one(runtime)
            results = run_round(runtime, list(runtime.contexts.values()))
        assert [result.problem for result in results] == ["", "", ""]
        yield DemoWorld(configuration.file, configuration.register_path, {**os.environ, **SECRETS})
