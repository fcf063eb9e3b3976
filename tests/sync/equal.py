"""Assertions that a mirror equals its tracker: ticket by ticket, change by change, comment by comment."""

from __future__ import annotations

from typing import Any

from capa_sync.daemon.accounts import note_persons
from capa_sync.daemon.rebuilding import judge_mirror, rebuild_derived
from capa_sync.model.ticket import Presence, Role
from capa_sync.store.columns import instant_text
from capa_sync.wiring import bind_as_last_known
from tests.sync.users import Truth, UserDriver
from tests.sync.world import World

Row = tuple[Any, ...]


def assert_same(world: World, users: UserDriver, ticket: str, truth: Truth) -> None:
    """One ticket equals its mirror: key, values, history in true order, comments, and relations to other tickets."""
    name = users.site.name
    mirrored = world.ticket(ticket, name)
    assert mirrored.key == truth.key
    values, changes, comments = users.mirrored(mirrored)
    assert values == truth.values, truth.key
    missing = [saved for saved in truth.changes if saved not in changes]
    strange = [saved for saved in changes if saved not in truth.changes]
    assert (missing, strange) == ([], []), truth.key
    places = [truth.places[truth.changes.index(saved)] for saved in changes]
    assert places == sorted(truth.places), truth.key
    assert comments == truth.comments, truth.key
    assert mirrored.history_complete
    if truth.is_part:
        assert world.runtime.register.tickets.is_action(name, ticket), truth.key
    rows = world.view("v_changes", source=name, ticket_id=ticket, origin="history")
    entries = [row["entry"] for row in sorted(rows, key=lambda row: row["group_no"])]
    assert entries == [c.entry for c in mirrored.changes if c.origin == "history"]


def assert_equal(world: World, users: UserDriver) -> None:
    """Every ticket in scope equals its mirror, and no change that people made openly is marked as observed."""
    for ticket, truth in users.truth().items():
        if truth.in_scope:
            assert_same(world, users, ticket, truth)
            assert world.presence(ticket, users.site.name) is Presence.PRESENT, truth.key
            assert world.observed(ticket, users.site.name) == [], truth.key


def assert_roles(world: World, users: UserDriver) -> None:
    """Each ticket in scope has the role that it should have, and the register shows records alone."""
    name = users.site.name
    roles, tables = world.runtime.register.tickets.roles(name), world.runtime.register.rows_by_table()
    named = {row[1] for table in ("register_row", "verdict", "birth", "joined") for row in tables[table]}
    named |= {row["ticket_id"] for row in world.view("v_findings", source=name, state="open")}
    for ticket, truth in users.truth().items():
        if truth.in_scope:
            assert (roles[ticket] is Role.ACTION) == truth.is_action, truth.key
    assert [ticket for ticket in named if roles[ticket] is Role.ACTION] == []


def assert_rebuilt(world: World) -> None:
    """After everything due has been judged, `rebuild` makes every table equal to what it was."""
    runtime = world.runtime
    bind_as_last_known(runtime)
    if any(context.bound is None for context in runtime.contexts.values()):
        return  # nothing was ever read
    at = instant_text(runtime.clock.now())
    for context in runtime.contexts.values():  # a process that was killed before it did so does it in its next cycle
        note_persons(runtime.register, context)
    judge_mirror(runtime, runtime.clock.now())
    before = runtime.register.rows_by_table()
    rebuild_derived(runtime)
    after = runtime.register.rows_by_table()
    for table, rows in before.items():
        was, now = (unnumbered(_due(table, table_rows, at)) for table_rows in (rows, after[table]))
        lost, made = [row for row in was if row not in now], [row for row in now if row not in was]
        assert not lost, f"{table}: {lost[:2]} became {made[:2]}"
        assert not made, f"{table}: {made[:2]} is new"


def _due(table: str, rows: list[Row], at: str) -> list[Row]:
    """Rows of the tables of due work, with instants raised to now: how long something has been due does not count."""
    if table not in ("due", "plan_due"):
        return rows
    return [(*row[:2], max(row[2], at)) for row in rows]


def unnumbered(rows: list[Row]) -> list[Row]:
    """Rows without the running number that some tables begin with."""
    return sorted((row[1:] if isinstance(row[0], int) else row for row in rows), key=repr)
