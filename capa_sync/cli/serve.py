"""`serve`: serves only the register's page."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from capa_sync.cli.context import clock_from, config_option, read_settings, register_path
from capa_sync.cli.page import page_options, page_workshop
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.store import check_register
from capa_sync.web import serve_register


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync serve", "on the address of the settings"),
        ("capa-sync serve --listen 127.0.0.1:8080", "on another port of loopback"),
    ),
)
@config_option
@click.option("--listen", help="ADDRESS:PORT; the settings' [web] listen by default.")
def serve(config: Path, test_clock: str | None, listen: str | None) -> None:
    """Serve the register's page alone.

    It answers until stopped. On loopback everybody is a reader, to whom confidential texts are not shown; people sign
    in by `[web.auth]` of the settings, without which any other address is refused.
    """
    settings = read_settings(config)
    stop = threading.Event()
    stop_on_signals(stop)
    clock = clock_from(test_clock)
    options, workshop = (
        page_options(settings, config, clock),
        page_workshop(settings, config, clock, test_clock or ""),
    )
    path = register_path(config, settings)
    check_register(path)
    page = serve_register(path, listen or settings.web.listen, options, workshop)
    click.echo(f"the register is at {page.url}")
    stop.wait()
    page.stop()
    if workshop is not None:
        workshop.close()
