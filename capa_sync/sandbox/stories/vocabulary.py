"""The names of the canonical fields in the two trackers, with their kinds and options."""

from __future__ import annotations

from dataclasses import field

from capa_sync.model.light import light

_YES_NO = {"yes": "Yes", "no": "No"}
_SOURCES = (
    "security_incident internal_audit external_audit policy_deviation procedure_deviation legal_deviation "
    "objective_missed monitoring supplier customer_complaint employee_feedback interested_party_feedback "
    "risk_review management_review best_practice other"
)
_CATEGORIES = "process ownership coverage tooling competence supplier resource design communication"
_OPTIONS: dict[str, dict[str, str]] = {
    "source": {word: word.replace("_", " ").capitalize() for word in _SOURCES.split()},
    "grade": {
        "major": "Major",
        "minor": "Minor",
        "observation": "Observation",
        "ofi": "Opportunity for improvement",
    },
    "rca_method": {
        "five_whys": "5 Whys",
        "fishbone": "Fishbone",
        "fault_tree": "Fault tree",
        "fmea": "FMEA",
        "is_is_not": "Is / is not",
        "timeline": "Timeline",
        "other": "Other",
    },
    "cause_category": {word: word.capitalize() for word in _CATEGORIES.split()},
    "extent_result": {
        "none_found": "None found",
        "found": "Found",
        "could_occur": "Could occur",
        "not_checked": "Not checked",
    },
    "effectiveness_result": {"effective": "Effective", "partly": "Partly effective", "ineffective": "Not effective"},
    "isms_change": {
        "none_because": "None",
        "policy": "Policy",
        "procedure": "Procedure",
        "control": "Control",
        "soa": "Statement of applicability",
        "training": "Training",
        "risk": "Risk",
        "other": "Other",
    },
    "risk_update": {"updated": "Updated", "new": "New risk", "no_change_because": "No change"},
    "decision": {"accepted": "Accepted", "deferred": "Deferred", "rejected": "Rejected"},
    "confidential": _YES_NO,
    "action_needed": _YES_NO,
    "training_needed": _YES_NO,
}


@light
class Word:
    """One canonical field.

    Attributes:
        name: the canonical name.
        kind: line, text, option, person, day (a day alone) or instant (a day in Jira, an instant in ServiceNow).
        jira: the field's name in Jira.
        is_builtin: whether Jira has the field by default.
        column: the column of `sn_grc_issue`, "" if there is none.
        options: canonical word -> the option's name in Jira.
    """

    name: str
    kind: str
    jira: str
    column: str
    is_builtin: bool = False
    options: dict[str, str] = field(default_factory=dict)


_BUILTIN = """
    title line Summary short_description
    description text Description description
    owner person Assignee issue_manager
    due_at instant Due date due_date
"""
_OWN = """
    requirement_ref line Requirement u_requirement
    source option Source u_source
    source_ref line Source reference u_source_ref
    occurred_at instant Occurred on u_occurred_at
    detected_at instant Detected on u_detected_at
    location line Location u_location
    objective_evidence text Objective evidence u_evidence
    isms_lead person ISMS lead u_isms_lead
    grade option Grade u_grade
    impact text Impact u_impact
    confidential option Confidential u_confidential
    correction text Correction u_correction
    correction_at instant Corrected on u_correction_at
    correction_na_reason text No correction because u_correction_na_reason
    consequences text Consequences u_consequences
    action_needed option Action needed u_action_needed
    no_action_reason text No action because u_no_action_reason
    no_action_approver person No action approved by u_no_action_approver
    rca_method option RCA method u_rca_method
    why_chain text Five whys u_why_chain
    cause_categories line Fishbone branches u_cause_categories
    root_cause text Root cause u_root_cause
    cause_category option Cause category u_cause_category
    extent_result option Extent result u_extent_result
    extent_note text Extent note u_extent_note
    similar_refs line Similar nonconformities u_similar
    recurrence_of line Recurrence of u_recurrence_of
    action_text text Corrective action u_corrective_action
    plan_approved_by person Plan approved by u_plan_approved_by
    plan_approved_at instant Plan approved on u_plan_approved_at
    resources_note text Resources -
    cb_deadline day Certification body deadline u_cb_deadline
    replan_reason text Reason for new date u_replan_reason
    implementation_evidence text Implementation evidence u_implementation_evidence
    communicated_to text Communicated to u_communicated_to
    communicated_at instant Communicated on u_communicated_at
    training_needed option Training needed u_training_needed
    training_ref line Training reference u_training_ref
    effectiveness_criterion text Effectiveness criterion u_effectiveness_criterion
    effectiveness_due day Effectiveness due u_effectiveness_due
    effectiveness_reviewer person Effectiveness reviewer u_effectiveness_reviewer
    effectiveness_result option Effectiveness result u_effectiveness_result
    effectiveness_note text Effectiveness note u_effectiveness_note
    effectiveness_evidence text Effectiveness evidence u_effectiveness_evidence
    effectiveness_at instant Effectiveness reviewed on u_effectiveness_at
    isms_change option ISMS change u_isms_change
    isms_change_ref line ISMS change reference u_isms_change_ref
    risk_ref line Risk reference u_risk_ref
    risk_update option Risk update u_risk_update
    closure_note text Closure note u_closure_note
    management_review_ref line Management review u_management_review_ref
    rejected_reason text Rejection reason u_rejected_reason
    rejected_by person Rejected by u_rejected_by
    benefit text Benefit u_benefit
    decision option Decision u_decision
    decision_by person Decided by u_decision_by
    outcome text Outcome u_outcome
    servicenow_number line ServiceNow number -
"""


def _words(table: str, *, is_builtin: bool) -> dict[str, Word]:
    found = {}
    for line in table.strip().splitlines():
        name, kind, *jira, column = line.split()
        column = "" if column == "-" else column
        found[name] = Word(name, kind, " ".join(jira), column, is_builtin, _OPTIONS.get(name, {}))
    return found


WORDS: dict[str, Word] = _words(_BUILTIN, is_builtin=True) | _words(_OWN, is_builtin=False)
"""Canonical field -> its names. `action_text` is the field in which a ticket itself keeps its action."""
