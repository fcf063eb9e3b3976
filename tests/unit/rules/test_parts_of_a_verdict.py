"""What a verdict carries in each outcome, and the exact limits of what decides it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from capa_sync.model.comment_texts import ENGLISH
from capa_sync.model.finding import Mode, Outcome, Severity, Verdict
from capa_sync.model.record import CapaRecord
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.values import Value, ValueState
from capa_sync.rules import RuleSet, load_rules
from capa_sync.rules.conditions import Block, Broken, Join, Line, broken_lines, lines_of, unknown_reasons, without
from capa_sync.rules.context import Context
from capa_sync.rules.derived import open_record
from capa_sync.rules.evaluate import bare, clause_for, judge
from capa_sync.rules.moments import Clocked, FirstTime, Moment, first_of
from capa_sync.rules.rule import IfRepaired, Rule
from capa_sync.rules.terms import Terms
from capa_sync.rules.wording import MessageTemplate
from tests.unit.rules.lives import LONDON, at, case_of, context_on, record_on
from tests.unit.rules.test_truth import line

RULE = """
rule: rca-method
title: A method is named
clause: {iso27001-2022: 10.2 b, iso9001-2015: 10.2.1}
mode: warn
severity:
  - low
  - high when grade is major
  - medium when location filled
  - medium when due_at more than 40 days ago
when:
  - stage: at least planned
  - none:
      - source_status: is Parked
require:
  - root_cause: filled before action started
  - due_at: not more than 5 days ago
if_repaired: historical when grade is minor
hides:
  - action-planned when due_at more than 20 days ago
  - extent-assessed
message: "Not in order: {missing}."
fix: 'Fill "{label root_cause}" for {grade}.'
tests:
  - case: broken
    timeline: [{day: 2025-01-01, by: ana, stage: planned}]
    expect: [{day: 2025-02-01, result: breach}]
  - case: in order
    timeline: [{day: 2025-01-01, by: ana, stage: planned, root_cause: No deputy is named, due_at: 2025-01-01}]
    expect: [{day: 2025-01-01, result: ok}]
"""
LIFE = """
case: a life
timeline:
  - {day: 2025-01-01, by: ana, grade: GRADE, due_at: 2025-01-31}
  - {day: 2025-01-02, by: ana, stage: planned, action: {id: A1, text: Name a deputy}}
  - {day: 2025-01-03, by: ana, root_cause: No deputy is named in the procedure}
"""
MINOR, MAJOR, OBSERVATION = (LIFE.replace("GRADE", grade) for grade in ("minor", "major", "observation"))
IN_ORDER = LIFE.replace("GRADE", "minor").replace("by: ana, grade", "by: ana, root_cause: No deputy is named, grade")
IDENTIFIED = "case: a life\ntimeline: [{day: 2025-01-01, by: ana}]"
PARKED = MINOR.replace("stage: planned", "stage: planned, source_status: Parked")
UNREADABLE = MINOR.replace("case: a life", "case: a life\nunreadable: [root_cause]")
BEFORE = (Outcome.OK, "broken only before 2025-02-01", date(2025, 4, 2))
REPAIRED = (Outcome.OK, "repaired", date(2025, 4, 2))
UNMAPPED_ONCE = (Outcome.CANNOT_TELL, "'location' is not mapped")
UNMAPPED_TWICE = (Outcome.CANNOT_TELL, "'location' is not mapped; 'impact' is not mapped")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    """Return a set of one rule with every part."""
    file = tmp_path_factory.mktemp("rules") / "rca-method.yaml"
    file.write_text(RULE, encoding="utf-8")
    return load_rules([file], JudgeOptions())


@pytest.fixture(scope="module")
def rule(pack: RuleSet) -> Rule:
    """Return the rule."""
    return pack.rules[0]


def context_of(life: str, when: str, profile: str = "standard", **changes: object) -> Context:
    """Return the context of a life at an instant under a profile, with other attributes of its record."""
    case = case_of(life)
    record: CapaRecord = replace(record_on(case, when), **changes)  # type: ignore[arg-type]
    return open_record(record, at(case, when), Terms(replace(case.options, profile=profile)))


def verdict_on(rule: Rule, life: str, when: str, *, explain: bool = False, **changes: object) -> Verdict:
    """Return the rule's verdict on a life at an instant."""
    return judge(rule, context_of(life, when, **changes), explain=explain)  # type: ignore[arg-type]


