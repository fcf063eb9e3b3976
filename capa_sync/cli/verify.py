"""`verify`: the hash chain over the register, its head, and heads that were noted elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from capa_sync.model.chain import ChainHead, ChainReport, DerivedReport

if TYPE_CHECKING:
    from capa_sync.wiring import Setup

_DAMAGE = 5
"""The exit code for a broken chain or row."""


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync verify", "that nothing was changed outside of capa-sync"),
        ("capa-sync verify --head", "the head alone, to note it where nobody here can rewrite it"),
        ("capa-sync verify --against head.txt", "that the chain still has the heads that were noted there"),
        ("capa-sync verify --derived", "also what people read: register rows, verdicts, changes"),
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
@click.option("--derived", is_flag=True, help="Also make the derived tables again on a private copy, and compare.")
@config_option
@json_option
def verify(
    file: Path | None,
    only_head: bool,
    against: tuple[str, ...],
    roots: Path | None,
    derived: bool,
    config: Path,
    test_clock: str | None,
    as_json: bool,
) -> int:
    """Verify that only capa-sync changed the register.

    Every event of the hash chain is computed again, and each row that it covers is compared with its newest event.
    The first broken row is named, and the exit code is 5. FILE is a register, by default that of the settings. It
    changes nothing, and the daemon may go on. What this proves and what not: docs/tamper-evidence.md.

    With --derived the tables that `rebuild` makes are made again on a private copy, by the settings and the live set,
    and compared; the first row that differs is named, and the exit code is 5.
    """
    setup = _setup(config) if derived and not only_head else None
    path = file or (setup.register_path if setup is not None else register_path(config, read_settings(config)))
    heads = [head for text in against for head in heads_of(text)]
    stamps = stamps_of(against, roots)
    with open_for_reading(path, clock_from(test_clock), needs_id=False) as register:
        if only_head:
            return _print_head(path, register.chain.head(), as_json)
        with progress_listener() as listener:
            report = register.verify(heads, lambda what, done, most: listener("register", what, done, most))
    compared = _rebuilt(setup, path, test_clock) if setup is not None and not report.broken else None
    if as_json:
        stamped = [{"file": found.file, "says": found.says, "problem": found.problem} for found in stamps]
        print_json(_as_json(report) | {"time_stamps": stamped, "derived": _compared(compared)})
    else:
        _print_report(path, report, len(heads), compared)
        for found in stamps:
            say(f"{found.file} {found.says}" if not found.problem else f"{found.file}: {found.problem}")
    is_forged = compared is not None and bool(compared.differs)
    return _DAMAGE if report.broken or is_forged or any(found.problem for found in stamps) else 0


def _setup(config: Path) -> Setup:
    from capa_sync.cli.derived import setup_for  # only here: it loads all that a cycle needs

    return setup_for(config)


def _rebuilt(setup: Setup, path: Path, test_clock: str | None) -> DerivedReport:
    from capa_sync.cli.derived import compare

    return compare(setup, path, clock_from(test_clock))


def _line_of(report: DerivedReport) -> str:
    from capa_sync.cli.derived import line_of

    return line_of(report)


def _print_head(path: Path, head: ChainHead | None, as_json: bool) -> int:
    if head is None:
        raise RegisterUnavailable(f"{path}: the chain has no event that can be read; `capa-sync verify` says more")
    if as_json:
        print_json({"number": head.number, "hash": head.hash})
    else:
        say(str(head))
    return 0


def _print_report(path: Path, report: ChainReport, heads: int, derived: DerivedReport | None) -> None:
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
    say(f"every event and every row that it covers is as capa-sync stored it{compared}; head {report.head}")
    if derived is not None:
        say(_line_of(derived))
    say(_uncovered(report, is_compared=derived is not None))


def _uncovered(report: ChainReport, *, is_compared: bool) -> str:
    """Return in one line what was not covered, and what a person can do."""
    tables = ", ".join((*report.uncovered.tables, *report.uncovered.columns))
    if is_compared:
        return f"not covered, being outside of the chain: {tables}"
    return (
        "not covered: what people read of a ticket, which `capa-sync rebuild` makes again from the chained rows and "
        f"`capa-sync verify --derived` compares; and outside of the chain: {tables}"
    )


def _compared(report: DerivedReport | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {
        "whole": not report.differs,
        "differs": report.differs,
        "tables": report.tables,
        "waiting": report.waiting,
        "held": report.held,
    }


def _as_json(report: ChainReport) -> dict[str, Any]:
    return {
        "whole": not report.broken,
        "events": report.events,
        "rows": report.rows,
        "since": report.since,
        "adopted": report.adopted,
        "head": str(report.head) if report.head else "",
        "broken": report.broken,
        "uncovered": {
            "derived": report.uncovered.derived,
            "tables": report.uncovered.tables,
            "columns": report.uncovered.columns,
        },
        "breaks": [{"event": row.number, "row": row.row, "what": row.what} for row in report.breaks],
    }
