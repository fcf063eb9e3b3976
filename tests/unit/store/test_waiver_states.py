"""The hash chain tells since when a waiver has its second person, and since when it is bound."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

from capa_sync.model.waiver import Waiver, Way
from capa_sync.store import open_register
from capa_sync.store.waiver_states import Since
from tests.unit.store.fake_parser import DAY, SOURCE, T0


def waiver(way: Way, **other: object) -> Waiver:
    """Return a waiver that is not approved."""
    known = {"until": date(2026, 5, 1), "reason": "The owner is on leave", "asked_by": "ann", "asked_at": T0}
    return Waiver(source=SOURCE, ticket_id="1", rule=f"{way}", way=way, **known | other)  # type: ignore[arg-type]


def test_what_a_waiver_got_later_is_known_since_when_whatever_became_of_it(tmp_path: Path) -> None:
    """It was approved, bound and ended after it was recorded, in this order or together."""
    at = [T0]
    with open_register(tmp_path / "register.db", clock_now=T0, now=lambda: at[0]) as register:
        numbers = {way: register.waivers.add(waiver(way), T0) for way in (Way.COMMENT, Way.PAGE)}
        numbers[Way.FILE] = register.waivers.add(waiver(Way.FILE, approved_by="bob", is_bound=False), T0)
        numbers[Way.COMMAND] = register.waivers.add(waiver(Way.COMMAND, approved_by="bob"), T0)
        at[0] += DAY
        register.waivers.approve({numbers[Way.COMMENT]: "bob"}, at[0])
        register.waivers.bind({numbers[Way.FILE]: {"owner": "digest"}})
        at[0] += DAY
        register.waivers.end(dict.fromkeys(numbers.values(), "it is over"), at[0])
        found = {past.waiver.way: past for past in register.waivers.recorded_by(at[0])}
    assert {way: past.since for way, past in found.items()} == {
        Way.COMMENT: Since(T0 + DAY, T0),
        Way.PAGE: Since(T0, T0),
        Way.FILE: Since(T0, T0 + DAY),
        Way.COMMAND: Since(T0, T0),
    }
    assert {past.ended_at for past in found.values()} == {T0 + 2 * DAY}
    comment, file = found[Way.COMMENT], found[Way.FILE]
    assert [comment.as_of(T0 + days * DAY).approved_by for days in (0, 1)] == ["", "bob"]
    assert [file.as_of(T0 + days * DAY).is_bound for days in (0, 1)] == [False, True]
    assert (file.as_of(T0).reads, file.as_of(T0 + DAY).reads) == ({}, {"owner": "digest"})


def test_a_second_person_of_whom_the_chain_tells_nothing_does_not_count(tmp_path: Path) -> None:
    """A row that was changed outside of capa-sync has no event; of the past it says nothing."""
    with open_register(tmp_path / "register.db", clock_now=T0, now=lambda: T0) as register:
        register.waivers.add(waiver(Way.PAGE), T0)
    with sqlite3.connect(tmp_path / "register.db") as connection:
        connection.execute("UPDATE waiver SET approved_by = 'bob', asked_by = 'eve'")
    connection.close()
    with open_register(tmp_path / "register.db", clock_now=T0, now=lambda: T0) as register:
        [past] = register.waivers.recorded_by(T0)
    assert (past.is_doubtful, past.waiver.approved_by, past.as_of(T0 + DAY).approved_by) == (True, "bob", "")


def test_a_copy_set_back_has_the_waivers_of_then(tmp_path: Path) -> None:
    """`plan --as-of` and `export --as-of` work on it: without the second person and what was bound later."""
    at = [T0]
    shown = {}
    with open_register(tmp_path / "register.db", clock_now=T0, now=lambda: at[0]) as register:
        approved = register.waivers.add(waiver(Way.COMMENT), T0)
        bound = register.waivers.add(waiver(Way.FILE, approved_by="bob", is_bound=False), T0)
        at[0] += DAY
        register.waivers.approve({approved: "bob"}, at[0])
        register.waivers.bind({bound: {"owner": "digest"}})
        for days in (2, 1, 0):
            register.rewind(T0 + days * DAY)
            found = register.waivers.standing(SOURCE, ["1"])["1"]
            shown[days] = [(own.approved_by, own.is_bound, dict(own.reads)) for own in found]
    later = [("bob", True, {}), ("bob", True, {"owner": "digest"})]
    assert shown == {2: later, 1: later, 0: [("", True, {}), ("bob", False, {})]}
