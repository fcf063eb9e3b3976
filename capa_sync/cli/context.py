"""What most verbs share: the settings option, the clock, and the runtime on the open register."""

from __future__ import annotations

import difflib
import getpass
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from capa_sync.errors import Problem, RegisterHeld, UserError
from capa_sync.model.clock import Clock, FileClock, ShiftedClock, SystemClock
from capa_sync.model.visible import escaped, one_line
from capa_sync.redaction import redacted

if TYPE_CHECKING:  # each verb imports only what it needs: tests/cli/test_starting.py
    from capa_sync.daemon.runtime import Runtime
    from capa_sync.settings import Settings
    from capa_sync.store import Register
    from capa_sync.wiring import Configuration, Setup

Command = TypeVar("Command", bound=Callable[..., Any])
DEFAULT_CONFIG = "capa-sync.toml"
_NAMED = 5
"""Parts of a verdict set that one line names."""
EXIT_STOPPED = 130
"""Stopped by SIGINT, SIGTERM or SIGHUP before the end."""
NUMBER = click.IntRange(1, 2**63 - 1)
"""The number of a row of the register, as SQLite can hold it."""


def config_option(command: Command) -> Command:
    """Add `--config FILE` and the hidden test clock."""
    command = click.option(
        "--test-clock", envvar="CAPA_SYNC_TEST_CLOCK", hidden=True, help="An ISO instant, or @FILE holding one."
    )(command)
    return click.option(
        "--config",
        "-c",
        "config",
        default=DEFAULT_CONFIG,
        show_default=True,
        help="The settings file.",
        type=click.Path(path_type=Path),
    )(command)


def json_option(command: Command) -> Command:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def clock_from(text: str | None) -> Clock:
    """Return the machine's clock, or the hidden test clock. Raises UserError when the text is no instant."""
    if not text:
        return SystemClock()
    if text.startswith("@"):
        return FileClock(Path(text[1:]))
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise UserError([Problem("", 0, f"the test clock '{text}' is no ISO 8601 instant")]) from None
    return ShiftedClock(start.astimezone(UTC))


def read_setup(config: Path, *, with_secrets: bool = True, needs_source: bool = True) -> Setup:
    """Load and check the settings with their secrets, without rules and mappings. Raises UserError.

    `needs_source` False is for verbs that say something right without a source. Prints a warning on standard error
    for secret files that everybody may read.
    """
    from capa_sync.settings import load_settings
    from capa_sync.settings.concealing import conceal_available
    from capa_sync.settings.secrets import exposed_files
    from capa_sync.wiring import set_up

    settings = load_settings(config, os.environ)
    conceal_available(settings, config, os.environ)
    if needs_source:
        require_source(config, settings)
    setup = set_up(settings, config, os.environ, with_secrets=with_secrets)
    sources = setup.settings.sources if with_secrets else {}
    for problem in exposed_files(config, sources, setup.folder, setup.settings.digest if with_secrets else None):
        say(f"warning: {problem}", err=True)
    return setup


def require_source(config: Path, settings: Settings) -> None:
    """Raise UserError where the settings name no source: else a verb that watches nothing would say all is well."""
    if not settings.sources:
        hint = "add a table [sources.NAME], as in `capa-sync init`"
        raise UserError([Problem(str(config), 0, "no source is named", hint)])


def read_configuration(config: Path, *, with_secrets: bool = True) -> Configuration:
    """Load and check the settings with every file that they name, whatever is live. Raises UserError."""
    from capa_sync.wiring import configured

    return configured(read_setup(config, with_secrets=with_secrets))


def first_configuration(setup: Setup) -> Configuration | None:
    """Load the configured set where there is no register yet, since a mistake in it must leave none behind."""
    from capa_sync.store import register_exists
    from capa_sync.wiring import configured

    return None if register_exists(setup.register_path) else configured(setup)


def settled(
    setup: Setup, register: Register, clock: Clock, *, stores: bool = False, first: Configuration | None = None
) -> Configuration:
    """Return the configuration with the register's live verdict set, and print what waits. Raises UserError.

    `stores` and `first` as in `capa_sync.live.settle`; with `stores` what became live is printed, too.
    """
    from capa_sync.live.settle import settle

    found = settle(setup, register, clock.now(), getpass.getuser(), stores=stores, first=first)
    if found.note and stores:
        say(found.note, err=True)
    if found.waiting:
        say(waiting_line(found.waiting), err=True)
    return found.configuration


def waiting_line(waiting: Sequence[str]) -> str:
    """Return in words that the files differ from the live verdict set."""
    shown = ", ".join(waiting[:_NAMED])
    more = f" and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else ""
    return (
        f"a changed set waits and is not live: {shown}{more}; look at `capa-sync preview`, then `capa-sync activate`"
    )


