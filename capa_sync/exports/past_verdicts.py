"""The section of an evidence pack with every verdict that the rules ever gave, by rule and time."""

from __future__ import annotations

from typing import Any

from capa_sync.exports.evidence import Row
from capa_sync.exports.pack_section import SHORT_HASH, PackSection
from capa_sync.exports.times import shown_value
from capa_sync.model.days import moment_words

_HEADING = "Verdicts over time"
_COLUMNS = ("Rule", "From", "Until", "Verdict", "Why", "Judged", "Judged by")
_SHARES = (13, 10, 10, 8, 22, 22, 15)
_HOW = (
    "Each row is one verdict of one rule for as long as it stayed the same: from its first instant until the first "
    "one with another verdict; without an end it still stands. Why a rule does not apply is said of the first "
    "instant. The ticket was judged again for this pack at each instant at which something changed, as it was then, "
    "from its stored versions and its change history, by the rules that were live then."
)
_THEN = (
    "“Then”: this set of rules judged the ticket at that time; of its verdicts the register kept the findings. "
    "“Afterwards”: it could not be judged so at that time, for the reason named. What is not known of a past instant "
    "cannot be told."
)


def over_time(past: Row, zone: str) -> PackSection:
    """Return the section of `past_rows`, its times in a zone; of {} it says that nothing is known."""
    if not past:
        return PackSection(_HEADING, says=("None: its source was never read to its end.",))
    spans = past["spans"]
    known = f"{past['instants']} instants were judged, the last at {moment_words(past['until'], zone)}."
    cut = past["cut_before"]
    if cut is not None:
        known = f"{known} Verdicts before {moment_words(cut, zone)} are left out."
    rows = [_row(span, zone) for span in spans]
    judges = sorted({row[-1] for row in rows})
    if len(judges) == 1:  # mostly one set judged all; said once, since each cell of a table takes time on paper
        known = f"{known} All were judged by {judges[0]}."
        rows = [row[:-1] for row in rows]
    width = len(_COLUMNS) - (len(judges) == 1)
    return PackSection(
        _HEADING, says=(_HOW, _THEN, known), columns=_COLUMNS[:width], shares=_SHARES[:width], rows=rows
    )


def _row(span: Row, zone: str) -> list[Any]:
    until = moment_words(span["until"], zone) if span["until"] is not None else ""
    return [
        span["rule"] or "all rules",
        moment_words(span["from"], zone),
        until,
        _outcome(span),
        _why(span, zone),
        f"afterwards: {span['why_afterwards']}" if span["why_afterwards"] else "then",
        f"set {span['set']}, rules {span['rule_set'][:SHORT_HASH]}, phrases {span['language'] or 'unknown'}",
    ]


def _outcome(span: Row) -> str:
    said = str(span["outcome"]).replace("_", " ")
    if span["outcome"] in ("breach", "historical"):
        said = f"{said}, {span['severity']}"
    return f"{said}, waived" if span["waived_until"] is not None else said


def _why(span: Row, zone: str) -> str:
    why = span["message"] or span["reason"]
    if span["waived_until"] is None:
        return str(why)
    until = shown_value("waived_until", span["waived_until"], zone)
    return f"{why} Waived until {until} by {span['waived_by']}: {span['waived_reason']}".strip()
