"""The program of a worker process, which evaluates tickets for the daemon (`workers`).

Its arguments are the settings file, the register file ("": that of the settings) and the number of the socket.
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
from capa_sync.live.settle import settle
from capa_sync.model.clock import SystemClock
from capa_sync.settings import load_settings
from capa_sync.store import open_register
from capa_sync.wiring import build_runtime_for_reading, set_up

POLITE = 10
"""How much lower the priority of a worker is than that of the asking process."""


def workers_for(settings: Path, register: Path | None = None) -> WorkerPool:
    """Return a worker pool for these settings; `register` as in `worker_command`."""
    return WorkerPool(worker_command(settings, register))


def worker_command(settings: Path, register: Path | None = None) -> list[str]:
    """Return the command that starts a worker, from the folder that this package was loaded from.

    `register` is a copy that the worker reads instead of the settings' register.
    """
    place = str(Path(capa_sync.__file__).parents[1])
    start = f"import sys; sys.path.insert(0, {place!r}); from capa_sync.cli.worker import main; main()"
    return [sys.executable, "-P", "-c", start, str(settings.resolve()), str(register or "")]


def main() -> None:
    """Serve until the process that started this one closes the connection."""
    settings, register_file, line = Path(sys.argv[1]), sys.argv[2], Connection(int(sys.argv[3]))
    with suppress(OSError):  # a service may be forbidden to (deploy/capa-sync.service)
        os.nice(POLITE)  # the asking process has priority: others wait for it
    configure_logs(quiet=True)
    clock = SystemClock()
    try:
        setup = set_up(load_settings(settings, os.environ), settings, os.environ, with_secrets=False)
        place = Path(register_file) if register_file else setup.register_path
        with open_register(place, clock_now=clock.now(), create=False, read_only=True) as register:
            found = settle(setup, register, clock.now(), "", stores=False, is_lenient=True)
            serve(build_runtime_for_reading(found.configuration, register, clock), line)
    except CapaSyncError:
        return  # the settings have changed: the asking process evaluates by itself
