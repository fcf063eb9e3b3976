"""What a brake holds back is known by its sums."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from capa_sync.daemon.withheld_plans import WithheldPlans
from capa_sync.model.write import Write, WriteKind
from capa_sync.writeback import TicketPlan

T0 = datetime(2026, 3, 2, tzinfo=UTC)


def plan(*notifies: bool) -> TicketPlan:
    """A plan with one write for each answer to: does it notify?"""
    return TicketPlan(
        tuple(
            Write(str(n), "jira", "1", "CAPA-1", WriteKind.LABELS, "hash", T0, notifies=notifies_people)
            for n, notifies_people in enumerate(notifies)
        )
    )


PLANS = {"quiet": plan(), "labels": plan(False), "comment": plan(False, True)}
steps = st.lists(
    st.tuples(st.sampled_from(["keep", "drop", "take"]), st.sampled_from("abcd"), st.sampled_from(sorted(PLANS))),
    max_size=30,
)


@given(steps)
def test_sums_are_those_of_the_plans_held(done: list[tuple[str, str, str]]) -> None:
    """Whatever is kept, kept again, dropped and taken, the sums are what adding them up would give."""
    withheld, wanted = WithheldPlans(), dict[str, TicketPlan]()
    for what, ticket, kind in done:
        if what == "keep":
            withheld.keep({ticket: PLANS[kind]}, kind)
            wanted[ticket] = PLANS[kind]
            assert withheld.cause == kind
        elif what == "drop":
            withheld.drop(ticket)
            wanted.pop(ticket, None)
        else:
            assert set(withheld.take_all()) == wanted.keys()
            wanted.clear()
        assert withheld.writing == sum(1 for planned in wanted.values() if planned.writes)
        assert withheld.notifying == sum(1 for planned in wanted.values() if planned.notifies)
        assert (set(withheld), len(withheld)) == (wanted.keys(), len(wanted))
        assert all((ticket in withheld) == (ticket in wanted) for ticket in "abcd")
