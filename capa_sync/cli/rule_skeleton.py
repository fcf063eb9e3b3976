"""`rules new`: writes a commented skeleton of a rule with tests."""

from __future__ import annotations

from pathlib import Path

import click

from capa_sync.cli.context import say
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError
from capa_sync.rules import rule_skeleton


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules new location-written-down", "writes rules/location-written-down.yaml"),
        ("capa-sync rules new location-written-down drafts", "into another folder"),
    ),
)
@click.argument("rule_id", metavar="ID")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("rules"))
def new(rule_id: str, folder: Path) -> None:
    """Write a commented skeleton of a rule with tests.

    ID is the rule's name, of small letters, digits and hyphens; the file FOLDER/ID.yaml is never overwritten. The
    skeleton is a draft that passes `rules check` and `rules test`: change it line by line.
    """
    text = rule_skeleton(rule_id)
    file = folder / f"{rule_id}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise UserError([Problem(str(file), 0, "this is there already", "choose another id, or edit it")]) from None
    except OSError as error:
        raise UserError([Problem(str(file), 0, f"it cannot be written: {error.strerror}")]) from None
    say(f"wrote {file}; edit it, then: capa-sync rules test {file}")