@pytest.mark.parametrize("explain", [False, True])
@pytest.mark.parametrize(
    ("life", "when", "outcome"),
    [
        (IN_ORDER, "2025-01-04", Outcome.OK),
        (IDENTIFIED, "2025-01-04", Outcome.NOT_APPLICABLE),
        (PARKED, "2025-01-04", Outcome.NOT_APPLICABLE),
        (UNREADABLE, "2025-01-04", Outcome.CANNOT_TELL),
        (OBSERVATION, "2025-01-04", Outcome.BREACH),
        (MINOR, "2025-01-04", Outcome.HISTORICAL),
    ],
)
def test_every_verdict_carries_what_its_rule_says_of_itself(
    rule: Rule, life: str, when: str, outcome: Outcome, explain: bool
) -> None:
    """Id, title, clause, mode and number are there in each outcome, explained or not."""
    found = verdict_on(rule, life, when, explain=explain)
    assert found.outcome is outcome
    assert (found.rule, found.title, found.clause, found.mode, found.number) == (
        "rca-method",
        "A method is named",
        "ISO 27001 10.2 b",
        Mode.WARN,
        14,
    )
    assert found.severity is Severity.LOW


def test_only_a_breach_has_advice_and_hides_others(rule: Rule) -> None:
    """A past that cannot be changed asks for nothing; its message still says what it was."""
    breach, past = verdict_on(rule, OBSERVATION, "2025-03-01"), verdict_on(rule, MINOR, "2025-01-04")
    assert breach.message.startswith("Not in order: root cause")
    assert breach.fix == 'Fill "root cause" for observation.'
    assert dict(breach.args)["grade"] == "observation"
    assert "missing" in dict(breach.args)
    assert breach.hides == ("action-planned", "extent-assessed")
    assert (past.outcome, past.fix, past.hides) == (Outcome.HISTORICAL, "", ())
    assert past.message.startswith("Not in order: root cause")
    assert "grade" not in dict(past.args)


@pytest.mark.parametrize(
    ("life", "changes", "severity"),
    [
        (OBSERVATION, {}, Severity.LOW),
        (MAJOR, {}, Severity.HIGH),
        (OBSERVATION.replace("grade:", "location: Finance, grade:"), {}, Severity.MEDIUM),
        (MAJOR.replace("grade:", "location: Finance, grade:"), {}, Severity.HIGH),
        (OBSERVATION, {"profile": "strict"}, Severity.HIGH),
    ],
)
def test_the_highest_rung_that_holds_counts(
    rule: Rule, life: str, changes: dict[str, object], severity: Severity
) -> None:
    """A lower rung further down changes nothing; the profile may set another severity."""
    assert verdict_on(rule, life, "2025-01-04", **changes).severity is severity


@pytest.mark.parametrize(
    ("when", "due"),
    [
        ("2025-01-04", date(2025, 2, 6)),  # the required line
        ("2025-02-06", date(2025, 2, 21)),  # the condition of the hiding
        ("2025-02-21", date(2025, 3, 13)),  # a rung
        ("2025-03-13", None),
    ],
)
def test_a_breach_is_due_again_when_any_of_its_parts_changes(rule: Rule, when: str, due: date | None) -> None:
    """The required lines, the conditions of hidings and the rungs are scheduled, the earliest first."""
    found = verdict_on(rule, OBSERVATION, when)
    assert found.outcome is Outcome.BREACH
    assert (found.next_due.date() if found.next_due else None) == due


