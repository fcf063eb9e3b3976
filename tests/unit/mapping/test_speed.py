"""Mapping stays cheap: 50,000 tickets within 5 s of one core."""

from __future__ import annotations

import time
from dataclasses import replace

from capa_sync.mapping import bind, map_ticket
from tests.unit.mapping.life import at, jira_site, life_ticket, shipped

ROUNDS = 1_000
LIMIT = 0.0004
"""Seconds of CPU a ticket: four times what it takes, since other tests share the machine."""
TYPICAL = ("Summary", "Description", "Issue Type", "Grade", "Requirement", "Reporter", "Assignee", "Status")
TYPICAL = (*TYPICAL, "Corrective action", "Root cause", "Due date", "Location")


def test_a_typical_ticket_is_mapped_in_a_fraction_of_a_millisecond() -> None:
    """Twelve fields filled, nine changes, the shipped mapping with all its fields."""
    mapping = shipped("jira-cloud")
    bound = bind(mapping, jira_site(mapping))
    ids = {each.id for each in bound.facts.fields if each.name in TYPICAL}
    whole = life_ticket(bound, at(9, 1))
    ticket = replace(
        whole,
        values={key: raw for key, raw in whole.values.items() if key in ids},
        changes=tuple(change for change in whole.changes if change.field_id in ids),
    )
    start = time.process_time()
    for _ in range(ROUNDS):
        map_ticket(bound, ticket, {}, people=mapping.people, as_of=at(9, 1), own_account="us")
    assert (time.process_time() - start) / ROUNDS < LIMIT
