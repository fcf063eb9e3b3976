"""`token`: makes a token with which somebody signs in to the page."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import date
from pathlib import Path

import click

from capa_sync.cli.context import clock_from, config_option, read_settings, say
from capa_sync.cli.days import day_of
from capa_sync.cli.verbs import VerbCommand
from capa_sync.errors import Problem, UserError
from capa_sync.model.visitor import AccessRole


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync token mara.roy --role admin", "the name is best the person's id in the people file"),
        ("capa-sync token external.audit --role auditor --until 2026-06-30", "for the days of an audit"),
        ("capa-sync token mara.roy --role admin --print", "to put the line into the file in another way"),
    ),
)
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in AccessRole]),
    required=True,
    help="Reader: sees the register, with confidential texts hidden. Auditor: sees and exports all. Admin: all.",
)
@click.option("--until", metavar="DAY", help="The last day on which it counts, as 2026-06-30.")
@click.option("--print", "only_print", is_flag=True, help="Print the line, and leave the file as it is.")
@config_option
def token(name: str, role: str, until: str | None, only_print: bool, config: Path, test_clock: str | None) -> None:
    """Make a token with which somebody signs in to the page.

    The token is shown this once. Its line, with a hash alone, is added to the file that `tokens` under `[web.auth]`
    names; a running page takes it at once. To end somebody's access and sessions, take the line out.
    """
    from capa_sync.settings.page_tokens import new_token

    text, line = new_token(name, AccessRole(role), _day(until, clock_from(test_clock).now().date()))
    if only_print:
        say("the line for the file of tokens:")
        say(line)
    else:
        named = read_settings(config).web.auth.tokens
        if not named:
            what, hint = "the settings name no file of tokens", 'write tokens = "page-tokens" under [web.auth]'
            raise UserError([Problem(str(config), 0, what, f"{hint}; or take --print")])
        _add(config.resolve().parent / named, line)
        say(f"{named}: {name} may sign in as {role}")
    say("the token, shown this once:")
    say(text)


def _day(text: str | None, today: date) -> date | None:
    """Return the day of `--until`. Raises UserError for what is no day, and for one that has passed."""
    if text is None:
        return None
    day = day_of("--until", text)
    if day < today:
        raise UserError([Problem("", 0, f"--until: {day} has passed", f"write a day from {today} on")])
    return day


def _add(path: Path, line: str) -> None:
    """Add a line to the file, which is made with mode 0600 where it is missing. Raises UserError."""
    from capa_sync.settings.page_tokens import read_tokens

    if path.exists():
        read_tokens(path, str(path))
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            is_cut = False
            with suppress(OSError):  # an empty file has no last byte
                file.seek(-1, os.SEEK_END)
                is_cut = file.read(1) != b"\n"
            file.write(f"{os.linesep if is_cut else ''}{line}\n".encode())
    except OSError as error:
        raise UserError([Problem(str(path), 0, f"this file cannot be written: {error.strerror}", "")]) from None