def test_a_verdict_that_is_not_explained_has_no_evidence_and_no_reason(rule: Rule) -> None:
    """Such verdicts are shared by all records; only cannot tell gives its reason unasked."""
    for life in (IN_ORDER, IDENTIFIED, PARKED):
        found = verdict_on(rule, life, "2025-01-04")
        assert (found.evidence, found.reason) == ((), "")
        assert verdict_on(rule, life, "2025-01-04", explain=True).evidence != ()
    unknown = verdict_on(rule, UNREADABLE, "2025-01-04")
    assert unknown.evidence == ()
    assert verdict_on(rule, UNREADABLE, "2025-01-04", explain=True).evidence != ()
    assert unknown.reason
    assert unknown.reason.count(";") == 0


def test_a_reason_names_the_line_that_excludes_the_record(rule: Rule) -> None:
    """A line that does not hold is negated; one that holds inside `none` is quoted as it is; each is named once."""
    assert verdict_on(rule, IDENTIFIED, "2025-01-04", explain=True).reason == "not 'stage: at least planned'"
    assert verdict_on(rule, PARKED, "2025-01-04", explain=True).reason == "'source_status: is Parked'"
    both = IDENTIFIED.replace("by: ana", "by: ana, source_status: Parked")
    reason = "not 'stage: at least planned'; 'source_status: is Parked'"
    assert verdict_on(rule, both, "2025-01-04", explain=True).reason == reason


def test_a_record_whose_other_half_is_unread_has_no_facts(rule: Rule) -> None:
    """Nothing that the half which was read says is quoted, also under a profile that switches rules off."""
    for profile in ("standard", "light"):
        found = verdict_on(rule, MINOR, "2025-01-04", profile=profile, unread_join="it is unread", explain=True)
        assert (found.outcome, found.reason) == (Outcome.CANNOT_TELL, "it is unread")
        assert (found.evidence, found.next_due) == ((), None)


def test_a_rule_that_is_off_for_the_grade_says_so_and_no_more(rule: Rule) -> None:
    """Only the named grade switches it off."""
    found = verdict_on(rule, MINOR, "2025-01-04", profile="light", explain=True)
    assert (found.outcome, found.reason) == (
        Outcome.NOT_APPLICABLE,
        "off for this grade in the profile light",
    )
    assert (found.evidence, found.next_due) == ((), None)
    assert verdict_on(rule, MAJOR, "2025-01-04", profile="light").outcome is Outcome.BREACH
    assert verdict_on(replace(rule, id="probe"), MINOR, "2025-01-04", profile="light").outcome is Outcome.HISTORICAL


IN_TIME, PLANNED, MAYBE = "due_at: not more than 60 days ago", "stage: at least planned", "location: filled"
UNMAPPED_TOO = OBSERVATION.replace("case: a life", "case: a life\nunmapped: [location, impact]").replace(
    "by: ana, grade", "by: ana, title: x, grade"
)


def block(*texts: str) -> Block:
    """Return a block of lines that must all hold."""
    return Block(Join.ALL, tuple(map(line, texts)))


@pytest.mark.parametrize(
    ("require", "parts", "outcome", "reason", "due"),
    [
        (("root_cause: filled",), {}, Outcome.OK, "", date(2025, 4, 2)),
        (("root_cause: filled", "due_at: not more than 5 days ago"), {}, Outcome.OK, "", date(2025, 2, 6)),
        (("root_cause: filled", "due_at: not more than 70 days ago"), {}, Outcome.OK, "", date(2025, 4, 2)),
        (("root_cause: filled before action started",), {"since": date(2025, 2, 1)}, *BEFORE),
        (("root_cause: filled before action started",), {"if_repaired": IfRepaired(historical=False)}, *REPAIRED),
        (("title: filled", MAYBE, "impact: filled"), {"when": block(PLANNED)}, *UNMAPPED_TWICE, None),
        ((MAYBE, "due_at: not more than 5 days ago"), {}, *UNMAPPED_ONCE, date(2025, 2, 6)),
        (("title: filled",), {"when": block(MAYBE, IN_TIME)}, *UNMAPPED_ONCE, date(2025, 4, 2)),
    ],
)
def test_a_verdict_without_a_message_is_due_again_when_its_scope_or_requirement_turns(
    rule: Rule,
    require: tuple[str, ...],
    parts: dict[str, Any],
    outcome: Outcome,
    reason: str,
    due: date | None,
) -> None:
    """The earliest of both counts, with its reason; with its evidence where that is asked for."""
    changed = replace(rule, **{"when": block(PLANNED, IN_TIME), "require": block(*require), **parts})
    for explain in (False, True):
        found = verdict_on(changed, UNMAPPED_TOO, "2025-01-04", explain=explain)
        assert (found.outcome, found.reason) == (outcome, reason)
        assert (found.next_due.date() if found.next_due else None) == due
        assert bool(found.evidence) is explain


