"""The text on a ticket in neutral form: the sentences of the catalogue, filled in; vendors add their markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from capa_sync.model.comment_texts import CommentTexts, Sentences
from capa_sync.model.finding import Finding
from capa_sync.model.light import light
from capa_sync.model.settings import WriteOptions
from capa_sync.model.waiver import RequestAnswer, last_day
from capa_sync.model.write import Paragraph, Span, WarningText
from capa_sync.writeback.answers import in_language, name_in_language
from capa_sync.writeback.desired_state import Calm, DesiredState
from capa_sync.writeback.wording import clean, day, minute, sentence, written

MAX_POINTS = 5
MAX_CHARACTERS = 8_000
_SHORT = 240
"""Characters of each part where the whole would be too long."""
_SENTENCE, _TITLE, _NAME, _NAMES, _REASON, _URL, _RULE = 400, 160, 60, 130, 120, 300, 64


@light
class WordingContext:
    """What the text needs besides the findings: the instant of the write, the owner, and the options.

    `owner` is the accountable person's display name, "" when nobody is named.
    """

    at: datetime
    options: WriteOptions
    owner: str = ""

    @property
    def texts(self) -> CommentTexts:
        """Return the texts of the source's language."""
        return self.options.texts

    @property
    def say(self) -> Sentences:
        """Return the sentences of the source's language."""
        return self.options.texts.sentences


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
    return _fitted(
        (
            *head,
            *_waived_points(desired_state.waived, wording_context),
            *(_answer(answer, wording_context) for answer in answers),
            *_closing(desired_state, wording_context),
        )
    )


def _fitted(paragraphs: tuple[Paragraph, ...]) -> WarningText:
    """Return a text of at most MAX_CHARACTERS: with long answers beside long points, each of them is shortened."""
    text = WarningText(paragraphs)
    if len(text.plain()) <= MAX_CHARACTERS:
        return text
    return WarningText(
        tuple(
            replace(paragraph, spans=tuple(_shortened(span) for span in paragraph.spans)) for paragraph in paragraphs
        )
    )


def _shortened(span: Span) -> Span:
    return span if span.href or span.small else replace(span, text=span.text[:1] + clean(span.text[1:], _SHORT))


def render_moved(key: str, wording_context: WordingContext) -> WarningText:
    """Return the text for a ticket whose record is now judged together with another one (`same_as`)."""
    say = wording_context.say
    rest = _as_of(wording_context) + say.moved.format(key=clean(key, _NAME))
    return WarningText((Paragraph((Span(say.check, bold=True), Span(rest))),))


def _as_of(wording_context: WordingContext) -> str:
    instant = minute(wording_context.at, wording_context.options.timezone, wording_context.texts)
    return wording_context.say.as_of.format(instant=instant)


def _counted(count: int, singular: str, plural: str) -> str:
    """Return the sentence for a count, "" for none."""
    return "" if count < 1 else singular if count == 1 else plural.format(count=count)


def render_action(keys: Sequence[str], wording_context: WordingContext) -> WarningText:
    """Return the text for a ticket that was a record and is now an action; `keys`: its records, which may be none."""
    say = wording_context.say
    of_records = say.of_records.format(keys=clean(", ".join(keys), _TITLE)) if keys else ""
    rest = _as_of(wording_context) + say.action.format(of_records=of_records)
    return WarningText((Paragraph((Span(say.check, bold=True), Span(rest))),))


def _open_points(desired_state: DesiredState, wording_context: WordingContext) -> list[Paragraph]:
    """Return the heading and the points, worst first."""
    count, say = len(desired_state.shown), wording_context.say
    heading = Span(_counted(count, say.to_fix_one, say.to_fix), bold=True)
    points = [_point(finding, wording_context) for finding in desired_state.shown[:MAX_POINTS]]
    more = _counted(count - MAX_POINTS, say.more_one, say.more)
    return [
        Paragraph((heading, Span(_as_of(wording_context)))),
        *points,
        *([Paragraph((Span(more),))] if more else []),
    ]


def _point(finding: Finding, wording_context: WordingContext) -> Paragraph:
    """Return one point: what is wrong, what the clause expects, what to do."""
    say, (title, message, fix) = wording_context.say, _words(finding, wording_context)
    clause = clean(finding.clause, _NAME)
    wanted = say.expected.format(clause=clause) if clause else say.expected_plain
    spans = [Span(sentence(message or title, _SENTENCE), bold=True)]
    spans += [Span(wanted + sentence(title, _TITLE))] if title else []
    if fix:
        spans += [Span(" "), Span(say.do_this, bold=True), Span(f" {sentence(fix, _SENTENCE)}")]
    return Paragraph(tuple(spans), numbered=True)


