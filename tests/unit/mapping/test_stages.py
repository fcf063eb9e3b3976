"""Statuses to stages over time: validity, side states, hold, and what is not listed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from capa_sync.mapping import BoundMapping
from capa_sync.model.record import Pause, Stage, Unmapped
from capa_sync.model.values import BLANK, Raw, ValueState
from tests.unit.mapping.world import BY_STATUS, MAPPING, T0, bound_to, mapped, option, record, rows, ticket

HOUR = timedelta(hours=1)
OPEN, ANALYSED, ACTION = BY_STATUS["Open"], BY_STATUS["Analysed"], BY_STATUS["In Action"]
CLOSED, WAITING, REVIEW, STRANGE = (BY_STATUS[name] for name in ("Closed", "Waiting", "Review", "Strange"))
WONT_DO = option("900", "Won't do")


@pytest.fixture(name="bound")
def _bound(tmp_path: Path) -> BoundMapping:
    return bound_to(tmp_path)


def test_stage_and_status_start_at_birth_and_follow_the_history(bound: BoundMapping) -> None:
    """The first status is the old value of the first change."""
    found = record(bound, ticket({"status": ACTION}, [(T0 + HOUR, "acc-roy", {"status": (OPEN, ACTION)})]))
    assert rows(found, "stage") == [(None, "identified"), ("identified", "planned")]
    assert rows(found, "source_status") == [(None, "Open"), ("Open", "In Action")]
    assert (found.stage, found.source_status) == (Stage.PLANNED, "In Action")


def test_a_status_may_be_listed_by_id(bound: BoundMapping) -> None:
    """The id counts whatever the name is today; the tracker's name is shown."""
    found = record(bound, ticket({"status": Raw(("11",), ("Analysiert",), "Analysiert")}))
    assert (found.stage, found.source_status) == (Stage.ANALYSED, "Analysiert")


def test_an_older_name_of_a_status_is_an_alias(bound: BoundMapping) -> None:
    """Localised and renamed statuses map like the present name."""
    found = record(bound, ticket({"status": ACTION}, [(T0, "", {"status": (OPEN, Raw(("99",), ("Umsetzung",)))})]))
    assert ("identified", "planned") in rows(found, "stage")


@pytest.mark.parametrize(
    ("entered", "stage"),
    [
        (datetime(2025, 5, 31, 23, 59, tzinfo=UTC), Stage.IMPLEMENTED),
        (datetime(2025, 6, 1, tzinfo=UTC), Stage.VERIFIED),
    ],
)
def test_a_status_means_what_it_meant_when_it_was_entered(
    bound: BoundMapping, entered: datetime, stage: Stage
) -> None:
    """`until` is excluded, `from` is included, both are days in UTC."""
    found = record(bound, ticket({"status": REVIEW}, [(entered, "acc-lee", {"status": (OPEN, REVIEW)})]))
    assert found.stage is stage


def test_an_unlisted_present_status_quarantines_with_status_and_file(bound: BoundMapping) -> None:
    """The reason names the status to list, and the file."""
    found = mapped(bound, ticket({"status": STRANGE}))
    assert isinstance(found, Unmapped)
    assert found.reasons == ("status 'Strange' (17) is not listed under `stage: values:` at map.yaml:17",)


def test_a_ticket_without_any_status_is_quarantined(bound: BoundMapping) -> None:
    """A row that delivers no status has no stage."""
    found = mapped(bound, ticket({"status": BLANK}))
    assert isinstance(found, Unmapped)
    assert "has no status" in found.reasons[0]


def test_a_status_listed_for_other_times_only_is_quarantined(tmp_path: Path) -> None:
    """The reason names the day."""
    text = MAPPING.replace("Closed: closed", "Closed: {stage: closed, from: 2026-01-01}")
    found = mapped(bound_to(tmp_path, text), ticket({"status": CLOSED}))
    assert isinstance(found, Unmapped)
    assert "is not listed for 2025-05-05 under" in found.reasons[0]


def test_an_unlisted_past_status_is_an_error_in_the_history(bound: BoundMapping) -> None:
    """The record is still mapped; phrases about that time cannot tell."""
    history = [
        (T0 + HOUR, "acc-lee", {"status": (OPEN, STRANGE)}),
        (T0 + 2 * HOUR, "acc-lee", {"status": (STRANGE, CLOSED)}),
    ]
    found = record(bound, ticket({"status": CLOSED}, history))
    states = [row.new.state for row in found.timeline if row.field == "stage"]
    assert states == [ValueState.FILLED, ValueState.ERROR, ValueState.FILLED]


