"""`register export`: the register as a spreadsheet, a table for programs, one HTML page, or an OSCAL plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
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
    read_setup,
    register_path,
    require_source,
    say,
)
from capa_sync.cli.past import as_of_option
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.taken import note_taken
from capa_sync.cli.targets import beside, refuse_own_files
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError
from capa_sync.exports import FORMATS, SHEETS, Export, export_register, format_of
from capa_sync.model.amounts import count_of
from capa_sync.model.catalogue import GRADES, TRACKS
from capa_sync.model.clock import Clock
from capa_sync.model.days import utc_words_or_never
from capa_sync.model.record import Stage
from capa_sync.model.selection import ExportSelection
from capa_sync.settings import Settings
from capa_sync.store import Register

ROLES = ("auditor", "reader")


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync register export register.xlsx", "six sheets, with filters and links"),
        ("capa-sync register export open.html --open --grade major", "one page of what is open"),
        ("capa-sync register export changes.csv --table changes", "one table for programs"),
        ("capa-sync register export q1.xlsx --as-of 2026-03-31", "as it was at the end of that day"),
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "wanted", type=click.Choice(list(FORMATS.values())), help="By the end of FILE's name.")
@click.option(
    "--table",
    type=click.Choice(list(SHEETS)),
    default="register",
    show_default=True,
    help="The table of csv, jsonl and parquet; the others have all.",
)
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only this source; may be repeated.")
@click.option("--grade", "grades", multiple=True, type=click.Choice(GRADES), help="Only this grade; may be repeated.")
@click.option("--track", "tracks", multiple=True, type=click.Choice(TRACKS), help="Only this track; may be repeated.")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    type=click.Choice([stage.value for stage in Stage]),
    help="Only this claimed stage; may be repeated.",
)
@click.option("--open", "only_open", is_flag=True, help="Only what is not closed, rejected, cancelled or duplicate.")
@click.option(
    "--as-role",
    type=click.Choice(ROLES),
    default=ROLES[0],
    show_default=True,
    help="A reader's export hides the texts of confidential tickets.",
)
@as_of_option
@click.option("--bom", is_flag=True, help="Begin CSV with a byte order mark, for spreadsheets.")
@config_option
@json_option
def export(
    file: Path,
    wanted: str | None,
    table: str,
    sources: tuple[str, ...],
    grades: tuple[str, ...],
    tracks: tuple[str, ...],
    stages: tuple[str, ...],
    only_open: bool,
    as_role: str,
    as_of: str | None,
    bom: bool,
    config: Path,
    test_clock: str | None,
    as_json: bool,
) -> None:
    """Write the register as XLSX, CSV, JSON lines, Parquet, HTML or OSCAL.

    FILE is complete under its name, or not there. The same register and options give the same bytes. CSV, JSON lines
    and Parquet hold one table. Filters, versions, as-of times and coverage are inside of the file, or beside it in
    FILE.meta.json. XLSX needs the extra `capa-sync[export]`, Parquet `capa-sync[parquet]`.

    With --as-of every table shows what it was then, worked out on a private copy: the tickets as they were, judged by
    the set that was live.
    """
    settings, clock = read_settings(config), clock_from(test_clock)
    path = register_path(config, settings)
    form = format_of(file, wanted)
    refuse_own_files(config, settings, file, beside(file, ".meta.json"))
    _check_sources(config, sources, settings)
    selection = ExportSelection(sources, grades, stages, tracks, only_open, is_masked=as_role == "reader")
    with (
        _opened(config, settings, clock, as_of, selection) as (register, words, past),
        register.snapshot(selection) as snapshot,
        progress_listener() as listener,
    ):
        asked = Export(file, form, table, selection, settings.timezone, bom, past, words)
        result = export_register(snapshot, asked, lambda name, done: listener(file.name, name, done, None))
    noted = {"format": form, "filters": result["filters"], "rows": result["rows"], "role": as_role}
    if as_of is not None:
        noted["as_of"] = result["as_of"]
    note_taken(path, clock, "export", file, **noted)
    if as_json:
        print_json(result)
        return
    rows = ", ".join(f"{name} {count}" for name, count in result["rows"].items())
    say(f"{file}: rows of {rows}")
    if as_of is not None:
        say(f"  as of {words}, {result['judged_by']}")
        for gap in result["gaps"]:
            say(f"  {gap}")
    for source in result["sources"]:
        counts = f"{count_of(source['records'], 'record')}, {source['checked']} checked"
        read = utc_words_or_never(datetime.fromisoformat(source["as_of"]) if source["as_of"] else None)
        say(f"  {source['source']}: {counts}, as of {read}")


@contextmanager
def _opened(
    config: Path, settings: Settings, clock: Clock, as_of: str | None, selection: ExportSelection
) -> Iterator[tuple[Register, str, dict[str, Any]]]:
    """Yield the register, or with `as_of` a copy of it as it was, the instant in words, and what to say of it."""
    if as_of is None:
        with open_for_reading(register_path(config, settings), clock) as register:
            yield register, "", {}
        return
    from capa_sync.cli.past_register import register_as_of

    setup = read_setup(config, with_secrets=False)
    names = selection.sources or tuple(settings.sources)
    with register_as_of(setup, clock, as_of, names, is_masked=selection.is_masked) as past:
        yield past.register, past.words, past.about


def _check_sources(config: Path, sources: tuple[str, ...], settings: Settings) -> None:
    """Raise UserError for a source that the settings do not name."""
    names = list(settings.sources)
    if sources:
        require_source(config, settings)
    for unknown in (name for name in sources if name not in names):
        raise UserError([Problem("", 0, f"there is no source '{unknown}'", f"the settings name: {', '.join(names)}")])
