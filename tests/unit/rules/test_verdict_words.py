"""What a verdict shows to people: message, stable arguments, evidence and the lines of `explain`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from capa_sync.model.finding import Outcome, Verdict
from capa_sync.model.record import CapaRecord
from capa_sync.model.ticket import Origin
from capa_sync.model.values import Value, ValueState
from capa_sync.rules import explain_lines, load_rules, run_tests
from capa_sync.rules.derived import open_record
from capa_sync.rules.phrases.phrase import PhraseError
from capa_sync.rules.placeholders import PLACEHOLDERS, RenderContext
from capa_sync.rules.terms import Terms
from capa_sync.rules.wording import read_sentence
from capa_sync.rules.words import change_fact, clip
from tests.unit.rules.lives import LONDON, at, case_of, record_on
from tests.unit.rules.pack import RULES

PACK = load_rules([RULES], LONDON)

LIFE = case_of("""
case: a life to tell of
settings: {timezone: Europe/London}
timeline:
  - {day: 2025-06-02, by: ana, grade: minor, owner: ana, location: Finance, due_at: 2025-06-30}
  - {day: 2025-06-03 10:00, by: bo, action: {id: OPS-7, text: Name a deputy, owner: bo, due_at: 2025-06-30}}
  - {day: 2025-06-04 10:00, by: ana, stage: planned}
""")


def verdict(rule: str, when: str, record: CapaRecord | None = None, *, explain: bool = False) -> Verdict:
    """Return the verdict of a rule of the pack on the life."""
    now = at(LIFE, when)
    found = PACK.evaluate(record or record_on(LIFE, when), LONDON, now, explain=explain)
    return next(v for v in found if v.rule == rule)


def message_text(wording: str, when: str = "2025-07-20", record: CapaRecord | None = None) -> str:
    """Return a message's text for the life."""
    context = open_record(record or record_on(LIFE, when), at(LIFE, when), Terms(LONDON))
    return read_sentence(wording).render(RenderContext(context))[0]


@pytest.mark.parametrize(
    ("wording", "text"),
    [
        ("{key}", "CAPA-1"),
        ("{grade} at {location}", "minor at Finance"),
        ("due {due_at}", "due 30 June 2025"),
        ("{root_cause | nothing yet}", "nothing yet"),
        ("{root_cause}", ""),
        ("{label due_at}", "due date"),
        ("{stage first became planned} by {stage first became planned by}", "4 June 2025 by ana"),
        ("{stage last became closed | never}", "never"),
        ("{grade first filled} by {grade first filled by}", "2 June 2025 by ana"),
        ("{root_cause first filled | not yet written}", "not yet written"),
        ("{contain deadline}", "16 June 2025"),
        ("{implemented_at | not yet} and {action_started_at}", "not yet and 3 June 2025"),
        ("{action_owners}", "bo"),
        ("{replans} moves", "0 moves"),
        ("a\n  b", "a b"),
    ],
)
def test_each_placeholder_shows_its_value(wording: str, text: str) -> None:
    """Dates are shown in the organisation's zone, and `|` gives the words for an absent value."""
    assert message_text(wording) == text


def test_the_documented_placeholders_are_those_that_work() -> None:
    """Each placeholder of the docs can be read, with its capitals filled in."""
    for names, _ in PLACEHOLDERS:
        for name in names.split(", "):
            if "…" not in name:
                filled = name.replace("FIELD", "due_at").replace("STAGE", "planned").replace("NAME", "contain")
                read_sentence(filled)
    with pytest.raises(PhraseError):
        read_sentence("{nothing of the kind}")


def test_labels_and_names_are_the_trackers_own() -> None:
    """Messages use the ticket's own field labels and people's names."""
    record = replace(record_on(LIFE, "2025-07-20"), labels={"due_at": "Target"}, people_names={"bo": "Bo Lind"})
    assert message_text("{label due_at}: {action_owners}", record=record) == "Target: Bo Lind"


