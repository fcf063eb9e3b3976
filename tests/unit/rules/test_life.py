"""The nonconformity of docs/clause10.md 6, computed by hand: rule by rule, day by day."""

# ruff: noqa: E501 - a row of the life is one save
from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from capa_sync.model.finding import Outcome, Verdict
from capa_sync.rules import RuleSet, load_rules
from capa_sync.rules.derived import open_record
from capa_sync.rules.profiles import NUMBERS
from capa_sync.rules.replay import replay
from capa_sync.rules.terms import Terms
from tests.unit.rules.lives import LONDON, case_of
from tests.unit.rules.pack import RULES

LIFE = case_of("""
case: a minor nonconformity of the internal audit IA-03/2
settings: {timezone: Europe/London, holidays: [2025-05-05, 2025-05-26]}
accounts: {robot: ignored}
timeline:
  - day: 2025-05-05 09:00
    by: lee
    title: Access of leavers is not reviewed
    description: >-
      The quarterly review of access to the finance application was not done in the first quarter, as AC-03
      asks for it.
    requirement_ref: [A.5.18]
    source: internal_audit
    source_ref: [IA-03/2]
    detected_at: 2025-05-02
    location: Finance application
    grade: minor
    impact: No data was read without right
    owner: lee
    attachments: 1
  - {day: 2025-05-07 10:00, by: lee, action: {id: field, origin: field, text: Run the missing review, owner: lee, started: yes}}
  - {day: 2025-05-08 10:00, by: lee, correction: The review was run on 8 May, consequences: "none, because no right was misused"}
  - {day: 2025-05-12 10:00, by: lee, rca_method: five_whys, why_chain: [one, two, three, four], cause_category: ownership, root_cause: No deputy named in AC-03; reminder lost with leaver mailbox}
  - {day: 2025-05-13 10:00, by: lee, action: {id: field, text: "Name deputy in AC-03, reminder in shared mailbox"}}
  - {day: 2025-05-14 10:00, by: lee, stage: planned, due_at: 2025-06-30, action: {id: field, due_at: 2025-06-30}}
  - {day: 2025-07-03 15:00, by: lee, due_at: 2025-07-31, action: {id: field, due_at: 2025-07-31}}
  - {day: 2025-07-04 09:00, by: lee, comment: The mail team moves the mailbox in July}
  - {day: 2025-07-25 10:00, by: lee, stage: implemented, implementation_evidence: CHG0031, action: {id: field, done: yes}}
  - {day: 2025-07-28 10:00, by: lee, effectiveness_criterion: No missed review in two quarters, effectiveness_due: 2025-09-01, effectiveness_reviewer: lee}
  - {day: 2025-08-01 10:00, by: lee, effectiveness_result: effective, effectiveness_note: Done, stage: closed}
  - {day: 2025-08-05 10:00, by: robot, comment: Edited}
  - {day: 2025-08-06 10:00, by: lee, root_cause: No deputy named in AC-03 and no second reminder}
""")


@pytest.fixture(scope="module")
def ruleset() -> RuleSet:
    """Return the shipped pack under the settings of docs/clause10.md 6."""
    return load_rules([RULES], LONDON)


def london(text: str) -> datetime:
    """Return the instant of a local time in the British summer of 2025."""
    return datetime.fromisoformat(text + ":00+01:00").astimezone(UTC)


def verdict(ruleset: RuleSet, rule: str, when: datetime) -> Verdict:
    """Return a rule's verdict on the life at an instant."""
    record = replay(LIFE, when)
    assert record is not None
    return next(v for v in ruleset.evaluate(record, LONDON, when) if v.rule == rule)


def word(found: Verdict) -> str:
    """Return a finding's state in one word: its severity while broken, `historical`, or `-`."""
    if found.outcome is Outcome.BREACH:
        return found.severity.value
    return "historical" if found.outcome is Outcome.HISTORICAL else "-"


@pytest.fixture(scope="module")
def turns(ruleset: RuleSet) -> dict[str, list[tuple[str, str]]]:
    """Return for each rule when its state changes over the whole life, hour by hour, in local time."""
    found: dict[str, list[tuple[str, str]]] = {rule.id: [] for rule in ruleset.rules}
    states = dict.fromkeys(found, "-")
    moment, end = london("2025-05-05T09:00"), london("2025-08-20T00:00")
    while moment < end:
        record = replay(LIFE, moment)
        assert record is not None
        for found_now in ruleset.evaluate(record, LONDON, moment):
            if word(found_now) != states[found_now.rule]:
                states[found_now.rule] = word(found_now)
                found[found_now.rule].append(
                    ((moment + timedelta(hours=1)).strftime("%d %b %H:%M").lstrip("0"), word(found_now))
                )
        moment += timedelta(hours=1)
    return found


LIFE_OF_RULES: dict[str, list[tuple[str, str]]] = {
    "root-cause-before-action": [("7 May 10:00", "high"), ("13 May 10:00", "historical")],
    "extent-assessed": [("14 May 10:00", "medium"), ("25 Jul 10:00", "high")],
    "action-overdue": [("2 Jul 00:00", "medium"), ("3 Jul 15:00", "-")],
    "due-date-moved": [("3 Jul 15:00", "medium"), ("4 Jul 09:00", "-")],
    "edited-after-close": [("6 Aug 10:00", "high")],
    "independent-review": [("1 Aug 10:00", "medium")],
    "effectiveness-planned": [("25 Jul 10:00", "medium"), ("28 Jul 10:00", "-")],
    "effectiveness-evidence": [("1 Aug 10:00", "high")],
    "effectiveness-too-early": [("1 Aug 10:00", "medium")],
    "isms-and-risk-update": [("1 Aug 10:00", "medium")],
    "communicated": [("1 Aug 10:00", "low")],
}
LIFE_OF_RULES |= {rule: [] for rule in NUMBERS if rule not in LIFE_OF_RULES and rule != "recurrence"}


@pytest.mark.parametrize("rule", LIFE_OF_RULES)
def test_each_rule_opens_changes_severity_and_clears_on_the_computed_dates(
    turns: dict[str, list[tuple[str, str]]], rule: str
) -> None:
    """Each rule changes at exactly the computed hours, and at no other."""
    assert turns[rule] == LIFE_OF_RULES[rule]


def test_the_overdue_finding_was_scheduled(ruleset: RuleSet) -> None:
    """The finding that no edit opens is scheduled from the day on which the due date was set."""
    assert verdict(ruleset, "action-overdue", london("2025-05-14T11:00")).next_due == london("2025-07-02T00:00")


def test_the_replan_is_counted(ruleset: RuleSet) -> None:
    """One move to a later date is one re-plan, named in the message with both dates."""
    found = verdict(ruleset, "due-date-moved", london("2025-07-03T16:00"))
    assert "Moves to a later day so far: 1." in found.message
    assert "from 30 June 2025 to 31 July 2025 (on 3 July 2025)" in found.message


def test_the_record_is_implemented_84_days_after_it_was_identified(ruleset: RuleSet) -> None:
    """The derived times give the 84 days and the 91 days open of docs/clause10.md 6."""
    when = london("2025-08-01T12:00")
    record = replay(LIFE, when)
    assert record is not None
    context = open_record(record, when, Terms(LONDON))
    identified, implemented = context.value("identified_at").data, context.value("implemented_at").data
    assert identified == date(2025, 5, 2)
    assert isinstance(implemented, datetime)
    assert (implemented.date() - identified).days == 84
    closed = context.value("closed_at").data
    assert isinstance(closed, datetime)
    assert (closed.date() - identified).days == 91
