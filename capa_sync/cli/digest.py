"""`digest`: the periodic message to leads, owners and managers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.checkpoints import VARIABLE, checkpoint_from
from capa_sync.cli.context import (
    clock_from,
    config_option,
    is_held,
    json_option,
    lock_register,
    open_for_reading,
    print_json,
    read_setup,
    say,
    settled,
)
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.clocks import stop_of_all
from capa_sync.daemon.digest_times import Coming, begins_at, coming, left_to_next
from capa_sync.daemon.digesting import SendOutcome, compose_digests, lead_problems, send_digests
from capa_sync.daemon.runtime import Runtime
from capa_sync.digest import as_text, for_period, quiet_until
from capa_sync.errors import Problem, UserError
from capa_sync.model.amounts import count_of
from capa_sync.model.clock import Clock
from capa_sync.model.days import utc_minute_words
from capa_sync.model.digest import DigestMessage, DigestOptions, SendState
from capa_sync.store import DIGEST_AGAIN, open_register
from capa_sync.wiring import (
    Setup,
    build_digest,
    build_runtime_for_reading,
    digest_options,
)

EXIT_NOT_SENT = 3


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync digest --dry-run", "print what would be sent, and to whom"),
        ("capa-sync digest", "send what is due; where `run` works, it does this by itself"),
        ("capa-sync digest --again", "repeat those whose answer was lost"),
    ),
)
@click.option("--dry-run", is_flag=True, help="Print every message and its recipient; send nothing.")
@click.option("--again", is_flag=True, help="Repeat sends whose answer was lost, although they may have arrived.")
@config_option
@json_option
def digest(dry_run: bool, again: bool, config: Path, test_clock: str | None, as_json: bool) -> int:
    """Send the digests that are due to leads, owners and line managers.

    The ISMS lead gets one a week, owners and line managers one on a business day with something new. Each is sent
    once in its period, and none in quiet hours. Needs the extra `capa-sync[digest]`. Exit 3 when one could not be
    sent, or its answer was lost.
    """
    if dry_run and again:
        raise UserError([Problem("", 0, "--dry-run sends nothing, and --again sends", "choose one of them")])
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    if not setup.settings.digest.is_on:
        what = "the settings name nobody who gets a digest"
        raise UserError(
            [Problem(str(config), 0, what, "write [digest] with mail_env or a target; see docs/digest.md")]
        )
    if dry_run:
        _show(setup, clock, as_json=as_json)
        return 0
    return _send(setup, clock, again=again, as_json=as_json)


# --- sending -----------------------------------------------------------------------------------------------------
def _send(setup: Setup, clock: Clock, *, again: bool, as_json: bool) -> int:
    if is_held(setup.register_path):
        return _leave(setup, clock, again=again, as_json=as_json)
    sending = build_digest(setup, os.environ)
    if sending is None:
        return 0
    with _runtime(setup, clock) as runtime:
        _refuse_lost_leads(runtime, sending.options)
        _refuse_wrong_clock(runtime)
        if again:
            runtime.register.sends.ask_again(clock.now())
        sends, now = runtime.register.sends, clock.now()
        outcomes = send_digests(runtime, sending, now, is_asked=True)
        quiet = quiet_until(sending.options, now)
        left = left_to_next(sends, sending.options, now, begins_at(sends, sending.options, now, is_asked=True))
    if as_json:
        next_ones = {str(period): begins for period, begins in left.items()}
        sent = [_outcome_json(found) for found in outcomes]
        print_json({"sent": sent, "quiet_until": quiet, "left_to_next": next_ones})
    else:
        for line in (*_outcome_lines(outcomes, quiet), *(() if quiet else _left_lines(left))):
            say(line)
    settled_states = (SendState.DELIVERED, SendState.DROPPED)
    return 0 if all(found.state in settled_states for found in outcomes) else EXIT_NOT_SENT


def _leave(setup: Setup, clock: Clock, *, again: bool, as_json: bool) -> int:
    """Leave the repetition to the daemon, which sends all others by itself."""
    asked = 0
    if again:
        with open_register(setup.register_path, clock_now=clock.now(), now=clock.now, create=False) as register:
            lost = [send for send in register.sends.open(clock.now()) if send.state is SendState.UNKNOWN]
            asked = len({(send.kind, send.recipient) for send in lost})
            register.requests.leave(DIGEST_AGAIN, {}, clock.now())
    if as_json:
        print_json({"asked": asked})
    elif again:
        say(f"asked the daemon to repeat {count_of(asked, 'digest')}; it sends within a minute, not in quiet hours")
    else:
        say("the daemon sends each digest at its time; `capa-sync digest --dry-run` shows them")
    return 0


@contextmanager
def _runtime(setup: Setup, clock: Clock) -> Iterator[Runtime]:
    """Open the register under its lock, with the people of the live set; no tracker is asked."""
    with lock_register(setup.register_path):
        register = open_register(setup.register_path, clock_now=clock.now(), now=clock.now, create=False)
        try:
            runtime = build_runtime_for_reading(settled(setup, register, clock), register, clock)
            runtime.checkpoint = checkpoint_from(os.environ.get(VARIABLE, ""))
            yield runtime
        finally:
            register.close()


def _refuse_wrong_clock(runtime: Runtime) -> None:
    if cause := stop_of_all(runtime):
        raise UserError(
            [Problem("", 0, f"no digest is sent: {cause}", "then run `capa-sync sync`, which looks again")]
        )


def _refuse_lost_leads(runtime: Runtime, options: DigestOptions) -> None:
    if problems := lead_problems(runtime, options):
        raise UserError([Problem("", 0, problem) for problem in problems])


def _outcome_lines(outcomes: list[SendOutcome], quiet: datetime | None) -> Iterator[str]:
    if not outcomes:
        yield f"nothing is sent before {utc_minute_words(quiet)} (quiet hours)" if quiet else "no digest is due"
    for found in outcomes:
        why = f": {found.error}" if found.error else ""
        yield f"{found.message.kind} digest to {found.message.to}: {_WORDS[found.state]}{why}"


def _left_lines(left: Mapping[date, datetime]) -> Iterator[str]:
    for period, begins in left.items():
        at = utc_minute_words(begins)
        yield f"the lead digest of the week of {period} is not sent any more: the next one, at {at}, has all of it"


_WORDS = {
    SendState.DELIVERED: "sent",
    SendState.UNKNOWN: "unknown whether it arrived; `capa-sync digest --again` repeats it",
    SendState.PENDING: "not sent, it is tried again later",
    SendState.DROPPED: "not sent",
}


def _outcome_json(found: SendOutcome) -> dict[str, Any]:
    return {
        "kind": str(found.message.kind),
        "recipient": found.message.recipient,
        "period": found.send.period,
        "state": str(found.state),
        "error": found.error,
    }


# --- showing -----------------------------------------------------------------------------------------------------
def _show(setup: Setup, clock: Clock, *, as_json: bool) -> None:
    options, now, is_asked = digest_options(setup.settings), clock.now(), not is_held(setup.register_path)
    with open_for_reading(setup.register_path, clock) as register:
        runtime = build_runtime_for_reading(settled(setup, register, clock), register, clock)
        _refuse_lost_leads(runtime, options)
        composed = compose_digests(runtime, options, now)
        whens = [coming(register.sends, options, message, now, is_asked=is_asked) for message in composed]
        since = begins_at(register.sends, options, now, is_asked=is_asked)
        left = left_to_next(register.sends, options, now, since)
    messages = [for_period(message, when.period) for message, when in zip(composed, whens, strict=True)]
    if as_json:
        print_json({"messages": [_shown_json(*pair) for pair in zip(messages, whens, strict=True)]})
        return
    for message, when in zip(messages, whens, strict=True):
        say(f"{message.kind} digest to {message.to} ({when.words})")
        say(f"Subject: {message.subject}")
        for line in as_text(message).splitlines():
            say(f"  {line}" if line else "")
        say()
    for line in _left_lines(left):
        say(line)
    say(f"{count_of(len(messages), 'digest')}; nothing was sent")


def _shown_json(message: DigestMessage, when: Coming) -> dict[str, Any]:
    return {
        "kind": str(message.kind),
        "recipient": message.recipient,
        "to": message.to,
        "when": when.words,
        "subject": message.subject,
        "text": as_text(message),
    }
