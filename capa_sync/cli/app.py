"""The `capa-sync` command: its verbs, and the one place where errors become words and exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import click

from capa_sync import __version__
from capa_sync.cli.context import say
from capa_sync.cli.demo import demo
from capa_sync.cli.explain import explain
from capa_sync.cli.halts import pause, resume, withdraw
from capa_sync.cli.init import init
from capa_sync.cli.plan import plan
from capa_sync.cli.rebuild import rebuild
from capa_sync.cli.retry import retry
from capa_sync.cli.rules import rules
from capa_sync.cli.run import run
from capa_sync.cli.sandbox import sandbox
from capa_sync.cli.serve import serve
from capa_sync.cli.status import status
from capa_sync.cli.sync import sync
from capa_sync.errors import RegisterUnavailable, SafetyStop, SourceError, UserError

EXIT_BUG = 70
"""A mistake of capa-sync itself: the contract's codes each mean something else (EX_SOFTWARE of sysexits.h)."""
EXIT_OK, EXIT_FINDINGS, EXIT_USER, EXIT_SOURCE, EXIT_STOP, EXIT_DAMAGE, EXIT_REGISTER = range(7)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="capa-sync")
def cli() -> None:
    """Keep tickets in Jira and ServiceNow ready for the Clause 10 auditor.

    capa-sync mirrors tickets with their history, judges them by rule files, writes one polite warning per ticket,
    and keeps one register. It never transitions, closes, assigns or edits a ticket's own fields.
    """


for verb in (
    demo, explain, init, pause, plan, rebuild, resume, retry, rules, run, sandbox, serve, status, sync, withdraw
):  # fmt: skip
    cli.add_command(verb)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with the contract's exit code."""
    sys.exit(_guarded(lambda: cli.main(args=arguments, prog_name="capa-sync", standalone_mode=False)))


def _guarded(command: Callable[[], object]) -> int:
    """Run a command; word every expected error in one line each on standard error."""
    try:
        outcome = command()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        return _told([f"capa-sync: {error.format_message()}"], EXIT_USER)
    except click.Abort:
        return _told(["stopped"], 130)
    except UserError as error:
        return _told([str(problem) for problem in error.problems], EXIT_USER)
    except SourceError as error:
        return _told([str(error)], EXIT_SOURCE)
    except SafetyStop as stop:
        return _told([f"safety stop: {stop}"], EXIT_STOP)
    except RegisterUnavailable as error:
        return _told([str(error)], EXIT_REGISTER)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as bug:  # noqa: BLE001 - the last fence: told as what it is
        # where it happened, without the error's own words: they may hold a ticket's text, or a secret
        where = "".join(traceback.format_tb(bug.__traceback__)).splitlines()
        return _told([*where, f"capa-sync: an error of its own, please report it: {type(bug).__name__}"], EXIT_BUG)
    return outcome if isinstance(outcome, int) else EXIT_OK


def _told(lines: list[str], code: int) -> int:
    for line in lines:
        say(line, err=True)
    return code
