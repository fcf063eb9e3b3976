"""`mapping check`: canonical records beside real tickets, and the coverage of each field and rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import (
    chosen_sources,
    clock_from,
    config_option,
    json_option,
    print_json,
    read_configuration,
    say,
)
from capa_sync.cli.looking import looking
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.mapping_check import MappingCheck, ShownField, ShownTicket, check_mapping
from capa_sync.model.amounts import count_of
from capa_sync.model.record import Action

_LONGEST = 60
_WIDTH = 24
_DECIDED = ("ok", "breach", "historical")


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync mapping check jira", "the newest 20 tickets in scope"),
        ("capa-sync mapping check jira CAPA-12 CAPA-31", "these tickets"),
        ("capa-sync mapping check jira --json", "for programs, with the whole texts"),
    ),
)
@click.argument("source")
@click.argument("tickets", nargs=-1)
@config_option
@json_option
def check(source: str, tickets: tuple[str, ...], config: Path, test_clock: str | None, as_json: bool) -> int:
    """Show canonical records beside real tickets.

    SOURCE is a source of the settings; TICKETS are keys, the newest 20 in scope when none is named. Each mapped field
    is printed with its state and value beside the tracker's own value; then how often each field is filled, and how
    often each rule could decide. It reads the tracker and writes nothing. Exit 2 when a ticket is not there.
    """
    configuration, clock = read_configuration(config), clock_from(test_clock)
    [name] = chosen_sources(configuration, source)
    with progress_listener() as listener, looking(configuration, clock) as runtime:
        runtime.progress = listener
        found = check_mapping(runtime, runtime.contexts[name], tickets)
    if as_json:
        print_json(_as_dict(found))
    else:
        for line in _lines(found):
            say(line)
    return 0


def _lines(found: MappingCheck) -> Iterator[str]:
    for problem in found.problems:
        yield f"mapping: {problem}"
    for ticket in found.tickets:
        yield from _ticket_lines(found.source, ticket)
    total = len(found.tickets)
    yield f"fields, of {count_of(total, 'ticket')}:"
    for row in found.coverage:
        if row.is_mapped:
            places, counts = ", ".join(row.places), _counted(found.states.get(row.name, Counter()))
            yield f"  {row.name:<{_WIDTH}} {counts or 'see the tickets'}; {places}"
    if unmapped := [row.name for row in found.coverage if not row.is_mapped]:
        yield f"  not mapped: {', '.join(unmapped)}"
    yield f"rules, of {count_of(total, 'ticket')}:"
    for rule, outcomes in found.outcomes.items():
        applied = sum(outcomes.values()) - outcomes["not_applicable"]
        decided = sum(outcomes[outcome] for outcome in _DECIDED)
        share = f"decided {decided} of {applied}" if applied else "applies to none of them"
        yield f"  {rule:<{_WIDTH}} {share}; {_counted(outcomes)}"


def _counted(numbers: Counter[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in sorted(numbers.items()))


def _ticket_lines(source: str, ticket: ShownTicket) -> Iterator[str]:
    if ticket.record is None:
        yield f"{source}:{ticket.key} cannot be mapped, and would be quarantined: {'; '.join(ticket.reasons)}"
        return
    record = ticket.record
    yield f"{source}:{ticket.key} {ticket.url}"
    yield f"  {'stage':<{_WIDTH}} {record.stage.value:<12} status: {_short(record.source_status)}"
    for field in ticket.fields:
        yield f"  {field.name:<{_WIDTH}} {field.state:<12} {_beside(field)}"
    for action in record.actions:
        yield f"  {'action':<{_WIDTH}} {action.kind.value:<12} {_action(action)}"


def _beside(field: ShownField) -> str:
    """Return a field's value beside the tracker's own, or one of them where they are equal."""
    own = "; ".join(f"{label}: {_short(text) or '(empty)'}" for label, text in field.own.items())
    same = field.value in field.own.values()
    value = "" if same or not field.value else f"{_short(field.value)} ← "
    reason = f" ({field.reason})" if field.reason else ""
    return f"{value}{own or '(constant or links)'}{reason}" if own or value else f"(constant or links){reason}"


def _action(action: Action) -> str:
    parts = (
        action.key or action.origin.value,
        _short(action.text.text),
        f"owner {action.owner.text}" if action.owner.is_filled else "no owner",
        f"due {action.due_at.data}" if action.due_at.is_filled else "no date",
        f"done {action.done_at:%Y-%m-%d}" if action.done_at else "cancelled" if action.cancelled else "open",
    )
    return "; ".join(filter(None, parts))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _as_dict(found: MappingCheck) -> dict[str, Any]:
    return {
        "source": found.source,
        "problems": [str(problem) for problem in found.problems],
        "tickets": [_ticket_dict(ticket) for ticket in found.tickets],
        "fields": [
            {
                "name": row.name,
                "places": list(row.places),
                "states": dict(found.states.get(row.name, {})),
                "reason": row.reason,
            }
            for row in found.coverage
        ],
        "rules": [{"rule": rule, "outcomes": dict(outcomes)} for rule, outcomes in found.outcomes.items()],
    }


def _ticket_dict(ticket: ShownTicket) -> dict[str, Any]:
    record = ticket.record
    return {
        "ticket": ticket.key,
        "url": ticket.url,
        "reasons": list(ticket.reasons),
        "stage": record.stage.value if record is not None else "",
        "source_status": record.source_status if record is not None else "",
        "fields": [
            {
                "name": field.name,
                "state": field.state,
                "value": field.value,
                "own": dict(field.own),
                "reason": field.reason,
            }
            for field in ticket.fields
        ],
        "actions": [
            {"key": action.key, "kind": action.kind.value, "from": action.origin.value, "text": action.text.text}
            for action in (record.actions if record is not None else ())
        ],
    }
