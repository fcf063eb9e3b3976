"""What people read above each canonical field, where its value stands by itself."""

from __future__ import annotations

from collections.abc import Mapping

from capa_sync.model.catalogue import FIELDS

_OWN: Mapping[str, str] = {
    "requirement_ref": "Requirement not fulfilled",
    "source": "Found by",
    "source_ref": "Reference of where it was found",
    "occurred_at": "Happened",
    "detected_at": "Found",
    "location": "Where",
    "isms_lead": "ISMS lead",
    "correction_at": "Corrected",
    "correction_na_reason": "Why no correction was needed",
    "no_action_reason": "Why no corrective action is needed",
    "no_action_approver": "Who agreed that no action is needed",
    "rca_method": "Method of the root cause analysis",
    "why_chain": "Chain of whys",
    "cause_category": "Kind of cause",
    "extent_result": "Does it exist elsewhere?",
    "extent_note": "Where was looked, and what was found",
    "similar_refs": "Similar nonconformities",
    "plan_approved_at": "Plan approved",
    "resources_note": "Resources for the plan",
    "due_at": "Due",
    "cb_deadline": "Date of the certification body",
    "replan_reason": "Why the due date was moved",
    "implementation_evidence": "Proof that the actions are done",
    "communicated_at": "Communicated",
    "training_ref": "Training held",
    "effectiveness_criterion": "Effective when",
    "effectiveness_due": "Effectiveness review due",
    "effectiveness_note": "What that result rests on",
    "effectiveness_evidence": "Proof of effectiveness",
    "effectiveness_at": "Effectiveness reviewed",
    "adverse_effect_check": "Check for adverse effects",
    "isms_change": "Change of the ISMS",
    "isms_change_ref": "Link to the change of the ISMS",
    "risk_ref": "Link to the risk register",
    "risk_update": "Change of risks",
    "management_review_ref": "Management review",
    "duplicate_of": "Repeats",
    "related": "Related tickets",
    "decision_by": "Decided by",
    "rejected_reason": "Why it was rejected or cancelled",
}
FIELD_TITLES: Mapping[str, str] = {name: _OWN.get(name) or name.replace("_", " ").capitalize() for name in FIELDS}
"""Canonical field -> its title, in the order of the catalogue."""
