"""The canonical fields: one table that mappings fill and rules read (docs/clause10.md 2.2)."""

from __future__ import annotations

from enum import StrEnum

from capa_sync.model.light import light


class FieldType(StrEnum):
    """The type of a canonical field's value; it decides which phrases a rule may use on the field."""

    TEXT = "text"
    ENUM = "enum"
    PERSON = "person"
    TIME = "time"  # a date or an instant
    LIST = "list"  # references: texts, links, keys
    YESNO = "yesno"


@light
class FieldSpec:
    """One canonical field: name, type, the allowed words of an enum, and its meaning for the docs."""

    name: str
    type: FieldType
    meaning: str
    choices: tuple[str, ...] = ()


SOURCES = (
    "security_incident",
    "internal_audit",
    "external_audit",
    "policy_deviation",
    "procedure_deviation",
    "legal_deviation",
    "objective_missed",
    "monitoring",
    "supplier",
    "customer_complaint",
    "employee_feedback",
    "interested_party_feedback",
    "risk_review",
    "management_review",
    "best_practice",
    "other",
)
TRACKS = ("nonconformity", "improvement", "preventive", "observation")
GRADES = ("major", "minor", "observation", "ofi")
_METHODS = ("five_whys", "fishbone", "fault_tree", "fmea", "is_is_not", "timeline", "other")
_CATEGORIES = (
    "process",
    "ownership",
    "coverage",
    "tooling",
    "competence",
    "supplier",
    "resource",
    "design",
    "communication",
)
_EXTENT = ("none_found", "found", "could_occur", "not_checked")
_RESULT = ("effective", "partly", "ineffective")
_ISMS = ("none_because", "policy", "procedure", "control", "soa", "training", "risk", "other")
_RISK = ("updated", "new", "no_change_because")
_DECISION = ("accepted", "deferred", "rejected")

_TEXT, _ENUM, _PERSON = FieldType.TEXT, FieldType.ENUM, FieldType.PERSON
_TIME, _LIST, _YESNO = FieldType.TIME, FieldType.LIST, FieldType.YESNO

FIELDS: dict[str, FieldSpec] = {
    spec.name: spec
    for spec in (
        FieldSpec("track", _ENUM, "which rules apply", TRACKS),
        FieldSpec("title", _TEXT, "what is not fulfilled, in one line"),
        FieldSpec("description", _TEXT, "what is not fulfilled, facts not blame"),
        FieldSpec(
            "requirement_ref", _LIST, "requirement not fulfilled: clause, control, policy section, law, objective"
        ),
        FieldSpec("source", _ENUM, "where it came from", SOURCES),
        FieldSpec("source_ref", _LIST, "incident number, audit and finding number, law article"),
        FieldSpec("occurred_at", _TIME, "when it happened"),
        FieldSpec("detected_at", _TIME, "when it was found"),
        FieldSpec("location", _TEXT, "where: site, system, process, team or supplier"),
        FieldSpec("objective_evidence", _TEXT, "what was seen that proves it"),
        FieldSpec("raised_by", _PERSON, "who reported it"),
        FieldSpec("owner", _PERSON, "the accountable person"),
        FieldSpec("isms_lead", _PERSON, "who supervises"),
        FieldSpec("grade", _ENUM, "classification of the nonconformity", GRADES),
        FieldSpec("impact", _TEXT, "effect on confidentiality, integrity, availability, people, customers"),
        FieldSpec("confidential", _YESNO, "restricts what may be copied out"),
        FieldSpec("correction", _TEXT, "immediate fix of the case"),
        FieldSpec("correction_at", _TIME, "when the correction was done"),
        FieldSpec("correction_na_reason", _TEXT, "why no correction was needed"),
        FieldSpec("consequences", _TEXT, "handled effects and notifications, or 'none, because'"),
        FieldSpec("action_needed", _YESNO, "outcome of evaluating whether causes must be removed"),
        FieldSpec("no_action_reason", _TEXT, "why no corrective action is needed"),
        FieldSpec("no_action_approver", _PERSON, "who agreed that no action is needed"),
        FieldSpec("rca_method", _ENUM, "how the cause was found", _METHODS),
        FieldSpec("root_cause", _TEXT, "why the system let it happen"),
        FieldSpec("why_chain", _LIST, "5 Whys steps"),
        FieldSpec("cause_categories", _LIST, "fishbone branches"),
        FieldSpec("cause_category", _ENUM, "for trends and clusters", _CATEGORIES),
        FieldSpec("extent_result", _ENUM, "result of looking for similar nonconformities", _EXTENT),
        FieldSpec("extent_note", _TEXT, "where was looked and what was found"),
        FieldSpec("similar_refs", _LIST, "similar nonconformities"),
        FieldSpec("plan_approved_by", _PERSON, "who judged the plan practical and resourced"),
        FieldSpec("plan_approved_at", _TIME, "when the plan was approved"),
        FieldSpec("resources_note", _TEXT, "resources for the plan"),
        FieldSpec("due_at", _TIME, "target for implementation"),
        FieldSpec("cb_deadline", _TIME, "certification body's date, overrides if earlier"),
        FieldSpec("replan_reason", _TEXT, "why a due date was moved"),
        FieldSpec("implementation_evidence", _TEXT, "proof that the actions are done"),
        FieldSpec("communicated_to", _TEXT, "who was told about the change"),
        FieldSpec("communicated_at", _TIME, "when they were told"),
        FieldSpec("training_needed", _YESNO, "people must act differently"),
        FieldSpec("training_ref", _LIST, "training held"),
        FieldSpec("effectiveness_criterion", _TEXT, "how one will know that it worked"),
        FieldSpec("effectiveness_due", _TIME, "when effectiveness is reviewed"),
        FieldSpec("effectiveness_reviewer", _PERSON, "who reviews effectiveness"),
        FieldSpec("effectiveness_result", _ENUM, "outcome of the effectiveness review", _RESULT),
        FieldSpec("effectiveness_note", _TEXT, "what the result rests on"),
        FieldSpec("effectiveness_evidence", _TEXT, "links or files that show it"),
        FieldSpec("effectiveness_at", _TIME, "when effectiveness was reviewed"),
        FieldSpec("adverse_effect_check", _TEXT, "ISO 13485: the action has no adverse effect"),
        FieldSpec("isms_change", _ENUM, "what changed in the ISMS", _ISMS),
        FieldSpec("isms_change_ref", _LIST, "link to that change"),
        FieldSpec("risk_ref", _LIST, "link into the risk register"),
        FieldSpec("risk_update", _ENUM, "what changed in the risk register", _RISK),
        FieldSpec("closure_note", _TEXT, "text given at closure"),
        FieldSpec("management_review_ref", _LIST, "shown to top management"),
        FieldSpec("recurrence_of", _LIST, "earlier nonconformity that came back"),
        FieldSpec("different_from", _LIST, "earlier nonconformities that only look the same"),
        FieldSpec("duplicate_of", _LIST, "the ticket this one repeats"),
        FieldSpec("related", _LIST, "other related tickets"),
        FieldSpec("benefit", _TEXT, "improvement: expected benefit"),
        FieldSpec("decision", _ENUM, "improvement: decision", _DECISION),
        FieldSpec("decision_by", _PERSON, "improvement: who decided"),
        FieldSpec("outcome", _TEXT, "improvement: outcome"),
        FieldSpec("rejected_reason", _TEXT, "why it is no nonconformity, cancelled or a duplicate"),
        FieldSpec("rejected_by", _PERSON, "who decided that"),
    )
}
"""Canonical field name -> its specification; the only list of fields in the product."""
