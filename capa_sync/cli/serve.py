"""`serve`: serves only the register's page."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from capa_sync.cli.context import clock_from, config_option, read_settings, register_path
from capa_sync.cli.page import page_options
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.web import serve_register


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync serve", "on the address of the settings"),
        ("capa-sync serve --listen 127.0.0.1:8080", "on another port of loopback"),
    ),
)
@config_option
@click.option("--listen", help="ADDRESS:PORT on loopback; the settings' [web] listen by default.")
def serve(config: Path, test_clock: str | None, listen: str | None) -> None:
    """Serve the register's page alone.

    It answers on loopback until stopped, and has no sign-in; deploy/README.md shows a proxy for others.
    """
    settings = read_settings(config)
    stop = threading.Event()
    stop_on_signals(stop)
    options = page_options(settings, config.resolve().parent, clock_from(test_clock))
    page = serve_register(register_path(config, settings), listen or settings.web.listen, options)
    click.echo(f"the register is at {page.url}")
    stop.wait()
    page.stop()
