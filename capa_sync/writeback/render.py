"""The wording of what stands on a ticket (facts/clause10.md 5.2), in neutral form; vendors add their markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from capa_sync.model.finding import Finding
from capa_sync.model.settings import WriteOptions
from capa_sync.model.write import Paragraph, Span, WarningText
from capa_sync.writeback.standing import Standing
from capa_sync.writeback.wording import clean, day, minute, sentence

MAX_POINTS = 5
MAX_CHARACTERS = 8_000
_SENTENCE, _TITLE, _NAME, _REASON, _URL, _RULE = 400, 160, 60, 120, 300, 64


@dataclass(frozen=True, slots=True)
class Voice:
    """What the wording needs besides the findings: the instant of the write, who is next, and the options.

    `owner` is the accountable person's display name, "" when nobody is named.
    """

    at: datetime
    options: WriteOptions
    owner: str = ""


def render(standing: Standing, voice: Voice) -> WarningText:
    """Return the text for a ticket: open points, or that there are none. At most five points, 8,000 characters."""
    head = _open_points(standing, voice) if standing.shown else [_nothing_open(standing, voice)]
    return WarningText((*head, *_set_aside(standing.waived, voice), *_closing(standing, voice)))


def render_moved(key: str, voice: Voice) -> WarningText:
    """Return the text for a ticket whose record is now judged as part of another one (`same_as`)."""
    title = Span("Clause 10 check", bold=True)
    rest = f" (as of {minute(voice.at, voice.options.timezone)}): this ticket is judged together with "
    return WarningText((Paragraph((title, Span(f"{rest}{clean(key, _NAME)}; its points are shown there."))),))


def _open_points(standing: Standing, voice: Voice) -> list[Paragraph]:
    """Word the heading and the points, worst first."""
    count, extra = len(standing.shown), len(standing.shown) - MAX_POINTS
    heading = Span(f"Clause 10 check - {count} {'thing' if count == 1 else 'things'} to fix", bold=True)
    as_of = Span(f" (as of {minute(voice.at, voice.options.timezone)})")
    points = [_point(finding) for finding in standing.shown[:MAX_POINTS]]
    more = [Paragraph((Span(f"{extra} more {'is' if extra == 1 else 'are'} in the register."),))] if extra > 0 else []
    return [Paragraph((heading, as_of)), *points, *more]


def _point(finding: Finding) -> Paragraph:
    """Word one point: what is wrong, what the clause wants, what to do."""
    clause = clean(finding.clause, _NAME)
    wanted = (
        f" {clause}: {sentence(finding.title, _TITLE)}" if finding.clause else f" {sentence(finding.title, _TITLE)}"
    )
    spans = [Span(sentence(finding.message or finding.title, _SENTENCE), bold=True), Span(wanted)]
    if finding.fix:
        spans += [Span(" "), Span("Do this:", bold=True), Span(f" {sentence(finding.fix, _SENTENCE)}")]
    return Paragraph(tuple(spans), numbered=True)


def _nothing_open(standing: Standing, voice: Voice) -> Paragraph:
    """Word that nothing is open: clear, or clear as far as can be told. Never that the record conforms."""
    fixed, zone = standing.fixed, voice.options.timezone
    were = f" {fixed} earlier {'point was' if fixed == 1 else 'points were'} fixed." if fixed else ""
    calm = " There are no open warnings from these checks."
    if standing.is_all_clear and not standing.waived:
        heading = f"All Clause 10 checks on this ticket are clear ({day(voice.at, zone)})."
        return Paragraph((Span(heading, bold=True), Span(were + calm)))
    heading = "Clause 10 check - no open warnings from these checks"
    unsure = [clean(rule, _RULE) for rule in standing.unsure[:MAX_POINTS]]
    doubt = f" These earlier points cannot be checked at present: {', '.join(unsure)}." if unsure else ""
    return Paragraph((Span(heading, bold=True), Span(f" (as of {minute(voice.at, zone)}).{were}{doubt}")))


def _set_aside(waived: Sequence[Finding], voice: Voice) -> list[Paragraph]:
    """Word each waived finding with its end, its person and the reason."""
    return [Paragraph((Span(_aside(finding, voice.options.timezone)),)) for finding in waived[:MAX_POINTS]]


def _aside(finding: Finding, zone: str) -> str:
    until = f" until {day(finding.waived_until, zone)}" if finding.waived_until else ""
    by = f" by {clean(finding.waived_by, _NAME)}" if finding.waived_by else ""
    reason = f": {sentence(finding.waived_reason, _REASON)}" if finding.waived_reason else "."
    return f"{clean(finding.title or finding.rule, _TITLE).rstrip('.')} - set aside{until}{by}{reason}"


def _closing(standing: Standing, voice: Voice) -> list[Paragraph]:
    """Word who is next, where to read more, and the rule ids in small print."""
    url, rules = voice.options.public_url, [clean(finding.rule, _RULE) for finding in standing.shown[:MAX_POINTS]]
    closing = [Paragraph((Span(_next_step(voice)),))] if standing.shown else []
    if url and len(url) <= _URL:
        details = "Details and how to ask for an exception: " if standing.shown else "Details: "
        closing.append(Paragraph((Span(details), Span(url, href=url))))
    return [*closing, Paragraph((Span(f"Rules: {', '.join(rules)}", small=True),))] if rules else closing


def _next_step(voice: Voice) -> str:
    owner, lead = clean(voice.owner, _NAME), clean(voice.options.isms_lead, _NAME)
    who = f"Next step: {owner} (owner)." if owner else "Next step: name an owner."
    return f"{who} Questions: ISMS lead {lead.rstrip('.')}." if lead else who
