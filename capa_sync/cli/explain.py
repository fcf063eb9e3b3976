"""`explain`: every verdict on a ticket with its evidence, or why a ticket is not in the register."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import (
    check_rule,
    clock_from,
    config_option,
    json_option,
    open_for_reading,
    print_json,
    read_setup,
    say,
    settled,
)
from capa_sync.cli.past import PastView, as_of_option, past_view, rules_of_option
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.explaining import Explanation, explain_ticket
from capa_sync.daemon.explaining_past import bind_as_known_at, explain_past
from capa_sync.daemon.runtime import Runtime
from capa_sync.rules import explain_lines
from capa_sync.wiring import build_runtime_for_reading

EXIT_UNKNOWN = 2
"""No source has a ticket of that name: most often a typing mistake."""


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync explain CAPA-12", "every verdict on a ticket"),
        ("capa-sync explain CAPA-12 --rule root-cause-before-action", "one of them"),
        ("capa-sync explain jira:CAPA-12", "where two sources share the key"),
        ("capa-sync explain CAPA-12 --as-of 2026-06-15", "what the rules said of it then"),
        ("capa-sync explain CAPA-12 --as-of 2026-06-15 --rules-of rules", "and what your files say of it"),
    ),
)
@click.argument("ticket")
@config_option
@click.option("--rule", "only", help="Only this rule.")
@as_of_option
@rules_of_option
@json_option
def explain(
    ticket: str,
    config: Path,
    test_clock: str | None,
    only: str | None,
    as_of: str | None,
    rules_of: str | None,
    as_json: bool,
) -> int:
    """Print every verdict on a ticket, and what it rests on.

    TICKET is a key, SOURCE:KEY, or a register number; capital and small letters are equal. Each verdict is printed
    with the history entries behind it; for a ticket that is not in the register, the reason is printed. Exit 2 when
    no source knows the ticket. It asks no tracker and needs no secret.

    With --as-of it shows the ticket as it was, judged by the set that was live then; what is not known of that time,
    rules cannot tell.
    """
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    with open_for_reading(setup.register_path, clock) as register:
        view = past_view(setup, register, as_of, rules_of)
        configuration = settled(setup, register, clock) if view is None else view.judged_by.configuration
        check_rule(configuration, only)
        runtime = build_runtime_for_reading(configuration, register, clock)
        found = explain_ticket(runtime, ticket, clock.now()) if view is None else _past(runtime, ticket, view)
    if as_json:
        print_json([_as_dict(explanation, only) for explanation in found])
    else:
        for explanation in found:
            _print(explanation, only)
    return 0 if any(explanation.is_known for explanation in found) else EXIT_UNKNOWN


def _past(runtime: Runtime, ticket: str, view: PastView) -> list[Explanation]:
    bind_as_known_at(runtime, view.at)
    return explain_past(runtime, ticket, view.at, (f"as of {view.words}", view.judged_by.note))


def _print(found: Explanation, only: str | None) -> None:
    say(found.headline)
    for line in found.notes:
        say(f"  {line}")
    for verdict in found.verdicts:
        if only in (None, verdict.rule):
            say()
            for line in explain_lines(verdict, found.timezone, found.names):
                say(f"  {line}")


def _as_dict(found: Explanation, only: str | None) -> dict[str, Any]:
    return {
        "ticket": found.headline,
        "notes": list(found.notes),
        "verdicts": [
            {
                "rule": verdict.rule,
                "clause": verdict.clause,
                "outcome": str(verdict.outcome),
                "severity": str(verdict.severity),
                "message": verdict.message,
                "fix": verdict.fix,
                "reason": verdict.reason,
                "next_due": verdict.next_due,
                "evidence": [
                    {
                        "what": e.what,
                        "text": e.text,
                        "at": e.at,
                        "by": e.by,
                        "entry": e.entry,
                        "phrase": e.phrase,
                        "truth": e.truth,
                    }
                    for e in verdict.evidence
                ],
            }
            for verdict in found.verdicts
            if only in (None, verdict.rule)
        ],
    }