def _words(finding: Finding, wording_context: WordingContext) -> tuple[str, str, str]:
    """Return title, message and fix in the language of the text; in English where they are in no other one."""
    language, *words = finding.on_ticket or ("",)
    if language == wording_context.texts.language:
        title, message, fix = words
        return title, message, fix
    return finding.title, finding.message, finding.fix


def _nothing_open(desired_state: DesiredState, wording_context: WordingContext) -> Paragraph:
    """Return that nothing is open, and why: never more than was checked, never that the record conforms."""
    say = wording_context.say
    fixed = _counted(desired_state.fixed, say.fixed_one, say.fixed)
    fixed += _counted(desired_state.lapsed, say.lapsed_one, say.lapsed)
    match desired_state.calm:
        case Calm.CLEAR:
            today = day(wording_context.at, wording_context.options.timezone, wording_context.texts)
            heading = say.clear.format(day=today)
            return Paragraph((Span(heading, bold=True), Span(fixed + say.calm)))
        case Calm.LAPSED:
            return _quiet(say.nothing_applies, wording_context, say.nothing_to_do)
        case Calm.UNCHECKED:
            return _quiet(say.nothing_checked, wording_context, fixed + _doubt(desired_state, say))
        case Calm.SO_FAR:
            return _quiet(say.no_warnings, wording_context, fixed + _doubt(desired_state, say))


def _quiet(heading: str, wording_context: WordingContext, rest: str) -> Paragraph:
    return Paragraph((Span(heading, bold=True), Span(f"{_as_of(wording_context)}.{rest}")))


def _doubt(desired_state: DesiredState, say: Sentences) -> str:
    rules = [clean(rule, _RULE) for rule in desired_state.unsure[:MAX_POINTS]]
    if rules:
        return say.unsure.format(rules=", ".join(rules))
    return say.others_unsure if desired_state.has_doubt else ""


def _waived_points(waived: Sequence[Finding], wording_context: WordingContext) -> list[Paragraph]:
    """Return each waived finding with its end, its person and the reason."""
    return [Paragraph((Span(_waived_point(finding, wording_context)),)) for finding in waived[:MAX_POINTS]]


def _answer(answer: RequestAnswer, wording_context: WordingContext) -> Paragraph:
    """Return what became of one request, with who asked."""
    say = wording_context.say
    of_rule = say.of_rule.format(rule=clean(answer.rule, _RULE)) if answer.rule else ""
    what = sentence(in_language(answer.answer, wording_context.texts), _SENTENCE)
    name = clean(name_in_language(answer.name, wording_context.texts), _NAME)
    return Paragraph((Span(say.answer.format(of_rule=of_rule, name=name, answer=what)),))


def _waived_point(finding: Finding, wording_context: WordingContext) -> str:
    say, texts, zone = wording_context.say, wording_context.texts, wording_context.options.timezone
    reason = say.because.format(reason=sentence(finding.waived_reason, _REASON)) if finding.waived_reason else "."
    until = written(last_day(finding.waived_until, zone), texts) if finding.waived_until else ""
    return say.waived.format(
        title=clean(_words(finding, wording_context)[0] or finding.rule, _TITLE).rstrip("."),
        until=say.until.format(day=until) if until else "",
        by=say.by.format(name=clean(finding.waived_by, _NAMES)) if finding.waived_by else "",
        reason=reason,
    )


def _closing(desired_state: DesiredState, wording_context: WordingContext) -> list[Paragraph]:
    """Return who acts next, where to read more, and the rule ids in small print."""
    url, say = wording_context.options.public_url, wording_context.say
    rules = [clean(finding.rule, _RULE) for finding in desired_state.shown[:MAX_POINTS]]
    closing = [Paragraph((Span(_next_step(wording_context)),))] if desired_state.shown else []
    if url and len(url) <= _URL:
        closing.append(
            Paragraph((Span(say.details_open if desired_state.shown else say.details), Span(url, href=url)))
        )
    small = [Paragraph((Span(say.rule_ids.format(rules=", ".join(rules)), small=True),))] if rules else []
    return [*closing, *small]


def _next_step(wording_context: WordingContext) -> str:
    say = wording_context.say
    owner, lead = clean(wording_context.owner, _NAME), clean(wording_context.options.isms_lead, _NAME)
    who = say.next_step.format(name=owner) if owner else say.no_owner
    return who + say.questions.format(name=lead.rstrip(".")) if lead else who
