"""`plan`: what `sync` would do, worked out on a private copy."""

from __future__ import annotations

import tempfile
import threading
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
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.summary import print_trouble, summary_of
from capa_sync.cli.verbs import VerbCommand
from capa_sync.cli.wording import cannot_tell_lines, older_wording_lines
from capa_sync.daemon.cycle import run_round
from capa_sync.daemon.house import House
from capa_sync.daemon.log import configure_logs
from capa_sync.model.clock import Clock
from capa_sync.model.write import Write
from capa_sync.store import open_register, register_exists
from capa_sync.wiring import Configuration, build_house


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync plan", "all sources"),
        ("capa-sync plan --source jira", "one of them"),
        ("capa-sync plan --json > plan.json", "every planned write with its text"),
    ),
)
@config_option
@click.option("--source", "only", help="Only this source.")
@json_option
def plan(config: Path, test_clock: str | None, only: str | None, as_json: bool) -> int:
    """Show what `sync` would write; nothing changes anywhere.

    It reads the trackers and works on a private copy of the register. Exit 3 when a source could not be read.
    """
    configure_logs(quiet=True)
    configuration, clock = read_configuration(config), clock_from(test_clock)
    names = chosen_sources(configuration, only)
    with tempfile.TemporaryDirectory(prefix="capa-sync-plan-") as folder:
        copy = Path(folder) / "register.db"
        _copy_register(configuration, clock, copy)
        register = open_register(copy, clock_now=clock.now())
        try:
            house = build_house(configuration, register, clock, threading.Event(), write_mode="plan")
            result = _planned(house, names)
        finally:
            register.close()
    if as_json:
        print_json(result)
    else:
        _print(result)
    return 3 if any(source["problem"] for source in result["sources"]) else 0


def _copy_register(configuration: Configuration, clock: Clock, copy: Path) -> None:
    """Copy the register; where none was ever made, plan starts from nothing."""
    if not register_exists(configuration.register_path):
        return
    original = open_register(configuration.register_path, clock_now=clock.now(), create=False, read_only=True)
    try:
        original.copy_to(copy)
    finally:
        original.close()


def _planned(house: House, names: list[str]) -> dict[str, Any]:
    """Run the cycles on the copy without delivering, and list what would be written."""
    with progress_listener() as listener:
        house.progress = listener
        results = run_round(house, [house.setups[name] for name in names], deliver=False)
    summary = summary_of(house, results)
    summary["older_wording"] = house.register.outbox.older_wording()
    summary["planned"] = [_as_dict(write) for write in house.register.reports.planned_writes()]
    return summary


def _as_dict(write: Write) -> dict[str, Any]:
    """Return a planned write for people and programs."""
    labels = [f"+{name}" for name in write.labels_add] + [f"-{name}" for name in write.labels_remove]
    fields = [f"{name}={value}" for name, value in write.fields.items()]
    return {
        "source": write.source,
        "ticket_key": write.ticket_key,
        "kind": str(write.kind),
        "notifies": write.notifies,
        "detail": "".join(f" {each}" for each in labels + fields),
        "text": write.text.plain() if write.text is not None else "",
        "held_by": write.error,
    }


def _print(result: dict[str, Any]) -> None:
    print_trouble(result)
    if not result["planned"]:
        say("nothing would be written")
    for write in result["planned"]:
        say(f"{write['source']}:{write['ticket_key']}  {write['kind']}{write['detail']}")
        for line in write["text"].splitlines():
            say(f"    {line}")
    for line in (*older_wording_lines(result["older_wording"]), *cannot_tell_lines(result["cannot_tell"])):
        say(line)
