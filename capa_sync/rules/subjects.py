"""The subjects of rules: the catalogue's fields and the values derived from a record."""

from __future__ import annotations

from enum import StrEnum

from capa_sync.model.catalogue import FIELDS
from capa_sync.model.light import light
from capa_sync.model.record import Stage
from capa_sync.model.ticket import Presence
from capa_sync.rules.profiles import PROFILES


class Kind(StrEnum):
    """Kind of a subject; decides which phrases apply to it. The first six kinds are the catalogue's types."""

    TEXT = "text"
    ENUM = "enum"
    PERSON = "person"
    TIME = "time"
    LIST = "list"
    YESNO = "yesno"
    STAGE = "stage"
    STATUS = "status"
    PRESENCE = "presence"
    SETTING = "setting"
    NUMBER = "number"
    ACTIONS = "actions"
    PEOPLE = "people"


KIND_WORDS: dict[Kind, str] = {
    Kind.TEXT: "a text",
    Kind.ENUM: "a choice",
    Kind.PERSON: "a person",
    Kind.TIME: "a date",
    Kind.LIST: "a list",
    Kind.YESNO: "a yes or no",
    Kind.STAGE: "a stage",
    Kind.STATUS: "a status name",
    Kind.PRESENCE: "a presence",
    Kind.SETTING: "a setting",
    Kind.NUMBER: "a number",
    Kind.ACTIONS: "the list of actions",
    Kind.PEOPLE: "several people",
}


@light
class Subject:
    """One subject of rules: its name, kind, meaning for the docs, and the words that it may hold."""

    name: str
    kind: Kind
    meaning: str
    choices: tuple[str, ...] = ()
    derived: bool = False

    @property
    def is_field(self) -> bool:
        """Return whether its value is always that of the catalogue's field; action rows answer `action_needed`."""
        return not self.derived and self.name != "action_needed"

    @property
    def label(self) -> str:
        """Return the label for people, used where the mapping knows none."""
        return _LABELS.get(self.name, self.name.removesuffix("_at").removesuffix("_ref").replace("_", " "))


_LABELS = {
    "requirement_ref": "requirement",
    "source_ref": "source reference",
    "occurred_at": "date it happened",
    "detected_at": "date it was found",
    "due_at": "due date",
    "cb_deadline": "certification body's deadline",
    "rca_method": "root cause method",
    "extent_result": "extent",
    "extent_note": "extent note",
    "correction_na_reason": "reason why no correction was needed",
    "similar_refs": "similar nonconformities",
    "actions": "corrective action",
    "action_owners": "action owners",
    "source_status": "status",
    "replans": "re-plans",
    "replan_reason": "reason for the new date",
    "correction_at": "date of the correction",
    "communicated_at": "date of the communication",
    "plan_approved_at": "date of the plan's approval",
    "effectiveness_at": "date of the effectiveness review",
    "reviewed_at": "date of the effectiveness review",
    "last_human_at": "last change by a person",
    "effectiveness_due": "due date of the effectiveness review",
    "earlier_matches": "earlier nonconformities of this kind",
    "earlier_effective": "earlier nonconformities of this kind with an effective action",
    "recurs_within": "period of recurrence in days",
    "joined_disagreements": "disagreement of the joined tickets",
    "isms_lead": "ISMS lead",
    "isms_change": "ISMS change",
    "isms_change_ref": "ISMS change reference",
}

_DERIVED = (
    Subject("stage", Kind.STAGE, "the claimed stage, from the mapping", tuple(stage.value for stage in Stage)),
    Subject("source_status", Kind.STATUS, "the tracker's own status name"),
    Subject("presence", Kind.PRESENCE, "where the ticket is now", tuple(presence.value for presence in Presence)),
    Subject("created_at", Kind.TIME, "when the ticket was created"),
    Subject("identified_at", Kind.TIME, "when it was found, else when the ticket was created"),
    Subject("action_started_at", Kind.TIME, "first action text, child started, or entry into implemented"),
    Subject("implemented_at", Kind.TIME, "when the last action was done"),
    Subject("closed_at", Kind.TIME, "last entry into closed, while it is closed"),
    Subject("closed_by", Kind.PERSON, "who closed it, while it is closed"),
    Subject("actions", Kind.ACTIONS, "corrective and preventive actions, cancelled ones left out"),
    Subject("action_owners", Kind.PEOPLE, "the owners of those actions"),
    Subject("replans", Kind.NUMBER, "how often people moved the due date later"),
    Subject(
        "reviewed_at", Kind.TIME, "when effectiveness was reviewed: the date given, else when the result was set"
    ),
    Subject("last_human_at", Kind.TIME, "when a person last changed or commented the ticket"),
    Subject("attachments", Kind.NUMBER, "how many files are attached to the ticket"),
    Subject("joined_tickets", Kind.NUMBER, "how many other tickets are the same nonconformity (`same_as`)"),
    Subject(
        "joined_disagreements",
        Kind.LIST,
        "in which of stage, grade and closure the tickets of a joined record disagree",
    ),
    Subject(
        "earlier_matches",
        Kind.LIST,
        "records of the same requirement and kind of cause, closed in the `recurs_within` days before this was found",
    ),
    Subject("earlier_effective", Kind.LIST, "those of them that were closed with an effective action"),
    Subject("recurs_within", Kind.NUMBER, "the setting: days before it was found in which an earlier one counts"),
    Subject("profile", Kind.SETTING, "the profile of the settings", tuple(PROFILES)),
)

SUBJECTS: dict[str, Subject] = {
    **{spec.name: Subject(spec.name, Kind(spec.type.value), spec.meaning, spec.choices) for spec in FIELDS.values()},
    **{
        subject.name: Subject(subject.name, subject.kind, subject.meaning, subject.choices, derived=True)
        for subject in _DERIVED
    },
}
"""Name -> subject; every name that a rule may use."""
