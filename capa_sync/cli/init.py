"""`init`: writes commented starter files of settings, mappings and rules."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click

from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError
from capa_sync.starter import starter_path


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync init my-capa", "then edit my-capa/capa-sync.toml"),
        ("capa-sync init .", "into this folder"),
    ),
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Write a commented starter: settings, mappings and rules.

    They go into FOLDER, which is made if it is not there. Nothing there is overwritten.
    """
    wanted = {
        folder / "capa-sync.toml": starter_path("deploy") / "settings.example.toml",
        folder / "mappings": starter_path("mappings"),
        folder / "rules": starter_path("rules"),
    }
    there = [path for path in wanted if os.path.lexists(path)]  # also a link that leads nowhere
    if there:
        raise UserError([Problem(str(path), 0, "this is there already", "choose an empty folder") for path in there])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target, origin in wanted.items():
            copy = shutil.copytree if origin.is_dir() else shutil.copyfile
            copy(origin, target)
    except (OSError, shutil.Error) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise UserError(
            [Problem(str(folder), 0, f"the starter cannot be written there: {why}", "name another folder")]
        ) from None
    click.echo(
        f"wrote capa-sync.toml, mappings/ and rules/ into {folder}; edit capa-sync.toml, then: capa-sync doctor"
    )
