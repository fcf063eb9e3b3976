"""How a ticket stands: which of its findings people are to see on it, and in which of the four states it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from capa_sync.model.finding import SEVERITY_ORDER, Finding, FindingState, Mode, Outcome, Severity

DEADLINE_RULES = frozenset(
    {"correction-recorded", "rca-on-time", "action-overdue", "implement-on-time", "effectiveness-overdue"}
)
"""Rules 7, 15, 21, 23 and 30: while one of their findings is open the ticket is overdue (CONTRACT.md 8)."""

FIXED, LAPSED, WAIVED, ASIDE, UNSURE = "fixed", "lapsed", "waived", "aside", "unsure"
_OVER = (FIXED, LAPSED)
_FATE = {
    FindingState.OPEN: ASIDE,
    FindingState.WAIVED: WAIVED,
    FindingState.CANNOT_TELL: UNSURE,
    FindingState.CLEARED: FIXED,
    FindingState.HISTORICAL: FIXED,
}
_CHECKED = frozenset({Outcome.OK, Outcome.BREACH, Outcome.HISTORICAL})


class Calm(StrEnum):
    """Why nothing is open on a ticket."""

    CLEAR = "clear"  # every check that applies was made and found nothing
    SO_FAR = "so far"  # of the checks that could be made; or what they found is set aside
    UNCHECKED = "unchecked"  # no check that applies could be made
    LAPSED = "lapsed"  # no check applies any more


@dataclass(frozen=True, slots=True)
class Standing:
    """What a ticket should say now.

    Attributes:
        shown: open findings for people's eyes, worst first. waived: those set aside.
        points: rule -> severity, or what became of a point that was shown before (`fixed`, `lapsed`: its rule no
            longer applies, `waived`, `aside`: hidden behind another, `unsure`: its rule cannot tell).
        is_overdue: see DEADLINE_RULES.
        applies: some check applies to the ticket. is_checked: some check could be made. has_doubt: some cannot tell.
    """

    shown: tuple[Finding, ...]
    waived: tuple[Finding, ...]
    points: Mapping[str, str]
    is_overdue: bool
    applies: bool = True
    is_checked: bool = True
    has_doubt: bool = False

    @property
    def state(self) -> str:
        """Return the first that is true of overdue, warning, waived, clear."""
        if self.is_overdue:
            return "overdue"
        return "warning" if self.shown else "waived" if self.waived else "clear"

    @property
    def calm(self) -> Calm:
        """Tell why nothing is open, where nothing is."""
        if not self.applies:
            return Calm.LAPSED
        if not self.is_checked and not self.waived:
            return Calm.UNCHECKED
        return Calm.SO_FAR if self.unsure or self.has_doubt or self.waived else Calm.CLEAR

    @property
    def fixed(self) -> int:
        """Count points that were on the ticket and are fixed now."""
        return sum(fate == FIXED for fate in self.points.values())

    @property
    def lapsed(self) -> int:
        """Count points that were on the ticket and whose rule no longer applies."""
        return sum(fate == LAPSED for fate in self.points.values())

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
    def facts(self) -> dict[str, str]:
        """Return by name what the text rests on, however it is worded: rules, severities, stable arguments."""
        until = {each.rule: each.waived_until.isoformat() if each.waived_until else "" for each in self.waived}
        facts = {
            "state": self.state,
            "shown": " ".join(sorted(f"{finding.rule}={finding.severity}" for finding in self.shown)),
            "waived": " ".join(sorted(f"{rule}={end}" for rule, end in until.items())),
            "unsure": " ".join(self.unsure),
        }
        if not self.shown:
            facts["calm"] = self.calm.value
        return facts | {f"{each.rule}: {name}": fact for each in self.shown for name, fact in each.args}


def stand(
    findings: Sequence[Finding], told: Mapping[str, str], outcomes: Mapping[str, Outcome] | None = None
) -> Standing:
    """Work out how a ticket stands from its latest episodes and from what it was `told` last (`Write.points`).

    `outcomes` are its present verdicts by rule: what they say matters where no episode is open. None: not known.
    """
    eligible = [
        finding for finding in findings if finding.mode is Mode.WARN and finding.severity is not Severity.INFO
    ]
    open_ones = {finding.rule: finding for finding in eligible if finding.state is FindingState.OPEN}
    shown = tuple(sorted((f for f in open_ones.values() if f.hidden_by not in open_ones), key=_worst_first))
    waived = tuple(sorted((f for f in eligible if f.state is FindingState.WAIVED), key=_worst_first))
    states = {finding.rule: finding.state for finding in findings}
    fates = {rule: _fate(rule, fate, states, outcomes) for rule, fate in _carried(told, bool(shown)).items()}
    said = frozenset(outcomes.values()) if outcomes is not None else _CHECKED
    return Standing(
        shown=shown,
        waived=waived,
        points=fates | {finding.rule: finding.severity.value for finding in shown},
        is_overdue=not DEADLINE_RULES.isdisjoint(open_ones),
        applies=bool(open_ones or waived or said - {Outcome.NOT_APPLICABLE}),
        is_checked=not said.isdisjoint(_CHECKED),
        has_doubt=Outcome.CANNOT_TELL in said,
    )


def _fate(rule: str, told: str, states: Mapping[str, FindingState], outcomes: Mapping[str, Outcome] | None) -> str:
    """Say what became of a point that was shown before; one that was over stays over for the same reason."""
    fate = _FATE[states[rule]] if rule in states else FIXED
    if fate is not FIXED or outcomes is None:
        return fate
    now = outcomes.get(rule, Outcome.NOT_APPLICABLE)
    if now is Outcome.CANNOT_TELL and states.get(rule) is FindingState.CLEARED:
        return UNSURE
    if told in _OVER:
        return told
    return LAPSED if now is Outcome.NOT_APPLICABLE else FIXED


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
