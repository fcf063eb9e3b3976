"""Rules that do not apply to a record's track, stage and other values of closed lists are found once for all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from capa_sync.model.finding import Mode, Outcome
from capa_sync.model.record import Stage
from capa_sync.model.values import EMPTY, Value, ValueState
from capa_sync.rules import gates
from capa_sync.rules.conditions import ALWAYS, Block, Conditions, Join, Line
from capa_sync.rules.context import Context
from capa_sync.rules.derived import open_record
from capa_sync.rules.evaluate import bare, judge
from capa_sync.rules.gates import Gate, Gates
from capa_sync.rules.phrases.phrase import Phrase
from capa_sync.rules.phrases.state import NOT_FILLED
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.rule import Rule
from capa_sync.rules.ruleset import RuleSet
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.terms import Terms
from tests.unit.rules.lives import LONDON, case_of, context_on, record_on
from tests.unit.rules.pack import PACK
from tests.unit.rules.test_truth import FALSE, TRUE, TURNS, UNKNOWN, WORLD, line

NOW = datetime(2025, 6, 20, tzinfo=UTC)
TERMS = Terms(LONDON)
TICKET = record_on(case_of("case: a ticket\ntimeline: [{day: 2025-06-01, by: ana}]"), "2025-06-02")
GRADED, STAGED = line("grade: is major"), line("stage: at least planned")
TEXT, TIMED, PAST = line("title: filled"), line("due_at: not in the past"), line("stage: has been analysed")
NO_TEXT, SOON, OVER = (
    line("title: empty"),
    line("due_at: not more than 30 days ago"),
    line("due_at: more than 3 days ago"),
)
EITHER = Block(Join.ANY, (line("track: is improvement"), line("grade: is major")))
MIXED = Block(Join.ANY, (line("grade: is major"), TEXT))
RULE = replace(
    next(rule for rule in PACK.rules if rule.id == "owner-active"),
    applies_to=Block(Join.ALL, (GRADED, TEXT)),
    when=Block(Join.ALL, (STAGED, TIMED, EITHER, MIXED, PAST)),
)
LEFT = Block(Join.ALL, (TEXT, TIMED, MIXED, PAST))
"""What is left to ask of its scope where the values of closed lists allow it."""


def context_of(stage: Stage, grade: str | None) -> Context:
    """Return the context of a record with a stage and a grade; without a grade it cannot be read."""
    value = Value(ValueState.UNREADABLE) if grade is None else Value(ValueState.FILLED, grade, grade)
    record = replace(TICKET, stage=stage, fields={**TICKET.fields, "grade": value})
    return open_record(record, NOW, TERMS)


def left(gate: Gate) -> Iterator[tuple[Block, Block]]:
    """Yield what is left to ask of each rule that is not decided: of its scope, and of what it requires."""
    questions = [question for _, asked in gate.open for _, question in asked]
    yield from ((question.scope.block, question.require.block) for question in questions)


def test_a_gate_is_the_shared_verdict_or_what_is_left_to_ask() -> None:
    """A closed list that says no decides; one that says yes is not asked again, one that is unknown is."""
    made = Gates([RULE], TERMS)
    allowed = context_of(Stage.PLANNED, "major")
    assert [*left(made.of(allowed))] == [(LEFT, RULE.require)]
    assert made.of(allowed).verdicts == (bare(RULE, allowed, Outcome.NOT_APPLICABLE),)
    ((exclusions, ((place, _),)),) = made.of(allowed).open
    assert (place, exclusions) == (0, (("title", NOT_FILLED), ("due_at", NOT_FILLED)))
    for excluded in (context_of(Stage.PLANNED, "minor"), context_of(Stage.IDENTIFIED, "major")):
        gate = made.of(excluded)
        assert gate.verdicts[0] is bare(RULE, excluded, Outcome.NOT_APPLICABLE)
        assert gate.open == ()
    unknown = made.of(context_of(Stage.PLANNED, None))
    assert [*left(unknown)] == [(Block(Join.ALL, (GRADED, TEXT, TIMED, EITHER, MIXED, PAST)), RULE.require)]
    assert [*left(made.of(context_of(Stage.CLOSED, "major")))] == [(LEFT, RULE.require)]


def test_records_share_a_gate_where_their_stage_leaves_no_question_of_their_grade() -> None:
    """The grade counts only for rules that the stage does not exclude; it counts where it stands beside the stage."""
    made = Gates([RULE], TERMS)
    early = {id(made.of(context_of(Stage.IDENTIFIED, grade))) for grade in ("major", "minor", None)}
    later = {id(made.of(context_of(Stage.PLANNED, grade))) for grade in ("major", "minor", None)}
    assert (len(early), len(later)) == (1, 3)
    mixed = replace(RULE, when=Block(Join.ALL, (Block(Join.ANY, (STAGED, GRADED)),)), applies_to=ALWAYS)
    either = Gates([mixed], TERMS)
    assert either.of(context_of(Stage.IDENTIFIED, "minor")) != either.of(context_of(Stage.IDENTIFIED, "major"))


def test_a_rule_that_requires_closed_lists_alone_is_decided_by_them() -> None:
    """Where they say yes, it is ok without a question; where they do not, it is asked for its texts."""
    rule = replace(
        RULE, applies_to=ALWAYS, when=Block(Join.ALL, (STAGED,)), require=Block(Join.ALL, (GRADED, EITHER))
    )
    made, major = Gates([rule], TERMS), context_of(Stage.PLANNED, "major")
    assert made.of(major) == Gate((bare(rule, major, Outcome.OK),), ())
    for grade in ("minor", None):
        assert [*left(made.of(context_of(Stage.PLANNED, grade)))] == [(ALWAYS, rule.require)]


def test_each_rule_has_its_own_gate_in_the_order_of_the_rules() -> None:
    """A rule that is off for a grade under the profile is asked as a whole: its verdict has a reason."""
    open_ = replace(RULE, id="open", applies_to=ALWAYS, when=ALWAYS)
    off = replace(RULE, id="plan-approved")
    light = Terms(replace(LONDON, profile="light"))
    excluded = context_of(Stage.IDENTIFIED, "minor")
    gate = Gates([RULE, open_, off], light).of(excluded)
    assert gate.verdicts[0] is bare(RULE, excluded, Outcome.NOT_APPLICABLE)
    assert [(exclusions, [place for place, _ in asked]) for exclusions, asked in gate.open] == [((), [1, 2])]
    assert [*left(gate)] == [(ALWAYS, RULE.require), (Block(Join.ALL, RULE.scope.members), RULE.require)]


@pytest.mark.parametrize("phrase", vocabulary().phrases, ids=lambda phrase: phrase.template)
def test_a_phrase_is_false_for_ever_in_the_states_that_say_so(phrase: Phrase) -> None:
    """Where a phrase has a shorter way to a truth that time changes, both ways say the same."""
    name, _, sentence = phrase.example.partition(": ")
    test = vocabulary().find(SUBJECTS[name], sentence)[1]
    record = context_of(Stage.PLANNED, "major").record
    days = [Value(ValueState.FILLED, day) for day in (date(2025, 1, 20), date(2025, 6, 20), NOW, date(2025, 7, 20))]
    for value in (*map(Value, ValueState), *days):
        context = open_record(replace(record, fields={**record.fields, name: value}), NOW, TERMS)
        if value.state in test.false_in:
            assert test.at(context) == (False, None)
        if test.now is not None:
            assert test.now(context) == test.at(context)
    assert ValueState.FILLED not in test.false_in or phrase.template in {"not filled", "empty"}


@pytest.mark.parametrize("grade", ["major", "minor", None])
@pytest.mark.parametrize("title", [ValueState.FILLED, ValueState.EMPTY, ValueState.UNMAPPED])
@pytest.mark.parametrize("due", [date(2025, 6, 1), date(2025, 7, 1), None])
@pytest.mark.parametrize(
    ("scope", "require"),
    [
        ((TEXT, TIMED), (TEXT, EITHER, TIMED, MIXED)),
        ((TIMED, EITHER), (TEXT, EITHER, TIMED, MIXED)),
        ((TEXT, TIMED), (TIMED, EITHER)),
        ((TEXT,), (TEXT,)),
        ((), (TEXT,)),
        ((TIMED,), (SOON,)),
        ((SOON,), (TIMED,)),
        ((OVER,), (TEXT,)),
        ((TIMED,), (NO_TEXT,)),
    ],
)
def test_a_question_has_the_verdict_of_the_whole_rule(
    grade: str | None, title: ValueState, due: date | None, scope: tuple[Line, ...], require: tuple[Line, ...]
) -> None:
    """What closed lists decided, and the order in which the rest is asked, show in no verdict."""
    rule = replace(RULE, applies_to=ALWAYS, when=Block(Join.ALL, scope), require=Block(Join.ALL, require))
    context = context_of(Stage.PLANNED, grade)
    given = {"title": Value(title, "x", "x"), "due_at": EMPTY if due is None else Value(ValueState.FILLED, due)}
    record = replace(context.record, fields={**context.record.fields, **given})
    assert RuleSet([rule], LONDON, "").evaluate(record, LONDON, NOW) == [judge(rule, open_record(record, NOW, TERMS))]


@pytest.mark.parametrize("grade", ["major", "minor", "observation", None])
@pytest.mark.parametrize("require", [(), (TEXT,), (GRADED,)])
def test_a_rule_that_its_profile_has_off_for_a_grade_has_the_verdict_of_the_whole_rule(
    grade: str | None, require: tuple[Line, ...]
) -> None:
    """It is off for minor ones, with the reason, and asked as usual for the others."""
    rule = replace(RULE, id="plan-approved", applies_to=ALWAYS, when=ALWAYS, require=Block(Join.ALL, require))
    light = replace(LONDON, profile="light")
    record = context_of(Stage.PLANNED, grade).record
    wanted = judge(rule, open_record(record, NOW, Terms(light)))
    assert RuleSet([rule], light, "").evaluate(record, light, NOW) == [wanted]
    assert (wanted.outcome is Outcome.NOT_APPLICABLE) is (grade == "minor")


@pytest.mark.parametrize(
    "texts",
    [
        (),
        (TRUE,),
        (FALSE,),
        (UNKNOWN,),
        (TRUE, FALSE),
        (UNKNOWN, FALSE),
        (TRUE, UNKNOWN),
        (TURNS,),
        (TRUE, TURNS),
        (FALSE, TURNS),
        (UNKNOWN, TURNS),
    ],
)
def test_conditions_that_are_asked_in_another_order_have_the_truth_of_their_block(texts: tuple[str, ...]) -> None:
    """Those that take no time are asked first; an unknown one waits for one that says no."""
    members = [line(text) for text in texts]
    context = context_on(case_of(WORLD), "2026-03-02")
    assert Conditions(members).judge(context) == Block(Join.ALL, tuple(members)).judge(context)


def test_equal_values_have_one_gate_until_the_cache_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache begins again at its limit, so that it cannot grow without end."""
    monkeypatch.setattr(gates, "_MOST", 2)
    made = Gates([RULE], TERMS)
    first = made.of(context_of(Stage.PLANNED, "major"))
    made.of(context_of(Stage.PLANNED, "minor"))
    assert made.of(context_of(Stage.PLANNED, "major")) is first
    third = made.of(context_of(Stage.CLOSED, "major"))
    assert made.of(context_of(Stage.CLOSED, "major")) is third
    assert made.of(context_of(Stage.PLANNED, "major")) is not first


@pytest.mark.parametrize("mode", [Mode.DRAFT, Mode.QUIET, Mode.WARN])
def test_a_set_of_one_rule_evaluates_it_also_as_a_draft(mode: Mode) -> None:
    """A trend of a draft is asked for on purpose; options and hash are those of the whole set."""
    rule: Rule = replace(RULE, mode=mode)
    one = RuleSet([rule, replace(RULE, id="other", mode=Mode.WARN)], LONDON, "digest").only(rule.id)
    (verdict,) = one.evaluate(TICKET, LONDON, NOW)
    assert (verdict.rule, verdict.mode) == (rule.id, Mode.QUIET if mode is Mode.DRAFT else mode)
    assert [known.id for known in one.rules] == [rule.id]
    assert (one.options, one.hash) == (LONDON, "digest")
