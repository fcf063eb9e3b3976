"""`mcp`: answers an assistant over standard input and output, read-only."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click

from capa_sync.cli.context import config_option, read_settings, register_path
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError
from capa_sync.store import check_register
from capa_sync.web.bounded_views import BoundedViews
from capa_sync.web.reader_views import ReaderViews, limit_memory


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync mcp --config /etc/capa-sync/capa-sync.toml", "what an assistant's settings start"),),
)
@config_option
def mcp(config: Path, test_clock: str | None) -> None:  # noqa: ARG001 - it shows no time of its own
    """Answer an assistant over the Model Context Protocol, read-only.

    An assistant starts it, talks to it on standard input and output, and asks what is overdue and why, what a
    ticket's evidence is, or its own SELECT over the views. It reads as a reader: texts of confidential tickets read
    `restricted`. Every answer marks texts of tickets as untrusted data. It ends when standard input is closed.
    It needs the extra `capa-sync[mcp]`.
    """
    try:
        from capa_sync.assistants.server import build_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        hint = "install it with `python -m pip install 'capa-sync[mcp]'`"
        raise UserError([Problem("", 0, "`mcp` needs the MCP Python SDK, which is absent", hint)]) from None
    settings = read_settings(config)
    path = register_path(config, settings)
    check_register(path)
    reader = ReaderViews(path)
    reader.check()
    limit_memory()
    views = BoundedViews(reader)

    def end(*_signal: object) -> None:
        views.close()
        os._exit(0)  # it writes nothing, and threads wait for input or for a statement

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    try:
        build_server(views).run("stdio")
    finally:
        views.close()
    end()
