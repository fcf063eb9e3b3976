"""`sandbox`: runs only the sandbox trackers, on fixed ports, until stopped."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from capa_sync.cli.trackers import PORTS, default_trackers, loaded_tracker, print_sign_in
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.shutdown import stop_on_signals


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync sandbox", "three trackers with the built-in stories"),
        ("capa-sync sandbox --load site.jsonl", "one tracker with your own tickets"),
    ),
)
@click.option("--load", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A sandbox file.")
@click.option("--port", type=click.IntRange(0, 65535), help="Another port for a loaded tracker; 0 takes a free one.")
def sandbox(file: Path | None, port: int | None) -> None:
    """Run the sandbox trackers alone, until stopped.

    They answer on loopback: three with built-in stories on fixed ports, or one from a file.
    """
    stop = threading.Event()
    stop_on_signals(stop)
    with loaded_tracker(file, port) if file is not None else default_trackers(PORTS) as trackers:
        print_sign_in(trackers)
        stop.wait()
