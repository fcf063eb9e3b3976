"""`preview`: what a changed verdict set would do on the real mirror, computed on a private copy of the register."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import click

from capa_sync.cli.context import (
    EXIT_STOPPED,
    clock_from,
    config_option,
    json_option,
    print_json,
    read_setup,
    say,
)
from capa_sync.cli.drafts import draft_option
from capa_sync.cli.past import PastOptions, as_of_option, rules_of_option
from capa_sync.cli.preview_view import preview_lines
from capa_sync.cli.previewed import Changing, previewed
from capa_sync.cli.process import give_way
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.runtime import no_progress
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.errors import Problem, UserError
from capa_sync.live.changing import SetChange, change_to_files, change_to_rules
from capa_sync.live.drafts import change_to_draft
from capa_sync.live.files import with_verdict_settings
from capa_sync.private_folders import private_folder
from capa_sync.settings import load_settings
from capa_sync.store import Register, open_copy
from capa_sync.wiring import Setup

_rule = click.option("--rule", help="Show this rule alone.")
_limit = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Tickets shown of each rule and kind of change; 0: all.",
)


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync preview", "the files of the settings, against what is live"),
        ("capa-sync preview .", "the files of a folder that holds a capa-sync.toml, such as a proposal"),
    ),
)
@click.argument("path", type=click.Path(path_type=Path, exists=True), required=False)
@_rule
@_limit
@as_of_option
@rules_of_option
@config_option
@json_option
def preview(
    path: Path | None,
    rule: str | None,
    limit: int,
    as_of: str | None,
    rules_of: str | None,
    config: Path,
    test_clock: str | None,
    as_json: bool,
) -> int:
    """Show what the changed set would do; nothing changes anywhere.

    The set is everything that decides a verdict: rules, mappings, people, profile, deadlines, period of
    recurrence, holidays and time zone. It judges the tickets as they were last read, on a private copy of the
    register; no tracker is asked. Exit 2 with every mistake when the set is broken. PATH is another settings file,
    or a folder with a capa-sync.toml.
    """

    def changing(setup: Setup, register: Register) -> SetChange:
        other = path / "capa-sync.toml" if path is not None and path.is_dir() else path
        if other is not None:
            setup = with_verdict_settings(setup, load_settings(other, os.environ), other)
        return change_to_files(setup, register, rules_alone=False)

    options = PastOptions(as_of, rules_of)
    return _preview(config, test_clock, changing, options, rule=rule, limit=limit, as_json=as_json)


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules preview", "the rules of the settings, against those that are live"),
        ("capa-sync rules preview rules/action-overdue.yaml", "the live rules, with this one changed or added"),
        ("capa-sync rules preview rules", "the rules of a folder, in place of those that are live"),
        ("capa-sync rules preview --draft 3", "the live rules, with those of a draft that was saved on the page"),
    ),
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@draft_option
@_rule
@_limit
@as_of_option
@rules_of_option
@config_option
@json_option
def preview_rules(
    paths: tuple[Path, ...],
    draft: int | None,
    rule: str | None,
    limit: int,
    as_of: str | None,
    rules_of: str | None,
    config: Path,
    test_clock: str | None,
    as_json: bool,
) -> int:
    """Show what changed rules would do; nothing changes anywhere.

    Mappings, people and settings are those that are live. PATHS are rule files, which change or join the live rules,
    or folders, whose rules replace them.
    """
    if paths and draft is not None:
        raise UserError([Problem("", 0, "--draft names the rules, so no PATHS go with it", "leave one of them out")])

    def changing(setup: Setup, register: Register) -> SetChange:
        return change_to_rules(setup, register, paths) if draft is None else change_to_draft(setup, register, draft)

    options = PastOptions(as_of, rules_of)
    return _preview(config, test_clock, changing, options, rule=rule, limit=limit, as_json=as_json)


def _preview(
    config: Path,
    test_clock: str | None,
    changing: Changing,
    options: PastOptions,
    *,
    rule: str | None,
    limit: int,
    as_json: bool,
) -> int:
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    stop = threading.Event()
    with private_folder("preview") as folder:
        asked = stop_on_signals(stop, late_code=EXIT_STOPPED, before_late_end=partial(shutil.rmtree, folder))
        copy = folder / "register.db"
        register = open_copy(setup.register_path, copy, clock_now=clock.now(), now=clock.now)
        try:
            thread = ThreadPoolExecutor(1, initializer=give_way)  # priorities are those of a thread
            with thread, nullcontext(no_progress) if as_json else progress_listener() as listener:
                work = partial(previewed, setup, register, clock, stop, changing, rule, options, listener)
                result = thread.submit(work).result()
        finally:
            register.close()
    if asked.is_set():
        say("stopped before the end: not all that the set would do is known", err=True)
        return EXIT_STOPPED
    if as_json:
        print_json(result)
        return 0
    for line in preview_lines(result, rule=rule, limit=limit):
        say(line)
    return 0
