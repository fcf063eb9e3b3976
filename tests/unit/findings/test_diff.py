"""The diff of verdicts and episodes: what opens, stays, changes, clears, and what is not saved at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.findings.diff import DiffResult, What, diff_findings
from capa_sync.findings.hiding import hidden_by
from capa_sync.model.finding import Evidence, Finding, FindingState, Mode, Outcome, Severity, Verdict
from capa_sync.model.waiver import Granted

T0 = datetime(2025, 5, 7, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def verdict(rule: str = "extent-assessed", outcome: Outcome = Outcome.BREACH, **more: object) -> Verdict:
    """Make a verdict of a rule in warn mode."""
    given_words: dict[str, object] = {"severity": Severity.MEDIUM, "mode": Mode.WARN, "message": f"{rule} is broken"}
    return Verdict(rule=rule, outcome=outcome, **(given_words | more))  # type: ignore[arg-type]


GRANTED = Granted(T0 + 10 * DAY, "M. Roy", "only one such system exists")


def judge(
    previous: list[Finding],
    *verdicts: Verdict,
    now: datetime = T0,
    rules: set[str] | None = None,
    waived: tuple[str, ...] = (),
) -> DiffResult:
    """Judge one ticket, with a waiver that counts for some of its rules."""
    return diff_findings(
        previous,
        verdicts,
        source="jira",
        ticket_id="10001",
        now=now,
        rule_set="r1",
        rules=rules,
        granted=dict.fromkeys(waived, GRANTED),
    )


def test_a_breach_opens_an_episode_with_its_inputs() -> None:
    """The first breach makes episode 1, opened at the judgement, with the evidence as plain data."""
    seen = Evidence(
        "extent_result", "empty", at=T0, by="lee", entry="77", phrase="extent_result: filled", truth="false"
    )
    result = judge([], verdict(evidence=(seen,), clause="10.2 b", fix="Look elsewhere", args=(("missing", "May"),)))
    (finding,) = result.save
    assert (finding.episode, finding.state, finding.opened_at, finding.cleared_at) == (1, FindingState.OPEN, T0, None)
    assert (finding.clause, finding.fix, finding.args, finding.rule_set) == (
        "10.2 b",
        "Look elsewhere",
        (("missing", "May"),),
        "r1",
    )
    assert finding.inputs == (
        {
            "what": "extent_result",
            "text": "empty",
            "at": "2025-05-07T09:00:00+00:00",
            "by": "lee",
            "entry": "77",
            "phrase": "extent_result: filled",
            "truth": "false",
        },
    )
    assert [event.what for event in result.events] == [What.OPENED]
    assert result.changed


def test_an_equal_verdict_saves_nothing() -> None:
    """An open episode that is judged the same again, however much later, is no row to save."""
    first = judge([], verdict())
    again = judge(list(first.current), verdict(), now=T0 + 30 * DAY)
    assert (again.save, again.events, again.changed) == ((), (), False)
    assert again.current == first.current


def test_severity_steps_update_the_open_episode() -> None:
    """Better and worse are distinguished; the episode and its opening stay."""
    opened = judge([], verdict())
    worse = judge(list(opened.current), verdict(severity=Severity.HIGH), now=T0 + DAY)
    better = judge(list(worse.current), verdict(severity=Severity.LOW), now=T0 + 2 * DAY)
    assert [event.what for event in (*worse.events, *better.events)] == [What.WORSE, What.BETTER]
    assert (better.save[0].episode, better.save[0].opened_at) == (1, T0)


def test_a_new_wording_is_saved_but_is_no_changed_verdict() -> None:
    """A message that counts days differently updates the row and does not count for the brake."""
    opened = judge([], verdict(message="1 day late"))
    result = judge(list(opened.current), verdict(message="2 days late"), now=T0 + DAY)
    assert [event.what for event in result.events] == [What.REWORDED]
    assert (result.save[0].message, result.changed) == ("2 days late", False)


def test_ok_and_not_applicable_clear_and_keep_the_words() -> None:
    """A cleared episode keeps its last message and gains the reason why it cleared."""
    opened = judge([], verdict("a"), verdict("b"))
    fine = (verdict("a", Outcome.OK, message=""), verdict("b", Outcome.NOT_APPLICABLE, message="", reason="rejected"))
    result = judge(list(opened.current), *fine, now=T0 + DAY)
    assert [(f.state, f.cleared_at, f.message) for f in result.save] == [
        (FindingState.CLEARED, T0 + DAY, "a is broken"),
        (FindingState.CLEARED, T0 + DAY, "b is broken"),
    ]
    assert [f.inputs[-1]["text"] for f in result.save] == ["the rule is ok", "rejected"]


def test_a_breach_after_clearing_is_a_new_episode() -> None:
    """The second episode has number 2, and the first is not touched."""
    cleared = judge(list(judge([], verdict()).current), verdict(outcome=Outcome.OK), now=T0 + DAY)
    again = judge(list(cleared.current), verdict(), now=T0 + 2 * DAY)
    assert [(f.episode, f.opened_at) for f in again.save] == [(2, T0 + 2 * DAY)]


def test_ok_without_an_episode_leaves_no_row() -> None:
    """A rule that was never broken has no finding."""
    assert judge([], verdict(outcome=Outcome.OK)) == DiffResult((), (), ())


def test_a_repaired_order_becomes_historical_once() -> None:
    """Historical ends the open episode, records since when, and is saved once."""
    opened = judge([], verdict())
    history = judge(list(opened.current), verdict(outcome=Outcome.HISTORICAL), now=T0 + 6 * DAY)
    assert [(f.state, f.cleared_at) for f in history.save] == [(FindingState.HISTORICAL, T0 + 6 * DAY)]
    assert judge(list(history.current), verdict(outcome=Outcome.HISTORICAL), now=T0 + 7 * DAY).save == ()


def test_a_past_order_first_seen_repaired_is_kept_as_historical() -> None:
    """A ticket mirrored after the repair still shows the past breach in the register."""
    result = judge([], verdict(outcome=Outcome.HISTORICAL))
    assert [(f.state, f.episode) for f in result.save] == [(FindingState.HISTORICAL, 1)]


def test_cannot_tell_opens_and_clears_nothing() -> None:
    """An open episode stays as it is; without one, the state is shown and nothing is saved."""
    opened = judge([], verdict("a"))
    unsure = (
        verdict("a", Outcome.CANNOT_TELL, reason="hidden"),
        verdict("b", Outcome.CANNOT_TELL, reason="unmapped"),
    )
    result = judge(list(opened.current), *unsure, now=T0 + DAY)
    assert (result.save, result.events) == ((), ())
    assert [(f.rule, f.state, f.message) for f in result.current] == [
        ("a", FindingState.OPEN, "a is broken"),
        ("b", FindingState.CANNOT_TELL, "unmapped"),
    ]


def test_cannot_tell_after_clearing_shows_and_a_later_breach_is_the_next_episode() -> None:
    """The cleared episode is not reopened, and a state that was only shown is no episode."""
    cleared = judge(list(judge([], verdict()).current), verdict(outcome=Outcome.OK))
    unsure = judge(list(cleared.current), verdict(outcome=Outcome.CANNOT_TELL, reason="hidden"), now=T0 + DAY)
    assert (unsure.save, unsure.current[0].state) == ((), FindingState.CANNOT_TELL)
    assert judge(list(unsure.current), verdict(), now=T0 + 2 * DAY).save[0].episode == 2
    fresh = judge([], verdict(outcome=Outcome.CANNOT_TELL, reason="hidden"))
    assert judge(list(fresh.current), verdict(), now=T0 + DAY).save[0].episode == 1


def test_a_rule_that_left_the_set_clears_with_that_reason() -> None:
    """Only a rule that is no longer in the set clears; a rule that gave no verdict keeps its episode."""
    opened = judge([], verdict("a"))
    result = judge(list(opened.current), rules={"a"}, now=T0 + DAY)
    gone = judge(list(opened.current), rules=set(), now=T0 + DAY)
    assert (result.save, result.current) == ((), opened.current)
    assert [event.what for event in gone.events] == [What.RULE_GONE]
    assert gone.save[0].state is FindingState.CLEARED
    assert gone.save[0].inputs[-1]["text"] == "cleared because the rule is no longer in the active rule set"


@pytest.mark.parametrize("now_says", [Outcome.BREACH, Outcome.CANNOT_TELL])
def test_an_open_episode_is_waived_while_a_waiver_counts_and_open_after_it(now_says: Outcome) -> None:
    """The episode stays the same, whether its rule finds it now or cannot tell; nothing is saved in between."""
    rule = "extent-assessed"
    front = verdict("a", hides=(rule,), severity=Severity.HIGH)
    opened = judge([], front, verdict()).current
    waived = judge(list(opened), front, verdict(outcome=now_says), now=T0 + DAY, waived=(rule,))
    [event] = waived.events
    assert (event.what, event.finding.state, event.finding.hidden_by) == (What.WAIVED, FindingState.WAIVED, "")
    assert (event.finding.waived_until, event.finding.waived_by) == (GRANTED.until, "M. Roy")
    again = judge(list(waived.current), front, verdict(outcome=now_says), now=T0 + 2 * DAY, waived=(rule,))
    assert (again.save, again.current) == ((), waived.current)
    ended = judge(list(waived.current), front, verdict(outcome=now_says), now=T0 + 3 * DAY)
    assert [(e.what, e.finding) for e in ended.events] == [(What.WAIVER_ENDED, opened[1])]


def test_a_breach_that_comes_back_under_a_waiver_is_a_new_waived_episode() -> None:
    """A waived finding clears like another one; a waived one hides nothing and gets worse in its place."""
    waived = judge([], verdict(hides=("b",)), verdict("b"), waived=("extent-assessed",))
    assert [(f.rule, f.state, f.hidden_by) for f in waived.save] == [
        ("extent-assessed", FindingState.WAIVED, ""),
        ("b", FindingState.OPEN, ""),
    ]
    rows = [waived.current[0]]
    worse = judge(rows, verdict(severity=Severity.HIGH), waived=("extent-assessed",))
    assert [(e.what, e.finding.state) for e in worse.events] == [(What.WORSE, FindingState.WAIVED)]
    fine = judge(rows, verdict(outcome=Outcome.OK), now=T0 + DAY, waived=("extent-assessed",))
    assert [(e.what, e.finding.state) for e in fine.events] == [(What.CLEARED, FindingState.CLEARED)]
    back = judge(list(fine.current), verdict(), now=T0 + 2 * DAY, waived=("extent-assessed",))
    assert [(f.episode, f.state) for f in back.save] == [(2, FindingState.WAIVED)]


def test_open_findings_hide_others_and_stop_when_they_clear() -> None:
    """A hidden finding stays open in the register, names the finding that hides it, and is shown when that clears."""
    front = verdict("root-cause-before-action", hides=("root-cause-substantive",), severity=Severity.HIGH)
    echo = verdict("root-cause-substantive", hides=("root-cause-not-blame",))
    third = verdict("root-cause-not-blame")
    both = judge([], front, echo, third)
    assert [f.hidden_by for f in both.current] == ["", "root-cause-before-action", "root-cause-before-action"]
    repaired = replace(front, outcome=Outcome.OK, hides=())
    after = judge(list(both.current), repaired, echo, third, now=T0 + DAY)
    assert [f.hidden_by for f in after.current] == ["", "", "root-cause-substantive"]
    assert {f.rule for f in after.save} == {f.rule for f in both.current}


def test_a_hider_that_cannot_tell_goes_on_hiding() -> None:
    """An open episode kept by cannot tell hides what it hid, so that a missing answer brings nothing forward."""
    both = judge([], verdict("a", hides=("b",)), verdict("b"))
    undecided = judge(list(both.current), verdict("a", Outcome.CANNOT_TELL), verdict("b"), now=T0 + DAY)
    assert (undecided.save, undecided.current[1].hidden_by) == ((), "a")


def test_two_findings_that_hide_each_other_are_never_both_hidden() -> None:
    """The finding of higher severity stays visible."""
    current = judge([], verdict("a", severity=Severity.LOW), verdict("b", severity=Severity.HIGH)).current
    assert hidden_by(current, {"a": ["b"], "b": ["a"]}) == {"a": "b"}


RULES = ("a", "b", "c")
HIDES = {"a": ("b",), "b": ("c",), "c": ("a",)}
STEP = st.fixed_dictionaries(
    {rule: st.tuples(st.sampled_from(Outcome), st.sampled_from(Severity)) | st.none() for rule in RULES}
)


@given(st.lists(st.tuples(st.integers(0, 72), STEP), max_size=12))
def test_episodes_never_overlap_and_a_second_judgement_changes_nothing(
    steps: list[tuple[int, dict[str, tuple[Outcome, Severity] | None]]],
) -> None:
    """For any sequence: numbers rise by one, opened <= cleared <= next opened, and judging twice saves nothing."""
    stored: dict[tuple[str, int], Finding] = {}
    now = T0
    for hours, outcomes in steps:
        now += timedelta(hours=hours)
        verdicts = [
            verdict(rule, answer[0], severity=answer[1], hides=HIDES[rule] if answer[0] is Outcome.BREACH else ())
            for rule, answer in outcomes.items()
            if answer is not None
        ]
        latest = {rule: max((f for f in stored.values() if f.rule == rule), key=lambda f: f.episode, default=None)
                  for rule in RULES}  # fmt: skip
        result = judge([f for f in latest.values() if f], *verdicts, now=now)
        stored |= {(f.rule, f.episode): f for f in result.save}
        again = judge(list(result.current), *verdicts, now=now + DAY)
        assert again.save == ()
        assert not {f.state for f in result.save} & {FindingState.CANNOT_TELL}
    for rule in RULES:
        episodes = [stored[key] for key in sorted(stored) if key[0] == rule]
        assert [f.episode for f in episodes] == list(range(1, len(episodes) + 1))
        for episode, following in pairwise(episodes):
            assert episode.cleared_at is not None
            assert episode.opened_at <= episode.cleared_at <= following.opened_at
        assert all(f.cleared_at is None or f.opened_at <= f.cleared_at for f in episodes)
        assert all((f.state in (FindingState.OPEN, FindingState.WAIVED)) == (f.cleared_at is None) for f in episodes)
        assert all(f.hidden_by in ("", *RULES) and f.hidden_by != f.rule for f in episodes)


def test_a_new_episode_never_begins_before_the_last_one_ended() -> None:
    """Our clock was ahead when the first episode cleared; the second opens when the first ended."""
    cleared = judge(list(judge([], verdict()).current), verdict(outcome=Outcome.OK), now=T0 + 5 * DAY)
    again = judge(list(cleared.current), verdict(), now=T0 + 2 * DAY)
    assert [(f.episode, f.opened_at) for f in again.save] == [(2, T0 + 5 * DAY)]


def test_an_episode_never_ends_before_it_began() -> None:
    """Our clock stepped back: an end before the beginning would make negative durations."""
    opened = judge([], verdict(), now=T0 + 5 * DAY)
    cleared = judge(list(opened.current), verdict(outcome=Outcome.OK), now=T0 + 2 * DAY)
    assert [(f.opened_at, f.cleared_at) for f in cleared.save] == [(T0 + 5 * DAY, T0 + 5 * DAY)]


def test_a_historical_finding_stays_historical_while_the_rule_cannot_tell() -> None:
    """A past fact does not become doubtful because today's answer is incomplete."""
    opened = judge([], verdict())
    history = judge(list(opened.current), verdict(outcome=Outcome.HISTORICAL), now=T0 + DAY)
    result = judge(list(history.current), verdict(outcome=Outcome.CANNOT_TELL, reason="unread"), now=T0 + 2 * DAY)
    assert (result.save, result.events) == ((), ())
    assert [(f.state, f.message) for f in result.current] == [
        (FindingState.HISTORICAL, "extent-assessed is broken"),
    ]
