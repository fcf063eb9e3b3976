"""Verdicts as lines of text: the result of each rule for a ticket, and the history entries behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from capa_sync.model.finding import Evidence, Outcome, Verdict

_JUDGED = frozenset({Outcome.BREACH, Outcome.HISTORICAL})


def explain_lines(verdict: Verdict, timezone: str = "UTC", names: Mapping[str, str] | None = None) -> list[str]:
    """Return the lines that explain one verdict: outcome, message, then each rule line with its facts.

    Times are shown in the given time zone; `names` maps person ids to display names.
    """
    zone = ZoneInfo(timezone)
    lines = [_head(verdict), f"  {verdict.title}"]
    if verdict.message:
        lines.append(f"  {verdict.message}")
    if verdict.fix:
        lines.append(f"  Do this: {verdict.fix}")
    if verdict.reason:
        lines.append(f"  Because: {verdict.reason}")
    lines += _facts(verdict.evidence, zone, names or {})
    if verdict.hides:
        lines.append(f"  Hides on the ticket: {', '.join(verdict.hides)}")
    if verdict.next_due is not None:
        lines.append(f"  Next evaluation by time alone: {_time(verdict.next_due, zone)}")
    return lines


def _head(verdict: Verdict) -> str:
    number = f" ({verdict.number})" if verdict.number else ""
    severity = f" · {verdict.severity}" if verdict.outcome in _JUDGED else ""
    clause = f" · {verdict.clause}" if verdict.clause else ""
    return f"{verdict.rule}{number}: {verdict.outcome.value.replace('_', ' ')}{severity}{clause}"


def _facts(evidence: Iterable[Evidence], zone: ZoneInfo, names: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    phrase = ""
    for fact in evidence:
        if fact.phrase != phrase:
            phrase = fact.phrase
            lines.append(f"  {phrase}  -> {fact.truth}")
        lines.append(f"    {fact.what} {fact.text}{_source(fact, zone, names)}")
    return lines


def _source(fact: Evidence, zone: ZoneInfo, names: Mapping[str, str]) -> str:
    parts = [_time(fact.at, zone)] if fact.at else []
    parts += [f"by {names.get(fact.by, fact.by)}"] if fact.by else []
    parts += [f"entry {fact.entry}"] if fact.entry else []
    return f" ({', '.join(parts)})" if parts else ""


def _time(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(" ", "minutes")
