"""The verbs of `rules` that look at files; none needs a settings file."""

from __future__ import annotations

import json
import tomllib
from functools import partial
from pathlib import Path

import click

from capa_sync.cli.context import DEFAULT_CONFIG, json_option, print_json, say
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError
from capa_sync.model.amounts import count_of
from capa_sync.model.settings import JudgeOptions
from capa_sync.rules import (
    check_language_files,
    check_rules,
    json_schema,
    language_file_lines,
    load_comment_texts,
    load_rules,
    page_lines,
    phrases_text,
    run_tests,
    wording_of,
)
from capa_sync.starter import starter_path
from capa_sync.writeback import sample_texts

paths_argument = click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
texts_option = click.option(
    "--texts",
    type=click.Path(path_type=Path),
    help="The folder of your own language files, as [write_back] texts names it.",
)


def _folder(texts: Path | None) -> Path | None:
    """Return the folder of language files. Raises UserError when there is none of that name."""
    if texts is not None and not texts.is_dir():
        raise UserError([Problem("", 0, f"there is no folder '{texts}'", "it holds files such as de.yaml")])
    return texts


def _chosen(paths: tuple[Path, ...]) -> list[Path]:
    """Return the paths to look at; where none was named, print which these are."""
    if paths:
        return list(paths)
    if own := _configured():
        click.echo(f"the rules of {DEFAULT_CONFIG}: {', '.join(map(str, own))}", err=True)
        return own
    click.echo("the shipped pack; name files or folders for your own: `capa-sync rules check rules`", err=True)
    return [starter_path("rules")]


def _configured() -> list[Path]:
    """Return the rules that a settings file in this folder names; none where it names none or cannot be read.

    The settings are not checked: a mistake in another key is no reason not to check the rules.
    """
    try:
        named = tomllib.loads(Path(DEFAULT_CONFIG).read_text(encoding="utf-8")).get("rules")
    except (OSError, ValueError):
        return []
    return [Path(path) for path in named if isinstance(path, str)] if isinstance(named, list) else []


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules check rules", "your own folder"),
        ("capa-sync rules check rules/action-overdue.yaml", "one file"),
        ("capa-sync rules check rules --texts texts", "your rules, and your language files beside them"),
    ),
)
@paths_argument
@texts_option
@json_option
def check(paths: tuple[Path, ...], texts: Path | None, as_json: bool) -> int:
    """Print every mistake with file, line and a hint.

    PATHS are files and folders of rules; when none is named, those of ./capa-sync.toml, else the shipped pack. Exit 2
    when there is a mistake.
    """
    chosen = _chosen(paths)
    problems = check_rules(chosen, JudgeOptions())
    if (folder := _folder(texts)) is not None:
        problems += check_language_files(folder, [] if problems else load_rules(chosen, JudgeOptions()).rules)
    if as_json:
        print_json({"problems": [str(problem) for problem in problems]})
        return 2 if problems else 0
    if problems:
        raise UserError(problems)
    number = len(load_rules(chosen, JudgeOptions()).rules)
    click.echo(f"{count_of(number, 'rule')} {'is' if number == 1 else 'are'} in order")
    return 0


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules test rules", "the tests inside your own rule files"),
        ("capa-sync rules test", "those that ./capa-sync.toml names, else the shipped pack"),
        ("capa-sync rules test rules --mutate", "would your tests notice a wrong word or number?"),
    ),
)
@paths_argument
@click.option(
    "--mutate", is_flag=True, help="Change each condition, operand and number; list changes that no test notices."
)
@json_option
def test(paths: tuple[Path, ...], mutate: bool, as_json: bool) -> int:
    """Run the tests inside the rule files.

    PATHS are files and folders of rules; when none is named, those of ./capa-sync.toml, else the shipped pack. Exit 2
    when a test fails; with --mutate exit 1 when every test passes and a change is not noticed. Each such change is
    printed with a test that would notice it, where one was found. Changes that give every record the same verdict are
    not printed.
    """
    rules = load_rules(_chosen(paths), JudgeOptions())
    with progress_listener() as listener:
        report = run_tests(rules, mutate=mutate, progress=partial(listener, "rules", "mutants"))
    if as_json:
        print_json(report.as_dict())
    else:
        for line in report.lines():
            click.echo(line)
    if not report.is_ok:
        return 2
    return 1 if report.survivors else 0


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules wording rules | less", "read your own rules as people will read them"),
        ("capa-sync rules wording > wording.md", "the rules of ./capa-sync.toml, as a page of Markdown"),
        ("capa-sync rules wording rules --language de --texts texts", "as your German readers will read them"),
    ),
)
@paths_argument
@click.option("--language", default="en", show_default=True, help="The language of the texts.")
@texts_option
@json_option
def wording(paths: tuple[Path, ...], language: str, texts: Path | None, as_json: bool) -> int:
    """Print every message and fix, state by state, to read.

    The states are the histories of the rule's own tests, each with one more edit of everything that the rule reads;
    equal texts are printed once. The texts around the points come first. Exit 2 when a text appears in no state.
    """
    words = load_comment_texts(language, _folder(texts), str(texts or ""))
    rules = wording_of(load_rules(_chosen(paths), JudgeOptions()).rules, words)
    around = [{"state": state, "text": text.plain()} for state, text in sample_texts(words)]
    if as_json:
        print_json({"on_the_ticket": around, "rules": rules})
    else:
        for line in (*_around_lines(around), *page_lines(rules, words)):
            say(line)
    return 2 if any(rule["never_said"] for rule in rules) else 0


@click.command(
    "texts",
    cls=VerbCommand,
    examples=(
        ("capa-sync rules texts de rules", "the shipped German, for these rules"),
        ("capa-sync rules texts fr rules > texts/fr.yaml", "a beginning for a language that is not shipped"),
    ),
)
@click.argument("language")
@paths_argument
@texts_option
def language_file(language: str, paths: tuple[Path, ...], texts: Path | None) -> None:
    """Print the language file of LANGUAGE, to edit sentences or to translate them.

    It holds every sentence that can stand on a ticket: those that the language has, and as comments in English those
    that it has not. PATHS are files and folders of rules; when none is named, those of
    ./capa-sync.toml, else the shipped pack.
    """
    for line in language_file_lines(language, load_rules(_chosen(paths), JudgeOptions()).rules, _folder(texts)):
        say(line)


def _around_lines(around: list[dict[str, str]]) -> list[str]:
    """Return the texts around the points as lines of Markdown."""
    lines = ["# What stands on tickets", "", "Read it as the owner of a ticket would.", "", "## Around the points"]
    for state in around:
        lines += ["", f"- {state['state']}", "", *(f"  > {line}" for line in state["text"].splitlines())]
    return lines


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync rules phrases | less", "look through the vocabulary"),),
)
def phrases() -> None:
    """Print every phrase that a rule may say.

    Each phrase is printed with its fields and an example.
    """
    click.echo(phrases_text())


@click.command(
    cls=VerbCommand,
    examples=(("capa-sync rules schema > capa-sync-rule.json", "for an editor that checks YAML as you type"),),
)
def schema() -> None:
    """Print a JSON Schema of rule files, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))
