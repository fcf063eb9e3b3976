"""Profiles as data: the cited standard, rules that are off for a grade, changed severities (clause10.md 3.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field

from capa_sync.model.finding import Severity
from capa_sync.model.light import light
from capa_sync.model.settings import DEFAULT_DEADLINES, Days, JudgeOptions

STANDARDS: Mapping[str, str] = {
    "iso27001-2022": "ISO 27001",
    "iso27001-2013": "ISO 27001:2013",
    "iso9001-2015": "ISO 9001",
    "iso13485-2016": "ISO 13485",
}
"""Key of a rule's clause map -> name of the standard on tickets."""


@light
class Profile:
    """How strictly an organisation is judged, and by which standard.

    Attributes:
        standard: key of a rule's clause map. off: grade -> rules that are off for it.
        severity: rule -> severity that replaces its own. raised: severity -> severity that replaces it in all rules.
        deadline_factor: multiplies the lengths that the settings leave at their defaults; the result is rounded up.
    """

    standard: str = "iso27001-2022"
    off: Mapping[str, frozenset[str]] = field(default_factory=dict)
    severity: Mapping[str, Severity] = field(default_factory=dict)
    raised: Mapping[Severity, Severity] = field(default_factory=dict)
    deadline_factor: float = 1.0

    def grade_severity(self, rule: str, severity: Severity) -> Severity:
        """Return the severity of a finding under this profile."""
        return self.severity.get(rule) or self.raised.get(severity, severity)


PROFILES: Mapping[str, Profile] = {
    "light": Profile(
        off={
            "minor": frozenset({"rca-method", "action-addresses-cause", "plan-approved", "communicated"}),
        },
        deadline_factor=1.5,
    ),
    "standard": Profile(),
    "strict": Profile(
        severity={"rca-method": Severity.HIGH, "independent-review": Severity.HIGH},
        raised={Severity.LOW: Severity.MEDIUM},
    ),
    "iso9001": Profile(standard="iso9001-2015", severity={"isms-and-risk-update": Severity.MEDIUM}),
    "iso13485": Profile(standard="iso13485-2016"),
}

PACK: tuple[str, ...] = (
    "what-when-where",
    "requirement-named",
    "source-classified",
    "objective-evidence",
    "grade-set",
    "owner-active",
    "correction-recorded",
    "consequences-handled",
    "action-need-decided",
    "root-cause-before-action",
    "root-cause-substantive",
    "root-cause-not-symptom",
    "root-cause-not-blame",
    "rca-method",
    "rca-on-time",
    "extent-assessed",
    "action-planned",
    "action-not-just-correction",
    "action-addresses-cause",
    "plan-approved",
    "action-overdue",
    "due-date-moved",
    "implement-on-time",
    "actions-done-with-evidence",
    "communicated",
    "effectiveness-planned",
    "effectiveness-before-close",
    "effectiveness-evidence",
    "effectiveness-too-early",
    "effectiveness-overdue",
    "ineffective-not-reopened",
    "isms-and-risk-update",
    "recurrence",
    "edited-after-close",
    "rejected-with-reason",
    "independent-review",
    "improvement-followed-through",
    "joined-tickets-disagree",
)
"""Ids of the pack in the order of their numbers, 1 first (docs/contract.md 7)."""

NUMBERS: Mapping[str, int] = {rule: number for number, rule in enumerate(PACK, start=1)}


def deadline_length(options: JudgeOptions, name: str, grade: str) -> Days:
    """Return the length of a named deadline for a grade under the active profile.

    An ungraded record has the length of minor, `ofi` has the length of observation (docs/contract.md 7).
    """
    key = {"": "minor", "ofi": "observation"}.get(grade, grade)
    length = options.deadlines.get(name, DEFAULT_DEADLINES[name]).get(key) or DEFAULT_DEADLINES[name][key]
    if length != DEFAULT_DEADLINES[name][key]:
        return length
    return Days(math.ceil(length.count * PROFILES[options.profile].deadline_factor), length.business)
