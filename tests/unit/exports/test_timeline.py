"""Timeline and paper of a pack where several tickets, late tickets and secrets meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.exports import TicketEvidence
from capa_sync.exports.pack import LONGEST_PRINTED
from capa_sync.exports.timeline import after_closure, timeline_of
from capa_sync.redaction import conceal
from tests.unit.exports.test_pack import BIRTH, evidence, field_row, written

EARLIER, LATER = "2026-05-01T09:00:00Z", "2026-05-02T09:00:00+00:00"
SECRET = "s3cr3t-token-abcdefghij"


def test_values_at_the_creation_stand_with_the_ticket_that_was_created_then() -> None:
    """Of a joined record the register keeps those of the oldest ticket, whichever carries the record."""
    found = evidence()
    own, joined = found.tickets[0], TicketEvidence("joined", {"source": "sn", "ticket_key": "P-1", "ticket_id": "2"})
    own.ticket["created_at"], joined.ticket["created_at"] = LATER, EARLIER
    own.changes = [
        BIRTH | {"field": "Requirement", "to_value": "A.5.18", "changed_at": EARLIER, "changed_by_name": "Roy"}
    ]
    found.tickets.append(joined)

    events = [event for event in timeline_of(found) if event["kind"] == "created"]

    assert [(event["ticket"], event["who"], event["what"]) for event in events] == [
        ("sn:P-1", "", "the ticket was created"),
        ("sn:P-1", "Roy", "Requirement: “A.5.18”"),
        ("jira:C-1", "", "the ticket was created"),
    ]


def test_an_action_that_was_made_after_closure_is_a_change_after_closure() -> None:
    """The tracker writes no entry in the record's own history."""
    found = evidence()
    found.tickets[0].ticket["created_at"] = EARLIER
    late = {"source": "jira", "ticket_key": "C-2", "ticket_id": "2", "created_at": "2026-06-05T10:00:00Z"}
    found.tickets.append(TicketEvidence("action", late))

    events = after_closure(timeline_of(found), "2026-06-04T10:00:00Z")

    assert [(event["ticket"], event["what"]) for event in events if event["kind"] == "created"] == [
        ("jira:C-2", "the ticket was created")
    ]


@pytest.mark.parametrize("before", [0, 1, len(SECRET) // 2, len(SECRET)])
def test_a_secret_at_the_end_of_what_is_printed_is_removed_whole(tmp_path: Path, before: int) -> None:
    """A part of it, before the note, would be printed otherwise."""
    conceal(SECRET)
    found = evidence()
    found.fields = [field_row("description", f"{'a ' * LONGEST_PRINTED}"[: LONGEST_PRINTED - before] + SECRET)]

    _page, printed, _plain = written(tmp_path / "a.zip", found)

    assert SECRET[:6] not in printed
