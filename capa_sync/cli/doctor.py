"""`doctor`: proves settings, rights, mapping and rules against each tracker, and says what to do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from capa_sync.cli.context import (
    EXIT_STOPPED,
    chosen_sources,
    clock_from,
    config_option,
    json_option,
    print_json,
    read_configuration,
    say,
)
from capa_sync.cli.looking import known_sources, looking
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.digesting import lead_problems
from capa_sync.daemon.doctor import examine
from capa_sync.daemon.runtime import Runtime
from capa_sync.errors import UserError
from capa_sync.model.inspection import Check, CheckState
from capa_sync.model.to_do import sentence
from capa_sync.wiring import Setup, build_digest, digest_options

EXIT_MISTAKE, EXIT_PROBLEM = 2, 3
_WIDTH = max(map(len, CheckState))
Found = Mapping[str, Sequence[Check]]


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync doctor", "every source, in the order of the settings"),
        ("capa-sync doctor --source jira", "one of them"),
        ("capa-sync doctor --json", "for programs: name, state, what, why, do of each check"),
    ),
)
@config_option
@click.option("--source", "only", help="Only this source.")
@json_option
def doctor(config: Path, test_clock: str | None, only: str | None, as_json: bool) -> int:
    """Check settings, rights, mapping and rules against each tracker.

    One line for each check: what was found, why it matters, and what to do. It reads the trackers and writes
    nothing; what only a write could prove is `unproven`. Exit 3 when a source cannot be read or lacks a right, 2 when
    settings, mapping, rules or the digest's addresses have a mistake.
    """
    configuration, clock = read_configuration(config), clock_from(test_clock)
    names, known = chosen_sources(configuration, only), known_sources(configuration, clock)
    with looking(configuration, clock) as runtime:
        found = {name: examine(runtime, runtime.contexts[name], known[name]) for name in names}
        digest = _digest(configuration, runtime) if only is None else ()
        is_stopped = runtime.stop.is_set()
    if is_stopped:
        say("stopped before the end: not every check was made", err=True)
        return EXIT_STOPPED
    shown = {**found, **({"[digest]": digest} if digest else {})}
    modes = [runtime.contexts[name].write.mode for name in names]
    following = _next_command(shown, modes)
    if as_json:
        sources = [{"source": name, "checks": [asdict(check) for check in checks]} for name, checks in found.items()]
        print_json({"sources": sources, "digest": [asdict(check) for check in digest], "next": following})
    else:
        _print(shown, following)
    return _exit_code(shown)


def _digest(setup: Setup, runtime: Runtime) -> Sequence[Check]:
    """Check whether the digest's addresses are there and can be read, without a connection; none without a digest."""
    own = setup.settings.digest
    if not own.is_on:
        return ()
    try:
        build_digest(setup, os.environ)
    except UserError as error:
        why = "with such a mistake nobody gets a digest, and `run` does not start"
        return [Check("digest", CheckState.MISTAKE, problem.what, why, problem.hint) for problem in error.problems]
    if lost := lead_problems(runtime, digest_options(setup.settings)):
        return [
            Check("digest", CheckState.MISTAKE, problem, "the weekly digest would miss a reader") for problem in lost
        ]
    names = [*own.targets, *(["the mail server"] if own.has_mail else [])]
    return [
        Check(
            "digest",
            CheckState.UNPROVEN,
            f"the addresses of {', '.join(names)} are there and can be read; nothing was sent",
            "only a message shows whether it arrives",
            "see who would get what: capa-sync digest --dry-run",
        )
    ]


def _print(found: Found, following: str) -> None:
    for name, checks in found.items():
        say(name)
        for check in checks:
            say(f"  {check.state:<{_WIDTH}}  {line_of(check)}")
    say(f"next: {following}")


def line_of(check: Check) -> str:
    """Return a check as one line: what was found, why it matters, what to do."""
    line = f"{sentence(check.what)} Why it matters: {sentence(check.why)}"
    return f"{line} To do: {sentence(check.do)}" if check.do else line


def _states(found: Found) -> dict[CheckState, list[str]]:
    """Return state -> the sources that have a check in it."""
    states: dict[CheckState, list[str]] = {}
    for name, checks in found.items():
        for state in {check.state for check in checks}:
            states.setdefault(state, []).append(name)
    return states


def _next_command(found: Found, modes: Sequence[str]) -> str:
    """Return what a person does next: mend the worst first."""
    states = _states(found)
    for state, words in ((CheckState.PROBLEM, "problem"), (CheckState.MISTAKE, "mistake")):
        if names := states.get(state):
            return f"mend each {words} of {', '.join(names)} above, then: capa-sync doctor"
    if any(mode == "on" for mode in modes):
        return "capa-sync plan (it shows what would be written), then: capa-sync sync --release 1"
    return "capa-sync plan (it shows every finding, and what would be written)"


def _exit_code(found: Found) -> int:
    states = _states(found)
    if CheckState.PROBLEM in states:
        return EXIT_PROBLEM
    return EXIT_MISTAKE if CheckState.MISTAKE in states else 0
