"""The options `--as-of` and `--rules-of`: which instant of the past is meant, and which set judges it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from capa_sync.cli.days import instant_of, is_day
from capa_sync.errors import Problem, UserError
from capa_sync.live.past import PastSet, is_hash, set_at, set_of_hash, set_of_path
from capa_sync.model.days import utc_words
from capa_sync.model.light import light
from capa_sync.store import Register
from capa_sync.wiring import Setup

as_of_option = click.option(
    "--as-of",
    "as_of",
    metavar="DATE",
    help="What it was at the end of this day, or at an instant such as 2026-06-15T09:00Z.",
)
rules_of_option = click.option(
    "--rules-of",
    "rules_of",
    metavar="HASH|DATE|PATH",
    help="Judge by this set: a hash of `history`, the one live on a day, or rules or settings in files.",
)


@light
class PastOptions:
    """The two options as written; None where one is not given."""

    as_of: str | None
    rules_of: str | None


@light
class PastView:
    """What the two options mean.

    Attributes:
        at: the instant. words: the same for a person. judged_by: the set.
    """

    at: datetime
    words: str
    judged_by: PastSet


def past_view(setup: Setup, register: Register, as_of: str | None, rules_of: str | None) -> PastView | None:
    """Return what the options mean, None where neither is given; without `--as-of` it is when all was last read.

    Raises UserError.
    """
    if as_of is None and rules_of is None:
        return None
    zone = setup.settings.timezone
    if as_of is None:
        at = last_read(register, setup.settings.sources)
    else:
        at = instant_of("--as-of", as_of, ZoneInfo(zone))
    words = f"the end of {as_of} in {zone}" if as_of is not None and is_day(as_of) else utc_words(at)
    return PastView(at, words, _set(setup, register, rules_of, at, zone))


def _set(setup: Setup, register: Register, wanted: str | None, at: datetime, zone: str) -> PastSet:
    if wanted is None:
        return set_at(setup, register, at)
    if Path(wanted).exists():
        return set_of_path(setup, register, Path(wanted), at)
    if is_hash(wanted):
        return set_of_hash(setup, register, wanted)
    if wanted[:1].isdigit():
        return set_at(setup, register, instant_of("--rules-of", wanted, ZoneInfo(zone)))
    hint = "write a hash of `capa-sync history --json`, a day, or the path of rules or settings"
    raise UserError([Problem("", 0, f"--rules-of: there is no hash, day or file '{wanted[:80]}'", hint)])


def last_read(register: Register, sources: Iterable[str]) -> datetime:
    """Return up to when all of these sources were read; those that never were are left out. Raises UserError."""
    known = [at for name in sources if (at := register.runs.as_of(name)) is not None]
    if not known:
        raise UserError([Problem("", 0, "no source was read to its end yet", "run `capa-sync sync` first")])
    return min(known)
