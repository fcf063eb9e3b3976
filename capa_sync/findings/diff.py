"""What changed since the last evaluation: compares new verdicts with the stored episodes of one ticket; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from capa_sync.findings.hiding import hidden_by
from capa_sync.model.finding import FINE, SEVERITY_ORDER, Evidence, Finding, FindingState, Outcome, Verdict
from capa_sync.model.light import altered, light
from capa_sync.model.waiver import Granted

RULE_GONE = "cleared because the rule is no longer in the active rule set"
_LIVE = frozenset({FindingState.OPEN, FindingState.WAIVED})
_CANNOT_TELL = Outcome.CANNOT_TELL


class What(StrEnum):
    """What happened to a finding; `reworded` is the only one that is no change of a verdict."""

    OPENED = "opened"
    WORSE = "worse"
    BETTER = "better"
    REWORDED = "reworded"
    CLEARED = "cleared"
    HISTORICAL = "historical"
    RULE_GONE = "rule_gone"
    WAIVED = "waived"
    WAIVER_ENDED = "waiver_ended"


@light
class Event:
    """One thing that happened to a finding: the episode now, and the episode before, None if there was none."""

    what: What
    finding: Finding
    before: Finding | None = None


@light
class DiffResult:
    """The result of one evaluation of a ticket for its findings.

    Attributes:
        save: episodes to insert or update; empty when nothing changed.
        events: what happened, one per changed episode, in the order of the verdicts.
        current: every rule's latest episode as it is now. Where no episode is open and the rule cannot tell, the row
            has the state `cannot_tell` and the reason as message; such rows are shown, never saved.
    """

    save: tuple[Finding, ...]
    events: tuple[Event, ...]
    current: tuple[Finding, ...]

    @property
    def changed(self) -> bool:
        """Return whether a verdict changed, which the brake on changed tickets counts (docs/contract.md 4)."""
        return any(event.what is not What.REWORDED for event in self.events)


_NOTHING = DiffResult((), (), ())
_NONE: Mapping[str, Granted] = {}


def diff_findings(
    previous: Sequence[Finding],
    verdicts: Sequence[Verdict],
    *,
    source: str,
    ticket_id: str,
    now: datetime,
    rule_set: str,
    rules: Collection[str] | None = None,
    why_gone: str = RULE_GONE,
    granted: Mapping[str, Granted] = _NONE,
) -> DiffResult:
    """Compare verdicts with the latest episode of each rule.

    A breach opens an episode or updates the open one; ok and not applicable clear it; a past breach that was
    repaired makes it historical; cannot tell opens and clears nothing (docs/contract.md 2). An episode whose rule has
    no verdict is cleared with the reason `why_gone`, unless its rule is in `rules` (ids of the active rules). An
    episode that is not cleared is waived while `granted` has a waiver for its rule, and open otherwise.
    """
    known = {finding.rule: finding for finding in previous}
    evaluation = _Evaluation(source, ticket_id, now, rule_set, why_gone, granted)
    # most rules never find anything: no step
    found = [verdict for verdict in verdicts if verdict.outcome not in FINE or verdict.rule in known]
    if not found and not known:
        return _NOTHING
    steps = [evaluation.step(known.get(verdict.rule), verdict) for verdict in found]
    if known:
        judged = {verdict.rule for verdict in verdicts}
        staying = judged | set(rules or ())
        steps += [evaluation.leave(old, gone=old.rule not in staying) for old in previous if old.rule not in judged]
    rows = _with_hiding([row for _, row in steps if row], verdicts)
    return _result(known, {row.rule: what for what, row in steps if row}, rows)


@light
class _Evaluation:
    """The values that all steps of one evaluation of one ticket share."""

    source: str
    ticket_id: str
    now: datetime
    rule_set: str
    why_gone: str
    granted: Mapping[str, Granted]

    def step(self, old: Finding | None, verdict: Verdict) -> tuple[What | None, Finding | None]:
        """Return what a verdict changes in a rule's latest episode, and the row after it."""
        match verdict.outcome:
            case Outcome.BREACH:
                return self._breach(old, verdict)
            case Outcome.HISTORICAL:
                return self._historical(old, verdict)
            case Outcome.CANNOT_TELL:
                return self._unknown(old, verdict)
            case _:
                return self._fine(old, verdict)

    def leave(self, old: Finding, *, gone: bool) -> tuple[What | None, Finding | None]:
        """Return what happens to an episode whose rule gave no verdict, and the row after it."""
        if not gone or old.state not in _LIVE:
            return None, old if old.state is not FindingState.CANNOT_TELL else None
        why = {"what": "rule_set", "text": self.why_gone}
        return What.RULE_GONE, self._closed(old, FindingState.CLEARED, (why,))

    def _breach(self, old: Finding | None, verdict: Verdict) -> tuple[What | None, Finding]:
        if old is None or old.state not in _LIVE:
            return What.OPENED, self._waived(self._opened(old, verdict))
        row = self._waived(self._worded(old, verdict))
        return _turned(old, row) or _compared(old, row), row

    def _historical(self, old: Finding | None, verdict: Verdict) -> tuple[What | None, Finding]:
        if old is not None and old.state is FindingState.HISTORICAL:
            return None, old
        live = old if old is not None and old.state in _LIVE else self._opened(old, verdict)
        return What.HISTORICAL, self._closed(self._worded(live, verdict), FindingState.HISTORICAL, ())

    def _fine(self, old: Finding | None, verdict: Verdict) -> tuple[What | None, Finding | None]:
        if old is None or old.episode == 0:
            return None, None
        if old.state in (FindingState.CLEARED, FindingState.CANNOT_TELL):
            return None, replace(old, state=FindingState.CLEARED)
        why = {"what": "cleared", "text": verdict.reason or f"the rule is {verdict.outcome.replace('_', ' ')}"}
        return What.CLEARED, self._closed(old, FindingState.CLEARED, (why, *_inputs(verdict.evidence)))

    def _unknown(self, old: Finding | None, verdict: Verdict) -> tuple[What | None, Finding]:
        if old is not None and old.state in _LIVE:
            row = self._waived(old)
            return _turned(old, row), row
        if old is not None and old.state is FindingState.HISTORICAL:
            return None, old
        if old is None:
            old = replace(self._opened(None, verdict), episode=0)
        return None, replace(old, state=FindingState.CANNOT_TELL, message=verdict.reason)

    def _waived(self, row: Finding) -> Finding:
        """Return a live episode as waived where a waiver counts for its rule, else as open."""
        waiver = self.granted.get(row.rule)
        if waiver is None:
            if row.state is FindingState.OPEN:
                return row
            return replace(row, state=FindingState.OPEN, waived_until=None, waived_by="", waived_reason="")
        return replace(
            row,
            state=FindingState.WAIVED,
            hidden_by="",
            waived_until=waiver.until,
            waived_by=waiver.by,
            waived_reason=waiver.reason,
        )

    def _opened(self, old: Finding | None, verdict: Verdict) -> Finding:
        """Return the next episode; it never begins before the last one ended, even if the clock ran backwards."""
        return Finding(
            source=self.source,
            ticket_id=self.ticket_id,
            rule=verdict.rule,
            episode=old.episode + 1 if old else 1,
            state=FindingState.OPEN,
            opened_at=max(self.now, old.cleared_at) if old and old.cleared_at else self.now,
            **self._words(verdict),
        )

    def _worded(self, row: Finding, verdict: Verdict) -> Finding:
        """Return an episode with the words, inputs and severity of a verdict."""
        return replace(row, **self._words(verdict))

    def _words(self, verdict: Verdict) -> dict[str, Any]:
        """Return the attributes that an episode takes from a verdict."""
        return {
            "severity": verdict.severity,
            "title": verdict.title,
            "clause": verdict.clause,
            "message": verdict.message,
            "fix": verdict.fix,
            "args": verdict.args,
            "mode": verdict.mode,
            "number": verdict.number,
            "on_ticket": verdict.on_ticket,
            "rule_set": self.rule_set,
            "inputs": _inputs(verdict.evidence),
        }

    def _closed(self, row: Finding, state: FindingState, why: Sequence[Mapping[str, Any]]) -> Finding:
        """Return an episode that has ended; of a historical one, `cleared_at` is when it became historical."""
        end = row.cleared_at or max(self.now, row.opened_at)
        return replace(row, state=state, cleared_at=end, hidden_by="", inputs=(*row.inputs, *why))


