"""`rebuild`: makes the derived tables again from the primary tables, without a tracker."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from capa_sync.cli.context import (
    clock_from,
    config_option,
    json_option,
    open_runtime,
    print_json,
    read_setup,
    settled,
)
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.rebuilding import rebuild_derived
from capa_sync.model.amounts import count_of
from capa_sync.wiring import bind_as_last_known


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync rebuild", "with no daemon running"),),
)
@config_option
@json_option
def rebuild(config: Path, test_clock: str | None, as_json: bool) -> None:
    """Make the derived tables again, without a tracker.

    They come from the primary tables, which nothing drops. Exit 6 while a daemon holds the register.
    """
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    choose = partial(settled, setup, clock=clock, stores=True)
    opened = open_runtime(setup.register_path, choose, clock, create=False, asks=False)
    with opened as runtime, progress_listener() as runtime.progress:
        bind_as_last_known(runtime)
        counts = rebuild_derived(runtime)
    if as_json:
        print_json(counts)
    else:
        click.echo(
            f"rebuilt {count_of(counts['tickets'], 'ticket')}, {count_of(counts['changes'], 'change')} and "
            f"{count_of(counts['records'], 'record')}"
        )
