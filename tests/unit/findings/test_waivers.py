"""Whether a waiver counts: each condition alone, at its edge, by the one function that everybody asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from capa_sync.findings.waivers import AHEAD, WaiverCase, newest_first, standing_of
from capa_sync.model.finding import Severity
from capa_sync.model.waiver import Waiver, WaiverState, Way, end_of, last_day

ASKED = datetime(2026, 3, 2, 9, tzinfo=UTC)
WAIVER = Waiver(
    source="jira",
    ticket_id="1",
    rule="rca-method",
    until=date(2026, 4, 30),
    reason="x" * 20,
    asked_by="roy",
    asked_at=ASKED,
    way=Way.COMMAND,
    reads={"rca_method": "a", "root_cause": "b"},
)
CASE = WaiverCase(
    severity=Severity.MEDIUM,
    owner="lee",
    reads={"rca_method": "a", "root_cause": "b"},
    now=ASKED,
    unwaivable=frozenset({"edited-after-close"}),
    timezone="Europe/London",
)
ENDS = datetime(2026, 4, 30, 23, tzinfo=UTC)
"""24:00 of the last day, in British summer time."""
MOMENT = timedelta(microseconds=1)


def state(waiver: Waiver = WAIVER, **facts: Any) -> tuple[str, str]:
    """Return the state of a waiver in a case that differs in these facts, and why it has no effect."""
    standing = standing_of(waiver, replace(CASE, **facts))
    return str(standing.state), standing.why


def wants(**parts: Any) -> Waiver:
    """Return the waiver with other parts."""
    return replace(WAIVER, **parts)


@pytest.mark.parametrize(
    ("waiver", "facts"),
    [
        (WAIVER, {}),
        (WAIVER, {"now": ENDS - MOMENT}),
        (WAIVER, {"owner": ""}),
        (WAIVER, {"reads": {}}),
        (WAIVER, {"reads": {"rca_method": "a", "another": "z"}}),
        (wants(until=date(2026, 8, 29)), {}),
        (wants(until=date(2027, 3, 2)), {"severity": Severity.LOW}),
        (wants(until=date(2026, 5, 31), approved_by="nair"), {"severity": Severity.HIGH}),
    ],
)
def test_a_waiver_counts_up_to_each_limit(waiver: Waiver, facts: dict[str, Any]) -> None:
    """To the last moment of its day, for the longest time, without what cannot be read now."""
    assert state(waiver, **facts) == (WaiverState.ACTIVE, "")


@pytest.mark.parametrize(
    ("waiver", "facts", "why"),
    [
        (WAIVER, {"unwaivable": frozenset({"rca-method"})}, "the rule rca-method cannot be waived"),
        (wants(reason="x" * 19), {}, "the reason has 19 characters; write at least 20"),
        (wants(reason="x" * 19 + "\u200b\u0000"), {}, "the reason has 19 characters; write at least 20"),
        (wants(reason="x" + "\n" * 20 + "y"), {}, "the reason has 3 characters; write at least 20"),
        (WAIVER, {"owner": "roy"}, "roy owns the ticket"),
        (wants(approved_by="lee"), {}, "lee owns the ticket"),
        (wants(approved_by="roy"), {}, "roy cannot approve the own waiver"),
        (WAIVER, {"severity": Severity.HIGH}, "the finding is high: a second person must approve"),
        (wants(until=date(2026, 8, 30)), {}, "severity medium is waived for 180 days at most, here until 2026-08-29"),
        (wants(until=date.max), {"severity": Severity.LOW}, "for 365 days at most, here until 2027-03-02"),
        (
            wants(until=date(2026, 6, 1), approved_by="nair"),
            {"severity": Severity.HIGH},
            "for 90 days at most, here until 2026-05-31",
        ),
    ],
)
def test_a_condition_that_does_not_hold_makes_it_inactive(waiver: Waiver, facts: dict[str, Any], why: str) -> None:
    """It may count again, so its end by time is still known."""
    found, said = state(waiver, **facts)
    assert found == WaiverState.INACTIVE
    assert why in said
    assert standing_of(waiver, replace(CASE, **facts)).until is not None


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"now": ENDS}, "its last day was 2026-04-30"),
        (
            {"reads": {"rca_method": "z", "root_cause": "y"}},
            "what the rule reads has changed since: rca_method, root_cause",
        ),
        ({"reads": {"root_cause": "y"}, "owner": "roy"}, "what the rule reads has changed since: root_cause"),
    ],
)
def test_the_last_day_and_a_changed_text_end_it_for_good(facts: dict[str, Any], why: str) -> None:
    """Whatever other condition does not hold either."""
    assert state(**facts) == (WaiverState.ENDED, why)


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 12, 31)])
def test_a_day_ends_at_midnight_of_its_zone(zone: str, day: date) -> None:
    """The day is found again from its end, also where the clocks change."""
    assert last_day(end_of(day, zone), zone) == day
    assert last_day(end_of(day, zone) + MOMENT, zone) == day + timedelta(days=1)


def test_the_newest_of_several_decides() -> None:
    """A later one may be shorter; of two at one instant the one that was recorded later is newer."""
    later = wants(asked_at=ASKED + MOMENT, id=1)
    assert newest_first([wants(id=2), later, wants(id=3)]) == [later, wants(id=3), wants(id=2)]


@pytest.mark.parametrize("way", list(Way))
def test_one_that_was_asked_for_in_the_future_waits_for_that_instant(way: Way) -> None:
    """Our clock was ahead: its last day may be beyond every limit of now. A little ahead is no future."""
    year = timedelta(days=365)
    ahead = wants(asked_at=ASKED + year, until=date(2027, 4, 30), way=way)
    assert state(ahead) == (
        WaiverState.INACTIVE,
        "it was asked for on 2027-03-02, which is in the future: a clock was wrong then; ask again",
    )
    begins = standing_of(ahead, CASE).begins
    assert begins == ASKED + year - AHEAD
    for now, found in ((begins - MOMENT, WaiverState.INACTIVE), (begins, WaiverState.ACTIVE)):
        assert standing_of(ahead, replace(CASE, now=now)).state is found
    assert standing_of(ahead, replace(CASE, now=begins)).begins is None
    assert state(wants(asked_at=ASKED + AHEAD)) == (WaiverState.ACTIVE, "")


@pytest.mark.parametrize("days", [-365, 365], ids=["ahead", "behind"])
def test_what_a_wrong_clock_dated_takes_the_place_in_which_it_was_recorded(days: int) -> None:
    """Of two that our clock dated, the one that was recorded later is newer, whichever way the clock was set."""
    earlier, later = wants(id=1), wants(id=2, asked_at=ASKED + timedelta(days=days))
    assert newest_first([earlier, later]) == [later, earlier]
    assert newest_first([later, earlier]) == [later, earlier]


def test_a_comment_counts_by_its_own_instant() -> None:
    """The tracker dates it, and it may be read after a waiver that was asked for later."""
    comment = wants(id=2, way=Way.COMMENT, asked_at=ASKED - timedelta(days=2))
    assert newest_first([comment, wants(id=1)]) == [wants(id=1), comment]
