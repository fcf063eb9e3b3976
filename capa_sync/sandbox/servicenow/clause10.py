"""The `u_` columns that an organisation adds for Clause 10 records in ServiceNow, and the choices of the tables.

There is one column for each canonical field (docs/clause10.md 2.2) that the base form lacks.
"""

from __future__ import annotations

CLAUSE10_COLUMNS = """
    u_track string =nonconformity
    u_requirement string 255 | Requirement not met
    u_source string
    u_source_ref string 255 | Source reference
    u_occurred_at instant | Occurred
    u_detected_at instant | Detected
    u_location string 255
    u_evidence text | Objective evidence
    u_grade string
    u_impact text
    u_isms_lead ref:sys_user | ISMS lead
    u_correction text
    u_correction_at instant | Corrected
    u_correction_na_reason text | No correction because
    u_consequences text
    u_action_needed string
    u_no_action_reason text | No action because
    u_no_action_approver ref:sys_user | No action approved by
    u_rca_method string | Root cause method
    u_why_chain text | Whys
    u_cause_categories string 255 | Fishbone branches
    u_root_cause text
    u_cause_category string
    u_extent_result string | Extent
    u_extent_note text
    u_similar text | Similar nonconformities
    u_corrective_action text
    u_plan_approved_by ref:sys_user
    u_plan_approved_at instant
    u_replan_reason text | Reason for new date
    u_cb_deadline day | Certification body deadline
    u_implemented_at instant | Implemented
    u_implementation_evidence text
    u_communicated_to text
    u_communicated_at instant | Communicated
    u_training_needed boolean
    u_training_ref string 255
    u_effectiveness_criterion text
    u_effectiveness_due day
    u_effectiveness_reviewer ref:sys_user
    u_effectiveness_result string
    u_effectiveness_note text
    u_effectiveness_evidence text
    u_effectiveness_at instant | Effectiveness reviewed
    u_isms_change string | ISMS change
    u_isms_change_ref string 255 | ISMS change reference
    u_risk_ref string 255
    u_risk_update string
    u_management_review_ref string 255 | Management review
    u_recurrence_of string 255
    u_rejected_reason text
    u_rejected_by ref:sys_user
    u_closure_note text
    u_benefit text
    u_decision string
    u_decision_by ref:sys_user
    u_outcome text
    u_confidential boolean =false
"""

SYNC_COLUMNS = """
    u_jira_key string | Jira key
    u_capa_sync_text string 8000 | capa-sync warnings
    u_capa_sync_state string | capa-sync state
"""

_TASK_STATES = "-5:Pending, 1:Open, 2:Work in Progress, 3:Closed Complete, 4:Closed Incomplete, 7:Closed Skipped"
_GRADES = "major:Major, minor:Minor, observation:Observation, ofi:Opportunity for improvement"
_SOURCES = (
    "security_incident:Security incident, internal_audit:Internal audit, external_audit:External audit, "
    "policy_deviation:Policy deviation, procedure_deviation:Procedure deviation, legal_deviation:Legal deviation, "
    "objective_missed:Objective missed, monitoring:Monitoring, supplier:Supplier, "
    "customer_complaint:Customer complaint, employee_feedback:Employee feedback, "
    "interested_party_feedback:Interested party feedback, risk_review:Risk review, "
    "management_review:Management review, best_practice:Best practice, other:Other"
)
_CLAUSE10_CHOICES = {
    "u_track": "nonconformity:Nonconformity, improvement:Improvement, preventive:Preventive, observation:Observation",
    "u_grade": _GRADES,
    "u_source": _SOURCES,
    "u_action_needed": "yes:Yes, no:No",
    "u_rca_method": (
        "five_whys:5 Whys, fishbone:Fishbone, fault_tree:Fault tree, fmea:FMEA, is_is_not:Is / is not, "
        "timeline:Timeline, other:Other"
    ),
    "u_cause_category": (
        "process:Process, ownership:Ownership, coverage:Coverage, tooling:Tooling, competence:Competence, "
        "supplier:Supplier, resource:Resource, design:Design, communication:Communication"
    ),
    "u_extent_result": "none_found:None found, found:Found, could_occur:Could occur, not_checked:Not checked",
    "u_effectiveness_result": "effective:Effective, partly:Partly effective, ineffective:Not effective",
    "u_isms_change": (
        "none_because:None, policy:Policy, procedure:Procedure, control:Control, soa:Statement of applicability, "
        "training:Training, risk:Risk, other:Other"
    ),
    "u_risk_update": "updated:Updated, new:New risk, no_change_because:No change",
    "u_decision": "accepted:Accepted, deferred:Deferred, rejected:Rejected",
    "u_capa_sync_state": "overdue:Overdue, warning:Warning, waived:Waived, clear:Clear",
}
_KINDS = "corrective:Corrective action, correction:Correction, preventive:Preventive action, other:Other"

