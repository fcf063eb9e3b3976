"""`retry`: sends stuck writes again now."""

from __future__ import annotations

from pathlib import Path

import click

from capa_sync.cli.context import clock_from, config_option, json_option, print_json, read_settings, register_path
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError
from capa_sync.model.amounts import count_of
from capa_sync.store import RETRY, open_register


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync retry", "all stuck writes"),
        ("capa-sync retry CAPA-12", "those of one ticket"),
    ),
)
@click.argument("ticket", required=False)
@config_option
@json_option
def retry(ticket: str | None, config: Path, test_clock: str | None, as_json: bool) -> None:
    """Send stuck writes again now.

    Those of TICKET, or all. The daemon does it at its next tick; where none runs, the next `sync` does.
    """
    clock = clock_from(test_clock)
    register = open_register(
        register_path(config, read_settings(config, needs_source=True)),
        clock_now=clock.now(),
        now=clock.now,
        create=False,
    )
    try:
        targets = register.tickets.named(ticket) if ticket else []
        if ticket and not targets:
            raise UserError(
                [Problem("", 0, f"there is no ticket '{ticket}' in the register", "see capa-sync status")]
            )
        stuck = [w for w in register.outbox.stuck(clock.now()) if not ticket or (w.source, w.ticket_id) in targets]
        for source, ticket_id in targets or [("", "")]:
            register.requests.leave(RETRY, {"source": source, "ticket": ticket_id}, clock.now())
    finally:
        register.close()
    if as_json:
        print_json({"asked": len(stuck)})
    else:
        click.echo(f"asked to send {count_of(len(stuck), 'stuck write')} again")
