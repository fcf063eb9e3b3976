"""`register pack` and `register sample`: the evidence of one record, or of a sample of records."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
import orjson

from capa_sync.cli.context import (
    clock_from,
    config_option,
    json_option,
    open_for_reading,
    print_json,
    read_setup,
    say,
    settled,
)
from capa_sync.cli.export import ROLES
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.taken import note_taken
from capa_sync.cli.targets import refuse_own_files
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.attached_files import AttachmentFetch
from capa_sync.daemon.evidence import collect_evidence, find_record
from capa_sync.daemon.runtime import Runtime, no_progress
from capa_sync.errors import Problem, UserError
from capa_sync.exports import LARGEST_SAMPLE, SIZES, Candidate, RecordEvidence, size_of
from capa_sync.exports import sample as choose
from capa_sync.exports.pack import pack_name, write_pack
from capa_sync.exports.readers_pack import for_reader
from capa_sync.live.verdict_history import SetsThen
from capa_sync.model.amounts import count_of
from capa_sync.model.selection import ExportSelection
from capa_sync.model.visible import seen
from capa_sync.output_files import whole_folder
from capa_sync.wiring import Setup, build_runtime_for_reading

_MOST = 999_999_999
"""Records of a sample: far more than any register has."""

_role = click.option(
    "--as-role",
    type=click.Choice(ROLES),
    default=ROLES[0],
    show_default=True,
    help="A reader gets no pack of a confidential ticket, and nothing of one in the packs of others.",
)


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync register pack CAPA-12", "into evidence-SOURCE-CAPA-12.zip in this folder"),
        ("capa-sync register pack jira:CAPA-12 --output audit.zip", "where two sources share the key"),
        ("capa-sync register pack CAPA-12 --fetch-attachments", "with the checksum of each attached file"),
    ),
)
@click.argument("ticket")
@click.option("--output", type=click.Path(path_type=Path), help="The file; by the ticket's name by default.")
@click.option(
    "--fetch-attachments", is_flag=True, help="Ask the tracker for each attachment, to hash it; the zip gets no file."
)
@_role
@config_option
@json_option
def pack(
    ticket: str,
    output: Path | None,
    fetch_attachments: bool,
    as_role: str,
    config: Path,
    test_clock: str | None,
    as_json: bool,
) -> None:
    """Write the whole evidence of one ticket into one zip.

    TICKET is a key, SOURCE:KEY, or a register number. The zip has a page and a PDF that read on their own, JSON, the
    raw payloads in every version, the timeline, every finding and every verdict ever, actions with their proof, what
    capa-sync wrote, names, sizes and dates of attachments, and SHA256SUMS; what is missing is named. For open, closed
    and vanished tickets. The PDF needs the extra `capa-sync[report]`.
    The same register gives the same bytes. It asks no tracker and needs no secret, but with --fetch-attachments:
    then each attachment of at most 50 MB (500 MB and 200 files in a pack) is read from the tracker and hashed; one
    that is not says why.
    """
    setup = read_setup(config, with_secrets=fetch_attachments)
    refuse_own_files(config, setup.settings, *([output] if output else []))
    with (
        _reading(setup, test_clock) as (runtime, set_at),
        progress_listener() if fetch_attachments else nullcontext(no_progress) as listener,
    ):
        fetch = AttachmentFetch(listener) if fetch_attachments else None
        place = find_record(runtime, ticket)
        if fetch is not None:
            _check_role(collect_evidence(runtime, *place), as_role)
        evidence = _for_role(runtime, collect_evidence(runtime, *place, set_at=set_at, fetch=fetch), as_role)
        file = output or Path(pack_name(evidence.name))
        refuse_own_files(config, setup.settings, file)
        result = write_pack(file, evidence)
    note_taken(runtime.register.path, clock_from(test_clock), "pack", file, record=evidence.name, role=as_role)
    if as_json:
        print_json(result)
        return
    say(f"{file}: {count_of(result['files'], 'file')}, {count_of(result['findings'], 'finding')} ever raised")
    for what in result["missing"]:
        say(f"  missing: {what}")


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync register sample audit-2026 --seed 2026", "the same seed chooses the same records"),),
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", required=True, help="Any text, best one that the auditor names.")
@click.option(
    "--size", type=click.IntRange(1, _MOST), help="How many records; by a table of docs/evidence.md by default."
)
@_role
@config_option
@json_option
def sample(
    folder: Path,
    seed: str,
    size: int | None,
    as_role: str,
    config: Path,
    test_clock: str | None,
    as_json: bool,
) -> None:
    """Write the packs of a sample of records, for an audit.

    FOLDER is made new, with one pack a record and sample.json, which says how the records were chosen: by source and
    grade in proportion, at least one of each, in an order that the seed decides and that anybody can compute again.
    Where there are more sources and grades than the size, there is one of each, and it says so.
    """
    if not seen(seed):
        raise UserError([Problem("", 0, "the seed is empty", "name any text, best one that the auditor gives")])
    setup = read_setup(config, with_secrets=False)
    refuse_own_files(config, setup.settings, folder)
    with (
        _reading(setup, test_clock) as (runtime, set_at),
        progress_listener() as listener,
        whole_folder(folder) as fresh,
    ):
        candidates = _candidates(runtime, is_reader=as_role == "reader")
        chosen = choose(candidates, seed, size)
        for done, candidate in enumerate(chosen, 1):
            whole = collect_evidence(runtime, candidate.source, candidate.ticket_id, set_at=set_at)
            evidence = _for_role(runtime, whole, as_role)
            write_pack(fresh / pack_name(evidence.name), evidence)
            listener("sample", "packs", done, len(chosen))
        result = _described(seed, size, candidates, chosen, fresh)
        (fresh / "sample.json").write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))
    noted = {"seed": seed, "role": as_role, "packs": result["packs"]}
    note_taken(runtime.register.path, clock_from(test_clock), "sample", folder, **noted)
    if as_json:
        print_json(result)
    else:
        say(f"{folder}: packs of {len(chosen)} of {count_of(len(candidates), 'record')}, by seed {seed}")
        if result["note"]:
            say(f"  {result['note']}")


@contextmanager
def _reading(setup: Setup, test_clock: str | None) -> Iterator[tuple[Runtime, SetsThen]]:
    """Open the register and what its rules rest on, now and then, for reading alone.

    With the secrets of the setup the trackers can be asked.
    """
    clock = clock_from(test_clock)
    with open_for_reading(setup.register_path, clock) as register:
        live = settled(setup, register, clock)
        runtime = build_runtime_for_reading(live, register, clock)
        yield runtime, SetsThen(setup, register, clock, live, runtime)


def _check_role(evidence: RecordEvidence, role: str) -> None:
    if role == "reader" and evidence.is_confidential:
        raise UserError([Problem("", 0, f"{evidence.name} is confidential", "an auditor may take its pack")])


def _for_role(runtime: Runtime, evidence: RecordEvidence, role: str) -> RecordEvidence:
    """Return what somebody of a role may have of a record's evidence. Raises UserError where that is nothing."""
    _check_role(evidence, role)
    if role != "reader":
        return evidence
    with runtime.register.snapshot(ExportSelection()) as snapshot:
        return for_reader(evidence, snapshot.hidden_names())


