"""The text on a ticket in neutral form: the sentences of the catalogue, filled in; vendors add their markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from capa_sync.model.finding import Finding
from capa_sync.model.settings import WriteOptions
from capa_sync.model.waiver import RequestAnswer, last_day
from capa_sync.model.write import Paragraph, Span, WarningText
from capa_sync.writeback import sentences as say
from capa_sync.writeback.desired_state import Calm, DesiredState
from capa_sync.writeback.wording import clean, day, minute, sentence, written

MAX_POINTS = 5
MAX_CHARACTERS = 8_000
_SENTENCE, _TITLE, _NAME, _NAMES, _REASON, _URL, _RULE = 400, 160, 60, 130, 120, 300, 64


@dataclass(frozen=True, slots=True)
class WordingContext:
    """What the text needs besides the findings: the instant of the write, the owner, and the options.

    `owner` is the accountable person's display name, "" when nobody is named.
    """

    at: datetime
    options: WriteOptions
    owner: str = ""


def render(
    desired_state: DesiredState, wording_context: WordingContext, answers: Sequence[RequestAnswer] = ()
) -> WarningText:
    """Return the text for a ticket: its open points, or why there are none; at most 5 points, 8,000 characters.

    `answers`: what became of requests in its comments.
    """
    head = (
        _open_points(desired_state, wording_context)
        if desired_state.shown
        else [_nothing_open(desired_state, wording_context)]
    )
    return WarningText(
        (
            *head,
            *_waived_points(desired_state.waived, wording_context),
            *map(_answer, answers),
            *_closing(desired_state, wording_context),
        )
    )


def render_moved(key: str, wording_context: WordingContext) -> WarningText:
    """Return the text for a ticket whose record is now judged together with another one (`same_as`)."""
    rest = _as_of(wording_context) + say.MOVED.format(key=clean(key, _NAME))
    return WarningText((Paragraph((Span(say.CHECK, bold=True), Span(rest))),))


def _as_of(wording_context: WordingContext) -> str:
    return say.AS_OF.format(instant=minute(wording_context.at, wording_context.options.timezone))


def _counted(count: int, singular: str, plural: str) -> str:
    """Return the sentence for a count, "" for none."""
    return "" if count < 1 else singular if count == 1 else plural.format(count=count)


def render_action(keys: Sequence[str], wording_context: WordingContext) -> WarningText:
    """Return the text for a ticket that was a record and is now an action; `keys`: its records, which may be none."""
    of_records = say.OF_RECORDS.format(keys=clean(", ".join(keys), _TITLE)) if keys else ""
    rest = _as_of(wording_context) + say.ACTION.format(of_records=of_records)
    return WarningText((Paragraph((Span(say.CHECK, bold=True), Span(rest))),))


def _open_points(desired_state: DesiredState, wording_context: WordingContext) -> list[Paragraph]:
    """Return the heading and the points, worst first."""
    count = len(desired_state.shown)
    heading = Span(_counted(count, say.TO_FIX_ONE, say.TO_FIX), bold=True)
    points = [_point(finding) for finding in desired_state.shown[:MAX_POINTS]]
    more = _counted(count - MAX_POINTS, say.MORE_ONE, say.MORE)
    return [
        Paragraph((heading, Span(_as_of(wording_context)))),
        *points,
        *([Paragraph((Span(more),))] if more else []),
    ]


def _point(finding: Finding) -> Paragraph:
    """Return one point: what is wrong, what the clause expects, what to do."""
    clause = clean(finding.clause, _NAME)
    wanted = say.EXPECTED.format(clause=clause) if clause else say.EXPECTED_PLAIN
    spans = [Span(sentence(finding.message or finding.title, _SENTENCE), bold=True)]
    spans += [Span(wanted + sentence(finding.title, _TITLE))] if finding.title else []
    if finding.fix:
        spans += [Span(" "), Span(say.DO_THIS, bold=True), Span(f" {sentence(finding.fix, _SENTENCE)}")]
    return Paragraph(tuple(spans), numbered=True)


def _nothing_open(desired_state: DesiredState, wording_context: WordingContext) -> Paragraph:
    """Return that nothing is open, and why: never more than was checked, never that the record conforms."""
    fixed = _counted(desired_state.fixed, say.FIXED_ONE, say.FIXED)
    fixed += _counted(desired_state.lapsed, say.LAPSED_ONE, say.LAPSED)
    match desired_state.calm:
        case Calm.CLEAR:
            heading = say.CLEAR.format(day=day(wording_context.at, wording_context.options.timezone))
            return Paragraph((Span(heading, bold=True), Span(fixed + say.CALM)))
        case Calm.LAPSED:
            return _quiet(say.NOTHING_APPLIES, wording_context, say.NOTHING_TO_DO)
        case Calm.UNCHECKED:
            return _quiet(say.NOTHING_CHECKED, wording_context, fixed + _doubt(desired_state))
        case Calm.SO_FAR:
            return _quiet(say.NO_WARNINGS, wording_context, fixed + _doubt(desired_state))


def _quiet(heading: str, wording_context: WordingContext, rest: str) -> Paragraph:
    return Paragraph((Span(heading, bold=True), Span(f"{_as_of(wording_context)}.{rest}")))


def _doubt(desired_state: DesiredState) -> str:
    rules = [clean(rule, _RULE) for rule in desired_state.unsure[:MAX_POINTS]]
    if rules:
        return say.UNSURE.format(rules=", ".join(rules))
    return say.OTHERS_UNSURE if desired_state.has_doubt else ""


def _waived_points(waived: Sequence[Finding], wording_context: WordingContext) -> list[Paragraph]:
    """Return each waived finding with its end, its person and the reason."""
    return [
        Paragraph((Span(_waived_point(finding, wording_context.options.timezone)),))
        for finding in waived[:MAX_POINTS]
    ]


def _answer(answer: RequestAnswer) -> Paragraph:
    """Return what became of one request, with who asked."""
    of_rule = say.OF_RULE.format(rule=clean(answer.rule, _RULE)) if answer.rule else ""
    what = sentence(answer.answer, _SENTENCE)
    return Paragraph((Span(say.ANSWER.format(of_rule=of_rule, name=clean(answer.name, _NAME), answer=what)),))


def _waived_point(finding: Finding, zone: str) -> str:
    reason = say.BECAUSE.format(reason=sentence(finding.waived_reason, _REASON)) if finding.waived_reason else "."
    return say.WAIVED.format(
        title=clean(finding.title or finding.rule, _TITLE).rstrip("."),
        until=say.UNTIL.format(day=written(last_day(finding.waived_until, zone))) if finding.waived_until else "",
        by=say.BY.format(name=clean(finding.waived_by, _NAMES)) if finding.waived_by else "",
        reason=reason,
    )


def _closing(desired_state: DesiredState, wording_context: WordingContext) -> list[Paragraph]:
    """Return who acts next, where to read more, and the rule ids in small print."""
    url, rules = (
        wording_context.options.public_url,
        [clean(finding.rule, _RULE) for finding in desired_state.shown[:MAX_POINTS]],
    )
    closing = [Paragraph((Span(_next_step(wording_context)),))] if desired_state.shown else []
    if url and len(url) <= _URL:
        closing.append(
            Paragraph((Span(say.DETAILS_OPEN if desired_state.shown else say.DETAILS), Span(url, href=url)))
        )
    small = [Paragraph((Span(say.RULES.format(rules=", ".join(rules)), small=True),))] if rules else []
    return [*closing, *small]


def _next_step(wording_context: WordingContext) -> str:
    owner, lead = clean(wording_context.owner, _NAME), clean(wording_context.options.isms_lead, _NAME)
    who = say.NEXT_STEP.format(name=owner) if owner else say.NO_OWNER
    return who + say.QUESTIONS.format(name=lead.rstrip(".")) if lead else who
