"""`verify`: the hash chain over the register, its head, and heads that were noted elsewhere."""

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
from capa_sync.cli.noted_heads import heads_of, stamps_of
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import RegisterUnavailable
from capa_sync.model.amounts import count_of
from capa_sync.model.chain import ChainHead, ChainReport

_DAMAGE = 5
"""The exit code for a broken chain or row."""


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync verify", "that nothing was changed outside of capa-sync"),
        ("capa-sync verify --head", "the head alone, to note it where nobody here can rewrite it"),
        ("capa-sync verify --against head.txt", "that the chain still has the heads that were noted there"),
        ("capa-sync verify register-copy.db", "a copy, without settings"),
    ),
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--head", "only_head", is_flag=True, help="Print the newest NUMBER:HASH and verify nothing.")
@click.option(
    "--against",
    multiple=True,
    metavar="HEAD",
    help="A noted NUMBER:HASH, a file that has it, or - for the standard input; may be repeated.",
)
@click.option(
    "--tsa-ca",
    "roots",
    type=click.Path(path_type=Path),
    help="The time-stamping authority's root certificate, for the time stamp (.tsr) beside such a file.",
)
@config_option
@json_option
def verify(
    file: Path | None,
    only_head: bool,
    against: tuple[str, ...],
    roots: Path | None,
    config: Path,
    test_clock: str | None,
    as_json: bool,
) -> int:
    """Verify that only capa-sync changed the register.

    Every event of the hash chain is computed again, and each row that it covers is compared with its newest event.
    The first broken row is named, and the exit code is 5. FILE is a register, by default that of the settings. It
    changes nothing, and the daemon may go on. What this proves and what not: docs/tamper-evidence.md.
    """
    path = file or register_path(config, read_settings(config))
    heads = [head for text in against for head in heads_of(text)]
    stamps = stamps_of(against, roots)
    with open_for_reading(path, clock_from(test_clock)) as register:
        if only_head:
            return _print_head(path, register.chain.head(), as_json)
        with progress_listener() as listener:
            report = register.verify(heads, lambda what, done, most: listener("register", what, done, most))
    if as_json:
        stamped = [{"file": found.file, "says": found.says, "problem": found.problem} for found in stamps]
        print_json(_as_json(report) | {"time_stamps": stamped})
    else:
        _print_report(path, report, len(heads))
        for found in stamps:
            say(f"{found.file} {found.says}" if not found.problem else f"{found.file}: {found.problem}")
    return _DAMAGE if report.broken or any(found.problem for found in stamps) else 0


def _print_head(path: Path, head: ChainHead | None, as_json: bool) -> int:
    if head is None:
        raise RegisterUnavailable(f"{path}: the chain has no event that can be read; `capa-sync verify` says more")
    if as_json:
        print_json({"number": head.number, "hash": head.hash})
    else:
        say(str(head))
    return 0


def _print_report(path: Path, report: ChainReport, heads: int) -> None:
    since = f" since {report.since:%Y-%m-%dT%H:%M:%SZ}" if report.since else ""
    say(f"{path}: {count_of(report.events, 'event')}{since}, {count_of(report.rows, 'digest')} of rows")
    if report.adopted:
        say(
            f"  {count_of(report.adopted, 'row')} of these were there before the chain began: of them it shows no "
            "change from then on, and nothing of the time before"
        )
    for row in report.breaks:
        say(f"  {row}{f' (event {row.number})' if row.number and not row.row.startswith('event') else ''}")
    if report.broken > len(report.breaks):
        say(f"  and {report.broken - len(report.breaks)} more")
    if report.broken:
        say(f"{count_of(report.broken, 'break')}: the register was changed outside of capa-sync, or is damaged")
        return
    compared = f"; it has the {count_of(heads, 'noted head')}" if heads else ""
    say(f"every event and row is as capa-sync stored it{compared}; head {report.head}")


def _as_json(report: ChainReport) -> dict[str, Any]:
    return {
        "whole": not report.broken,
        "events": report.events,
        "rows": report.rows,
        "since": report.since,
        "adopted": report.adopted,
        "head": str(report.head) if report.head else "",
        "broken": report.broken,
        "breaks": [{"event": row.number, "row": row.row, "what": row.what} for row in report.breaks],
    }
