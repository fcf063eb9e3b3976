"""The management review by the inputs of ISO/IEC 27001:2022 9.3.2, each its own section; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from capa_sync.model.amounts import count_of
from capa_sync.model.catalogue import SOURCES
from capa_sync.model.light import altered
from capa_sync.model.register_check import CheckResult, RegisterCheckState
from capa_sync.model.review import Review, ReviewPeriod, ReviewRecord, ReviewSection, ReviewTable
from capa_sync.model.waiver import last_day
from capa_sync.register.review_figures import figures, flow, in_period

RESTRICTED = "restricted"
_LISTED = 5
"""Rows of a list: two pages have room for no more; the text says how many there are."""
_AUDITS = ("internal_audit", "external_audit")
_MEASURED = ("monitoring", "security_incident", "policy_deviation", "procedure_deviation", "legal_deviation")
_OBJECTIVES = ("objective_missed",)
_RISKS = ("risk_review",)
_FEEDBACK = ("customer_complaint", "employee_feedback", "interested_party_feedback", "supplier")
_SILENT = "{count} recorded without effect in the period, such as of a high finding without a second person."
_ALL = "Nonconformities, improvements and all others"
_ELSEWHERE = "The register holds nothing on this."


class WaivedRule(NamedTuple):
    """A waiver in force in the period: record, rule, until, who asked, who approved, whether it was over then."""

    name: str
    rule: str
    until: str
    asked_by: str
    approved_by: str
    is_over: bool


class ReviewInput(NamedTuple):
    """What the review rests on.

    Attributes:
        records: as of the end. waivers, checks: see there. gaps: what is not known, in sentences. about: what to say
            under the title. is_masked: titles of confidential records are hidden. silent: number of waivers that were
            recorded and had no effect in the period.
    """

    records: Sequence[ReviewRecord]
    waivers: Sequence[WaivedRule]
    checks: Sequence[CheckResult]
    gaps: Sequence[str]
    about: Sequence[str]
    is_masked: bool = False
    silent: int = 0


def review_of(given: ReviewInput, period: ReviewPeriod) -> Review:
    """Return the report. Equal input gives an equal report."""
    records = sorted(given.records, key=lambda record: (record.begun, record.name))
    failures = [record for record in records if record.track == "nonconformity"]
    return Review(
        f"Management review, {period.first:%d %B %Y} to {period.last:%d %B %Y}",
        tuple(given.about),
        (
            _earlier(records, period),
            ReviewSection("b, c)", "Changes in issues, and in needs of interested parties", (_ELSEWHERE,), box=1),
            _trends(failures, records, period, is_masked=given.is_masked),
            _by_origin("d 2)", "Monitoring and measurement", failures, _MEASURED, period),
            _by_origin("d 3)", "Audit results", failures, _AUDITS, period),
            _by_origin("d 4)", "Information security objectives", failures, _OBJECTIVES, period),
            _by_origin("e)", "Feedback from interested parties", records, _FEEDBACK, period, what=_ALL),
            _risks(failures, records, period),
            _improvements(records, period),
            ReviewSection("9.3.3", "Decisions on improvement and on changes of the ISMS", box=3),
            _waivers(given),
            _checks(given.checks),
            ReviewSection("", "Gaps in these data", tuple(given.gaps) or ("None known.",)),
        ),
    )


def _earlier(records: Sequence[ReviewRecord], period: ReviewPeriod) -> ReviewSection:
    """A: the status of actions from previous reviews."""
    named = [record for record in records if record.review or record.origin == "management_review"]
    open_ones = [record for record in named if record.is_open(period.at)]
    late = sum(record.is_late(period.at) for record in open_ones)
    says = (
        f"{count_of(len(named), 'record')} named by a management review or raised by one: "
        f"{len(named) - len(open_ones)} ended, {len(open_ones)} open, {late} of them late."
    )
    return ReviewSection("a)", "Actions from previous reviews", (says,))


def _trends(
    failures: Sequence[ReviewRecord], records: Sequence[ReviewRecord], period: ReviewPeriod, *, is_masked: bool
) -> ReviewSection:
    """D 1: nonconformities and corrective actions."""
    months = flow(failures, period)
    rows = [[name, *map(str, numbers)] for name, *numbers in months]
    late = sorted((record for record in failures if record.is_late(period.at)), key=_due_first)
    repeated = [record for record in failures if record.repeats and in_period(record.begun, period)]
    open_ones = [record for record in failures if record.is_open(period.at)]
    grades = Counter(record.grade or "without grade" for record in open_ones)
    by_grade = ", ".join(f"{count} {grade}" for grade, count in sorted(grades.items())) or "none"
    opened = sum(in_period(record.begun, period) for record in failures)
    says = (
        (
            f"{count_of(opened, 'nonconformity')} found in the period; open at its end: {by_grade}. Few "
            "findings may mean few failures, or few reports."
        ),
        f"{count_of(len(late), 'open nonconformity')} late; the longest late first, {_LISTED} at most are listed.",
        (
            f"{count_of(len(repeated), 'nonconformity')} found in the period "
            f"{'is' if len(repeated) == 1 else 'are'} named as the recurrence of another."
        ),
    )
    heads = ("month", "open at start", "found", "reopened", "ended", "open at end")
    tables = (
        ReviewTable("Nonconformities by month", heads, rows),
        ReviewTable("Figures", ("figure", "value", "formula"), figures(failures, period)),
        ReviewTable(
            "Longest late",
            ("record", "title", "grade", "owner", "due", "days late"),
            [_late_row(record, period, is_masked) for record in late[:_LISTED]],
        ),
        ReviewTable(
            "Recurrences",
            ("record", "title", "repeats"),
            [[record.name, _title(record, is_masked), _repeats(record, is_masked)] for record in repeated[:_LISTED]],
        ),
    )
    del records
    return ReviewSection("d 1)", "Nonconformities and corrective actions", says, tables)


def _due_first(record: ReviewRecord) -> tuple[datetime, str]:
    return record.due or record.begun, record.name


def _late_row(record: ReviewRecord, period: ReviewPeriod, is_masked: bool) -> list[str]:
    due = record.due or period.at
    days = str((period.at - due).days or "less than 1")
    day = last_day(due, period.zone)
    owner = RESTRICTED if is_masked and record.is_confidential else record.owner
    return [record.name, _title(record, is_masked), record.grade, owner, f"{day}", days]


def _title(record: ReviewRecord, is_masked: bool) -> str:
    return RESTRICTED if is_masked and record.is_confidential else record.title


def _repeats(record: ReviewRecord, is_masked: bool) -> str:
    return RESTRICTED if is_masked and record.is_confidential else ", ".join(record.repeats)


def _by_origin(
    letter: str,
    heading: str,
    records: Sequence[ReviewRecord],
    origins: Iterable[str],
    period: ReviewPeriod,
    *,
    what: str = "Nonconformities",
) -> ReviewSection:
    """Count the records of some origins; origins without a record are not in the table. `what`: the records."""
    own: dict[str, list[ReviewRecord]] = {origin: [] for origin in origins}
    for record in records:
        if record.origin in own:
            own[record.origin].append(record)
    rows = [_origin_row(origin, found, period) for origin, found in own.items() if found]
    if not rows:
        return ReviewSection(letter, heading, ("No record has such an origin.",))
    heads = ("origin", "found", "ended", "open", "late")
    return ReviewSection(letter, heading, (), (ReviewTable(f"{what} by origin", heads, rows),))


def _origin_row(origin: str, own: Sequence[ReviewRecord], period: ReviewPeriod) -> list[str]:
    ended = [at for record in own for at, is_ended in record.moves if is_ended and in_period(at, period)]
    numbers = (
        sum(in_period(record.begun, period) for record in own),
        len(ended),
        sum(record.is_open(period.at) for record in own),
        sum(record.is_late(period.at) for record in own),
    )
    return [origin.replace("_", " "), *map(str, numbers)]


def _risks(failures: Sequence[ReviewRecord], records: Sequence[ReviewRecord], period: ReviewPeriod) -> ReviewSection:
    """F: what risk reviews raised, and risks that nonconformities touched; then what no table by origin counts."""
    ended = [
        record for record in failures if any(is_ended and in_period(at, period) for at, is_ended in record.moves)
    ]
    risks = Counter(record.risk.replace("_", " ") for record in ended if record.risk)
    changes = Counter(record.change.replace("_", " ") for record in ended if record.change)
    without = sum(not record.risk for record in ended if record.grade == "major")
    says = (
        (
            f"Of {count_of(len(ended), 'nonconformity')} that ended: risks {_counted(risks)}; changes of the ISMS "
            f"{_counted(changes)}; {count_of(without, 'major one')} without a word on the risk."
        ),
    )
    raised = _by_origin("f)", "Risk assessment and treatment", records, _RISKS, period, what=_ALL)
    none = () if raised.tables else ("No record comes from a risk review.",)
    return altered(raised, says=(*says, *none, *_untold(records)))


def _untold(records: Iterable[ReviewRecord]) -> Iterator[str]:
    """Yield a sentence on the records that no table by origin counts, none where there are no such records."""
    counted = {True: {*_MEASURED, *_AUDITS, *_OBJECTIVES, *_FEEDBACK, *_RISKS}, False: {*_FEEDBACK, *_RISKS}}
    left = Counter(_left(own) for own in records if own.origin not in counted[own.track == "nonconformity"])
    if left:
        yield f"{count_of(left.total(), 'record')} in none of the tables by origin of d to f: {_counted(left)}."


def _left(record: ReviewRecord) -> str:
    """Return in words a record that no table by origin counts; a text of the ticket that is no origin stays out."""
    if record.track != "nonconformity":
        return f"{record.track} (not counted in d)" if record.track else "without a track"
    if record.origin in SOURCES:
        return f"nonconformity from {record.origin.replace('_', ' ')}"
    return "nonconformity from elsewhere" if record.origin else "nonconformity without an origin"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none recorded"


def _improvements(records: Sequence[ReviewRecord], period: ReviewPeriod) -> ReviewSection:
    """G: opportunities for improvement."""
    own = [record for record in records if record.track == "improvement"]
    decided = [record.decision for record in own if record.decision and in_period(record.decision[0], period)]
    waiting = sum(record.decision is None for record in own if record.is_open(period.at))
    proposed = sum(in_period(record.begun, period) for record in own)
    says = (
        (
            f"{count_of(proposed, 'improvement')} proposed in the period; "
            f"decided: {_counted(Counter(word for _, word in decided))}; {waiting} open without a decision."
        ),
    )
    return ReviewSection("g)", "Opportunities for improvement", says)


def _waivers(given: ReviewInput) -> ReviewSection:
    """Count the waivers, and list them; persons only of records that are known not to be confidential, if masked."""
    waivers, clear = given.waivers, {record.name for record in given.records if not record.is_confidential}
    over = sum(waived.is_over for waived in waivers)
    says = (
        (
            f"{count_of(len(waivers), 'waiver')} counted in the period, {over} of them not any more at its end; "
            f"{_LISTED} at most are listed. A waiver silences a check; it accepts no risk."
        ),
        *((_SILENT.format(count=count_of(given.silent, "waiver")),) if given.silent else ()),
    )
    rows = [
        [*waived[:3], *([RESTRICTED] * 2 if given.is_masked and waived.name not in clear else waived[3:5])]
        for waived in waivers
        if not waived.is_over
    ][:_LISTED]
    table = ReviewTable("Waivers that count at the end", ("record", "rule", "until", "asked by", "approved by"), rows)
    return ReviewSection("", "Waivers", says, (table,))


def _checks(checks: Sequence[CheckResult]) -> ReviewSection:
    rows = [[f"{check.check}", check.source or "all", _STATES[check.state], check.says] for check in checks]
    return ReviewSection(
        "", "Checks over the register", (), (ReviewTable("G1 to G7", ("check", "source", "state", "says"), rows),)
    )


_STATES = {
    RegisterCheckState.OK: "ok",
    RegisterCheckState.RAISED: "look at it",
    RegisterCheckState.CANNOT_TELL: "cannot tell",
}
