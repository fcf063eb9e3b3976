"""The sums of the plans that a brake withholds."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from capa_sync.daemon.withheld_plans import WithheldPlans
from capa_sync.model.write import Write, WriteKind
from capa_sync.writeback import TicketPlan

T0 = datetime(2026, 3, 2, tzinfo=UTC)


def plan(*notifies: bool) -> TicketPlan:
    """Return a plan with one write for each value, which says whether that write notifies people."""
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
def test_sums_are_those_of_the_withheld_plans(done: list[tuple[str, str, str]]) -> None:
    """After plans are stored, replaced, dropped and taken, the sums equal those of adding up what is left."""
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
