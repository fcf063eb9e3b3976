"""`init`: writes commented starter files of settings, mappings and rules."""

from __future__ import annotations

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
    there = [path for path in wanted if path.exists()]
    if there:
        raise UserError([Problem(str(path), 0, "this is there already", "choose an empty folder") for path in there])
    folder.mkdir(parents=True, exist_ok=True)
    for target, origin in wanted.items():
        if origin.is_dir():
            shutil.copytree(origin, target)
        else:
            shutil.copyfile(origin, target)
    click.echo(
        f"wrote capa-sync.toml, mappings/ and rules/ into {folder}; edit capa-sync.toml, then: capa-sync doctor"
    )
