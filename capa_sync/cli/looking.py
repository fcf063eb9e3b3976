"""A runtime for verbs that look at trackers before anything is mirrored, on a register that is thrown away."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from capa_sync.cli.context import EXIT_STOPPED, open_for_reading
from capa_sync.daemon.doctor import KnownSource
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.model.clock import Clock
from capa_sync.private_folders import private_folder
from capa_sync.store import Register, open_register, register_exists
from capa_sync.wiring import Configuration, build_runtime


@contextmanager
def private_register(clock: Clock, stop: threading.Event) -> Iterator[Register]:
    """Open an empty register that lasts as long as the block."""
    with private_folder("look") as folder:
        stop_on_signals(stop, late_code=EXIT_STOPPED, before_late_end=partial(shutil.rmtree, folder))
        register = open_register(folder / "register.db", clock_now=clock.now(), now=clock.now)
        try:
            yield register
        finally:
            register.close()


@contextmanager
def looking(configuration: Configuration, clock: Clock) -> Iterator[Runtime]:
    """Build the runtime of the settings on such a register."""
    stop = threading.Event()
    with private_register(clock, stop) as register:
        yield build_runtime(configuration, register, clock, stop)


def known_sources(configuration: Configuration, clock: Clock) -> dict[str, KnownSource]:
    """Return what the settings' own register knows of each source; nothing when there is none yet.

    Raises RegisterUnavailable.
    """
    path, names = configuration.register_path, list(configuration.settings.sources)
    if not register_exists(path):
        return dict.fromkeys(names, KnownSource())
    with open_for_reading(path, clock) as register:
        return {
            name: KnownSource(
                pins=register.facts.pins(name),
                not_before=register.runs.not_before(name),
                facts=register.facts.load(name),
            )
            for name in names
        }
