"""Which open findings another one hides on the ticket, so that a person reads the cause and not its consequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capa_sync.model.finding import SEVERITY_ORDER, Finding, FindingState


def hidden_by(findings: Sequence[Finding], hides: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return rule -> the visible rule that hides it, for the open findings among `findings`.

    `hides` names the rules that each rule hides while it is open. Only open findings hide others or are hidden. If
    the hiding finding is hidden itself, the visible finding that hides both is returned. Of two findings that hide
    each other, one stays visible: the one of higher severity, then the one with the lower number.
    """
    open_ones = {finding.rule: finding for finding in findings if finding.state is FindingState.OPEN}
    behind: dict[str, str] = {}
    for rule in sorted(open_ones, key=lambda name: _precedence(open_ones[name])):
        for target in hides.get(rule, ()):
            if target in open_ones and target not in behind and _front(rule, behind) != target:
                behind[target] = rule
    return {rule: _front(rule, behind) for rule in behind}


def _precedence(finding: Finding) -> tuple[int, int, str]:
    """Sort key: highest severity first, then the rule's number, then its name."""
    return (-SEVERITY_ORDER.index(finding.severity), finding.number, finding.rule)


def _front(rule: str, behind: Mapping[str, str]) -> str:
    """Return the visible rule that hides a rule, over all steps in between."""
    while rule in behind:
        rule = behind[rule]
    return rule
