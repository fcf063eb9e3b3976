"""`register backup` and `register restore`: copies of the register's file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import (
    clock_from,
    config_option,
    json_option,
    print_json,
    read_settings,
    register_path,
    say,
)
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.taken import note_taken
from capa_sync.cli.targets import refuse_named_files
from capa_sync.cli.verbs import VerbCommand
from capa_sync.store import back_up
from capa_sync.store import restore as restore_register


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync register backup register-copy.db", "at any time, with the daemon running or not"),),
)
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@json_option
def backup(file: Path, config: Path, test_clock: str | None, as_json: bool) -> None:
    """Write a consistent copy of the register's file.

    FILE gets the register of one moment, mode 0600, while a daemon goes on. Damage is looked for first: a damaged
    register makes no copy (exit 6), and an earlier FILE stays. A good copy replaces an earlier FILE.
    """
    settings = read_settings(config)
    path = register_path(config, settings)
    refuse_named_files(config, settings, file)
    with progress_listener() as listener:

        def copied(done: int, pages: int) -> None:
            if done < pages:
                listener("register", "pages copied", done, pages)

        back_up(path, file, copied)
    note_taken(path, clock_from(test_clock), "backup", file, folder=str(file.absolute().parent))
    _report({"file": str(file), "bytes": file.stat().st_size}, as_json, f"{file}: a copy of {path}")


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync register restore register-copy.db", "with no daemon running"),),
)
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@json_option
def restore(file: Path, config: Path, test_clock: str | None, as_json: bool) -> None:
    """Put a backup in the register's place.

    FILE is looked through for damage and stays where it is. The register that was there is renamed, with its log, and
    can be put back; what it had erased is erased from the copy again, and its legal holds hold. Exit 6 while a daemon
    holds the register, and for a copy of another register.
    """
    path = register_path(config, read_settings(config))
    with progress_listener() as listener:
        now = clock_from(test_clock).now()
        done = restore_register(path, file, now, partial(listener, "register", "MB copied"))
    kept = f"; the former one is {done.former.name}" if done.former else ""
    keys = [f"{stone.source}:{stone.ticket_key}" for stone in done.erased]
    result = {"register": str(path), "former": str(done.former or ""), "erased": keys, "doubt": done.doubt}
    _report(result, as_json, f"{path}: {file} is in its place{kept}; the next start reads on from where it ends")
    if keys:
        say(f"erased again, as the former one had: {', '.join(keys)}", err=True)
    if done.doubt:
        say(f"warning: what the former register had erased is not known ({done.doubt}): erase it again", err=True)


def _report(result: dict[str, Any], as_json: bool, line: str) -> None:
    if as_json:
        print_json(result)
    else:
        say(line)
