"""`retry`: sends stuck writes again now."""

from __future__ import annotations

from pathlib import Path

import click

from capa_sync.cli.context import clock_from, config_option, json_option, print_json, read_configuration
from capa_sync.daemon.requests import RETRY
from capa_sync.errors import Problem, UserError
from capa_sync.store import open_register


@click.command()
@click.argument("ticket", required=False)
@config_option
@json_option
def retry(ticket: str | None, config: Path, test_clock: str | None, as_json: bool) -> None:
    """Send the stuck writes of TICKET (or all) again: by the daemon at its next tick, else at the next `sync`."""
    configuration, clock = read_configuration(config, with_secrets=False), clock_from(test_clock)
    register = open_register(configuration.register_path, clock_now=clock.now(), create=False)
    try:
        targets = register.tickets.find(ticket) if ticket else []
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
        click.echo(f"asked to send {len(stuck)} stuck write{'' if len(stuck) == 1 else 's'} again")
