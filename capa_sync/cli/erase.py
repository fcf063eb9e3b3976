"""`register erase` and `register retention`: what leaves the register for good, and what would."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

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
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.erasing import ErasureScope, erase_scopes, record_named, refuse_held, shown
from capa_sync.daemon.erasure_work import clean_up, erasure_args
from capa_sync.daemon.retention import Outlived, outlived
from capa_sync.daemon.runtime import Runtime
from capa_sync.errors import Problem, UserError
from capa_sync.model.amounts import count_of
from capa_sync.model.clock import Clock
from capa_sync.model.days import utc_words
from capa_sync.model.erasure import Erasure
from capa_sync.store import ERASE, Register, open_register
from capa_sync.wiring import Setup, build_runtime_for_reading

LONGEST_REASON = 500
"""Characters of a reason: it stays in the register for ever."""
MOST_ROWS = 50
_WORDS = {
    "part": "payload version",
    "change": "change",
    "finding": "finding",
    "write_out": "write",
    "waiver": "waiver",
}
"""Tables whose rows a person recognises; the others follow from them."""


@click.command(
    cls=VerbCommand,
    examples=(
        (
            'capa-sync register erase CAPA-12 --reason "request of 3 May, case 17"',
            "shows what would go, erases nothing",
        ),
        ('capa-sync register erase CAPA-12 --reason "request of 3 May, case 17" --yes', "erases it for good"),
    ),
)
@click.argument("ticket")
@click.option("--reason", required=True, help="Why, without names or other texts of the ticket: it is kept.")
@click.option("--yes", "is_meant", is_flag=True, help="Erase it; without this the verb shows what would go.")
@config_option
@json_option
def erase(ticket: str, reason: str, is_meant: bool, config: Path, test_clock: str | None, as_json: bool) -> None:
    """Erase every text of a record from the register, for good.

    A record goes as a whole: the ticket, tickets joined with it, and actions that no other record has. What is left
    is a tombstone: id, key, when, by whom and why; the register number and the digests of the hash chain. It keeps
    the tracker from bringing the ticket back. The tracker itself is not touched. While the daemon holds the register,
    the erasure is left for it.
    """
    setup, clock = read_setup(config, with_secrets=False, needs_source=False), clock_from(test_clock)
    wish = Erasure(_checked(reason), getpass.getuser())
    with _reading(setup, clock) as runtime:
        scope = record_named(runtime, ticket)
        result = _described(runtime, scope)
        if is_meant:
            refuse_held(scope)
    result["state"] = _carry_out(setup, clock, scope, wish) if is_meant else "dry_run"
    if as_json:
        print_json(result)
    else:
        for line in _lines(result):
            say(line)


def _checked(reason: str) -> str:
    text = " ".join(reason.split())
    if not 1 <= len(text) <= LONGEST_REASON:
        what = f"the reason has {count_of(len(text), 'character')}; write 1 to {LONGEST_REASON}"
        raise UserError([Problem("", 0, what, "nothing was erased")])
    return text


@contextmanager
def _reading(setup: Setup, clock: Clock) -> Iterator[Runtime]:
    with open_for_reading(setup.register_path, clock) as register:
        yield build_runtime_for_reading(settled(setup, register, clock), register, clock)


def _carry_out(setup: Setup, clock: Clock, scope: ErasureScope, wish: Erasure) -> str:
    """Erase now, or leave it for the daemon that holds the register; return which."""
    if is_held(setup.register_path):
        with _open(setup, clock) as register:
            register.requests.leave(ERASE, erasure_args(scope, wish), clock.now())
        return "left"
    with (
        lock_register(setup.register_path),
        _open(setup, clock) as register,
        progress_listener() as listener,
    ):
        runtime = build_runtime_for_reading(settled(setup, register, clock), register, clock)
        runtime.progress = listener
        erase_scopes(runtime, [scope], wish, clock.now())
        return "erased" if clean_up(runtime) else "not_cleaned"


def _open(setup: Setup, clock: Clock) -> Register:
    return open_register(setup.register_path, clock_now=clock.now(), now=clock.now, create=False)


def _described(runtime: Runtime, scope: ErasureScope) -> dict[str, Any]:
    """Return what an erasure takes, what it leaves, and where else the texts are."""
    register = runtime.register
    path = register.path
    return {
        "tickets": [
            {"ticket": shown(runtime, ticket), "rows": register.erasures.rows_of(*ticket)} for ticket in scope.tickets
        ],
        "staying": [shown(runtime, ticket) for ticket in scope.staying],
        "naming": [shown(runtime, ticket) for ticket in scope.naming],
        "holds": [str(hold) for hold in scope.holds],
        "taken": register.taken(),
        "former": sorted(file.name for file in path.parent.glob(f"{path.name}.before-restore-*Z")),
    }


_NOT_REACHED = (
    "not reached: the ticket on its tracker with our text on it, log files, digests that were sent, copies of the "
    "disk, and what was taken away"
)


def _taken_line(row: dict[str, str]) -> str:
    what = " ".join(row[name] for name in ("verb", "file", "view") if row.get(name))
    by = row.get("by") or "a visitor without a name"
    return f"{utc_words(datetime.fromisoformat(row['at']))} {what} (by {by})"


_STATES = {
    "dry_run": "nothing was erased; the same command with --yes erases it for good",
    "held": "nothing was erased; with --yes it is refused until the legal hold ends: `capa-sync register unhold`",
    "left": "the daemon erases it as soon as no cycle of its sources is under way",
    "erased": "erased; `capa-sync verify` shows that the rest is as it was",
    "not_cleaned": "erased, but free space of the file may still hold the texts: another process reads it, or the "
    "disk is full; the next `sync` or the daemon cleans up",
}


def _lines(result: dict[str, Any]) -> Iterator[str]:
    for row in result["tickets"]:
        counts = [count_of(row["rows"][table], word) for table, word in _WORDS.items() if table in row["rows"]]
        yield f"{row['ticket']}: {', '.join(counts) or 'nothing is stored of it'}"
    for name in result["staying"]:
        yield f"{name} stays: it is an action of another record too"
    for name in result["naming"]:
        yield f"{name} names it: its own data hold the key, and the title where the tracker shows it"
    yield from result["holds"]
    yield _NOT_REACHED
    taken = [_taken_line(row) for row in result["taken"]]
    yield from (f"  {line}" for line in [*taken[-MOST_ROWS:], *result["former"]])
    if len(taken) > MOST_ROWS:
        yield f"  and {len(taken) - MOST_ROWS} earlier ones: --json lists all"
    is_kept = result["state"] == "dry_run" and result["holds"]
    yield _STATES["held" if is_kept else result["state"]]


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync register retention", "what the daemon would erase, and what is held"),),
)
@config_option
@json_option
def retention(config: Path, test_clock: str | None, as_json: bool) -> None:
    """List the records whose time is over.

    With what keeps some of them. Their time is `[retention] keep` after they were closed, rejected, cancelled, marked
    as a duplicate, or deleted on the tracker. With `mode = "on"` the daemon erases them, some at a time, once a day;
    by default it lists them. Nothing is erased by this verb.
    """
    setup, clock = read_setup(config, with_secrets=False, needs_source=False), clock_from(test_clock)
    with _reading(setup, clock) as runtime:
        rows = [_outlived(runtime, record) for record in outlived(runtime, clock.now())]
        holds = [str(hold) for hold in runtime.register.legal_holds.in_force()]
        options = runtime.retention
    if as_json:
        print_json({"keep_days": options.keep.days, "erases": options.erases, "records": rows, "holds": holds})
        return
    for line in _retention_lines(rows, holds):
        say(line)
    verb = (
        "the daemon erases them once a day" if options.erases else 'none is erased while `[retention] mode` is "list"'
    )
    going = sum(not row["kept"] for row in rows)
    say(f"{count_of(going, 'record')} ended more than {options.keep.days} days ago and may go; {verb}")


def _outlived(runtime: Runtime, record: Outlived) -> dict[str, Any]:
    kept = [str(hold) for hold in record.scope.holds]
    kept += [f"an action of {shown(runtime, owner)}" for owner in sorted(record.needed_by)]
    return {
        "tickets": [shown(runtime, ticket) for ticket in record.scope.tickets],
        "ended_at": record.ended_at,
        "kept": kept,
    }


def _retention_lines(rows: Sequence[dict[str, Any]], holds: Sequence[str]) -> Iterator[str]:
    yield from holds
    for row in rows[:MOST_ROWS]:
        first, *more = row["tickets"]
        rest = f" with {', '.join(more)}" if more else ""
        kept = f"; kept: {'; '.join(row['kept'])}" if row["kept"] else ""
        yield f"{first}{rest}: ended {row['ended_at']:%Y-%m-%d}{kept}"
    if len(rows) > MOST_ROWS:
        yield f"and {len(rows) - MOST_ROWS} more: --json lists all"
