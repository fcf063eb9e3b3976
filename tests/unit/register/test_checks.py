"""The checks over the whole register: when each is in order, when it is raised, and when it cannot tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from capa_sync.model.register_check import CheckResult, RecordSpan, RegisterLimits
from capa_sync.register import checks

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
LIMITS = RegisterLimits()


def ago(days: int) -> datetime:
    """Return the instant so many days before now."""
    return NOW - timedelta(days=days)


def spans(*rows: tuple[int, int | None, int | None]) -> list[RecordSpan]:
    """Return records open since, until and late since so many days ago."""
    return [
        RecordSpan(ago(start), None if end is None else ago(end), None if late is None else ago(late), None)
        for start, end, late in rows
    ]


TOO_MANY = spans((90, None, 3), (90, None, 3), (90, None, None))
RISING = spans(*((400, None, None) for _ in range(17)), (400, None, 70), (400, None, 40), (400, None, 5))


@pytest.mark.parametrize(
    ("result", "state", "says"),
    [
        (checks.never_decided("jira", []), "ok", "every rule that applies decides"),
        (checks.never_decided("jira", ["grade-set"]), "raised", "1 rule cannot tell on any ticket: grade-set"),
        (checks.never_decided("jira", list("abcdefg")), "raised", "a, b, c, d, e and 2 more"),
        (checks.silent_origins({"internal_audit": ago(365)}, LIMITS, NOW), "ok", "last 365 days"),
        (checks.silent_origins({"internal_audit": ago(366)}, LIMITS, NOW), "raised", "from internal audit in 365"),
        (checks.silent_origins({"supplier": None}, LIMITS, NOW), "raised", "none found, or none recorded?"),
        (checks.silent_origins({}, LIMITS, NOW), "ok", "each expected origin"),
        (checks.improvements(ago(1), ["servicenow"], LIMITS, NOW), "ok", "an improvement was decided"),
        (checks.improvements(ago(366), [], LIMITS, NOW), "raised", "no improvement was decided in 365 days"),
        (checks.improvements(None, [], LIMITS, NOW), "raised", "no improvement"),
        (checks.improvements(None, ["jira"], LIMITS, NOW), "cannot_tell", "mapping of jira names no field"),
        (checks.unreviewed_majors("jira", [], True, LIMITS), "ok", "180 days"),
        (checks.unreviewed_majors("jira", ["C-1", "C-2"], True, LIMITS), "raised", "2 major records open"),
        (checks.unreviewed_majors("jira", [], False, LIMITS), "cannot_tell", "no field for the management review"),
        (checks.overdue([], LIMITS, NOW, "UTC"), "ok", "no record is open"),
        (checks.overdue(spans((90, 1, 3)), LIMITS, NOW, "UTC"), "ok", "no record is open"),
        (
            checks.overdue(TOO_MANY, LIMITS, NOW, "UTC"),
            "raised",
            "67% of the open records are late, the limit is 25%",
        ),
        (checks.overdue(RISING, LIMITS, NOW, "UTC"), "ok", "15% of the open records are late"),
        (
            checks.overdue(RISING, RegisterLimits(rising_months=2), NOW, "UTC"),
            "raised",
            "rose 2 months running: 0%, 5%, 10%",
        ),
        (checks.waivers(10, 1, 0, LIMITS), "ok", "1 open record of 10"),
        (checks.waivers(10, 2, 0, LIMITS), "raised", "the limit is 10%"),
        (checks.waivers(10, 1, 1, LIMITS), "raised", "1 waiver ran out while the point is open"),
        (checks.waivers(0, 0, 0, LIMITS), "ok", "0 open records of 0"),
        (checks.counts("jira", None, 0, 0), "cannot_tell", "no census was completed"),
        (checks.counts("jira", 5, 5, 0), "ok", "5 tickets in the tracker"),
        (checks.counts("jira", 6, 5, 0), "raised", "counts 6 tickets and listed 5"),
        (checks.counts("jira", 5, 5, 1), "raised", "1 ticket of the tracker"),
    ],
)
def test_each_check_in_order_raised_and_unsure(result: CheckResult, state: str, says: str) -> None:
    """What was counted decides, and the sentence names it."""
    assert result.state == state
    assert says in result.says
