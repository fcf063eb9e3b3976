"""The lines on the brakes: they name what holds and no other state, and follow the decision that `sync` makes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capa_sync.cli.brake_lines import BrakeWords, brake_lines
from capa_sync.daemon.brakes import BrakesAhead
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.settings import WriteOptions
from capa_sync.writeback import BrakePolicy, Counts, ReleaseLimit
from tests.unit.writeback.harness import ON, T0

CALM = Counts(planned=3, new_comments=3, recent=0, changed=3, tickets=100, is_activated=True)
HELD = {
    "first": (replace(CALM, is_activated=False), ["this register has never written before"]),
    "earlier": (replace(CALM, is_held=True), ["an earlier stop was not released"]),
    "both": (
        replace(CALM, is_activated=False, new_comments=26),
        ["this register has never written before", "26 new comments exceed 25 a day"],
    ),
    "free": (CALM, []),
}
RELEASE = "`capa-sync sync --release N|all`"
FREE = "no brake holds: `capa-sync sync` writes all of it"


def lines(counts: Counts, *, mode: str = "on", released: int | None = None, allowed: int = 0) -> list[str]:
    """Return the lines on these counts, with the halt in words in front."""
    options: WriteOptions = replace(ON, mode=mode)
    policy, limit = BrakePolicy("jira", options), None if released is None else ReleaseLimit(released)
    words = BrakeWords(
        mode=mode,
        halts=[] if counts.halt is None else [str(counts.halt)],
        released="" if released is None else f"{released} tickets",
        allowed=allowed,
    )
    return brake_lines(BrakesAhead(policy.check(counts, limit), policy.holding(counts)), words)


@pytest.mark.parametrize("held", HELD)
def test_what_holds_is_named_with_its_release(held: str) -> None:
    """Without a halt and in mode `on`, each brake has its line; without one, no brake holds."""
    counts, causes = HELD[held]
    assert lines(counts) == ([f"{cause}: nothing would be written before {RELEASE}" for cause in causes] or [FREE])


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("mode", ["off", "plan", "on"])
@pytest.mark.parametrize("is_paused", [True, False])
def test_before_writing_is_possible_the_brakes_of_then_are_named(*, is_paused: bool, mode: str, held: str) -> None:
    """While a release is refused, the lines say that it is needed even then; nobody reads of a withdrawal."""
    counts, causes = HELD[held]
    if mode == "on" and not is_paused:
        return
    pause = Halt(HaltKind.PAUSED, T0, "roy")
    expected = [] if mode == "on" else [f"write_back.mode is {mode}: `sync` writes nothing before it is on"]
    expected += [str(pause)] if is_paused else []
    expected += [f"{cause}: even then nothing would be written before {RELEASE}" for cause in causes]
    assert lines(replace(counts, halt=pause if is_paused else None), mode=mode) == expected


@pytest.mark.parametrize("held", HELD)
def test_a_withdrawal_is_held_by_itself_alone(held: str) -> None:
    """No brake on warnings is named while they are not written; with its release the next `sync` removes."""
    counts = replace(HELD[held][0], halt=Halt(HaltKind.WITHDRAWN, T0, "roy"))
    withdrawn = str(counts.halt)
    asked = f"a withdrawal was asked for: nothing would be written before {RELEASE}"
    assert lines(counts) == [withdrawn, asked]
    assert lines(counts, released=2)[1:] == ["released for 2 tickets, the worst first, by the next `sync`"]
    off = lines(counts, mode="off")
    assert off[1:] == [withdrawn, asked.replace("nothing", "even then nothing")]


@pytest.mark.parametrize("held", HELD)
def test_a_release_that_waits_is_named_where_it_will_be_used(held: str) -> None:
    """In mode `plan` it waits for mode `on`; mode `off` ends it, and during a pause there is none."""
    counts, causes = HELD[held]
    assert lines(counts, released=2) == ["released for 2 tickets, the worst first, by the next `sync`"]
    assert lines(counts, released=2, mode="plan")[1:] == [
        "released for 2 tickets, the worst first, by the first `sync` in mode on"
    ]
    still = [f"{cause}: even then nothing would be written before {RELEASE}" for cause in causes]
    assert lines(counts, released=2, mode="off")[1:] == still
    paused = replace(counts, halt=Halt(HaltKind.PAUSED, T0, "roy"))
    assert lines(paused, released=2)[1:] == still


@pytest.mark.parametrize("held", HELD)
def test_what_was_allowed_before_goes_on(held: str) -> None:
    """A brake does not hold writes that wait in the outbox, and the lines do not claim so."""
    counts, causes = HELD[held]
    goes_on = "`sync` goes on with what was allowed before: 1 ticket"
    expected = [goes_on, *(f"{cause}: nothing else would be written before {RELEASE}" for cause in causes)]
    assert lines(counts, allowed=1) == (expected if causes else [FREE])
    assert lines(counts, allowed=1, released=2)[1:] == [goes_on]
    paused = lines(replace(counts, halt=Halt(HaltKind.PAUSED, T0, "roy")), allowed=1)
    assert goes_on not in paused
