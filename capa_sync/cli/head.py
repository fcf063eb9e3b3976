"""`register head`: prints the head of the hash chain, or publishes it."""

from __future__ import annotations

from pathlib import Path

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
from capa_sync.cli.targets import beside, refuse_own_files
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, RegisterUnavailable, UserError
from capa_sync.model.chain import ChainHead
from capa_sync.model.light import light
from capa_sync.output_files import whole_file
from capa_sync.publishing import push_tag, tag_commit, time_stamp, without_credentials

_ID = 8
"""Characters of the register's id that a name has."""


@light
class _Published:
    """What is published: `name` for a tag or a file, and the text, whose first word is NUMBER:HASH."""

    head: ChainHead
    name: str
    text: str


@click.command(
    cls=VerbCommand,
    examples=(
        ('capa-sync register head | mail -s "capa-sync head" audit@example.com', "to somebody who keeps their mail"),
        ("capa-sync register head --git /srv/audit --push origin", "as a tag of a repository that others hold"),
        ("capa-sync register head --time-stamp https://tsa.example/", "signed by a time-stamping authority"),
    ),
)
@click.option("--git", "folder", type=click.Path(path_type=Path), help="Tag the commit of this folder's repository.")
@click.option("--push", "remote", metavar="REMOTE", help="Push that tag there.")
@click.option("--time-stamp", "authority", metavar="URL", help="Get a time stamp (RFC 3161) into FILE.tsr.")
@click.option("--output", type=click.Path(path_type=Path), help="FILE for the text; for a time stamp by its number.")
@config_option
@json_option
def head(
    folder: Path | None,
    remote: str | None,
    authority: str | None,
    output: Path | None,
    config: Path,
    test_clock: str | None,
    as_json: bool,
) -> None:
    """Print the head of the hash chain, or publish it.

    The head stands for every event up to it. Publish it where nobody who may write the register can rewrite it:
    later, `capa-sync verify --against` says whether the register still has it. It works while the daemon runs, and
    writes neither into the register nor on a tracker. Exit 3 when it could not be published.
    """
    if remote is not None and folder is None:
        raise UserError([Problem("", 0, "--push pushes the tag of --git", "name a repository with --git too")])
    settings = read_settings(config)
    found = _found(register_path(config, settings), test_clock)
    result = {"number": found.head.number, "hash": found.head.hash, "text": found.text}
    lines, file = [], output or Path(f"{found.name}.txt")
    writes_file = authority is not None or output is not None
    if writes_file:
        refuse_own_files(config, settings, file, beside(file, ".tsr"))
    if folder is not None:
        lines.append(_tagged(found, folder, remote))
        result |= {"tag": found.name}
    if writes_file:
        lines += _stored(found, file, authority)
        result |= {"file": str(file), "time_stamp": f"{file}.tsr" if authority is not None else ""}
    if as_json:
        print_json(result)
    for line in () if as_json else lines or found.text.splitlines():
        say(line)


def _found(path: Path, test_clock: str | None) -> _Published:
    clock = clock_from(test_clock)
    with open_for_reading(path, clock) as register:
        newest, id_ = register.chain.head(), register.id[:_ID]
    if newest is None:
        raise RegisterUnavailable(f"{path}: the chain has no event; `capa-sync verify` says more")
    text = (
        f"{newest}\n"
        f"is the head of the hash chain of the capa-sync register {id_} at {clock.now():%Y-%m-%dT%H:%M:%SZ}.\n"
        "`capa-sync verify --against FILE` with this text in FILE shows whether the register still has it.\n"
    )
    return _Published(newest, f"capa-head-{id_}-{newest.number}", text)


def _tagged(found: _Published, folder: Path, remote: str | None) -> str:
    is_new = tag_commit(folder, found.name, f"{found.head}\n")
    if remote is not None:
        push_tag(folder, found.name, remote)
    pushed = f", pushed to {without_credentials(remote)}" if remote is not None else ""
    return f"{folder}: the tag {found.name} {'says' if is_new else 'said already'} {found.head}{pushed}"


def _stored(found: _Published, file: Path, authority: str | None) -> list[str]:
    """Write the text, and the time stamp beside it, once both are there."""
    stamp_file = beside(file, ".tsr")
    answer = time_stamp(authority, found.text.encode()) if authority is not None else None
    with whole_file(file) as fresh:
        fresh.write_text(found.text, encoding="utf-8")
    lines = [f"{file}: {found.head}"]
    if answer is not None:
        with whole_file(stamp_file) as fresh:
            fresh.write_bytes(answer)
        lines.append(f"{stamp_file}: its time stamp; `capa-sync verify --against {file} --tsa-ca CA.pem` proves it")
    return lines