def _turned(old: Finding, row: Finding) -> What | None:
    """Return whether an episode became waived, or open again because its waiver ended."""
    if row.state is old.state:
        return None
    return What.WAIVED if row.state is FindingState.WAIVED else What.WAIVER_ENDED


def _compared(old: Finding, row: Finding) -> What | None:
    """Return whether the severity got worse or better; None when it is the same (`_result` finds other changes)."""
    step = SEVERITY_ORDER.index(row.severity) - SEVERITY_ORDER.index(old.severity)
    if step == 0:
        return None
    return What.WORSE if step > 0 else What.BETTER


def _with_hiding(rows: Sequence[Finding], verdicts: Sequence[Verdict]) -> list[Finding]:
    """Set `hidden_by` on open rows; a row that stays open under cannot tell continues to hide what it hid."""
    if not any(row.state is FindingState.OPEN for row in rows):
        return list(rows)
    hides = {verdict.rule: verdict.hides for verdict in verdicts if verdict.hides}
    for verdict in verdicts:
        if verdict.outcome is _CANNOT_TELL and not verdict.hides:
            hides[verdict.rule] = tuple(row.rule for row in rows if row.hidden_by == verdict.rule)
    behind = hidden_by(rows, hides)
    return [_behind(row, behind.get(row.rule, "")) if row.state is FindingState.OPEN else row for row in rows]


def _behind(row: Finding, front: str) -> Finding:
    return row if row.hidden_by == front else altered(row, hidden_by=front)


def _result(known: Mapping[str, Finding], steps: Mapping[str, What | None], rows: Sequence[Finding]) -> DiffResult:
    """Return the rows to save, the events, and the current rows."""
    events = []
    for row in rows:
        old, what = known.get(row.rule), steps[row.rule]
        if what is None and row.state is not FindingState.CANNOT_TELL and old is not None and row != old:
            what = What.REWORDED if row.state is old.state else None
        if what is not None:
            events.append(Event(what, row, old))
    return DiffResult(tuple(event.finding for event in events), tuple(events), tuple(rows))


def _inputs(evidence: Sequence[Evidence]) -> tuple[dict[str, str], ...]:
    """Turn evidence into plain JSON-able dicts, instants in ISO 8601, empty parts left out."""
    instants = {at: at.isoformat() for at in {item.at for item in evidence} if at is not None}  # most share a few
    return tuple([{name: text for name, text in _parts(item, instants) if text} for item in evidence])


def _parts(item: Evidence, instants: Mapping[datetime, str]) -> tuple[tuple[str, str | None], ...]:
    """Return the parts of one piece of evidence with their names."""
    return (
        ("what", item.what),
        ("text", item.text),
        ("at", instants[item.at] if item.at else ""),
        ("by", item.by),
        ("entry", item.entry),
        ("phrase", item.phrase),
        ("truth", item.truth),
    )