def test_a_resolution_may_take_the_ticket_out_of_the_flow(bound: BoundMapping) -> None:
    """A ticket closed as "Won't do" in one save is rejected at once, and never closed in between."""
    history = [(T0 + HOUR, "acc-lee", {"status": (OPEN, CLOSED), "resolution": (None, WONT_DO)})]
    found = record(bound, ticket({"status": CLOSED, "resolution": WONT_DO}, history))
    assert found.stage is Stage.REJECTED
    assert rows(found, "stage") == [(None, "identified"), ("identified", "rejected")]


def test_a_resolution_set_later_moves_the_stage_without_a_change_of_status(bound: BoundMapping) -> None:
    """Changes of the condition's field cause stage entries too."""
    history = [
        (T0 + HOUR, "acc-lee", {"status": (OPEN, CLOSED)}),
        (T0 + 2 * HOUR, "acc-roy", {"resolution": (None, option("901", "DUPLICATE"))}),
        (T0 + 3 * HOUR, "acc-roy", {"resolution": (option("901", "Duplicate"), None)}),
    ]
    found = record(bound, ticket({"status": CLOSED}, history))
    assert [new for _, new in rows(found, "stage")] == ["identified", "closed", "duplicate", "closed"]


def test_a_status_on_hold_keeps_the_stage_and_pauses(bound: BoundMapping) -> None:
    """The clock stands still from entering to leaving the status."""
    history = [
        (T0 + HOUR, "acc-lee", {"status": (OPEN, ACTION)}),
        (T0 + 2 * HOUR, "acc-lee", {"status": (ACTION, WAITING)}),
        (T0 + 5 * HOUR, "acc-lee", {"status": (WAITING, CLOSED)}),
    ]
    found = record(bound, ticket({"status": CLOSED}, history))
    assert [new for _, new in rows(found, "stage")] == ["identified", "planned", "closed"]
    assert found.pauses == (Pause(T0 + 2 * HOUR, T0 + 5 * HOUR),)


def test_a_ticket_on_hold_now_has_an_open_pause(bound: BoundMapping) -> None:
    """A ticket created on hold is identified, the first stage."""
    found = record(bound, ticket({"status": WAITING}))
    assert (found.stage, found.pauses) == (Stage.IDENTIFIED, (Pause(T0, None),))
    assert found.source_status == "Waiting"


def test_a_hold_entered_from_an_unlisted_status_cannot_be_placed(bound: BoundMapping) -> None:
    """The stage that it keeps is unknown, so it is quarantined."""
    found = mapped(bound, ticket({"status": WAITING}, [(T0 + HOUR, "a", {"status": (STRANGE, WAITING)})]))
    assert isinstance(found, Unmapped)
    assert "Strange" in found.reasons[0]


def test_a_hold_entered_from_a_status_that_is_a_side_state_keeps_that(tmp_path: Path) -> None:
    """A rejected ticket on hold is still rejected; after it moved on, it is not."""
    bound = bound_to(tmp_path, MAPPING.replace("rejected: [", "rejected: [Strange, "))
    history = [
        (T0 + HOUR, "acc-lee", {"status": (OPEN, STRANGE)}),
        (T0 + 2 * HOUR, "acc-lee", {"status": (STRANGE, WAITING)}),
    ]
    found = record(bound, ticket({"status": WAITING}, history))
    assert (found.stage, found.source_status) == (Stage.REJECTED, "Waiting")
    assert [new for _, new in rows(found, "stage")] == ["identified", "rejected"]
    assert found.pauses == (Pause(T0 + 2 * HOUR, None),)
    back = record(
        bound, ticket({"status": ACTION}, [*history, (T0 + 3 * HOUR, "acc-lee", {"status": (WAITING, ACTION)})])
    )
    assert [new for _, new in rows(back, "stage")] == ["identified", "rejected", "planned"]


def test_another_field_may_put_a_ticket_on_hold(tmp_path: Path) -> None:
    """ServiceNow's substate is such a field."""
    text = MAPPING.replace("on_hold: [Waiting]", "on_hold: [{field: Site, is: [parked]}]")
    history = [
        (T0 + HOUR, "acc-lee", {"c4": (None, "parked")}),
        (T0 + 2 * HOUR, "acc-lee", {"status": (OPEN, CLOSED)}),
        (T0 + 3 * HOUR, "acc-lee", {"c4": ("parked", None)}),
    ]
    found = record(bound_to(tmp_path, text), ticket({"status": CLOSED}, history))
    assert found.pauses == (Pause(T0 + HOUR, T0 + 3 * HOUR),)
    assert [new for _, new in rows(found, "stage")] == ["identified", "closed"]


def test_a_status_that_moved_without_history_is_an_observed_step(bound: BoundMapping) -> None:
    """The present stage is right; the step has the tracker's last update time and no author."""
    late = T0 + 9 * HOUR
    found = record(bound, ticket({"status": CLOSED}, [(T0, "a", {"status": (OPEN, ACTION)})], updated_at=late))
    last = [row for row in found.timeline if row.field == "stage"][-1]
    assert (last.new.data, last.at, last.by, last.human) == ("closed", late, None, False)