def test_hostile_text_becomes_one_short_plain_line() -> None:
    """Control characters, line breaks and length of ticket text do not reach a message."""
    hostile = "x\u202e\x00\x1b[31m\r\n\u2028" + "=HYPERLINK(1)" * 1000
    assert clip(hostile).startswith("x [31m =HYPERLINK(1)")
    assert len(clip(hostile)) == 80
    value = Value(ValueState.FILLED, hostile, hostile)
    record = record_on(LIFE, "2025-07-20")
    record = replace(record, fields={**record.fields, "root_cause": value})
    assert "\x1b" not in message_text("{root_cause}", record=record)


def test_a_placeholder_in_a_value_is_not_read_again() -> None:
    """Braces in ticket text stay text."""
    record = record_on(LIFE, "2025-07-20")
    value = Value(ValueState.FILLED, "{key} {missing}", "")
    record = replace(record, fields={**record.fields, "root_cause": value})
    assert message_text("{root_cause}", record=record) == "{key} {missing}"


@pytest.mark.parametrize(
    ("counted", "instead"), [("due_at", "{due_at}"), ("actions", "{missing}"), ("detected_at", "{detected_at}")]
)
def test_a_text_counts_no_days(counted: str, instead: str) -> None:
    """A count of days is wrong the day after it was written: it is refused, and the message names what to write."""
    with pytest.raises(PhraseError) as refused:
        read_sentence(f"Late by {{days since {counted}}}.")
    assert "counts no days" in refused.value.what
    assert refused.value.hint == f"write {instead}"


def test_time_alone_changes_no_word() -> None:
    """A day, a fortnight and four months late read the same: the text names the day and counts nothing."""
    days = ("2025-07-02", "2025-07-14", "2025-07-15", "2025-10-28")
    found = [verdict("action-overdue", day) for day in days]
    assert {result.message for result in found} == {"Not done by the due date: OPS-7 (due 30 June 2025)."}
    assert {result.args for result in found} == {(("missing", "OPS-7 (due 30 June 2025)"),)}
    assert [str(result.severity) for result in found] == ["medium", "medium", "high", "high"]


REPAIRS = """
case: the cause comes, goes and comes again
timeline:
  - {day: 2026-03-02, by: ana}
  - {day: 2026-03-05, by: bo, action: {id: A1, text: Run the missing review}}
  - {day: 2026-03-10, by: bo, root_cause: No deputy was named in the leaver process}
  - {day: 2026-03-11, by: bo, root_cause: ""}
  - {day: 2026-03-12, by: bo, root_cause: No deputy was named in the leaver process}
"""


def test_a_text_says_what_is_true_in_the_state_that_the_record_is_in() -> None:
    """A text names no date of a cause that is absent, and asks for no cause that is present."""
    case = case_of(REPAIRS)
    days = ("2026-03-05", "2026-03-10", "2026-03-11", "2026-03-12")
    by_day = {}
    for day in days:
        found = PACK.evaluate(record_on(case, day), LONDON, at(case, day))
        by_day[day] = next(result for result in found if result.rule == "root-cause-before-action")
    assert [result.outcome for result in by_day.values()] == [Outcome.BREACH] * 4
    assert "10 March" in by_day["2026-03-10"].message
    assert "10 March" not in by_day["2026-03-05"].message + by_day["2026-03-11"].message
    assert all("Write into" not in by_day[day].fix for day in ("2026-03-10", "2026-03-12"))
    assert all("Write into" in by_day[day].fix for day in ("2026-03-05", "2026-03-11"))
    assert by_day["2026-03-10"].args == by_day["2026-03-12"].args != by_day["2026-03-11"].args


MOVED = """
case: an owner leaves, and another one of the same name comes
timeline:
  - {day: 2026-03-02, by: ana, owner: "jira:557058:a", root_cause: No deputy was named in the leaver process}
  - {day: 2026-03-05, by: bo, owner: "jira:712020:b", stage: planned, action: {id: A1, text: Name a deputy}}
"""


