"""The `capa-sync` command: its verbs, and the only place where errors become messages and exit codes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import traceback
from collections.abc import Callable

import click

from capa_sync import __version__
from capa_sync.cli.context import EXIT_STOPPED, print_no_more, say
from capa_sync.cli.process import forbid_core_dumps, load_no_plugins
from capa_sync.cli.verbs import HELP_SETTINGS, Verb, VerbGroup
from capa_sync.daemon.collector import calm_collector
from capa_sync.daemon.shutdown import interrupt_on_signals
from capa_sync.errors import NotPublished, Problem, RegisterUnavailable, SafetyStop, SourceError, UserError
from capa_sync.model.to_do import with_next_step

_COUNTABLE = 10**12
"""A larger bound is one of the machine, and says nothing to a person."""
EXIT_BUG = 70
"""A bug of capa-sync: the other codes of the contract mean something else (EX_SOFTWARE of sysexits.h)."""
EXIT_OK, EXIT_FINDINGS, EXIT_USER, EXIT_SOURCE, EXIT_STOP, EXIT_DAMAGE, EXIT_REGISTER = range(7)


SECTIONS = {
    "To begin": {
        "demo": Verb("capa_sync.cli.demo:demo", "Run the main job on sandbox trackers, and show the register."),
        "sandbox": Verb("capa_sync.cli.sandbox:sandbox", "Run the sandbox trackers alone, until stopped."),
        "init": Verb("capa_sync.cli.init:init", "Write a commented starter: settings, mappings and rules."),
        "mapping": Verb(
            "capa_sync.cli.mapping:mapping", "Propose a mapping file, and check one against real tickets."
        ),
        "doctor": Verb(
            "capa_sync.cli.doctor:doctor", "Check settings, rights, mapping and rules against each tracker."
        ),
    },
    "Every day": {
        "plan": Verb("capa_sync.cli.plan:plan", "Show what `sync` would write; nothing changes anywhere."),
        "sync": Verb("capa_sync.cli.sync:sync", "Run one cycle over all sources: read, judge, write what is due."),
        "run": Verb("capa_sync.cli.run:run", "Run the daemon until it is stopped."),
        "status": Verb("capa_sync.cli.status:status", "Show how fresh and complete the register is."),
        "explain": Verb("capa_sync.cli.explain:explain", "Print every verdict on a ticket, and what it rests on."),
        "similar": Verb("capa_sync.cli.similar:similar", "List records like this one, with why; a person decides."),
        "digest": Verb(
            "capa_sync.cli.digest:digest", "Send the digests that are due to leads, owners and line managers."
        ),
        "retry": Verb("capa_sync.cli.retry:retry", "Send stuck writes again now."),
        "waive": Verb("capa_sync.cli.waive:waive", "Waive one rule's finding on one ticket until a day."),
        "waivers": Verb("capa_sync.cli.waivers:waivers", "List the waivers, and which of them end soon."),
    },
    "To stop writing": {
        "pause": Verb("capa_sync.cli.halts:pause", "Stop all writing on the trackers until `resume`."),
        "resume": Verb("capa_sync.cli.halts:resume", "End a pause or a withdrawal."),
        "withdraw": Verb("capa_sync.cli.halts:withdraw", "Take back all that capa-sync wrote, once you release it."),
    },
    "Rules and register": {
        "rules": Verb("capa_sync.cli.rules:rules", "Check, test and describe rule files."),
        "register": Verb("capa_sync.cli.register:register", "Take away, keep, or erase what the register holds."),
        "serve": Verb("capa_sync.cli.serve:serve", "Serve the register's page alone."),
        "token": Verb("capa_sync.cli.token:token", "Make a token with which somebody signs in to the page."),
        "mcp": Verb("capa_sync.cli.mcp:mcp", "Answer an assistant over the Model Context Protocol, read-only."),
        "preview": Verb(
            "capa_sync.cli.preview:preview", "Show what the changed set would do; nothing changes anywhere."
        ),
        "activate": Verb("capa_sync.cli.sets:activate", "Make the changed set live."),
        "rollback": Verb("capa_sync.cli.sets:rollback", "Make the set live that was live before the last change."),
        "history": Verb("capa_sync.cli.sets:history", "List which set was live when, and by whom."),
        "verify": Verb("capa_sync.cli.verify:verify", "Verify that only capa-sync changed the register."),
        "rebuild": Verb("capa_sync.cli.rebuild:rebuild", "Make the derived tables again, without a tracker."),
    },
}


@click.group(cls=VerbGroup, sections=SECTIONS, context_settings=HELP_SETTINGS)
@click.version_option(__version__, prog_name="capa-sync")
def cli() -> None:
    """Keep tickets in Jira and ServiceNow ready for the Clause 10 auditor.

    capa-sync mirrors tickets with their history, judges them by rule files, writes one polite warning per ticket,
    and keeps one register. It never transitions, closes, assigns or edits a ticket's own fields.

    `capa-sync VERB --help` shows the options of a verb, with examples. On your own trackers begin with `init`,
    then `doctor`, then `plan`.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with the contract's exit code."""
    forbid_core_dumps()
    load_no_plugins()
    calm_collector()
    if threading.current_thread() is threading.main_thread():
        interrupt_on_signals(EXIT_STOPPED)
    code = _guarded(lambda: _run(sys.argv[1:] if arguments is None else arguments))
    _flush()
    sys.exit(code)


