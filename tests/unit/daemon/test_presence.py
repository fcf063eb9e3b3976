"""What a census proves: deletion needs proof; lost access and mass disappearance never count as deletion."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from capa_sync.daemon.presence import CensusEvidence, Judgement, judge_census, suspicious_containers, unsettled
from capa_sync.model.site import Census
from capa_sync.model.ticket import Presence

LIVE = {"CAPA": "live"}


def mirrored(count: int, container: str = "CAPA") -> dict[str, tuple[Presence, str]]:
    """Return this many present tickets of one container."""
    return {f"{container}-{number}": (Presence.PRESENT, container) for number in range(count)}


def judged(
    mirror: dict[str, tuple[Presence, str]], census: Census, evidence: CensusEvidence | None = None
) -> tuple[dict[str, Presence], Judgement]:
    """Judge a census; return presences by id and the whole judgement. Without evidence, missing tickets are gone."""
    missing = unsettled(mirror, census)
    evidence = CensusEvidence(gone=frozenset(missing)) if evidence is None else evidence
    open_ = [ticket_id for ticket_id in missing if ticket_id not in (evidence.deleted or {})]
    outcome = judge_census(mirror, census, evidence, suspicious_containers(mirror, open_))
    return {ticket: seen.presence for ticket, seen in outcome.sightings.items()}, outcome


def test_an_unchanged_world_changes_no_presence() -> None:
    """Every ticket is there: no presence changes."""
    mirror = mirrored(3)
    assert judged(mirror, Census(frozenset(mirror), LIVE)) == ({}, Judgement({}, ()))


def test_a_ticket_that_does_not_answer_in_a_visible_project_is_deleted_or_hidden() -> None:
    """Jira does not distinguish the two cases."""
    mirror = mirrored(5)
    seen, _ = judged(mirror, Census(frozenset(mirror) - {"CAPA-1"}, LIVE))
    assert seen == {"CAPA-1": Presence.DELETED_OR_HIDDEN}


def test_a_ticket_that_still_answers_left_the_query() -> None:
    """The ticket exists and the query no longer selects it."""
    mirror = mirrored(5)
    seen, _ = judged(mirror, Census(frozenset(mirror) - {"CAPA-1"}, LIVE), CensusEvidence(elsewhere={"CAPA-1"}))
    assert seen == {"CAPA-1": Presence.OUT_OF_SCOPE}


def test_deleted_needs_proof() -> None:
    """Only a row of the deletion audit makes a ticket deleted; its text is kept."""
    mirror = mirrored(5)
    census = Census(frozenset(mirror) - {"CAPA-1"}, LIVE)
    _, outcome = judged(mirror, census, CensusEvidence(deleted={"CAPA-1": "sys_audit_delete 42"}))
    assert outcome.sightings["CAPA-1"].presence is Presence.DELETED
    assert outcome.sightings["CAPA-1"].proof == "sys_audit_delete 42"


def test_a_project_no_longer_visible_is_access_lost_and_alarms() -> None:
    """Losing the project proves nothing about its tickets."""
    mirror = mirrored(2) | mirrored(2, "GONE")
    seen, outcome = judged(mirror, Census(frozenset(mirrored(2)), LIVE))
    assert set(seen.values()) == {Presence.ACCESS_LOST}
    (alarm,) = outcome.alarms
    assert alarm.startswith("GONE is no longer visible to us (2 tickets); ")
    assert outcome.given_up == frozenset()


def test_half_of_a_visible_project_gone_at_once_is_unobserved_and_alarms() -> None:
    """Mass disappearance is a fault to investigate, not a deletion."""
    mirror = mirrored(4)
    seen, outcome = judged(mirror, Census(frozenset({"CAPA-0", "CAPA-1"}), LIVE))
    assert seen == {"CAPA-2": Presence.UNOBSERVED, "CAPA-3": Presence.UNOBSERVED}
    (alarm,) = outcome.alarms
    assert alarm.startswith("2 tickets of CAPA vanished in one census (half or more of it, or more than 200); ")


def test_what_a_second_census_misses_too_is_gone_when_its_own_request_says_so() -> None:
    """The first census made it unobserved; the second agrees, each ticket was requested, and no alarm is left."""
    mirror = mirrored(2) | dict.fromkeys(("CAPA-2", "CAPA-3"), (Presence.UNOBSERVED, "CAPA"))
    seen, outcome = judged(mirror, Census(frozenset({"CAPA-0", "CAPA-1"}), LIVE))
    assert seen == dict.fromkeys(("CAPA-2", "CAPA-3"), Presence.DELETED_OR_HIDDEN)
    assert outcome.alarms == ()


def test_a_ticket_without_a_request_of_its_own_keeps_its_presence_and_is_reported_as_waiting() -> None:
    """Absence from the census alone proves nothing."""
    mirror = mirrored(9) | {"CAPA-9": (Presence.UNOBSERVED, "CAPA")}
    census = Census(frozenset(mirrored(7)), LIVE)
    seen, outcome = judged(mirror, census, CensusEvidence(unasked={"CAPA-8"}))
    assert seen == {"CAPA-8": Presence.UNOBSERVED}
    assert len(outcome.alarms) == 1


def test_more_than_200_of_a_large_project_are_not_believed_either() -> None:
    """The limit holds although they are less than half of the project."""
    mirror = mirrored(1000)
    seen, _ = judged(mirror, Census(frozenset(mirrored(800)), LIVE))
    assert set(seen.values()) == {Presence.DELETED_OR_HIDDEN}
    seen, _ = judged(mirror, Census(frozenset(mirrored(799)), LIVE))
    assert set(seen.values()) == {Presence.UNOBSERVED}


def test_under_a_changed_query_only_tickets_that_had_raised_an_alarm_are_gone() -> None:
    """A person who changes the query answers the alarms that existed then, not later ones."""
    mirror = dict.fromkeys(("CAPA-0", "CAPA-1", "CAPA-2"), (Presence.UNOBSERVED, "CAPA"))
    mirror |= mirrored(4, "NEW") | mirrored(2, "LATE") | {"GONE-1": (Presence.ACCESS_LOST, "GONE")}
    census = Census(frozenset({"NEW-0"}), {"CAPA": "live", "NEW": "live"})
    found = {"CAPA-0", "NEW-1"}
    silent = frozenset(unsettled(mirror, census)) - found
    outcome = judge_census(
        mirror,
        census,
        CensusEvidence(elsewhere=found, gone=silent),
        suspicious_containers(mirror, silent),
        is_new_scope=True,
    )
    assert {ticket: seen.presence for ticket, seen in outcome.sightings.items()} == {
        "CAPA-0": Presence.OUT_OF_SCOPE,
        "CAPA-1": Presence.DELETED_OR_HIDDEN,
        "CAPA-2": Presence.DELETED_OR_HIDDEN,
        "NEW-1": Presence.OUT_OF_SCOPE,
        "NEW-2": Presence.UNOBSERVED,
        "NEW-3": Presence.UNOBSERVED,
        "LATE-0": Presence.ACCESS_LOST,
        "LATE-1": Presence.ACCESS_LOST,
    }
    assert [alarm.partition(";")[0] for alarm in outcome.alarms] == [
        "LATE is no longer visible to us (2 tickets)",
        "2 tickets of NEW vanished in one census (half or more of it, or more than 200)",
    ]
    assert outcome.given_up == {"GONE"}


def test_a_proven_mass_deletion_is_believed() -> None:
    """Proof counts, however many tickets it concerns."""
    mirror = mirrored(4)
    proof = dict.fromkeys(mirror, "proof")
    seen, outcome = judged(mirror, Census(frozenset(), LIVE), CensusEvidence(deleted=proof))
    assert set(seen.values()) == {Presence.DELETED}
    assert outcome.alarms == ()


def test_an_archived_project_archives_its_tickets() -> None:
    """The list of projects says that a project is archived."""
    seen, _ = judged(mirrored(2), Census(frozenset(), {"CAPA": "archived"}))
    assert set(seen.values()) == {Presence.ARCHIVED}


def test_a_ticket_that_comes_back_is_present_again() -> None:
    """A ticket that was gone becomes present when it answers again."""
    mirror = {"CAPA-1": (Presence.DELETED_OR_HIDDEN, "CAPA")}
    seen, _ = judged(mirror, Census(frozenset({"CAPA-1"}), LIVE))
    assert seen == {"CAPA-1": Presence.PRESENT}


@given(st.sets(st.integers(0, 19)), st.sampled_from(["live", "archived", "deleted", None]))
def test_without_proof_nothing_is_ever_deleted(answering: set[int], state: str | None) -> None:
    """Whatever is missing and in whatever state the project is, `deleted` needs proof."""
    mirror = mirrored(20)
    ids = frozenset(f"CAPA-{number}" for number in answering)
    seen, _ = judged(mirror, Census(ids, {"CAPA": state} if state else {}))
    assert Presence.DELETED not in seen.values()
    assert set(seen) == set(mirror) - ids
