"""What a row of an episode holds after each step: its ticket, its end, its reasons, and what hides it."""

from __future__ import annotations

from capa_sync.findings.diff import What
from capa_sync.model.finding import Evidence, FindingState, Outcome, Severity
from tests.unit.findings.test_diff import DAY, T0, judge, verdict


def test_a_row_names_its_ticket_and_an_event_the_row_before() -> None:
    """The register finds the ticket of an episode, and a digest what the episode was before."""
    opened = judge([], verdict())
    worse = judge(list(opened.current), verdict(severity=Severity.HIGH))
    assert [(row.source, row.ticket_id) for row in opened.save] == [("jira", "10001")]
    assert [event.before for event in (*opened.events, *worse.events)] == [None, opened.save[0]]


def test_each_end_of_an_episode_gives_its_reason_in_one_form() -> None:
    """The last input says what ended the episode: the verdict in words, its reason, or the rule set."""
    rows = list(judge([], verdict("a"), verdict("b"), verdict("c")).current)
    ended = judge(
        rows, verdict("a", Outcome.NOT_APPLICABLE), verdict("b", Outcome.OK, reason="repaired"), rules=set()
    )
    assert [row.inputs for row in ended.save] == [
        ({"what": "cleared", "text": "the rule is not applicable"},),
        ({"what": "cleared", "text": "repaired"},),
        ({"what": "rule_set", "text": "cleared because the rule is no longer in the active rule set"},),
    ]


def test_a_state_that_was_only_shown_leaves_no_row_when_the_rule_is_fine() -> None:
    """Without an episode, cannot tell is followed by nothing; after an episode, by the cleared one again."""
    shown = judge([], verdict(outcome=Outcome.CANNOT_TELL))
    assert judge(list(shown.current), verdict(outcome=Outcome.OK)).current == ()
    cleared = judge(list(judge([], verdict()).current), verdict(outcome=Outcome.OK))
    unsure = judge(list(cleared.current), verdict(outcome=Outcome.CANNOT_TELL))
    fine = judge(list(unsure.current), verdict(outcome=Outcome.OK))
    assert (fine.save, [row.state for row in fine.current]) == ((), [FindingState.CLEARED])


def test_a_state_that_was_only_shown_ends_with_its_verdict() -> None:
    """A rule that gives no verdict any more shows no cannot tell, whether it left the rule set or not."""
    shown = list(judge([], verdict(outcome=Outcome.CANNOT_TELL)).current)
    assert judge(shown, rules={"extent-assessed"}).current == ()
    assert judge(shown, rules=set()).current == ()


def test_a_rule_that_left_the_set_ends_no_episode_twice() -> None:
    """An episode that is cleared or historical stays as it ended."""
    opened = list(judge([], verdict()).current)
    for outcome in (Outcome.OK, Outcome.HISTORICAL):
        ended = judge(opened, verdict(outcome=outcome), now=T0 + DAY)
        assert judge(list(ended.current), rules=set(), now=T0 + 2 * DAY).save == ()


def test_a_hidden_finding_that_clears_is_hidden_by_nothing() -> None:
    """A cleared row does not name a rule that once stood before it on the ticket."""
    both = judge([], verdict("a", hides=("b",)), verdict("b"))
    cleared = judge(list(both.current), verdict("a", hides=("b",)), verdict("b", Outcome.OK))
    assert [(row.rule, row.hidden_by) for row in cleared.save] == [("b", "")]


def test_a_rule_that_hides_no_more_shows_what_it_hid() -> None:
    """The condition of its hiding ended while both findings stay open."""
    both = judge([], verdict("a", hides=("b",)), verdict("b"))
    after = judge(list(both.current), verdict("a"), verdict("b"))
    assert [(event.what, event.finding.rule, event.finding.hidden_by) for event in after.events] == [
        (What.REWORDED, "b", "")
    ]


def test_evidence_keeps_only_the_parts_that_it_has() -> None:
    """A present value has no instant, no author and no entry."""
    found = judge([], verdict(evidence=(Evidence("grade", "minor"), Evidence("stage", "planned", at=T0)))).save[0]
    assert found.inputs == (
        {"what": "grade", "text": "minor"},
        {"what": "stage", "text": "planned", "at": "2025-05-07T09:00:00+00:00"},
    )