def test_two_accounts_of_one_name_are_distinguished() -> None:
    """`Will Jones` to `Will Jones` is a move between two accounts, and `explain` shows it."""
    case = case_of(MOVED)
    names = {"jira:557058:a": "Will Jones", "jira:712020:b": "Will Jones", "ana": "Anna Lee"}
    record = replace(record_on(case, "2026-03-06"), people_names=names)
    context = open_record(record, at(case, "2026-03-06"), Terms(LONDON))
    facts = [change_fact(change, context).text for change in context.changes("owner")]
    assert facts == ["was 'Will Jones (jira:557058:a)' at creation", "became 'Will Jones (jira:712020:b)'"]
    assert message_text("{owner}", "2026-03-06", record) == "Will Jones (jira:712020:b)"
    assert context.person("ana") == "Anna Lee"


def test_an_incomplete_history_says_nothing_about_the_creation() -> None:
    """What its first entries found there was written at an unknown time by an unknown person."""
    case = replace(case_of(MOVED), history_complete=False)
    record, now = record_on(case, "2026-03-06"), at(case, "2026-03-06")
    lines = [line for result in PACK.evaluate(record, LONDON, now, explain=True) for line in explain_lines(result)]
    text = "\n".join(lines)
    assert "creation" not in text
    assert "2026-03-02" not in text, "the day of its creation, as if all had come then"
    assert "first filled before the history that could be read begins, or there" in text
    assert "became 'jira:712020:b'" not in text or "2026-03-05" in text
    context = open_record(record, now, Terms(LONDON))
    birth = change_fact(context.changes("owner")[0], context)
    assert (birth.text, birth.at, birth.by) == (
        "was 'jira:557058:a' where the history that could be read begins",
        None,
        None,
    )
    assert message_text(
        "{root_cause first filled | not known} {stage first became planned}", "2026-03-06", record
    ) == ("not known 5 March 2026")


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (Origin.OBSERVED, ", as a later reading showed; by whom is not recorded"),
        (Origin.HISTORY, ", by an account that stands for no person"),
    ],
)
def test_a_change_by_no_person_is_not_attributed_to_an_ignored_account(origin: Origin, words: str) -> None:
    """An unknown author stays unnamed, and no setting is mentioned that may not exist."""
    context = open_record(record_on(LIFE, "2025-06-05"), at(LIFE, "2025-06-05"), Terms(LONDON))
    change = replace(context.changes("stage")[-1], origin=origin, human=False, by=None)
    assert change_fact(change, context).text == f"became 'planned'{words}"


def test_a_label_or_a_name_is_no_fact() -> None:
    """A renamed field or person in the tracker changes words, and no facts."""
    record = record_on(LIFE, "2025-07-20")
    renamed = replace(record, labels={"root_cause": "Ursache"}, people_names={"bo": "Bo Lind"})
    for rule in ("root-cause-before-action", "extent-assessed"):
        plain, other = verdict(rule, "2025-07-20", record), verdict(rule, "2025-07-20", renamed)
        assert plain.args == other.args
    assert verdict("root-cause-before-action", "2025-07-20", renamed).fix.count("Ursache") == 1


def test_evidence_names_the_history_entries_behind_a_verdict() -> None:
    """Each line of a broken rule has its facts, its truth, and who made the entry when."""
    found = verdict("root-cause-before-action", "2025-06-05")
    stage = next(fact for fact in found.evidence if fact.phrase == "stage: at least planned")
    assert (stage.what, stage.truth, stage.by, stage.entry) == ("stage", "true", "ana", "edit-2")
    assert stage.at == datetime(2025, 6, 4, 9, tzinfo=UTC)
    cause = next(fact for fact in found.evidence if fact.phrase == "root_cause: filled")
    assert (cause.truth, cause.text) == ("false", "is empty")
    order = [fact.text for fact in found.evidence if fact.phrase == "root_cause: filled before action started"]
    assert order == ["never first filled", "first started on 3 June 2025: became 'Name a deputy'"]


