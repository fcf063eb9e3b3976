"""`run`: the daemon."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import click

from capa_sync.cli.context import clock_from, config_option, open_runtime, read_setup, say
from capa_sync.cli.page_process import page_beside
from capa_sync.cli.set_watch import SetWatch
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.daemon import Daemon
from capa_sync.daemon.log import configure_logs
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.wiring import build_digest, build_hints

EXIT_UNASKED = 70
"""A bug of capa-sync: a service manager restarts the daemon after this code, and does not after 0."""


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync run", "in the foreground; for systemd and containers see deploy/"),
        ("capa-sync run --verbose", "log at debug level"),
    ),
)
@config_option
@click.option("--verbose", "-v", is_flag=True, help="Log at debug level.")
def run(config: Path, test_clock: str | None, verbose: bool) -> int:
    """Run the daemon until it is stopped.

    It never ends because a source fails. SIGTERM, SIGINT and SIGHUP stop it within ten seconds. It judges by the
    live set in the register (`capa-sync history`); other settings are read at the start alone. With `[web] with_run`
    it serves the register's page too, in a process of its own, and with `[digest]` it sends the digests.
    """
    configure_logs(verbose=verbose)
    setup, clock = read_setup(config), clock_from(test_clock)
    digest = build_digest(setup, os.environ)
    stop = threading.Event()
    asked = stop_on_signals(stop, late_code=0)
    watch = SetWatch(setup, clock, stop)
    with (
        open_runtime(setup.register_path, watch.first, clock, stop=stop) as runtime,
        page_beside(setup, test_clock),
    ):
        ended = Daemon(runtime, *(build_hints(setup) or ()), sets=watch, digest=digest, is_asked=asked.is_set).run()
    code = 0 if asked.is_set() else EXIT_UNASKED
    if code:
        say("capa-sync: the daemon ended without being asked to, please report it", err=True)
    if not ended:
        # A thread still waits for a tracker: its write stays `unknown` in the outbox and is looked up at the next
        # start. Python would wait for that thread for ever.
        os._exit(code)
    return code
