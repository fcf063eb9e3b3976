"""`sync`: one cycle over all sources."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from capa_sync.cli.context import (
    EXIT_STOPPED,
    chosen_sources,
    clock_from,
    config_option,
    first_configuration,
    is_held,
    json_option,
    open_runtime,
    print_json,
    print_no_more,
    read_setup,
    say,
    settled,
)
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.summary import findings_exit_code, print_cycle, summary_of
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.cycle import CycleResult, run_round
from capa_sync.daemon.erasure_work import ErasureWork
from capa_sync.daemon.requests import carry_out_requests, refresh, release, withdrawn_of
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.shutdown import stop_on_signals
from capa_sync.errors import Problem, UserError
from capa_sync.model.clock import Clock
from capa_sync.model.finding import Severity
from capa_sync.model.halt import HaltKind
from capa_sync.settings.lines import key_line
from capa_sync.store import REFRESH, RELEASE, Register, open_register
from capa_sync.wiring import Setup, write_options

_DIGITS = 10
"""Fewer digits than this has a number of tickets."""


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync sync --release 5", "the first writing: at most five tickets a source"),
        ("capa-sync sync --refresh all", "give comments of older wording the words of now"),
        ("capa-sync sync --source jira --full", "read all of one source again"),
        ("capa-sync sync --fail-on high", "exit 1 while a finding of that severity is open"),
    ),
)
@config_option
@click.option("--source", "only", help="Only this source.")
@click.option("--full", is_flag=True, help="Read everything again, not only what changed.")
@click.option(
    "--release", "released", metavar="N|all", help="Release the brakes once, for N tickets a source or all."
)
@click.option("--refresh", "refreshed", metavar="N|all", help="Edit N or all comments of older wording, quietly.")
@click.option(
    "--fail-on", type=click.Choice([severity.value for severity in Severity]), help="Exit 1 on open findings."
)
@json_option
def sync(
    config: Path,
    test_clock: str | None,
    only: str | None,
    full: bool,
    released: str | None,
    refreshed: str | None,
    fail_on: str | None,
    as_json: bool,
) -> int:
    """Run one cycle over all sources: read, judge, write what is due.

    Nothing is written while `write_back.mode` is off, and the first writing of a register needs --release. While the
    daemon holds the register, --release and --refresh are left for it. Exit 3 when a source could not be read, and as
    long as a write could not be made, also one that an earlier run tried; 4 when a brake held.
    """
    setup, clock = read_setup(config), clock_from(test_clock)
    names = chosen_sources(setup, only)
    requests = {
        verb: _count(f"--{verb}", text)
        for verb, text in ((RELEASE, released), (REFRESH, refreshed))
        if text is not None
    }
    asked_of = _writing_sources(setup, config, names, " and ".join(requests)) if requests else []
    if requests and is_held(setup.register_path):
        return _leave(setup, clock, asked_of, requests)
    stop = threading.Event()
    asked = stop_on_signals(stop, late_code=EXIT_STOPPED)
    choose = partial(settled, setup, clock=clock, stores=True, first=first_configuration(setup))
    with open_runtime(setup.register_path, choose, clock, stop=stop) as runtime, progress_listener() as listener:
        runtime.progress = listener
        if requests:
            _refuse_while_paused(runtime.register, asked_of)
        if RELEASE in requests:
            release(runtime, asked_of, requests[RELEASE])
        if REFRESH in requests:
            refresh(runtime, asked_of, requests[REFRESH])
        carry_out_requests(runtime)
        erasures = ErasureWork()
        erasures.carry_out(runtime)
        results = run_round(runtime, [runtime.contexts[name] for name in names], full=full)
        if not stop.is_set():
            erasures.do(runtime)  # only now have the trackers shown whether our clock is right
        _note_stuck(runtime, results)
        summary = summary_of(runtime, results)
        code = _exit_code(runtime, results, fail_on)
    try:
        (print_json if as_json else print_cycle)(summary)
    except BrokenPipeError:
        print_no_more()  # whoever reads the beginning alone still gets the code of the whole cycle
    if asked.is_set():
        say("stopped before the end; the next `sync` does what is left", err=True)
        return EXIT_STOPPED
    return code


def _count(option: str, text: str) -> int | None:
    """Parse N or `all` (None). Raises UserError."""
    if text == "all":
        return None
    is_number = text.isascii() and text.isdigit() and len(text) < _DIGITS
    if not is_number or int(text) == 0:
        raise UserError([Problem("", 0, f"{option} takes a number of tickets or `all`, not '{text[:40]}'")])
    return int(text)


def _writing_sources(setup: Setup, config: Path, names: list[str], request: str) -> list[str]:
    """Return the sources whose mode writes, and say which are left out of a release or refresh.

    Raises UserError when there is none: the request would wait unnoticed for another mode.
    """
    modes = {name: write_options(setup.settings, name).mode for name in names}
    idle = [name for name in names if modes[name] != "on"]
    if not idle:
        return names
    what = "; ".join(f"{name}: write_back.mode is {modes[name]}, nothing is written" for name in idle)
    if len(idle) == len(names):
        hint = f'look at `capa-sync plan`, set mode = "on", then {request}'
        own, common = (key_line(config, (*of, "write_back", "mode")) for of in (("sources", idle[0]), ()))
        raise UserError([Problem(str(config), common or own, what, hint)])
    say(f"{what}, so the {request} leaves it out", err=True)
    return [name for name in names if name not in idle]


def _refuse_while_paused(register: Register, names: list[str]) -> None:
    """Raise UserError when a source is paused: the request would wait unnoticed for the end of the pause."""
    halts = {name: register.halts.of(name) for name in names}
    problems = [
        Problem("", 0, f"{name}: {halt}", "then release or refresh")
        for name, halt in halts.items()
        if halt is not None and halt.kind is HaltKind.PAUSED
    ]
    if problems:
        raise UserError(problems)


def _leave(setup: Setup, clock: Clock, names: list[str], requests: Mapping[str, int | None]) -> int:
    """Leave the requests for the daemon, which carries them out at its next tick."""
    register = open_register(setup.register_path, clock_now=clock.now(), now=clock.now, create=False)
    try:
        _refuse_while_paused(register, names)
        for verb, count in requests.items():
            for name in names:
                asked = {"source": name, "tickets": count, "withdrawn": withdrawn_of(register, [name])}
                register.requests.leave(verb, asked, clock.now())
    finally:
        register.close()
    click.echo(f"the daemon holds the register and will {' and '.join(requests)} at its next tick")
    return 0


def _note_stuck(runtime: Runtime, results: list[CycleResult]) -> None:
    """Count as `undelivered` all writes that could not be made, also those that this run did not try.

    Where the mode writes nothing, none is meant to be made.
    """
    for result in results:
        result.counts.pop("undelivered", None)
        if runtime.contexts[result.source].write.mode == "on" and (
            stuck := runtime.register.reports.undelivered(result.source, result.started_at)
        ):
            result.counts["undelivered"] = stuck


def _exit_code(runtime: Runtime, results: list[CycleResult], fail_on: str | None) -> int:
    """Return the contract's exit code: an error of our own, a source not read or written, a brake, findings."""
    if any(result.is_own_error for result in results):
        return 70
    if any(result.problem or result.counts.get("undelivered") for result in results):
        return 3
    if any(result.stopped for result in results):
        return 4
    return findings_exit_code(runtime.register, fail_on)
