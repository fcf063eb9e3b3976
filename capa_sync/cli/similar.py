"""`similar`: records like one, with why; and marks a pair as different for good."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
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
from capa_sync.daemon.similar import SimilarRecord, different_pair, similar_to
from capa_sync.model.similar import RecordLine
from capa_sync.store import DIFFERENT, Register, open_register
from capa_sync.wiring import build_runtime_for_reading

_MOST = 10


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync similar CAPA-12", "what may be the same again"),
        ("capa-sync similar CAPA-12 --different CAPA-7", "the two have nothing in common"),
    ),
)
@click.argument("ticket")
@click.option("--different", "other", metavar="OTHER", help="Mark TICKET and OTHER as different, for good.")
@click.option("--limit", "most", default=_MOST, type=click.IntRange(1, 200), help=f"At most so many. [{_MOST}]")
@config_option
@json_option
def similar(ticket: str, other: str | None, most: int, config: Path, test_clock: str | None, as_json: bool) -> None:
    """List records like this one, with why; a person decides.

    First the records with the same requirement and the same kind of cause: of these, rule `recurrence` asks about
    those that were closed before TICKET was found, within the days of the setting `recurs_within`. Then records whose
    title and root cause share rare words: suggestions, which no rule reads. A pair that is marked with --different is
    neither listed nor asked about again. While the daemon holds the register, the mark is left for it.
    """
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    with open_for_reading(setup.register_path, clock) as register:
        runtime = build_runtime_for_reading(settled(setup, register, clock), register, clock)
        if other is None:
            own, found = similar_to(runtime, ticket, most)
        else:
            pair = different_pair(runtime, ticket, other)
    if other is None:
        _show(own, found, as_json=as_json)
        return
    is_left = is_held(setup.register_path)
    now, by = clock.now(), getpass.getuser()

    def opened() -> Register:
        return open_register(setup.register_path, clock_now=now, create=False)

    if is_left:
        with opened() as register:
            register.requests.leave(DIFFERENT, {"one": pair[0], "other": pair[1], "by": by}, now)
    else:
        with lock_register(setup.register_path), opened() as register:
            register.similar.mark_different(*pair, by, now)
    if as_json:
        print_json({"state": "left" if is_left else "recorded", "ticket": ticket, "different": other})
    else:
        when = "the daemon does it at its next tick" if is_left else "the next cycle judges by it"
        say(f"{ticket} and {other} are marked as different; {when}")


def _show(own: RecordLine, found: Sequence[SimilarRecord], *, as_json: bool) -> None:
    if as_json:
        print_json({"ticket": _name(own), "similar": [_as_dict(match) for match in found]})
        return
    say(f"{_name(own)} “{own.title}”")
    for is_same_kind, heading in ((True, "of the same kind"), (False, "alike in words; no rule reads these")):
        matches = [match for match in found if match.is_same_kind is is_same_kind]
        if matches:
            say(f"  {heading}")
        for match in matches:
            say(f"    {_name(match.record)} “{match.record.title}” {_state(match.record)}: {match.why}")
    if found:
        say(f"  not the same? capa-sync similar {_name(own)} --different {_name(found[0].record)}")
    else:
        say("  no other record is like it")


def _state(record: RecordLine) -> str:
    if not record.closed_at:
        return record.stage
    return f"closed {record.closed_at[:10]}{', effective' if record.result == 'effective' else ''}"


def _name(record: RecordLine) -> str:
    return f"{record.source}:{record.ticket_key}"


def _as_dict(match: SimilarRecord) -> dict[str, object]:
    record = match.record
    return {
        "source": record.source,
        "ticket": record.ticket_key,
        "title": record.title,
        "stage": record.stage,
        "closed_at": record.closed_at,
        "effectiveness_result": record.result,
        "why": match.why,
        "same_kind": match.is_same_kind,
    }
