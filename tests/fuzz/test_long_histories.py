"""A ticket whose history and comments fit each other, and are as long as the bounds allow, costs no seconds of CPU.

Generated payloads (`test_tickets.py`) are odd in one place and short in all others: they find no rule that goes
through all comments for each change.
"""

from __future__ import annotations

import time

import pytest

from tests.fuzz.long_histories import SHAPES, LongTicket
from tests.fuzz.odd import as_bytes
from tests.fuzz.test_tickets import MOST_CPU, PAYLOADS, Line, line

LENGTH = 7_000 if PAYLOADS else 4_000
"""Edits, and comments. With many more, a part has more bytes than it may have."""
__all__ = ["line"]


@pytest.fixture(scope="module")
def ticket(line: Line) -> LongTicket:
    """Return what makes a ticket of each tracker."""
    return LongTicket(line, line.templates[0])


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_long_history_is_judged_within_the_bound_of_any_ticket(line: Line, ticket: LongTicket, shape: str) -> None:
    """It is judged, not quarantined; each pair of a change and a comment alone would be 16 million looks."""
    payload = as_bytes(ticket.parts(*SHAPES[shape](LENGTH)))
    begun = time.process_time()
    how = line.carry(line.templates[0], payload)
    assert (how, time.process_time() - begun < MOST_CPU) == ("judged", True)
