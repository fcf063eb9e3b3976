"""`preview`: what a changed verdict set would do on the real mirror, computed on a private copy of the register."""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import (
    EXIT_STOPPED,
    check_rule,
    clock_from,
    config_option,
    json_option,
    print_json,
    read_setup,
    say,
)
from capa_sync.cli.drafts import draft_option
from capa_sync.cli.forecast import forecast_of, planned_tickets, planned_writes
from capa_sync.cli.past import PastOptions, PastView, as_of_option, past_view, rules_of_option
from capa_sync.cli.preview_view import preview_lines
from capa_sync.cli.verbs import VerbCommand
from capa_sync.cli.worker import workers_for
from capa_sync.daemon.past_work import look_from
from capa_sync.daemon.previewing import judge_and_plan
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.errors import Problem, UserError
from capa_sync.live.changing import SetChange, activate, change_to_files, change_to_rules, change_to_set
from capa_sync.live.drafts import change_to_draft
from capa_sync.live.files import with_verdict_settings
from capa_sync.live.past import set_at
from capa_sync.live.settle import settle
from capa_sync.model.clock import Clock, StoppedClock
from capa_sync.model.verdict_set import How
from capa_sync.settings import load_settings
from capa_sync.store import Register, StandingChange, copy_register, open_register
from capa_sync.wiring import Configuration, Setup, bind_as_last_known, build_runtime

POLITE = 10
"""How much lower the priority of a preview is, so that a running daemon's polls do not wait for it."""

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
    changing: Any,
    options: PastOptions,
    *,
    rule: str | None,
    limit: int,
    as_json: bool,
) -> int:
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="capa-sync-preview-") as folder:
        asked = stop_on_signals(stop, late_code=EXIT_STOPPED, before_late_end=partial(shutil.rmtree, folder))
        copy = Path(folder) / "register.db"
        copy_register(setup.register_path, copy)
        register = open_register(copy, clock_now=clock.now(), now=clock.now)
        try:
            with ThreadPoolExecutor(1, initializer=partial(os.nice, POLITE)) as thread:  # a thread's own priority
                work = partial(_previewed, setup, register, clock, stop, changing, rule, options)
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


def _previewed(
    setup: Setup,
    register: Register,
    clock: Clock,
    stop: threading.Event,
    changing: Any,
    rule: str | None,
    options: PastOptions,
) -> dict[str, Any]:
    """Judge by the live set what is due, then everything by the changed one; return what differs.

    As of a past instant, both sets judge the mirror of then, and the live set is the one that was live then.
    """
    by = getpass.getuser()
    view = past_view(setup, register, options.as_of, options.rules_of)
    if view is None:
        live = settle(setup, register, clock.now(), by, stores=True, is_lenient=True, keeps_live=True).configuration
    else:
        clock = StoppedClock(view.at)
        live = set_at(setup, register, view.at).configuration
        register.rewind(view.at)
    if view is not None and options.rules_of:
        change = change_to_set(register, view.judged_by.verdict_set, view.judged_by.configuration)
    else:
        change = changing(setup, register)
    if not change.differences:
        return {
            "set": change.wanted.hash,
            "changes": [],
            "rules": [],
            "tickets": [],
            "quarantined": [],
            "sources": [],
        }
    check_rule(change.configuration, rule)
    before = _judged(live, register, clock, stop, view)
    register.standings.keep()
    activate(register, change.wanted, change.configuration, clock.now(), by, How.ACTIVATE)
    after = _judged(change.configuration, register, clock, stop, view)
    applied = register.standings.applied()
    return {
        "set": change.wanted.hash,
        "changes": list(change.differences),
        "rules": [
            {"rule": name, "applied_before": counts[0], "applied": counts[1]} for name, counts in applied.items()
        ],
        "tickets": [_as_dict(found) for found in register.standings.changes()],
        "quarantined": register.standings.newly_quarantined(),
        "sources": [
            {**found, "would_now": before[name]["would"] if name in before else {}} for name, found in after.items()
        ],
    }


def _judged(
    configuration: Configuration, register: Register, clock: Clock, stop: threading.Event, view: PastView | None
) -> dict[str, dict[str, Any]]:
    """Judge and plan by a set; return source -> what would be written on it, and what its brakes would do."""
    runtime = build_runtime(configuration, register, clock, stop, write_mode="plan")
    if view is None:
        runtime.workers = workers_for(configuration.file, register.path)
        bind_as_last_known(runtime)
    else:
        look_from(runtime, view.at)
    judge_and_plan(runtime, clock.now())
    names = [name for name, context in runtime.contexts.items() if context.bound is not None]
    tickets = planned_tickets(runtime, planned_writes(runtime, names))
    return {name: {"source": name} | forecast_of(runtime, configuration, name, tickets) for name in names}


def _as_dict(found: StandingChange) -> dict[str, Any]:
    return {
        "source": found.source,
        "ticket": found.ticket,
        "rule": found.rule,
        "mode": found.mode,
        "what": _what(found),
        "severity": found.after.severity or found.before.severity,
        "severity_before": found.before.severity,
        "reason": found.after.message or found.reason or found.before.message,
        "reason_before": found.before.message,
    }


def _what(found: StandingChange) -> str:
    """Return what happens to a rule on a ticket: `new`, `cleared`, `changed` or `cannot_tell`."""
    if found.after.outcome == "cannot_tell" and found.before.outcome != "cannot_tell":
        return "cannot_tell"
    if found.before.is_open and not found.after.is_open:
        return "cleared"
    return "changed" if found.before.is_open else "new"
