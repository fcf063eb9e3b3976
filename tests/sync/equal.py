"""What it means that a mirror equals its tracker: ticket by ticket, change by change, comment by comment."""

from __future__ import annotations

from capa_sync.model.ticket import Presence
from tests.sync.hands import Hands, Truth
from tests.sync.world import World


def assert_same(world: World, hands: Hands, ticket: str, truth: Truth) -> None:
    """One ticket equals its mirror: key, values, history in true order, comments, and what it is to others."""
    name = hands.site.name
    mirrored = world.ticket(ticket, name)
    assert mirrored.key == truth.key
    values, changes, comments = hands.mirrored(mirrored)
    assert values == truth.values, truth.key
    missing = [saved for saved in truth.changes if saved not in changes]
    strange = [saved for saved in changes if saved not in truth.changes]
    assert (missing, strange) == ([], []), truth.key
    places = [truth.places[truth.changes.index(saved)] for saved in changes]
    assert places == sorted(truth.places), truth.key
    assert comments == truth.comments, truth.key
    assert mirrored.history_complete
    if truth.is_part:
        assert world.house.register.tickets.is_action(name, ticket), truth.key
    rows = world.view("v_changes", source=name, ticket_id=ticket, origin="history")
    entries = [row["entry"] for row in sorted(rows, key=lambda row: row["group_no"])]
    assert entries == [c.entry for c in mirrored.changes if c.origin == "history"]


def assert_equal(world: World, hands: Hands) -> None:
    """Every ticket in scope equals its mirror, and nothing was observed that people did openly."""
    for ticket, truth in hands.truth().items():
        if truth.in_scope:
            assert_same(world, hands, ticket, truth)
            assert world.presence(ticket, hands.site.name) is Presence.PRESENT, truth.key
            assert world.observed(ticket, hands.site.name) == [], truth.key