def test_the_evidence_of_a_breach_is_what_decides_it_and_all_lines_when_explained(rule: Rule) -> None:
    """Where a repair could count, its condition decides too; what hides others decides nothing."""
    hiding, repair = "due_at: more than 20 days ago", "grade: is minor"

    def lines(life: str, *, explain: bool = False) -> set[str]:
        return {fact.phrase for fact in verdict_on(rule, life, "2025-01-04", explain=explain).evidence}

    unmended = OBSERVATION.replace("root_cause: No deputy is named in the procedure", "location: London")
    every = {f"{known.subject.name}: {known.sentence}" for known in rule.lines}
    assert {hiding, repair} < every
    assert lines(unmended) == every - {hiding, repair}
    assert lines(unmended, explain=True) == lines(OBSERVATION) == every


def test_each_fact_of_a_line_says_what_when_who_and_where_with_the_words_of_the_line(rule: Rule) -> None:
    """The evidence is the facts of the line's phrase, each with the line and its truth."""
    context = context_on(case_of(MINOR), "2025-01-04")
    [order] = [known for known in rule.require.lines if known.phrase.order]
    assert order.test.facts is not None
    facts = [(fact.what, fact.text, fact.at, fact.by, fact.entry) for fact in order.test.facts(context)]
    found = order.evidence(context)
    assert [(fact.what, fact.text, fact.at, fact.by, fact.entry) for fact in found] == facts
    dated = {what for what, _text, moment, _by, _entry in facts if moment is not None}
    assert dated == {"root_cause", "action_started_at"}
    assert {(fact.phrase, fact.truth) for fact in found} == {(order.text, "false")}


def test_a_breach_carries_its_texts_in_the_language_of_the_source(rule: Rule) -> None:
    """Language, title, message, and the fix where there is one; nothing where the source has the shipped English."""
    case = case_of(OBSERVATION)
    record = record_on(case, "2025-01-04")
    options = replace(case.options, texts={record.source: replace(ENGLISH)})
    found = judge(rule, open_record(record, at(case, "2025-01-04"), Terms(options)))
    assert found.on_ticket == ("en", rule.title, found.message, found.fix)
    assert found.fix
    minor = replace(record, fields={**record.fields, "grade": Value(ValueState.FILLED, "minor", "minor")})
    past = judge(rule, open_record(minor, at(case, "2025-01-04"), Terms(options)))
    assert past.on_ticket == ("en", rule.title, past.message, "")
    assert verdict_on(rule, OBSERVATION, "2025-01-04").on_ticket == ()