def test_quiet_verdicts_carry_evidence_only_when_asked() -> None:
    """A rule that is ok costs nothing more, and still explains itself on request."""
    assert verdict("action-planned", "2025-06-05").evidence == ()
    asked = verdict("action-planned", "2025-06-05", explain=True)
    assert {fact.truth for fact in asked.evidence if fact.phrase.startswith("actions")} == {"true"}
    reason = verdict("effectiveness-before-close", "2025-06-05", explain=True).reason
    assert reason == "not 'stage: is closed'"


def test_explain_prints_outcome_words_facts_and_the_next_due_instant() -> None:
    """The lines answer a person's questions: what, why, who, when, and when the next evaluation is due."""
    text = "\n".join(
        explain_lines(verdict("action-overdue", "2025-07-02", explain=True), "Europe/London", {"bo": "Bo Lind"})
    )
    assert text.startswith("action-overdue (21): breach · medium · ISO 27001 10.2 c\n")
    assert "Not done by the due date: OPS-7 (due 30 June 2025)." in text
    assert "actions: none is overdue by more than 1 day  -> false" in text
    assert "OPS-7: due 30 June 2025, owner bo, open" in text
    assert "Next evaluation by time alone: 2025-07-15 00:00+01:00" in text


def test_explain_says_why_a_rule_cannot_tell_or_does_not_apply() -> None:
    """The reasons are words, also if the mapping is what is missing."""
    record = record_on(LIFE, "2025-06-05")
    unmapped = Value(ValueState.UNMAPPED)
    record = replace(record, fields={**record.fields, "root_cause": unmapped})
    found = verdict("root-cause-before-action", "2025-06-05", record)
    assert found.outcome is Outcome.CANNOT_TELL
    assert "  Because: 'root_cause' is not mapped" in explain_lines(found)
    aside = verdict("edited-after-close", "2025-06-05", explain=True)
    assert "  Because: not 'stage: is closed'" in explain_lines(aside)


def test_the_next_due_instant_is_the_earliest_of_all_rules() -> None:
    """The scheduler gets one instant per record."""
    now = at(LIFE, "2025-06-05")
    verdicts = PACK.evaluate(record_on(LIFE, "2025-06-05"), LONDON, now)
    due = [v.next_due for v in verdicts if v.next_due]
    assert PACK.next_due_at(verdicts) == min(due)
    assert min(due) > now
    assert PACK.next_due_at([]) is None


def test_evaluating_twice_gives_the_same_verdicts() -> None:
    """A verdict is a function of record, options and instant alone."""
    record, now = record_on(LIFE, "2025-07-20"), at(LIFE, "2025-07-20") + timedelta(days=1)
    assert PACK.evaluate(record, LONDON, now) == load_rules([RULES], LONDON).evaluate(record, LONDON, now)


def test_a_rule_about_the_trackers_own_statuses(tmp_path: Path) -> None:
    """The rule is about the tracker's own status names, as for a team with an approval before Done."""
    (tmp_path / "approved-before-done.yaml").write_text(APPROVAL, encoding="utf-8")
    assert run_tests(load_rules([tmp_path])).problems == []


APPROVAL = """
rule: approved-before-done
title: A request is approved before it is done
clause: {iso27001-2022: 10.2 c}
severity: high
when:
  - source_status: has been Done
require:
  - source_status: was one of Approved, "Pre-Approved", 'Waiting, for "all"' before it first became Done
message: It became Done without an approval.
fix: Have it approved.
tests:
  - case: approved, reopened, done
    timeline:
      - {day: 2026-03-02, source_status: Open}
      - {day: 2026-03-03, source_status: Pre-Approved}
      - {day: 2026-03-04, source_status: Open}
      - {day: 2026-03-05, source_status: Done}
    expect: [{day: 2026-03-04, result: not applicable}, {day: 2026-03-05, result: ok}]
  - case: approved too late, and reopened
    timeline:
      - {day: 2026-03-02, source_status: Open}
      - {day: 2026-03-03, source_status: Done}
      - {day: 2026-03-04, source_status: Approved}
    expect: [{day: 2026-03-03, result: breach}, {day: 2026-03-04, result: breach}]
"""
