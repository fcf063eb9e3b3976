"""Made-up lives of tickets for the tests of rules: from text as in a rule file, and at random."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta

from capa_sync.model.record import CapaRecord
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.ticket import Presence
from capa_sync.model.values import EMPTY, Value, ValueState
from capa_sync.rules.calendar import calendar_for
from capa_sync.rules.case import ActionEdit, Case, TimelineRow, When
from capa_sync.rules.case_reader import read_cases
from capa_sync.rules.context import Context
from capa_sync.rules.derived import open_record
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.replay import instant, replay
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.terms import Terms
from capa_sync.rules.yaml_lines import Items, Problems, read_yaml

LONDON = JudgeOptions(timezone="Europe/London", holidays=frozenset({date(2025, 5, 5), date(2025, 5, 26)}))
CAUSE = "No deputy named in AC-03; reminder lost with leaver mailbox"
PEOPLE = ("ana", "bo", "cleo", "robot")
EDITED = (
    "root_cause",
    "root_cause",
    "root_cause",
    "description",
    "correction",
    "due_at",
    "due_at",
    "extent_result",
    "extent_note",
    "plan_approved_by",
    "effectiveness_result",
    "effectiveness_reviewer",
    "grade",
    "replan_reason",
    "detected_at",
    "owner",
    "implementation_evidence",
    "action_needed",
)
STAGES = ("identified", "contained", "analysed", "planned", "implemented", "verified", "closed")


def case_of(text: str) -> Case:
    """Return the test written as in a rule file, without its `expect`."""
    problems = Problems("life")
    tree = read_yaml(text + "\nexpect: [{day: 2030-01-01, result: ok}]", problems)
    assert tree is not None
    (case,) = read_cases(Items((tree,), 1), problems)
    assert not problems.found, [str(problem) for problem in problems.found]
    return case


def record_on(text: str | Case, when: str) -> CapaRecord:
    """Return the record of a life as it was on a day (its end) or at a local time."""
    case = case_of(text) if isinstance(text, str) else text
    record = replay(case, at(case, when))
    assert record is not None
    return record


def at(case: Case, when: str) -> datetime:
    """Return the instant of a day's end or of a local time of a life."""
    day, _, clock = when.partition(" ")
    return instant(case, When(date.fromisoformat(day), time.fromisoformat(clock) if clock else None))


def context_on(text: str | Case, when: str) -> Context:
    """Return the context in which rules judge a life on a day."""
    case = case_of(text) if isinstance(text, str) else text
    return open_record(record_on(case, when), at(case, when), Terms(case.options))


def truth_of(line: str, context: Context) -> bool | None:
    """Return the truth of `field: phrase` in a context."""
    name, _, sentence = line.partition(": ")
    _, test = vocabulary().find(SUBJECTS[name], sentence)
    return test.clock(context).at(context.now)[0] if test.clock else test.holds(context)


def _text(words: str) -> Value:
    return Value(ValueState.FILLED, words, words) if words else EMPTY


def _edit(rng: random.Random, day: date) -> dict[str, Value]:
    """Return a random edit of one field."""
    texts = ("", "TBD", "Short", CAUSE, f"{CAUSE} {rng.randint(1, 9)}")
    name = rng.choice(EDITED)
    kind = SUBJECTS[name].kind.value
    if kind == "text":
        words = rng.choice(texts)
        return {name: Value(ValueState.PLACEHOLDER, text="TBD") if words == "TBD" else _text(words)}
    if kind == "time":
        later = day + timedelta(days=rng.randint(-20, 60))
        return {name: EMPTY if rng.random() < 0.1 else Value(ValueState.FILLED, later, str(later))}
    if kind == "person":
        return {name: _text(rng.choice(("", *PEOPLE)))}
    if kind == "yesno":
        return {name: _text(rng.choice(("", "yes", "no")))}
    return {name: _text(rng.choice(("", *SUBJECTS[name].choices)))}