def test_a_verdict_without_words_is_made_once(rule: Rule) -> None:
    """All records share it under the same settings."""
    context = context_of(IDENTIFIED, "2025-01-04")
    first = bare(rule, context, Outcome.OK)
    assert bare(rule, context, Outcome.OK) is first
    assert bare(rule, context, Outcome.NOT_APPLICABLE).outcome is Outcome.NOT_APPLICABLE
    assert judge(rule, context) is bare(rule, context, Outcome.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("profile", "clause", "shown"),
    [
        ("standard", {"iso9001-2015": "10.2.1", "iso27001-2022": "10.2 b"}, "ISO 27001 10.2 b"),
        ("iso9001", {"iso27001-2022": "10.2 b", "iso9001-2015": "10.2.1"}, "ISO 9001 10.2.1"),
        ("iso9001", {"iso27001-2022": "10.2 b", "iso13485-2016": "8.5.2"}, "ISO 27001 10.2 b"),
        ("standard", {"own-policy": "4"}, "own-policy 4"),
        ("standard", {}, ""),
    ],
)
def test_the_clause_is_that_of_the_profile_else_the_first(
    rule: Rule, profile: str, clause: dict[str, str], shown: str
) -> None:
    """A standard without a name here is shown by its key; a rule without a clause has none."""
    context = context_of(IDENTIFIED, "2025-01-04", profile=profile)
    assert clause_for(replace(rule, clause=clause), context) == shown


WORLD = """
case: world
unmapped: [location]
timeline: [{day: 2026-03-02, title: x, due_at: 2026-03-10, detected_at: 2026-03-08, source_status: Open}]
"""
TRUE, FALSE, UNKNOWN = "title: filled", "title: empty", "location: filled"
FALSE_TOO = "grade: is major"


def test_broken_lines_are_those_that_make_a_condition_false() -> None:
    """Lines of one `any` share a choice; those in a `none` are negated; nested choices belong to the outer one."""
    context = context_on(case_of(WORLD), "2026-03-02")
    false, also, true, unknown = map(line, (FALSE, FALSE_TOO, TRUE, UNKNOWN))
    either = Block(Join.ANY, (false, Block(Join.ANY, (also, Block(Join.NONE, (true, false))))))
    found = broken_lines(Block(Join.ALL, (true, unknown, false, either)), context)
    assert [(entry.line, entry.negated) for entry in found] == [
        (false, False),
        (false, False),
        (also, False),
        (true, True),
    ]
    assert found[0] == Broken(false, negated=False, choice=0)
    assert len({entry.choice for entry in found[1:]}) == 1
    assert found[1].choice != 0
    apart = Block(Join.ALL, (Block(Join.ANY, (false,)), Block(Join.ANY, (also,))))
    assert len({entry.choice for entry in broken_lines(apart, context)}) == 2
    assert broken_lines(false, context) == [Broken(false, negated=False, choice=0)]
    for not_false in (true, unknown, Block(Join.ANY, (false, true)), Block(Join.NONE, (unknown,))):
        assert broken_lines(not_false, context) == []


def test_the_reasons_of_a_condition_are_those_of_its_unknown_lines() -> None:
    """Known lines have no reason, whatever they say."""
    context = context_on(case_of(WORLD), "2026-03-02")
    reasons = unknown_reasons(Block(Join.ALL, tuple(map(line, (TRUE, FALSE, UNKNOWN)))), context)
    assert reasons == ["'location' is not mapped"]


def test_a_line_reads_the_history_and_the_comments_only_as_its_phrase_does() -> None:
    """A line over the present has no reason in a history that is incomplete, and no instant of its own."""
    context = context_of(WORLD, "2026-03-02", undelivered={"comments": "refused"}, history_complete=False)
    lines = ("location: filled", "stage: has been closed", "due_at: each later move has a reason")
    assert [line(text).unknown(context) for text in lines] == [
        "'location' is not mapped",
        "the change history is incomplete",
        "refused",
    ]
    assert line(TRUE).turn_of_facts(context) is None
    assert line("due_at: not in the past").turn_of_facts(context) == datetime(2026, 3, 11, tzinfo=UTC)


def test_a_part_of_a_condition_is_replaced_and_nothing_else_changes() -> None:
    """The mutation check of rule tests replaces one part at a time, at any depth."""
    first, second = line(TRUE), line(FALSE)
    inner = Block(Join.ANY, (first, second))
    changed = without(Block(Join.ALL, (second, inner)), first, Block(Join.NONE, (first,)))
    assert changed == Block(Join.ALL, (second, Block(Join.ANY, (Block(Join.NONE, (first,)), second))))
    assert lines_of(changed) == (second, first, second)


