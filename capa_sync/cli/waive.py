"""`waive`: waives one rule's finding on one ticket until a day."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from capa_sync.cli.context import (
    clock_from,
    config_option,
    is_held,
    json_option,
    lock_register,
    open_for_reading,
    print_json,
    read_setup,
    say,
    settled,
)
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.waiver_requests import WaiverWish, record_waiver, waiver_of
from capa_sync.model.clock import Clock
from capa_sync.model.waiver import Waiver
from capa_sync.store import WAIVE, Register, open_register, waiver_as_json
from capa_sync.wiring import Setup, build_runtime_for_reading


@click.command(
    cls=VerbCommand,
    examples=(
        (
            'capa-sync waive CAPA-12 rca-method --until 2026-03-31 --by mara.roy --because "only one such system"',
            "by a member of the waiver group",
        ),
    ),
)
@click.argument("ticket")
@click.argument("rule")
@click.option("--until", required=True, metavar="DATE", help="The last day of the waiver, as 2026-03-31.")
@click.option("--because", required=True, metavar="TEXT", help="The reason, of 20 characters or more.")
@click.option("--by", required=True, metavar="PERSON", help="Who waives, by the id in the people file.")
@click.option("--approved-by", default="", metavar="PERSON", help="The second person; a high finding needs one.")
@config_option
@json_option
def waive(
    ticket: str,
    rule: str,
    until: str,
    because: str,
    by: str,
    approved_by: str,
    config: Path,
    test_clock: str | None,
    as_json: bool,
) -> None:
    """Waive one rule's finding on one ticket until a day.

    The rule is still evaluated, and the register shows its true result; the ticket says until when, by whom and why.
    A waiver ends by itself, also when what the rule reads has changed. Names are recorded as given, with the
    operating system's user. While the daemon holds the register, the waiver is left for it.
    """
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    wish = WaiverWish(ticket, rule, until, because, by, approved_by, recorded_by=getpass.getuser())
    with open_for_reading(setup.register_path, clock) as register:
        runtime = build_runtime_for_reading(settled(setup, register, clock), register, clock)
        waiver = waiver_of(runtime, wish, clock.now())
        key = register.tickets.key(waiver.source, waiver.ticket_id)
    is_left = is_held(setup.register_path)
    if is_left:
        _leave(setup, clock, waiver)
    else:
        _record(setup, clock, waiver)
    if as_json:
        state = "left" if is_left else "recorded"
        print_json({"state": state, "source": waiver.source, "ticket": key, "rule": rule, "until": waiver.until})
    else:
        when = "the daemon does it at its next tick" if is_left else "the next cycle shows it on the ticket"
        say(f"{key}: {rule} is waived until {waiver.until}; {when}")


def _record(setup: Setup, clock: Clock, waiver: Waiver) -> None:
    """Record the waiver now, holding the register's lock."""
    with lock_register(setup.register_path), _open(setup, clock) as register:
        record_waiver(register, waiver, clock.now())


def _leave(setup: Setup, clock: Clock, waiver: Waiver) -> None:
    """Leave the waiver in the register for the daemon."""
    with _open(setup, clock) as register:
        register.requests.leave(WAIVE, waiver_as_json(waiver), clock.now())


def _open(setup: Setup, clock: Clock) -> Register:
    return open_register(setup.register_path, clock_now=clock.now(), now=clock.now, create=False)
