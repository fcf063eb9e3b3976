"""`rules coverage`: which rules decide on which source, and why the others cannot tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import (
    clock_from,
    config_option,
    json_option,
    open_for_reading,
    print_json,
    read_settings,
    register_path,
    say,
)
from capa_sync.cli.verbs import VerbCommand
from capa_sync.cli.wording import check_lines
from capa_sync.model.amounts import count_of

_REASONS = 3
"""Largest number of reasons that a line names."""


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules coverage", "what your mapping lets the rules decide"),
        ("capa-sync rules coverage --json", "every rule with its numbers"),
    ),
)
@config_option
@json_option
def coverage(config: Path, test_clock: str | None, as_json: bool) -> int:
    """Show which rules cannot tell, per source, and why; then the checks over the whole register.

    It reads the register alone and asks no tracker. A rule that was never applicable is not listed for people.
    """
    settings, clock = read_settings(config, needs_source=True), clock_from(test_clock)
    with open_for_reading(register_path(config, settings), clock) as register:
        result = {"sources": register.reports.coverage(), "register_checks": register.checks.all()}
    if as_json:
        print_json(result)
    else:
        for line in (*_lines(result["sources"]), *check_lines(result["register_checks"])):
            say(line)
    return 0


def _lines(sources: list[dict[str, Any]]) -> list[str]:
    """Return one line per source, and one per rule that cannot tell on some ticket."""
    lines: list[str] = []
    for source in sources:
        applied = [rule for rule in source["rules"] if rule["decided"] or rule["cannot_tell"]]
        unsure = [rule for rule in applied if rule["cannot_tell"]]
        title = f"{source['source']}: {count_of(len(applied), 'rule')} applied to some ticket"
        lines.append(f"{title}, {len(unsure)} of them cannot tell on some")
        lines += [f"  {_rule_line(rule)}" for rule in unsure]
    return lines


def _rule_line(rule: dict[str, Any]) -> str:
    tickets = rule["decided"] + rule["cannot_tell"]
    reasons = [f"{reason['reason']} ({reason['tickets']})" for reason in rule["reasons"][:_REASONS]]
    if len(rule["reasons"]) > _REASONS:
        reasons.append("and others")
    return f"{rule['rule']}: {rule['cannot_tell']} of {count_of(tickets, 'ticket')}: {'; '.join(reasons)}"