def _run(arguments: list[str]) -> object:
    """Run the verb of these arguments. Raises UserError for one that is not UTF-8: nothing could store it."""
    for number, argument in enumerate(arguments, 1):
        if any("\ud800" <= letter <= "\udfff" for letter in argument):
            what = f"argument {number} of the command line is not UTF-8 text"
            raise UserError([Problem("", 0, what, "write it in UTF-8, also names of files")])
    return cli.main(args=arguments, prog_name="capa-sync", standalone_mode=False)


def _flush() -> None:
    """Write what still waits; Python would end with 120 where a stream does not take it, whatever our code is."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # AttributeError: there is none, as the stream was closed
            with contextlib.suppress(OSError, ValueError, AttributeError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _guarded(command: Callable[[], object]) -> int:
    """Run a command; print every expected error as one line on standard error, and return the exit code."""
    try:
        outcome = command()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        return _report([_usage(error)], EXIT_USER)
    except (click.Abort, KeyboardInterrupt):
        return _report(["stopped"], EXIT_STOPPED)
    except UserError as error:
        return _report([str(problem) for problem in error.problems], EXIT_USER)
    except (SourceError, NotPublished) as error:
        return _report([_of_a_source(error)], EXIT_SOURCE)
    except SafetyStop as stop:
        return _report([f"safety stop: {stop}"], EXIT_STOP)
    except RegisterUnavailable as error:
        return _report([str(error)], EXIT_REGISTER)
    except BrokenPipeError:
        print_no_more()
        return EXIT_OK
    except Exception as bug:  # noqa: BLE001 - the last handler: the error is reported as a bug
        return _report_bug(bug)
    return outcome if isinstance(outcome, int) else EXIT_OK


def _too_long(error: OSError) -> str:
    """Return the message for a name that no file can have; any verb may meet it where it first looks for a file."""
    path = str(error.filename or "")
    return f"capa-sync: {path[:60]}{'…' if len(path) > 60 else ''}: no file can have so long a name; shorten it"


def _report_bug(bug: Exception) -> int:
    if _is_of_interruption(bug):
        return _report(["stopped"], EXIT_STOPPED)
    if isinstance(bug, OSError) and bug.errno == errno.ENAMETOOLONG:
        return _report([_too_long(bug)], EXIT_USER)
    # print where it happened, without the error's own message: it may contain ticket text or a secret
    where = "".join(traceback.format_tb(bug.__traceback__)).splitlines()
    return _report([*where, f"capa-sync: an error of its own, please report it: {type(bug).__name__}"], EXIT_BUG)


def _is_of_interruption(error: BaseException | None) -> bool:
    """Return whether an error followed from Ctrl-C or a signal, which may come anywhere.

    Inside the code of a lock it does: the lock is released a second time, and that is a RuntimeError.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _of_a_source(error: SourceError | NotPublished) -> str:
    return f"{error.source}: {with_next_step(error)}" if isinstance(error, SourceError) else str(error)


def _number_words(error: click.ClickException) -> str:
    """Return in our words which number an option or argument takes, "" for another mistake."""
    if not isinstance(error, click.BadParameter) or error.param is None:
        return ""
    wanted, (value, _, _) = error.param.type, error.message.partition(" is not ")
    if not isinstance(wanted, click.IntRange):
        return ""
    named = error.param.get_error_hint(error.ctx or click.Context(cli))
    if wanted.max is not None and value.isdecimal() and int(value) > wanted.max > _COUNTABLE:
        return f"{named}: {value} is too large; write a smaller whole number"
    bounds = (
        f" from {wanted.min} to {wanted.max}" if wanted.max and wanted.max < _COUNTABLE else f", {wanted.min} or more"
    )
    return f"{named}: {value} is none; write a whole number{bounds}"


def _usage(error: click.ClickException) -> str:
    """Return the message for a mistake on the command line, with its verb and where its help is."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    words = _number_words(error) or error.format_message().rstrip(".")
    if context is None or "--help" in words:
        return f"capa-sync: {words}"
    return f"{context.command_path}: {words}; see `{context.command_path} --help`"


def _report(lines: list[str], code: int) -> int:
    for line in lines:
        say(line, err=True)
    return code
