"""`rules drafts` and `rules discard`: the rules that people saved on the page, which wait in the register."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import (
    NUMBER,
    clock_from,
    config_option,
    json_option,
    open_for_reading,
    print_json,
    read_settings,
    register_path,
    say,
)
from capa_sync.cli.verbs import VerbCommand
from capa_sync.live.drafts import StoredDraft, discard_draft, draft_numbered, newest_drafts
from capa_sync.model.days import utc_words
from capa_sync.model.workshop import DraftState
from capa_sync.store import open_register

draft_option = click.option(
    "--draft", type=NUMBER, metavar="N", help="The rules of draft N, as `rules drafts` lists it."
)
_MOST = 50
"""Drafts that are listed."""
_WORDS = {
    DraftState.WAITS: "waits",
    DraftState.LIVE: "is live",
    DraftState.OUTDATED: "is outdated",
    DraftState.DISCARDED: "was discarded",
}


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules drafts", "the newest first"),
        ("capa-sync rules drafts 3", "how draft 3 differs from what is live"),
        ("capa-sync rules drafts 3 | patch -p0", "bring draft 3 into your files"),
    ),
)
@click.argument("number", type=NUMBER, required=False)
@config_option
@json_option
def drafts(number: int | None, config: Path, test_clock: str | None, as_json: bool) -> None:
    """List the drafts of rules that were saved on the page.

    Discarded ones are left out. With NUMBER it prints how that draft differs from the live rules, as a difference
    that `patch` takes.
    """
    settings, clock = read_settings(config), clock_from(test_clock)
    with open_for_reading(register_path(config, settings), clock) as register:
        found = [draft_numbered(register, number)] if number is not None else newest_drafts(register, _MOST)
    if as_json:
        print_json([_as_dict(stored) for stored in found])
        return
    folder = config.resolve().parent
    for line in found[0].difference(folder) if number is not None else _list(found):
        say(line)


@click.command(cls=VerbCommand, examples=(("capa-sync rules discard 3", "draft 3 leaves the list"),))
@click.argument("number", type=NUMBER)
@config_option
@json_option
def discard(number: int, config: Path, test_clock: str | None, as_json: bool) -> None:
    """Discard a draft.

    It leaves the list, and can be neither made live nor written into files any more. The register keeps its texts,
    with who discarded it: `rules drafts NUMBER` still prints them.
    """
    settings, clock = read_settings(config), clock_from(test_clock)
    path = register_path(config, settings)
    with open_register(path, clock_now=clock.now(), now=clock.now, create=False) as register:
        request = discard_draft(register, number, getpass.getuser(), clock.now())
        answer = register.requests.answer(request)
    if as_json:
        print_json({"draft": number, "state": "asked" if answer is None else "discarded"})
        return
    say(answer or f"the daemon holds the register and will discard draft {number} at its next tick")


def _as_dict(stored: StoredDraft) -> dict[str, Any]:
    return {
        "number": stored.draft.number,
        "at": stored.draft.saved_at,
        "by": stored.draft.saved_by,
        "state": stored.state.value,
        "discarded_at": stored.draft.discarded_at,
        "discarded_by": stored.draft.discarded_by,
        "changed_since": list(stored.changed_since),
        "rules": [{"rule": part.key, "name": part.name, "text": part.text} for part in stored.rules],
    }


def _list(found: Sequence[StoredDraft]) -> Iterator[str]:
    if not found:
        yield "there is no draft; the page's workshop saves them"
    for stored in found:
        names = ", ".join(part.key for part in stored.rules)
        why = f": {', '.join(stored.changed_since)} changed since" if stored.changed_since else ""
        at = utc_words(stored.draft.saved_at)
        yield f"{stored.draft.number}  {at}  {_WORDS[stored.state]}{why}, by {stored.draft.saved_by}: {names}"
