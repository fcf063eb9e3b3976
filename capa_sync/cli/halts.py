"""`pause`, `resume` and `withdraw`: stop all writing, continue, or remove what was written."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
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
from capa_sync.daemon.leaving import OurContent, content_left, taken_back
from capa_sync.errors import Problem, UserError
from capa_sync.model.amounts import count_of
from capa_sync.model.clock import Clock
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.store import PAUSE, RESUME, WITHDRAW, Register, open_register
from capa_sync.wiring import Setup, write_options

EVERY = ""
"""Means all sources, also those that are added to the settings later."""


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync pause", "every source, also one added later"),
        ("capa-sync pause --source jira", "one of them"),
    ),
)
@config_option
@click.option("--source", "only", help="Only this source.")
@json_option
def pause(config: Path, test_clock: str | None, only: str | None, as_json: bool) -> None:
    """Stop all writing on the trackers until `resume`.

    Reading and judging go on. A running daemon stops before its next write; no settings file is edited.
    """
    setup, clock = read_setup(config, with_secrets=False, needs_source=False), clock_from(test_clock)
    chosen_sources(setup, only)
    register = _open(setup, clock)
    try:
        _hold(register, clock, HaltKind.PAUSED, PAUSE, [only or EVERY])
    finally:
        register.close()
    what = f"writing to {only or 'every source'} is paused; `capa-sync resume` ends that"
    _answer(what, as_json, HaltKind.PAUSED.value, only)


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync resume", "every source"),
        ("capa-sync resume --source jira", "one that was paused or withdrawn alone"),
    ),
)
@config_option
@click.option("--source", "only", help="Only this source.")
@json_option
def resume(config: Path, test_clock: str | None, only: str | None, as_json: bool) -> None:
    """End a pause or a withdrawal.

    Warnings are planned and written again, within the brakes.
    """
    setup, clock = read_setup(config, with_secrets=False, needs_source=False), clock_from(test_clock)
    chosen_sources(setup, only)
    register = _open(setup, clock)
    try:
        if only and EVERY in register.halts.all():
            hint = "run `capa-sync resume` without --source"
            raise UserError([Problem("", 0, f"every source is paused, not '{only}' alone", hint)])
        with register.transaction():
            ended = register.halts.end(only or EVERY, clock.now())
            _ask(register, clock, RESUME, only or EVERY)
    finally:
        register.close()
    what = "warnings are written again, within the brakes" if ended else "nothing was paused or withdrawn"
    _answer(what, as_json, "resumed" if ended else "unchanged", only)


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync withdraw --source jira", "one source; then look at `capa-sync plan`"),),
)
@config_option
@click.option("--source", "only", help="Only this source.")
@json_option
def withdraw(config: Path, test_clock: str | None, only: str | None, as_json: bool) -> None:
    """Take back all that capa-sync wrote, once you release it.

    That is its comments, labels, properties and texts; nothing is removed before the release. From now on no warning
    is written. `capa-sync plan` shows what would be removed; `capa-sync sync --release N|all` removes it, and
    `sync` and `status` say when all is taken back. ServiceNow keeps its work notes: no system can delete them.
    `capa-sync resume` ends the withdrawal.
    """
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    names = chosen_sources(setup, only)
    _require_writing(setup, config, names)
    register = _open(setup, clock)
    try:
        left = {name: content_left(register, name) for name in names}
        _hold(register, clock, HaltKind.WITHDRAWN, WITHDRAW, names)
    finally:
        register.close()
    tickets = sum(of_source.removable for of_source in left.values())
    _answer(_withdrawal_words(left, tickets), as_json, HaltKind.WITHDRAWN.value, only, tickets)


def _withdrawal_words(left: Mapping[str, OurContent], tickets: int) -> str:
    """Return what a withdrawal has to take back, and what to do; that it is complete where nothing is left."""
    if not tickets:
        hidden = sum(of_source.hidden for of_source in left.values())
        return f"{', '.join(left)}: {taken_back(OurContent(hidden=hidden))}; `capa-sync resume` writes warnings again"
    names = ", ".join(name for name, of_source in left.items() if of_source.removable)
    what = f"our texts on {count_of(tickets, 'ticket')} of {names} are to be taken back; none goes before a release"
    return f"{what}: look at `capa-sync plan`, then `capa-sync sync --release N|all`"


def _open(setup: Setup, clock: Clock) -> Register:
    return open_register(setup.register_path, clock_now=clock.now(), now=clock.now, create=False)


def _hold(register: Register, clock: Clock, kind: HaltKind, verb: str, names: Sequence[str]) -> None:
    with register.transaction():
        for name in names:
            register.halts.set(name, Halt(kind, clock.now(), getpass.getuser()))
            _ask(register, clock, verb, name)


def _ask(register: Register, clock: Clock, verb: str, source: str) -> None:
    """Leave a request, so that a running daemon logs it and plans again at its next tick."""
    register.requests.leave(verb, {"source": source, "asked_by": getpass.getuser()}, clock.now())


def _require_writing(setup: Setup, config: Path, names: Sequence[str]) -> None:
    """Raise UserError when write-back is not on for a source, because a withdrawal could remove nothing there."""
    idle = [name for name in names if write_options(setup.settings, name).mode != "on"]
    if idle:
        what = f"write_back.mode is not on for {', '.join(idle)}, so nothing can be taken back there"
        raise UserError([Problem(str(config), 0, what, 'set mode = "on"; nothing is written before a release')])


def _answer(what: str, as_json: bool, state: str, only: str | None, tickets: int | None = None) -> None:
    if as_json:
        counted = {} if tickets is None else {"tickets": tickets}
        print_json({"state": state, "source": only or "", **counted})
    else:
        say(what)