def read_settings(config: Path, *, needs_source: bool = False) -> Settings:
    """Load only the settings file, for verbs that need none of the files that it names. Raises UserError."""
    from capa_sync.settings import load_settings
    from capa_sync.settings.concealing import conceal_available

    settings = load_settings(config, os.environ, with_calendars=False)
    conceal_available(settings, config, os.environ)
    if needs_source:
        require_source(config, settings)
    return settings


def register_path(config: Path, settings: Settings) -> Path:
    """Return the path of the register file; a relative one starts from the settings file's folder."""
    return config.resolve().parent / settings.register_file


def chosen_sources(configuration: Setup, only: str | None) -> list[str]:
    """Return the names of the sources to work on: all, or the one that `--source` names. Raises UserError."""
    names = list(configuration.settings.sources)
    if only is None:
        return names
    require_source(configuration.file, configuration.settings)
    if only not in names:
        raise UserError([Problem("", 0, f"there is no source '{only}'", f"the settings name: {', '.join(names)}")])
    return [only]


def check_rule(configuration: Configuration, rule: str | None) -> None:
    """Raise UserError when the settings' rules do not contain a rule of this name."""
    known = sorted(rule.id for rule in configuration.rules.rules)
    if rule is not None and rule not in known:
        near = difflib.get_close_matches(rule, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"the rules are: {', '.join(known)}"
        raise UserError([Problem("", 0, f"there is no rule '{rule}'", hint)])


@contextmanager
def open_runtime(
    path: Path,
    choose: Callable[[Register], Configuration],
    clock: Clock,
    *,
    stop: threading.Event | None = None,
    create: bool = True,
    asks: bool = True,
) -> Iterator[Runtime]:
    """Open the register under its lock, which keeps out a second daemon or `sync`, and build the runtime on it.

    `choose` returns the configuration, once the sets that other verbs asked to activate are live; `asks` as in
    `build_runtime`.

    Raises RegisterUnavailable; without `create` also when there is no register yet.
    """
    from capa_sync.daemon.requests import carry_out_without_runtime
    from capa_sync.store import open_register

    with lock_register(path):
        register = open_register(path, clock_now=clock.now(), now=clock.now, create=create, check=True)
        try:
            carry_out_without_runtime(register, clock.now())
            yield equipped_runtime(choose(register), register, clock, stop or threading.Event(), asks=asks)
        finally:
            register.close()


def equipped_runtime(
    configuration: Configuration, register: Register, clock: Clock, stop: threading.Event, *, asks: bool = True
) -> Runtime:
    """Build the runtime on an open register, with its worker pool; `asks` as in `build_runtime`."""
    from capa_sync.cli.checkpoints import VARIABLE, checkpoint_from
    from capa_sync.cli.worker import workers_for
    from capa_sync.wiring import build_runtime

    runtime = build_runtime(configuration, register, clock, stop, asks=asks)
    runtime.workers = workers_for(configuration.file)
    runtime.checkpoint = checkpoint_from(os.environ.get(VARIABLE, ""))
    return runtime


@contextmanager
def lock_register(path: Path) -> Iterator[None]:
    """Hold the register's lock. Raises RegisterUnavailable, naming the process that holds it."""
    from capa_sync.store import RegisterLock

    register_lock = RegisterLock(path)
    register_lock.acquire()
    try:
        yield
    finally:
        register_lock.release()


def is_held(path: Path) -> bool:
    """Tell whether a daemon holds the register now. Raises RegisterUnavailable where that cannot be found out."""
    try:
        with lock_register(path):
            return False
    except RegisterHeld:
        return True


@contextmanager
def open_for_reading(path: Path, clock: Clock, *, needs_id: bool = True) -> Iterator[Register]:
    """Open an existing register for verbs that only read. Raises RegisterUnavailable when there is none."""
    from capa_sync.store import open_register

    register = open_register(path, clock_now=clock.now(), create=False, read_only=True, needs_id=needs_id)
    try:
        yield register
    finally:
        register.close()


def say(line: str = "", *, err: bool = False) -> None:
    """Print one line without control characters and secrets, whatever text of a tracker it contains.

    Raises UserError when standard output takes no more; a line that standard error does not take is lost.
    """
    _echo(one_line(redacted(line)), err=err)


def print_json(result: object) -> None:
    """Print a result as indented JSON, with control characters as JSON escapes and without secrets.

    Raises UserError when standard output takes no more.
    """
    import orjson

    text = orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode()
    _echo(escaped(redacted(text)))


def _echo(text: str, *, err: bool = False) -> None:
    try:
        click.echo(text, err=err)
    except OSError as error:
        if err:
            return
        if isinstance(error, BrokenPipeError):
            raise
        what = f"the result cannot be printed: {error.strerror}"
        raise UserError([Problem("", 0, what, "look at where standard output leads")]) from None


def print_no_more() -> None:
    """Lose what is still to be printed: the program that read it has ended."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
