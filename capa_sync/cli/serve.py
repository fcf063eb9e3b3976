"""`serve`: the register's page alone."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from capa_sync.cli.context import config_option, read_configuration
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.web import serve_register


@click.command()
@config_option
@click.option("--listen", help="ADDRESS:PORT on loopback; the settings' [web] listen by default.")
def serve(config: Path, test_clock: str | None, listen: str | None) -> None:
    """Serve the register's page on loopback until stopped."""
    del test_clock
    configuration = read_configuration(config, with_secrets=False)
    stop = threading.Event()
    stop_on_signals(stop)
    page = serve_register(configuration.register_path, listen or configuration.settings.web.listen)
    click.echo(f"the register is at {page.url}")
    stop.wait()
    page.stop()
