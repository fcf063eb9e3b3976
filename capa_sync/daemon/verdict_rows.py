"""Verdicts of an evidence pack as plain data: the present ones, and the spans of those ever given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from capa_sync.daemon.verdict_history import MOST_INSTANTS, VerdictHistory, VerdictSpan
from capa_sync.exports import Row
from capa_sync.model.finding import Evidence, Verdict


def verdict_row(verdict: Verdict, names: Mapping[str, str]) -> Row:
    """Return a verdict with the facts behind it; `names` are display names by person id."""
    return {
        "rule": verdict.rule,
        "title": verdict.title,
        "clause": verdict.clause,
        "outcome": verdict.outcome.value,
        "severity": verdict.severity.value,
        "message": verdict.message,
        "fix": verdict.fix,
        "reason": verdict.reason,
        "evidence": [_fact(fact, names) for fact in verdict.evidence],
    }


def past_rows(history: VerdictHistory, until: datetime) -> Row:
    """Return every verdict ever: `spans` by rule and time, and how they were found."""
    return {
        "until": until,
        "instants": history.instants,
        "most_instants": MOST_INSTANTS,
        "cut_before": history.cut_before,
        "spans": [_span(span) for span in history.spans],
    }


def _span(span: VerdictSpan) -> Row:
    if span.verdict is not None:
        said = verdict_row(span.verdict, span.names)
    else:
        said = dict.fromkeys(("rule", "title", "clause", "severity", "message", "fix"), "")
        said |= {"outcome": "not_judged", "reason": span.not_judged, "evidence": []}
    number, rule_set, language = span.judged_by
    waived = span.waived
    return {
        "from": span.since,
        "until": span.until,
        **said,
        "waived_until": waived.until if waived is not None else None,
        "waived_by": waived.by if waived is not None else "",
        "waived_reason": waived.reason if waived is not None else "",
        "set": number,
        "rule_set": rule_set,
        "language": language,
        "judged": "afterwards" if span.afterwards else "then",
        "why_afterwards": span.afterwards,
    }


def _fact(fact: Evidence, names: Mapping[str, str]) -> Row:
    return {
        "what": fact.what,
        "text": fact.text,
        "at": fact.at,
        "by": names.get(fact.by, fact.by) if fact.by else "",
        "entry": fact.entry,
        "phrase": fact.phrase,
        "truth": fact.truth,
    }
