"""`mapping suggest`: a mapping file proposed from the tracker's own lists and values."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import clock_from, config_option, json_option, print_json, read_settings, say
from capa_sync.cli.looking import private_register
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError
from capa_sync.mapping.suggestions import Suggestion, mapping_text
from capa_sync.mapping.suggestions import suggest as proposals_for
from capa_sync.wiring import build_unmapped_source


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync mapping suggest jira", "print the proposed file"),
        ("capa-sync mapping suggest jira --out mappings/jira.yaml", "write it; a file that is there stays"),
        ("capa-sync mapping suggest jira --json", "every proposal with confidence and reason"),
    ),
)
@click.argument("source")
@config_option
@click.option("--out", type=click.Path(path_type=Path), help="Write the file here; it must not exist yet.")
@json_option
def suggest(source: str, config: Path, test_clock: str | None, out: Path | None, as_json: bool) -> int:
    """Propose a mapping from the tracker's own lists.

    SOURCE is a source of the settings; its mapping file need not exist yet. Fields, statuses, options, sub-tasks,
    links and people are proposed from their names (English, German, French, Spanish), types and sample values. Each
    line of the file has its confidence and reason as a comment. It reads the tracker and writes nothing there.
    """
    settings, clock, stop = read_settings(config, needs_source=True), clock_from(test_clock), threading.Event()
    if source not in settings.sources:
        known = ", ".join(settings.sources)
        raise UserError([Problem("", 0, f"there is no source '{source}'", f"the settings name: {known}")])
    if out is not None and out.exists():
        raise UserError([Problem(str(out), 0, "this is there already", "name another file, or move it away first")])
    with private_register(clock, stop) as register:
        reader = build_unmapped_source(settings, config, os.environ, source, register, clock, stop)
        facts = reader.identify()
        found = proposals_for(settings.sources[source].declared, facts, reader.inspect(writes=False))
    text = mapping_text(source, found)
    if out is not None:
        _write(out, text)
    if as_json:
        print_json(_as_dict(source, found))
    elif out is None:
        for line in text.splitlines():
            say(line)
    else:
        say(f"wrote {out}; read every line, and name it as `mapping` of the source")
        say(f"next: capa-sync mapping check {source}")
    return 0


def _write(out: Path, text: str) -> None:
    """Write a new file. Raises UserError where one is there, or none can be made."""
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError([Problem(str(out), 0, f"cannot be written: {error.strerror}", "name another file")]) from None


def _as_dict(source: str, found: Suggestion) -> dict[str, Any]:
    return {
        "source": source,
        "tickets": found.tickets,
        "fields": [
            {
                "meaning": meaning,
                "field": proposal.field.name,
                "id": proposal.field.id,
                "confidence": proposal.guess.confidence,
                "reason": proposal.guess.reason,
                "options": [
                    {
                        "option": option,
                        "meaning": guess.meaning if guess is not None else "",
                        "confidence": guess.confidence if guess is not None else 0.0,
                    }
                    for option, guess in proposal.options
                ],
            }
            for meaning, proposals in found.fields.items()
            for proposal in proposals
        ],
        "statuses": [
            {
                "status": status.name,
                "meaning": status.guess.meaning if status.guess is not None else "",
                "confidence": status.guess.confidence if status.guess is not None else 0.0,
                "reason": status.guess.reason if status.guess is not None else "",
            }
            for status in found.statuses
        ],
    }