def test_the_earliest_of_several_clocked_members_is_the_next_due_instant() -> None:
    """A decided block that only clocked members decide is due again when the first of them changes."""
    context = context_on(case_of(WORLD), "2026-03-02")
    late, soon = line("due_at: not in the past"), line("detected_at: not in the past")
    soonest = datetime(2026, 3, 9, tzinfo=UTC)
    for members in ((late, soon), (soon, late)):
        assert Block(Join.ALL, members).judge(context) == (True, soonest)
        assert Block(Join.ANY, members).judge(context) == (True, soonest)
        assert Block(Join.ANY, (*members, line(UNKNOWN))).judge(context) == (True, soonest)
        assert Block(Join.NONE, (*members, line(UNKNOWN))).judge(context) == (False, soonest)
    assert Block(Join.ALL, (line(UNKNOWN), soon)).judge(context) == (None, soonest)


class Never(Line):
    """A line that must not be judged."""

    def judge(self, context: Context) -> tuple[bool | None, datetime | None]:
        """Fail."""
        raise AssertionError(self.text)


def test_members_that_time_does_not_change_are_judged_first() -> None:
    """They cost less, and one of them may decide the block."""
    clocked = line("due_at: not in the past")
    never = Never(clocked.subject, clocked.sentence, clocked.phrase, clocked.test, 1)
    context = context_on(case_of(WORLD), "2026-03-02")
    assert Block(Join.ALL, (never, line(FALSE))).judge(context) == (False, None)
    nested = Block(Join.ALL, (never,))
    assert nested.is_clocked
    assert not Block(Join.ALL, (line(FALSE),)).is_clocked
    assert Block(Join.ANY, (nested, line(TRUE))).judge(context) == (True, None)


EARLY, LATE, LATER = (Moment(datetime(2026, 1, day, tzinfo=UTC), day) for day in (1, 2, 3))


@pytest.mark.parametrize(
    ("times", "first"),
    [
        ((), FirstTime()),
        ((FirstTime(), FirstTime(LATE)), FirstTime(LATE)),
        ((FirstTime(LATE), FirstTime(EARLY)), FirstTime(EARLY)),
        ((FirstTime(EARLY), FirstTime(LATE)), FirstTime(EARLY)),
        ((FirstTime(LATE), FirstTime(None, EARLY)), FirstTime(LATE, EARLY)),
        ((FirstTime(LATER, LATE), FirstTime(LATER, EARLY)), FirstTime(LATER, EARLY)),
        ((FirstTime(EARLY), FirstTime(None, LATE)), FirstTime(EARLY)),
        ((FirstTime(EARLY), FirstTime(None, EARLY)), FirstTime(EARLY)),
        ((FirstTime(None, LATE),), FirstTime(None, LATE)),
    ],
)
def test_the_first_of_several_events_is_the_earliest_known_with_what_may_come_before(
    times: tuple[FirstTime, ...], first: FirstTime
) -> None:
    """A possible moment counts only before the known one."""
    assert first_of(times) == first


def test_moments_of_one_ticket_are_compared_by_edit_and_others_by_instant() -> None:
    """A later edit is later, also where the tracker's instants run backwards."""
    backwards = Moment(EARLY.at, 9)
    assert LATE.not_after(backwards)
    assert not backwards.not_after(LATE)
    assert Moment(EARLY.at).not_after(LATE)
    assert not LATE.not_after(Moment(EARLY.at))
    assert LATE.not_after(Moment(LATE.at))


def test_a_truth_over_time_changes_at_the_instant_of_its_flip() -> None:
    """The first flip changes the truth; further flips change only the facts."""
    clock = Clocked(True, (EARLY.at, LATE.at, LATER.at), False)
    second = (LATE.at - EARLY.at) / 86_400
    assert clock.at(EARLY.at - second) == (True, EARLY.at)
    assert clock.at(EARLY.at) == (False, None)
    assert clock.next_flip(EARLY.at - second) == EARLY.at
    assert clock.next_flip(EARLY.at) == LATE.at
    assert clock.next_flip(LATER.at - second) == LATER.at
    assert clock.next_flip(LATER.at) is None
    assert Clocked(True).at(EARLY.at) == (True, None)


