"""The desired state of a ticket: the findings that people should see on it, and one of four states."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum

from capa_sync.model.finding import SEVERITY_ORDER, Finding, FindingState, Mode, Outcome, Severity
from capa_sync.model.light import light

DEADLINE_RULES = frozenset(
    {"correction-recorded", "rca-on-time", "action-overdue", "implement-on-time", "effectiveness-overdue"}
)
"""Rules 7, 15, 21, 23 and 30: while one of their findings is open the ticket is overdue (docs/contract.md 8)."""

FIXED, LAPSED, WAIVED, HIDDEN, UNSURE = "fixed", "lapsed", "waived", "aside", "unsure"
_OVER = (FIXED, LAPSED)
_POINT_STATES = {
    FindingState.OPEN: HIDDEN,
    FindingState.WAIVED: WAIVED,
    FindingState.CANNOT_TELL: UNSURE,
    FindingState.CLEARED: FIXED,
    FindingState.HISTORICAL: FIXED,
}
_CHECKED = frozenset({Outcome.OK, Outcome.BREACH, Outcome.HISTORICAL})


class Calm(StrEnum):
    """Why nothing is open on a ticket."""

    CLEAR = "clear"  # every applicable check was made and found nothing
    SO_FAR = "so far"  # only some checks could be made, or what they found is waived
    UNCHECKED = "unchecked"  # no applicable check could be made
    LAPSED = "lapsed"  # no check applies any more


@light
class DesiredState:
    """What a ticket should show now.

    Attributes:
        shown: open findings that people should see, worst first. waived: waived findings.
        points: rule -> severity, or the state of a point that was shown before (`fixed`; `lapsed`: its rule no
            longer applies; `waived`; `aside`: hidden by another point; `unsure`: its rule cannot tell).
        is_overdue: see DEADLINE_RULES.
        applies: a check applies to the ticket. is_checked: a check could be made. has_doubt: a check cannot tell.
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
        """Return the first of overdue, warning, waived and clear that is true."""
        if self.is_overdue:
            return "overdue"
        return "warning" if self.shown else "waived" if self.waived else "clear"

    @property
    def calm(self) -> Calm:
        """Return why nothing is open; meaningful only when nothing is."""
        if not self.applies:
            return Calm.LAPSED
        if not self.is_checked and not self.waived:
            return Calm.UNCHECKED
        return Calm.SO_FAR if self.unsure or self.has_doubt or self.waived else Calm.CLEAR

    @property
    def fixed(self) -> int:
        """Return the number of points that were on the ticket and are fixed now."""
        return sum(point == FIXED for point in self.points.values())

    @property
    def lapsed(self) -> int:
        """Return the number of points that were on the ticket and whose rule no longer applies."""
        return sum(point == LAPSED for point in self.points.values())

    @property
    def unsure(self) -> tuple[str, ...]:
        """Return the rules of earlier points that cannot be judged now; with one of these nothing is all clear."""
        return tuple(sorted(rule for rule, point in self.points.items() if point == UNSURE))

    @property
    def is_all_clear(self) -> bool:
        """Return whether every point is ok, not applicable, historical or waived (docs/contract.md 2)."""
        return not self.shown and not self.unsure

    @property
    def labels(self) -> frozenset[str]:
        """Return the labels of ours that the ticket should have."""
        true = {"capa-warning": bool(self.shown), "capa-overdue": self.is_overdue, "capa-waived": bool(self.waived)}
        return frozenset(label for label, is_true in true.items() if is_true)

    @property
    def facts(self) -> dict[str, str]:
        """Return the facts in the text by name, independent of wording: rules, severities, stable arguments."""
        ends = [(finding.rule, finding.waived_until) for finding in self.waived]
        until = {rule: end.isoformat() if end else "" for rule, end in ends}
        facts = {
            "state": self.state,
            "shown": " ".join(sorted(f"{finding.rule}={finding.severity}" for finding in self.shown)),
            "waived": " ".join(sorted(f"{rule}={end}" for rule, end in until.items())),
            "unsure": " ".join(self.unsure),
        }
        if not self.shown:
            facts["calm"] = self.calm.value
        return facts | {f"{finding.rule}: {name}": fact for finding in self.shown for name, fact in finding.args}


def desired_state_of(
    findings: Sequence[Finding], reported: Mapping[str, str], outcomes: Mapping[str, Outcome] | None = None
) -> DesiredState:
    """Return the desired state of a ticket from its latest episodes and the points `reported` last (`Write.points`).

    `outcomes` are its present verdicts by rule; they decide where no episode is open. None: not known.
    """
    eligible = [
        finding for finding in findings if finding.mode is Mode.WARN and finding.severity is not Severity.INFO
    ]
    open_ones = {finding.rule: finding for finding in eligible if finding.state is FindingState.OPEN}
    shown = tuple(sorted((f for f in open_ones.values() if f.hidden_by not in open_ones), key=_worst_first))
    waived = tuple(sorted((f for f in eligible if f.state is FindingState.WAIVED), key=_worst_first))
    states = {finding.rule: finding.state for finding in findings}
    earlier = {
        rule: _point_state(rule, point, states, outcomes)
        for rule, point in _current_round(reported, bool(shown)).items()
    }
    said = frozenset(outcomes.values()) if outcomes is not None else _CHECKED
    return DesiredState(
        shown=shown,
        waived=waived,
        points=earlier | {finding.rule: finding.severity.value for finding in shown},
        is_overdue=not DEADLINE_RULES.isdisjoint(open_ones),
        applies=bool(open_ones or waived or said - {Outcome.NOT_APPLICABLE}),
        is_checked=not said.isdisjoint(_CHECKED),
        has_doubt=Outcome.CANNOT_TELL in said,
    )


def _point_state(
    rule: str, reported: str, states: Mapping[str, FindingState], outcomes: Mapping[str, Outcome] | None
) -> str:
    """Return the present state of an earlier point; a point that was fixed or lapsed stays so."""
    state = _POINT_STATES[states[rule]] if rule in states else FIXED
    if state is not FIXED or outcomes is None:
        return state
    now = outcomes.get(rule, Outcome.NOT_APPLICABLE)
    if now is Outcome.CANNOT_TELL and states.get(rule) is FindingState.CLEARED:
        return UNSURE
    if reported in _OVER:
        return reported
    return LAPSED if now is Outcome.NOT_APPLICABLE else FIXED


def is_open_point(value: str) -> bool:
    """Return whether a value of `points` is a severity, so that the point is open."""
    return value in SEVERITY_ORDER


def fingerprint(*parts: object) -> str:
    """Return a stable SHA-256 hex digest over JSON-able parts."""
    return hashlib.sha256(_JSON.encode(parts).encode("utf-8", "surrogatepass")).hexdigest()


_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _current_round(reported: Mapping[str, str], is_warned: bool) -> Mapping[str, str]:
    """Return the earlier points of the present round of warnings; a new round begins after an all-clear."""
    is_over = not any(is_open_point(point) or point in (HIDDEN, UNSURE) for point in reported.values())
    return {} if is_warned and is_over else reported


def _worst_first(finding: Finding) -> tuple[int, int, str]:
    return (-SEVERITY_ORDER.index(finding.severity), finding.number, finding.rule)