def _candidates(runtime: Runtime, *, is_reader: bool) -> list[Candidate]:
    """Return the records to choose from. Raises UserError when there is none."""
    with runtime.register.snapshot(ExportSelection()) as snapshot:
        rows = snapshot.rows("v_register", ("source", "ticket_id", "grade", "confidential"))
        found = [
            Candidate(*row[:3]) for row in rows if row[0] in runtime.contexts and not (is_reader and row[3] != "no")
        ]
    if not found:
        raise UserError([Problem("", 0, "the register has no record to choose", "nothing was written")])
    return found


def _described(
    seed: str, asked: int | None, candidates: list[Candidate], chosen: list[Candidate], folder: Path
) -> dict[str, Any]:
    """Return how the sample was chosen, so that anybody can choose it again, and what is in the folder."""
    population, taken = Counter(record.group for record in candidates), Counter(record.group for record in chosen)
    size, groups = asked or size_of(len(candidates)), count_of(len(population), "group")
    note = f"{groups} of source and grade are more than the size {size}: one record of each was chosen"
    return {
        "seed": seed,
        "size": size,
        "size_asked": asked,
        "chosen": len(chosen),
        "note": note if len(population) > size else "",
        "order": "SHA-256 of SEED:SOURCE:TICKET_ID, ascending, within each source and grade",
        "sizes": [{"up_to": most, "sample": number} for most, number in SIZES],
        "more": LARGEST_SAMPLE,
        "groups": [
            {"source": source, "grade": grade, "records": number, "chosen": taken[source, grade]}
            for (source, grade), number in sorted(population.items())
        ],
        "records": [
            {"source": source, "ticket_id": ticket_id, "grade": grade} for source, ticket_id, grade in chosen
        ],
        "packs": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.glob("*.zip"))},
    }