def test_a_set_orders_its_rules_by_the_pack_and_then_by_id(rule: Rule) -> None:
    """Rules without a number come last; drafts are kept and not evaluated."""
    rules = [replace(rule, id=name, number=number) for name, number in (("b", 0), ("a", 0), ("z", 2), ("y", 1))]
    draft = replace(rule, id="c", number=3, mode=Mode.DRAFT)
    ruleset = RuleSet([*rules, draft], LONDON, "digest", {"a": "the text"})
    assert [known.id for known in ruleset.rules] == ["y", "z", "c", "a", "b"]
    case = case_of(IDENTIFIED)
    record, now = record_on(case, "2025-01-04"), at(case, "2025-01-04")
    for explain in (False, True):
        verdicts = ruleset.evaluate(record, LONDON, now, explain=explain)
        assert [found.rule for found in verdicts] == ["y", "z", "a", "b"]
    assert list(ruleset.reads()) == ["y", "z", "a", "b"]
    assert ruleset.reads()["a"] == rule.reads
    assert (ruleset.hash, ruleset.options, ruleset.texts) == ("digest", LONDON, {"a": "the text"})


def test_a_set_keeps_what_it_prepared_for_equal_settings(rule: Rule) -> None:
    """Settings that were read again and are equal make no new calendar; other settings do."""
    ruleset = RuleSet([rule], LONDON, "digest")
    ready = ruleset._ready
    assert ruleset._ready_for(LONDON) is ready
    case = case_of(IDENTIFIED)
    record, now = record_on(case, "2025-01-04"), at(case, "2025-01-04")
    first = ruleset.evaluate(record, LONDON, now)[0]
    assert ruleset.evaluate(record, replace(LONDON), now)[0] is first
    assert ruleset.evaluate(record, replace(LONDON, timezone="Asia/Tokyo"), now)[0] is not first
    again = replace(LONDON)
    assert ruleset._ready_for(again) is ruleset._ready_for(again)


@pytest.mark.parametrize("change", [{"since": date(2025, 2, 1)}, {"if_repaired": IfRepaired(historical=False)}])
def test_an_order_that_no_longer_counts_is_due_again_when_its_scope_turns(rule: Rule, change: dict[str, Any]) -> None:
    """The scope ends with the due date, before the deadline that is required; a set of rules says the same."""
    scope = Block(Join.ALL, (*rule.when.members, line("due_at: not in the past")))
    changed = replace(rule, when=scope, **change)
    found = verdict_on(changed, MINOR, "2025-01-04")
    assert (found.outcome, found.next_due) == (Outcome.OK, datetime(2025, 2, 1, tzinfo=UTC))
    assert found.evidence == ()
    case = case_of(MINOR)
    rules = RuleSet([changed], case.options, "")
    assert rules.evaluate(record_on(case, "2025-01-04"), case.options, at(case, "2025-01-04")) == [found]


@pytest.mark.parametrize("part", ["message", "fix"])
def test_a_breach_is_due_again_when_another_of_its_texts_counts(rule: Rule, part: str) -> None:
    """The text depends on the due date alone, a line that decides nothing else."""
    sentence = rule.message.variants[0]
    texts = MessageTemplate((replace(sentence, when=line("due_at: not in the past")), sentence))
    plain = replace(rule, severity=rule.severity[:1], hides=(), require=Block(Join.ALL, rule.require.members[:1]))
    assert verdict_on(plain, OBSERVATION, "2025-01-04").next_due is None
    found = verdict_on(replace(plain, **{part: texts}), OBSERVATION, "2025-01-04")  # type: ignore[arg-type]
    assert (found.outcome, found.next_due) == (Outcome.BREACH, datetime(2025, 2, 1, tzinfo=UTC))
