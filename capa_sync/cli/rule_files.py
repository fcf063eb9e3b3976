"""The verbs of `rules`; none needs a settings file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from capa_sync.cli.context import json_option, print_json
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import UserError
from capa_sync.model.settings import JudgeOptions
from capa_sync.rules import check_rules, json_schema, load_rules, phrases_text, run_tests
from capa_sync.starter import starter_path

paths_argument = click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))


def _chosen(paths: tuple[Path, ...]) -> list[Path]:
    """Return what to look at, and say so where that is not what was named: a mistake elsewhere would go unseen."""
    if not paths:
        click.echo("the shipped pack; name files or folders for your own: `capa-sync rules check rules`", err=True)
    return list(paths) or [starter_path("rules")]


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules check rules", "your own folder"),
        ("capa-sync rules check rules/action-overdue.yaml", "one file"),
    ),
)
@paths_argument
@json_option
def check(paths: tuple[Path, ...], as_json: bool) -> int:
    """Print every mistake with file, line and a hint.

    PATHS are files and folders of rules; the shipped pack when none is named. Exit 2 when there is a mistake.
    """
    chosen = _chosen(paths)
    problems = check_rules(chosen, JudgeOptions())
    if as_json:
        print_json({"problems": [str(each) for each in problems]})
        return 2 if problems else 0
    if problems:
        raise UserError(problems)
    click.echo(f"{len(load_rules(chosen, JudgeOptions()).rules)} rules are in order")
    return 0


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules test rules", "the tests inside your own rule files"),
        ("capa-sync rules test", "those of the shipped pack"),
    ),
)
@paths_argument
@json_option
def test(paths: tuple[Path, ...], as_json: bool) -> int:
    """Run the tests inside the rule files.

    PATHS are files and folders of rules; the shipped pack when none is named. Exit 2 when a test fails.
    """
    report = run_tests(load_rules(_chosen(paths), JudgeOptions()))
    if as_json:
        print_json(report.as_dict())
    else:
        for line in report.lines():
            click.echo(line)
    return 0 if report.is_ok else 2


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync rules phrases | less", "look through the vocabulary"),),
)
def phrases() -> None:
    """Print every phrase that a rule may say.

    With each phrase stand the fields that it goes with, and an example.
    """
    click.echo(phrases_text())


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync rules schema > capa-sync-rule.json", "for an editor that checks YAML as you type"),),
)
def schema() -> None:
    """Print a JSON Schema of rule files, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))
