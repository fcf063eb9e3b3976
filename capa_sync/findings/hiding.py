"""Which open findings stand behind another one on the ticket, so that a person reads the cause and not its echoes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capa_sync.model.finding import SEVERITY_ORDER, Finding, FindingState


def hidden_by(findings: Sequence[Finding], hides: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return rule -> the visible rule that hides it, for the open findings among `findings`.

    `hides` tells which rules each rule hides while it is open. Only open findings hide and are hidden. A finding
    behind one that is hidden itself is shown as hidden by the one in front of both. Two that hide each other
    never vanish together: the graver one (then the one with the lower number) stays.
    """
    open_ones = {finding.rule: finding for finding in findings if finding.state is FindingState.OPEN}
    behind: dict[str, str] = {}
    for rule in sorted(open_ones, key=lambda name: _precedence(open_ones[name])):
        for target in hides.get(rule, ()):
            if target in open_ones and target not in behind and _front(rule, behind) != target:
                behind[target] = rule
    return {rule: _front(rule, behind) for rule in behind}


def _precedence(finding: Finding) -> tuple[int, int, str]:
    """Sort key: gravest first, then by the rule's number, then by its name."""
    return (-SEVERITY_ORDER.index(finding.severity), finding.number, finding.rule)


def _front(rule: str, behind: Mapping[str, str]) -> str:
    """Follow a rule to the one that stands in front of it and is hidden by none."""
    while rule in behind:
        rule = behind[rule]
    return rule