CHOICES: dict[tuple[str, str], str] = {
    ("task", "state"): _TASK_STATES,
    ("task", "priority"): "1:1 - Critical, 2:2 - High, 3:3 - Moderate, 4:4 - Low, 5:5 - Planning",
    ("task", "impact"): "1:1 - High, 2:2 - Medium, 3:3 - Low",
    ("task", "urgency"): "1:1 - High, 2:2 - Medium, 3:3 - Low",
    ("incident", "state"): "1:New, 2:In Progress, 3:On Hold, 6:Resolved, 7:Closed, 8:Canceled",
    ("problem", "state"): (
        "101:New, 102:Assess, 103:Root Cause Analysis, 104:Fix in Progress, 106:Resolved, 107:Closed, "
        "1:Open, 2:Known Error, 3:Pending Change, 4:Closed/Resolved"
    ),
    ("problem", "resolution_code"): (
        "fix_applied:Fix Applied, risk_accepted:Risk Accepted, canceled:Canceled, duplicate:Duplicate"
    ),
    ("problem_task", "state"): "151:New, 152:Assess, 154:Work in Progress, 157:Closed",
    ("problem_task", "problem_task_type"): "general:General, rca:Root Cause Analysis",
    # the documentation has no numeric values of the states (docs/servicenow.md 8); read sys_choice
    ("sn_grc_issue", "state"): ("10:New, 11:Analyze, 12:Respond, 13:Review, 3:Closed Complete, 4:Closed Incomplete"),
    (
        "sn_grc_issue",
        "substate",
    ): "on_hold:On hold, canceled:Canceled, duplicate:Duplicate, not_an_issue:Not an issue",
    ("sn_grc_issue", "issue_type"): (
        "non_compliance:Non-compliance to a policy, observation:Observation, risk:Risk, improvement:Improvement"
    ),
    ("sn_grc_issue", "issue_source"): (
        "indicator_failure:Indicator Failure, risk_assessment:Risk Assessment, "
        "control_test_failure:Control Test Failure, audit:Audit, ad_hoc:Ad-hoc"
    ),
    ("sn_grc_issue", "response"): "accept:Accept, remediate:Remediate",
    ("sn_grc_task", "state"): _TASK_STATES,
    ("sn_grc_task", "kind"): _KINDS,
    ("u_capa", "u_state"): (
        "open:Open, contained:Contained, analysed:Analysed, planned:Planned, implemented:Implemented, "
        "verified:Verified, closed:Closed, on_hold:On hold, rejected:Rejected, cancelled:Cancelled, "
        "duplicate:Duplicate"
    ),
    ("u_capa_action", "u_state"): "open:Open, in_progress:In progress, done:Done, cancelled:Cancelled",
    ("u_capa_action", "u_kind"): _KINDS,
    **{("sn_grc_issue", column): choices for column, choices in _CLAUSE10_CHOICES.items()},
    **{("u_capa", column): choices for column, choices in _CLAUSE10_CHOICES.items()},
    ("problem", "u_capa_sync_state"): _CLAUSE10_CHOICES["u_capa_sync_state"],
}
"""(table, column) -> `value:label, …`; they are written as rows of `sys_choice`."""

STATE_COLUMN = {"u_capa": "u_state", "u_capa_action": "u_state"}
"""The state column of the tables that do not call it `state`."""

CLOSED_STATES = {
    "incident": frozenset({"7", "8"}),
    "problem": frozenset({"107", "4"}),
    "problem_task": frozenset({"157"}),
    "task": frozenset({"3", "4", "7"}),
    "u_capa": frozenset({"closed", "rejected", "cancelled", "duplicate"}),
}
"""States for which the platform's business rule sets active, closed_at and closed_by."""

RESOLVED_STATES = {"incident": "6", "problem": "106"}