def _action(rng: random.Random, day: date) -> ActionEdit:
    number = rng.randint(1, 3)
    due = day + timedelta(days=rng.randint(-5, 40))
    kind = "correction" if number == 3 else "corrective"
    return ActionEdit(
        id=f"A{number}",
        kind=kind,
        text=_text(rng.choice(("", "Name a deputy", "Share the mailbox"))) if rng.random() < 0.6 else None,
        owner=_text(rng.choice(PEOPLE)) if rng.random() < 0.4 else None,
        due_at=Value(ValueState.FILLED, due, str(due)) if rng.random() < 0.5 else None,
        started=True if rng.random() < 0.2 else None,
        done=rng.random() < 0.8 if rng.random() < 0.3 else None,
        cancelled=True if rng.random() < 0.05 else None,
        evidence=_text("CHG0031") if rng.random() < 0.2 else None,
    )


def wild_case(seed: int, options: JudgeOptions = LONDON) -> Case:
    """Return a life without any order: fields are filled and emptied, stages jump, people and a robot edit."""
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    day = date(2025, rng.randint(1, 10), rng.randint(1, 28))
    rows = []
    for index in range(rng.randint(1, 14)):
        clock = time(rng.randint(0, 23), rng.randint(0, 59)) if rng.random() < 0.5 else None
        fields: dict[str, Value] = {}
        for _ in range(rng.choice((0, 1, 1, 2, 4)) + (0 if index else 2)):
            fields.update(_edit(rng, day))
        rows.append(
            TimelineRow(
                When(day, clock),
                rng.choice(PEOPLE),
                fields,
                actions=(_action(rng, day),) if rng.random() < 0.4 else (),
                stage=rng.choice((*STAGES, "closed", "closed")) if rng.random() < 0.35 else "",
                source_status=rng.choice(("Open", "Approved", "Pre-Approved", "Done")) if rng.random() < 0.4 else "",
                comment="a word" if rng.random() < 0.3 else "",
                hold=rng.random() < 0.5 if rng.random() < 0.15 else None,
                presence=Presence.PRESENT,
            )
        )
        day += timedelta(days=rng.choice((1, 1, 2, 5, 20)))
    return Case("wild", 1, tuple(rows), (), options=options, ignored=frozenset({"robot"}))


def tame_case(seed: int, options: JudgeOptions = LONDON) -> Case:
    """Return a life in the usual order, sometimes with one thing left out."""
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    day = date(2025, rng.randint(1, 10), rng.randint(1, 28))
    due = Value(ValueState.FILLED, day + timedelta(days=60), "")
    steps: list[tuple[str, dict[str, str], tuple[ActionEdit, ...]]] = [
        ("identified", {"description": CAUSE, "location": "Finance", "owner": "bo", "grade": "minor"}, ()),
        ("contained", {"correction": "Accounts disabled", "consequences": "none, because no data involved"}, ()),
        ("analysed", {"root_cause": CAUSE, "rca_method": "five_whys"}, ()),
        ("", {"extent_result": "none_found", "extent_note": "Checked all 12 applications"}, ()),
        ("planned", {}, (ActionEdit("A1", text=_text("Name a deputy"), owner=_text("bo"), due_at=due),)),
        ("implemented", {"implementation_evidence": "CHG0031"}, (ActionEdit("A1", done=True),)),
        ("verified", {"effectiveness_result": "effective", "effectiveness_reviewer": "cleo"}, ()),
        ("closed", {"closure_note": "Thank you all"}, ()),
    ]
    rows = []
    for stage, texts, actions in steps[: rng.randint(1, len(steps))]:
        fields = {name: _text(words) for name, words in texts.items() if rng.random() < 0.96}
        if not rows:
            fields["detected_at"] = Value(ValueState.FILLED, day, str(day))
        rows.append(
            TimelineRow(When(day), "bo", fields, actions, stage=stage, comment="a word" if rng.random() < 0.3 else "")
        )
        day += timedelta(days=rng.randint(1, 12))
    return Case("tame", 1, tuple(rows), (), options=options)


def last_record(case: Case) -> tuple[CapaRecord, datetime]:
    """Return the record after its last row, and an instant soon after that."""
    last = case.rows[-1].when
    now = calendar_for(case.options.timezone, case.options.holidays).at(last.wall) + timedelta(hours=1)
    record = replay(case, now)
    assert record is not None
    return record, now
