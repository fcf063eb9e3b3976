"""`waivers`: lists the waivers with the verdicts of their rules, and which of them end soon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from capa_sync.cli.context import (
    clock_from,
    config_option,
    json_option,
    open_for_reading,
    print_json,
    read_configuration,
    read_settings,
    register_path,
    say,
)
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError
from capa_sync.model.amounts import count_of
from capa_sync.model.waiver import WaiverState
from capa_sync.store import Register

SOON = timedelta(days=14)
"""How long before its last day a waiver is listed as ending soon (docs/clause10.md 5.1)."""


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync waivers", "those that have not ended"),
        ("capa-sync waivers --all --json", "all that were ever recorded, for programs"),
        ("capa-sync waivers --check", "before a change of the waivers file is merged"),
    ),
)
@click.option("--all", "with_ended", is_flag=True, help="Also list those that have ended.")
@click.option("--check", "checks", is_flag=True, help="Only check the waivers file of the settings.")
@config_option
@json_option
def waivers(with_ended: bool, checks: bool, config: Path, test_clock: str | None, as_json: bool) -> None:
    """List the waivers, and which of them end soon.

    Each with the verdict of its rule as it is without the waiver. It asks no tracker and needs no secret. With
    --check it needs no register, and ends with 2 when the waivers file has a mistake.
    """
    if checks:
        number = _checked(config)
        print_json({"waivers": number}) if as_json else say(f"{count_of(number, 'waiver')}, no mistake")
        return
    settings, clock = read_settings(config), clock_from(test_clock)
    today = clock.now().astimezone(ZoneInfo(settings.timezone)).date()
    with open_for_reading(register_path(config, settings), clock) as register:
        listed, problems = waiver_rows(register, today), register.waivers.file()[2]
    for line in problems:
        say(line, err=True)
    listed = [row for row in listed if with_ended or row["state"] != WaiverState.ENDED]
    if as_json:
        print_json(listed)
        return
    for row in listed:
        for line in _lines(row):
            say(line)
    soon = sum(row["ends_soon"] for row in listed)
    say(f"{count_of(len(listed), 'waiver')}; {soon} within {SOON.days} days of the end")


def _checked(config: Path) -> int:
    """Return how many waivers the file of the settings holds. Raises UserError with its mistakes."""
    from capa_sync.mapping import load_waivers

    configuration = read_configuration(config, with_secrets=False)
    name = configuration.settings.waivers.file
    if not name:
        hint = 'write `file = "waivers.yaml"` below `[waivers]`'
        raise UserError([Problem(str(config), 0, "the settings name no waivers file", hint)])
    people = [mapping.people for mapping in configuration.mappings.values()]
    rules = [rule.id for rule in configuration.rules.rules]
    return len(load_waivers(configuration.folder / name, name, people, rules))


def waiver_rows(register: Register, today: date) -> list[dict[str, Any]]:
    """Return every waiver as values for JSON, the next to end first; one whose last day has passed has ended."""
    rows = sorted(register.view("v_waivers"), key=lambda row: (str(row["until"]), str(row["source"]), row["id"]))
    return [_as_dict(row, today) for row in rows]


def _as_dict(row: Mapping[str, Any], today: date) -> dict[str, Any]:
    until = date.fromisoformat(row["until"])
    is_over = row["state"] != WaiverState.ENDED and until < today
    state, why = (WaiverState.ENDED.value, f"its last day was {until}") if is_over else (row["state"], row["why"])
    shown = {
        name: row[name]
        for name in ("source", "rule", "result", "severity", "until", "reason", "asked_by", "approved_by")
    }
    return {
        "ticket": row["ticket_key"],
        **shown,
        "way": row["way"],
        "recorded_by": row["recorded_by"],
        "revision": row["revision"],
        "asked_at": row["asked_at"],
        "ended_at": row["ended_at"],
        "state": state,
        "why": why,
        "ends_soon": state != WaiverState.ENDED and until - today < SOON,
    }


def _lines(row: Mapping[str, Any]) -> list[str]:
    """Return one waiver as lines for a person."""
    people = row["asked_by"] + (f", approved by {row['approved_by']}" if row["approved_by"] else "")
    result = f" ({row['result'].replace('_', ' ')}, {row['severity']})" if row["result"] else ""
    state = "" if row["state"] == WaiverState.ACTIVE else f"  {row['state']}: {row['why']}"
    soon = ", ends soon" if row["ends_soon"] else ""
    head = f"{row['source']}:{row['ticket']} {row['rule']}{result} until {row['until']}{soon}"
    return [head, f"  by {people}: {row['reason']}", *([state] if state else [])]
