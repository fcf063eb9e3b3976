"""The program of a worker process, which evaluates tickets for the daemon (`workers`).

Its arguments are the settings file and the number of the socket to the daemon.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import capa_sync
from capa_sync.daemon.log import configure_logs
from capa_sync.daemon.workers import WorkerPool, serve
from capa_sync.errors import CapaSyncError
from capa_sync.model.clock import SystemClock
from capa_sync.settings import load_settings
from capa_sync.store import open_register
from capa_sync.wiring import build_runtime_for_reading, configure

POLITE = 10
"""How much lower the priority of a worker is than that of the asking process."""


def workers_for(settings: Path) -> WorkerPool:
    """Return a worker pool for these settings."""
    return WorkerPool(worker_command(settings))


def worker_command(settings: Path) -> list[str]:
    """Return the command that starts a worker, from the folder that this package was loaded from."""
    place = str(Path(capa_sync.__file__).parents[1])
    start = f"import sys; sys.path.insert(0, {place!r}); from capa_sync.cli.worker import main; main()"
    return [sys.executable, "-P", "-c", start, str(settings.resolve())]


def main() -> None:
    """Serve until the process that started this one closes the connection."""
    settings, line = Path(sys.argv[1]), Connection(int(sys.argv[2]))
    with suppress(OSError):  # a service may be forbidden to (deploy/capa-sync.service)
        os.nice(POLITE)  # the asking process has priority: others wait for it
    configure_logs(quiet=True)
    clock = SystemClock()
    try:
        configuration = configure(load_settings(settings, os.environ), settings, os.environ, with_secrets=False)
        with open_register(
            configuration.register_path, clock_now=clock.now(), create=False, read_only=True
        ) as register:
            serve(build_runtime_for_reading(configuration, register, clock), line)
    except CapaSyncError:
        return  # the settings have changed: the asking process evaluates by itself