def test_statuses_of_one_instant_keep_their_order(bound: BoundMapping) -> None:
    """The order comes from the history's own numbering, not from the instants."""
    history = [
        (T0 + HOUR, "acc-lee", {"status": (OPEN, CLOSED)}),
        (T0 + HOUR, "acc-lee", {"status": (CLOSED, ACTION)}),
        (T0 + HOUR, "acc-lee", {"status": (ACTION, ANALYSED)}),
    ]
    found = record(bound, ticket({"status": ANALYSED}, history))
    assert [new for _, new in rows(found, "stage")] == ["identified", "closed", "planned", "analysed"]
    assert found.stage is Stage.ANALYSED


def test_rows_of_stage_and_status_name_the_field_of_the_tracker(bound: BoundMapping) -> None:
    """Of the birth, of a change, and of a change that the history lacks; the last one has no entry."""
    late = T0 + 9 * HOUR
    history = [(T0 + HOUR, "acc-lee", {"status": (OPEN, ACTION), "resolution": (None, WONT_DO)})]
    found = record(bound, ticket({"status": CLOSED}, history, updated_at=late))
    for name in ("stage", "source_status"):
        found_rows = [row for row in found.timeline if row.field == name]
        assert {row.tracker_field for row in found_rows} == {"Status"}
        assert (found_rows[-1].entry, found_rows[-1].at) == ("", late)
    assert [new for _, new in rows(found, "source_status")] == ["Open", "In Action", "Closed"]


@pytest.mark.parametrize(
    ("updated_at", "stage"),
    [
        (datetime(2025, 5, 31, tzinfo=UTC), Stage.IMPLEMENTED),
        (datetime(2025, 6, 2, tzinfo=UTC), Stage.VERIFIED),
    ],
)
def test_a_status_that_the_history_lacks_was_entered_at_the_latest_instant(
    bound: BoundMapping, updated_at: datetime, stage: Stage
) -> None:
    """It means what it meant then."""
    history = [(T0 + HOUR, "acc-lee", {"status": (OPEN, ACTION)})]
    found = record(bound, ticket({"status": REVIEW}, history, updated_at=updated_at))
    assert found.stage is stage


def test_a_hold_that_the_history_lacks_begins_at_the_latest_instant(bound: BoundMapping) -> None:
    """The stage stays; the status is shown."""
    late = T0 + 9 * HOUR
    history = [(T0 + HOUR, "acc-lee", {"status": (OPEN, ACTION)})]
    found = record(bound, ticket({"status": WAITING}, history, updated_at=late))
    assert (found.stage, found.source_status, found.pauses) == (Stage.PLANNED, "Waiting", (Pause(late, None),))


def test_the_reason_of_an_unlisted_status_shows_its_id_only_if_it_is_not_its_name(bound: BoundMapping) -> None:
    """ServiceNow's choices may be their own names."""
    for status, shown in (
        (Raw(("Odd",), ("Odd",), "Odd"), "'Odd'"),
        (Raw(("7", "8"), ("Odd",), "Odd"), "'Odd' (7, 8)"),
    ):
        found = mapped(bound, ticket({"status": status}))
        assert isinstance(found, Unmapped)
        assert found.reasons == (f"status {shown} is not listed under `stage: values:` at map.yaml:17",)


def test_an_unlisted_past_status_is_named_in_the_history(bound: BoundMapping) -> None:
    """The error has the name as its text."""
    history = [(T0 + HOUR, "acc-lee", {"status": (STRANGE, CLOSED)})]
    found = record(bound, ticket({"status": CLOSED}, history))
    birth = next(row for row in found.timeline if row.field == "stage")
    assert (birth.new.state, birth.new.text) == (ValueState.ERROR, "Strange")


def test_a_renamed_status_is_no_move_and_another_id_of_the_same_name_is_one(bound: BoundMapping) -> None:
    """The id decides where both readings have one; else the name does."""
    history = [(T0 + HOUR, "acc-lee", {"status": (OPEN, CLOSED)})]
    renamed = record(bound, ticket({"status": Raw(("14",), ("Fertig",), "Fertig")}, history))
    assert [new for _, new in rows(renamed, "source_status")] == ["Open", "Closed"]
    nameless = record(bound, ticket({"status": Raw((), ("Closed",), "Closed")}, history))
    assert [new for _, new in rows(nameless, "source_status")] == ["Open", "Closed"]
    by_text = record(bound, ticket({"status": Raw((), (), "Closed")}, history))
    assert [new for _, new in rows(by_text, "stage")] == ["identified", "closed"]
