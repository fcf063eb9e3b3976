"""A value of the past that the mapping does not list is the reason of what it hides, with its place."""

from __future__ import annotations

import pytest

from capa_sync.model.record import Stage
from capa_sync.model.values import Value, ValueState
from capa_sync.rules import sentences as say
from tests.unit.rules.test_history_of_a_record import TICKET, TITLE_NOT_KNOWN, change, filled, seen

UNLISTED = Value(ValueState.ERROR, text="Waiting", reason="status 'Waiting' is not listed")
OTHER = Value(ValueState.ERROR, text="Parked", reason="status 'Parked' is not listed")


@pytest.mark.parametrize("asked", [{}, {"history": True}])
def test_an_unlisted_past_value_is_told_as_that_and_never_as_an_incomplete_history(asked: dict[str, bool]) -> None:
    """Each value is a reason of its own, once; a value of another field is none; a missing part is said first."""
    changes = (
        change(2, "stage", UNLISTED),
        change(3, "stage", OTHER, UNLISTED),
        change(4, "owner", Value(ValueState.ERROR, reason="no such person")),
        change(5, "stage", UNLISTED, OTHER),
    )
    both = "status 'Waiting' is not listed; status 'Parked' is not listed"
    titled = {**TICKET.fields, "title": filled("x")}
    assert seen(*changes, fields=titled).unknown(("title",), **asked) == both
    incomplete = seen(*changes, fields=titled, history_complete=False).unknown(("title",), **asked)
    assert incomplete == (say.HISTORY_INCOMPLETE if asked else TITLE_NOT_KNOWN)
    gap = seen(*changes, fields=titled, history_gaps={"stage": "renamed"}).unknown(("title",), history=True)
    assert gap == "renamed"


def test_derived_values_name_the_unlisted_status_that_hides_them() -> None:
    """When action began, was implemented, and when and by whom the record was closed rest on past statuses."""
    past = change(2, "stage", UNLISTED)
    closed = change(5, "stage", filled("closed"), OTHER)
    entered = seen(past, closed, stage=Stage.CLOSED, actions_mapped=True)
    for name, reasons in {
        "action_started_at": [UNLISTED, OTHER],
        "implemented_at": [UNLISTED, OTHER],
        "closed_at": [UNLISTED, OTHER],
        "closed_by": [UNLISTED, OTHER],
    }.items():
        found = entered.value(name)
        assert (found.state, found.reason) == (
            ValueState.UNREADABLE,
            "; ".join(value.reason for value in reasons),
        ), name
    partly = seen(past, closed, stage=Stage.CLOSED, actions_mapped=True, history_complete=False)
    for name, reason in {
        "action_started_at": say.HISTORY_INCOMPLETE,
        "implemented_at": say.HISTORY_INCOMPLETE,
        "closed_at": say.CLOSED_WHEN_UNKNOWN,
        "closed_by": say.CLOSED_BY_UNKNOWN,
    }.items():
        assert partly.value(name).reason == reason, name
