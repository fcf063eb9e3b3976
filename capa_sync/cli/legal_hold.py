"""`register hold` and `register unhold`: what nothing may erase."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from capa_sync.cli.context import (
    chosen_sources,
    clock_from,
    config_option,
    json_option,
    print_json,
    read_setup,
    say,
)
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError
from capa_sync.model.clock import Clock
from capa_sync.model.erasure import LegalHold
from capa_sync.store import Register, open_register
from capa_sync.wiring import Setup


@click.command(
    cls=VerbCommand,
    examples=(
        ('capa-sync register hold CAPA-12 --reason "case 17"', "one record"),
        ('capa-sync register hold --source jira --reason "audit 2026"', "a whole source"),
    ),
)
@click.argument("ticket", required=False)
@click.option("--source", "only", help="Every ticket of this source, also later ones.")
@click.option("--reason", required=True, help="Why; it is kept.")
@config_option
@json_option
def hold(
    ticket: str | None, only: str | None, reason: str, config: Path, test_clock: str | None, as_json: bool
) -> None:
    """Put a record or a source on legal hold.

    Neither `register erase` nor retention erases what is held, or a record of which one ticket is held. `unhold`
    ends it. Both are events of the hash chain. It works while the daemon runs.
    """
    setup, clock = read_setup(config, with_secrets=False, needs_source=False), clock_from(test_clock)
    with _open(setup, clock) as register:
        source, ticket_id, name = _place(setup, register, ticket, only)
        held = LegalHold(source, ticket_id, name, " ".join(reason.split()), getpass.getuser(), clock.now())
        if not held.reason:
            raise UserError([Problem("", 0, "the reason is empty", "say why, for those who read it in years")])
        register.legal_holds.add(held)
    _report(held.name, str(held), as_json)


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync register unhold CAPA-12", "the holds on this ticket; one on its source stays"),),
)
@click.argument("ticket", required=False)
@click.option("--source", "only", help="The hold on this whole source; those on single tickets stay.")
@config_option
@json_option
def unhold(ticket: str | None, only: str | None, config: Path, test_clock: str | None, as_json: bool) -> None:
    """End the legal holds on a record or a source.

    What is past its time is erased by the daemon within a day where `[retention] mode` is "on".
    """
    setup, clock = read_setup(config, with_secrets=False, needs_source=False), clock_from(test_clock)
    with _open(setup, clock) as register:
        source, ticket_id, name = _place(setup, register, ticket, only)
        if not register.legal_holds.end(source, ticket_id, getpass.getuser(), clock.now()):
            hint = "`capa-sync register retention` lists the holds"
            raise UserError([Problem("", 0, f"{name} is on no legal hold of its own", hint)])
    _report(name, f"{name} is on no legal hold of its own any more", as_json)


def _open(setup: Setup, clock: Clock) -> Register:
    return open_register(setup.register_path, clock_now=clock.now(), now=clock.now, create=False)


def _place(setup: Setup, register: Register, ticket: str | None, only: str | None) -> tuple[str, str, str]:
    """Return source, ticket id and name of what is meant. Raises UserError."""
    if (ticket is None) == (only is None):
        raise UserError([Problem("", 0, "name a ticket, or a source with --source", "one of them")])
    if ticket is None:
        (source,) = chosen_sources(setup, only)
        return source, "", f"every ticket of {source}"
    found = register.tickets.named(ticket)
    if not found:
        hint = "; ".join(map(str, register.erasures.named(ticket))) or "see capa-sync status"
        raise UserError([Problem("", 0, f"there is no ticket '{ticket}' in the register", hint)])
    if len(found) > 1:
        names = ", ".join(f"{source}:{register.tickets.key(source, id_)}" for source, id_ in found)
        raise UserError([Problem("", 0, f"several tickets have the name '{ticket}'", f"name one of {names}")])
    source, ticket_id = found[0]
    return source, ticket_id, f"{source}:{register.tickets.key(source, ticket_id)}"


def _report(name: str, line: str, as_json: bool) -> None:
    if as_json:
        print_json({"held": name, "says": line})
    else:
        say(line)
