"""How a ticket stands: which of its findings people are to see on it, and in which of the four states it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from capa_sync.model.finding import SEVERITY_ORDER, Finding, FindingState, Mode, Severity

DEADLINE_RULES = frozenset(
    {"correction-recorded", "rca-on-time", "action-overdue", "implement-on-time", "effectiveness-overdue"}
)
"""Rules 7, 15, 21, 23 and 30: while one of their findings is open the ticket is overdue (CONTRACT.md 8)."""

FIXED, WAIVED, ASIDE, UNSURE = "fixed", "waived", "aside", "unsure"
_FATE = {
    FindingState.OPEN: ASIDE,
    FindingState.WAIVED: WAIVED,
    FindingState.CANNOT_TELL: UNSURE,
    FindingState.CLEARED: FIXED,
    FindingState.HISTORICAL: FIXED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a ticket should say now.

    Attributes:
        shown: open findings for people's eyes, worst first. waived: those set aside.
        points: rule -> severity, or what became of a point that was shown before (`fixed`, `waived`, `aside`:
            hidden behind another, `unsure`: its rule cannot tell). is_overdue: see DEADLINE_RULES.
    """

    shown: tuple[Finding, ...]
    waived: tuple[Finding, ...]
    points: Mapping[str, str]
    is_overdue: bool

    @property
    def state(self) -> str:
        """Return the first that is true of overdue, warning, waived, clear."""
        if self.is_overdue:
            return "overdue"
        return "warning" if self.shown else "waived" if self.waived else "clear"

    @property
    def fixed(self) -> int:
        """Count points that were on the ticket and are fixed now."""
        return sum(fate == FIXED for fate in self.points.values())

    @property
    def unsure(self) -> tuple[str, ...]:
        """Name the rules of earlier points that cannot be judged now; they forbid an all-clear."""
        return tuple(sorted(rule for rule, fate in self.points.items() if fate == UNSURE))

    @property
    def is_all_clear(self) -> bool:
        """Tell whether every point is ok, not applicable, historical or waived (CONTRACT.md 2)."""
        return not self.shown and not self.unsure

    @property
    def labels(self) -> frozenset[str]:
        """Return our labels that are true now."""
        true = {"capa-warning": bool(self.shown), "capa-overdue": self.is_overdue, "capa-waived": bool(self.waived)}
        return frozenset(label for label, is_true in true.items() if is_true)

    @property
    def digest(self) -> str:
        """Hash what decides whether anything changed: rules, severities, stable arguments (CONTRACT.md 8)."""
        return fingerprint(
            self.state,
            [[finding.rule, finding.severity, *finding.args] for finding in self.shown],
            [[finding.rule, finding.waived_until and finding.waived_until.isoformat()] for finding in self.waived],
            self.unsure,
        )


def stand(findings: Sequence[Finding], told: Mapping[str, str], unsure: Collection[str] = ()) -> Standing:
    """Work out how a ticket stands from its latest episodes and from what it was `told` last (`Write.points`).

    `unsure` names the rules whose present verdict is cannot tell; it matters where no episode of them is open.
    """
    eligible = [
        finding for finding in findings if finding.mode is Mode.WARN and finding.severity is not Severity.INFO
    ]
    open_ones = {finding.rule: finding for finding in eligible if finding.state is FindingState.OPEN}
    shown = tuple(sorted((f for f in open_ones.values() if f.hidden_by not in open_ones), key=_worst_first))
    waived = tuple(sorted((f for f in eligible if f.state is FindingState.WAIVED), key=_worst_first))
    states = {finding.rule: finding.state for finding in findings}
    doubted = {rule for rule in unsure if states.get(rule) is FindingState.CLEARED}
    states |= dict.fromkeys(doubted, FindingState.CANNOT_TELL)
    fates = {rule: _FATE[states[rule]] if rule in states else FIXED for rule in _carried(told, bool(shown))}
    return Standing(
        shown=shown,
        waived=waived,
        points=fates | {finding.rule: finding.severity.value for finding in shown},
        is_overdue=not DEADLINE_RULES.isdisjoint(open_ones),
    )


def is_open_point(value: str) -> bool:
    """Tell whether a value of `points` is a severity, so that the point is open."""
    return value in SEVERITY_ORDER


def fingerprint(*parts: object) -> str:
    """Return a stable SHA-256 hex digest over JSON-able parts."""
    return hashlib.sha256(_JSON.encode(parts).encode("utf-8", "surrogatepass")).hexdigest()


_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _carried(told: Mapping[str, str], is_warned: bool) -> Mapping[str, str]:
    """Return earlier points that still belong to this round of warnings; a new round begins after an all-clear."""
    is_over = not any(is_open_point(fate) or fate in (ASIDE, UNSURE) for fate in told.values())
    return {} if is_warned and is_over else told


def _worst_first(finding: Finding) -> tuple[int, int, str]:
    return (-SEVERITY_ORDER.index(finding.severity), finding.number, finding.rule)
