"""`activate`, `rollback` and `history`, for the whole verdict set and for its rules alone."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import (
    NUMBER,
    clock_from,
    config_option,
    json_option,
    lock_register,
    open_for_reading,
    print_json,
    read_settings,
    read_setup,
    register_path,
    say,
)
from capa_sync.cli.days import instant_of
from capa_sync.cli.drafts import draft_option
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.requests import carry_out_without_runtime
from capa_sync.errors import Problem, RegisterHeld, UserError
from capa_sync.live.changing import SetChange, change_to_earlier, change_to_files
from capa_sync.live.drafts import change_to_draft
from capa_sync.model.clock import Clock
from capa_sync.model.days import utc_words
from capa_sync.model.verdict_set import Activation, PartKind, SetPart, VerdictSet, differences
from capa_sync.store import ACTIVATE, Register, open_register
from capa_sync.wiring import Setup

Changing = Callable[[Setup, Register], SetChange]


def _make_live(config: Path, test_clock: str | None, as_json: bool, changing: Changing) -> None:
    """Make another set live, or leave the request for the daemon; print what changes."""
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    register = open_register(setup.register_path, clock_now=clock.now(), now=clock.now, create=False)
    try:
        change = changing(setup, register)
        state = _carried_out(register, change, clock) if change.differences else "unchanged"
    finally:
        register.close()
    if as_json:
        print_json({"state": state, "set": change.wanted.hash, "changes": list(change.differences)})
        return
    for line in change.differences:
        say(f"  {line}")
    say(_ENDS[state])


_ENDS = {
    "unchanged": "nothing differs from what is live",
    "asked": "the daemon holds the register and will make it live at its next tick",
    "live": "live from now on; the next `sync` judges by it, and comments go out within the brakes",
}


def _carried_out(register: Register, change: SetChange, clock: Clock) -> str:
    """Store the set and ask for it; without a daemon it is live at once. Return `live` or `asked`."""
    with register.transaction():
        register.verdict_sets.keep(change.wanted)
        register.requests.leave(ACTIVATE, change.arguments(getpass.getuser()), clock.now())
    try:
        with lock_register(register.path):
            carry_out_without_runtime(register, clock.now())
    except RegisterHeld:
        return "asked"
    return "live"


def _history(
    config: Path,
    test_clock: str | None,
    as_json: bool,
    number: int | None,
    day: datetime | None,
    *,
    rules_alone: bool,
) -> None:
    """Print which set was live when, or the texts of one."""
    settings, clock = read_settings(config), clock_from(test_clock)
    with open_for_reading(register_path(config, settings), clock) as register:
        past = register.verdict_sets.activations()
        sets = [_shown(register, done, rules_alone=rules_alone) for done in past]
    if number is not None or day is not None:
        _print_texts(past, sets, number, day, as_json=as_json)
        return
    changes = [differences(before, after) for before, after in zip([VerdictSet(()), *sets], sets, strict=False)]
    rows = [_as_dict(done, changed) for done, changed in zip(past, changes, strict=True) if changed]
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("no set is live yet: the first `sync` or `run` makes the configured one live")
    for row in reversed(rows):
        for line in _lines(row, is_first=row is rows[0]):
            say(line)


def _shown(register: Register, done: Activation, *, rules_alone: bool) -> VerdictSet:
    stored = register.verdict_sets.load(done.set_hash)
    return VerdictSet(tuple(stored.of(PartKind.RULE).values())) if rules_alone else stored


def _as_dict(done: Activation, changed: Sequence[str]) -> dict[str, Any]:
    return {
        "number": done.number,
        "at": done.at,
        "by": done.by,
        "how": done.how.value,
        "rules_alone": done.rules_alone,
        "revision": done.revision,
        "set": done.set_hash,
        "rule_set": done.rule_set,
        "changes": list(changed),
    }


def _lines(row: dict[str, Any], *, is_first: bool) -> list[str]:
    how = {"first": "the first", "on_save": "saved", "new_source": "a new source"}.get(row["how"], row["how"])
    what = f"{how} (rules)" if row["rules_alone"] else how
    revision = f", revision {row['revision'][:12]}{'+changed' if row['revision'].endswith('+changed') else ''}"
    at = utc_words(row["at"])
    head = (
        f"{row['number']}  {at}  {what}, by {row['by']}{revision if row['revision'] else ''}, set {row['set'][:12]}"
    )
    if is_first:
        return [f"{head}: {len(row['changes'])} texts"]
    return [head, *(f"     {line}" for line in row["changes"])]


def _print_texts(
    past: Sequence[Activation],
    sets: Sequence[VerdictSet],
    number: int | None,
    day: datetime | None,
    *,
    as_json: bool,
) -> None:
    """Print the texts that were live under a number, or at an instant."""
    found = [
        (done, stored)
        for done, stored in zip(past, sets, strict=True)
        if (number is None or done.number == number) and (day is None or done.at <= day)
    ]
    if not found:
        hint = "`capa-sync history` lists what was live when"
        raise UserError([Problem("", 0, "no set was live there", hint)])
    done, stored = found[-1]
    if as_json:
        print_json({**_as_dict(done, ()), "texts": [_part(part) for part in stored.parts]})
        return
    for part in stored.parts:
        say(f"# {part.label}")
        for line in part.text.splitlines():
            say(line)
        say()


def _part(part: SetPart) -> dict[str, str]:
    return {"role": part.kind.value, "key": part.key, "name": part.name, "text": part.text}


_number = click.argument("number", type=NUMBER, required=False)
_on = click.option(
    "--at", "day", metavar="INSTANT", help="What was live at this instant, such as 2026-06-15 or 2026-06-15T09:00Z."
)


def _live_at(text: str | None) -> datetime | None:
    """Return the instant of `--at`; a day means its end in UTC. Raises UserError."""
    return None if text is None else instant_of("--at", text, UTC)


@click.command(cls=VerbCommand, examples=(("capa-sync activate", "after `capa-sync preview`"),))
@config_option
@json_option
def activate(config: Path, test_clock: str | None, as_json: bool) -> None:
    """Make the changed set live.

    The set is everything that decides a verdict: rules, mappings, people, profile, deadlines, period of
    recurrence, holidays and time zone, as the files of the settings hold it now. It is checked and tested first:
    exit 2 with every mistake, and nothing changes. Comments follow at the next `sync`, within the brakes. While
    the daemon holds the register, it makes the set live at its next tick.
    """
    _make_live(
        config, test_clock, as_json, lambda setup, register: change_to_files(setup, register, rules_alone=False)
    )


@click.command(cls=VerbCommand, examples=(("capa-sync rollback", "take the last change back"),))
@config_option
@json_option
def rollback(config: Path, test_clock: str | None, as_json: bool) -> None:
    """Make the set live that was live before the last change.

    A second rollback goes one change further back. The files stay as they are, as a changed set that waits.
    """
    _make_live(
        config, test_clock, as_json, lambda setup, register: change_to_earlier(setup, register, rules_alone=False)
    )


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync history", "the newest first"),
        ("capa-sync history --at 2026-06-15", "every text that was live at the end of that day"),
    ),
)
@_number
@_on
@config_option
@json_option
def history(number: int | None, day: str | None, config: Path, test_clock: str | None, as_json: bool) -> None:
    """List which set was live when, and by whom.

    With NUMBER or --at it prints the texts of that set as they were.
    """
    _history(config, test_clock, as_json, number, _live_at(day), rules_alone=False)


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules activate", "rules alone; all else stays as it is"),
        ("capa-sync rules activate --draft 3", "the rules of a draft that was saved on the page"),
    ),
)
@draft_option
@config_option
@json_option
def activate_rules(draft: int | None, config: Path, test_clock: str | None, as_json: bool) -> None:
    """Make the changed rules live.

    Mappings, people and settings stay as they are live. The rules are checked and tested first: exit 2 with every
    mistake, and nothing changes. A draft changes no file: bring its difference into the files too, else the next
    activation of the files takes it back.
    """

    def changing(setup: Setup, register: Register) -> SetChange:
        if draft is not None:
            return change_to_draft(setup, register, draft)
        return change_to_files(setup, register, rules_alone=True)

    _make_live(config, test_clock, as_json, changing)


@click.command(cls=VerbCommand, examples=(("capa-sync rules rollback", "take the last change of rules back"),))
@config_option
@json_option
def rollback_rules(config: Path, test_clock: str | None, as_json: bool) -> None:
    """Make the rules live that were live before the last change of rules.

    Mappings, people and settings stay as they are live.
    """
    _make_live(
        config, test_clock, as_json, lambda setup, register: change_to_earlier(setup, register, rules_alone=True)
    )


@click.command(cls=VerbCommand, examples=(("capa-sync rules history --at 2026-06-15", "what the rules said then"),))
@_number
@_on
@config_option
@json_option
def history_of_rules(
    number: int | None, day: str | None, config: Path, test_clock: str | None, as_json: bool
) -> None:
    """List which rules were live when, and by whom.

    With NUMBER or --at it prints the text of each rule as it was.
    """
    _history(config, test_clock, as_json, number, _live_at(day), rules_alone=True)
