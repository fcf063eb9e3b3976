"""`mapping suggest` on the names of fourteen registers and two Jira sites that others made."""

from __future__ import annotations

import pytest

from tests.absent_data import needs
from tests.real.registers.measure import AEA, MERICO, REGISTERS, scores, scores_of_sites

pytestmark = [needs(REGISTERS), needs(AEA), needs(MERICO)]
LEAST_FOUND = {"columns": 0.75, "statuses": 0.85, "options": 0.6}
"""What was found when the lists were written, less a few names; a list that loses more has lost something."""


@pytest.mark.parametrize("what", LEAST_FOUND)
def test_what_is_proposed_above_four_fifths_is_right(what: str) -> None:
    """Nineteen of twenty sure proposals are right, and most names that mean something are found."""
    score = scores()[what]
    assert score.precision >= 0.95, score.wrong
    assert score.recall >= LEAST_FOUND[what]


def test_what_is_proposed_for_two_sites_is_right() -> None:
    """Fields and statuses of a verification desk, and of a company that writes half of its statuses in Chinese."""
    for score in scores_of_sites().values():
        assert score.right >= 5
        assert score.precision >= 0.95, score.wrong
