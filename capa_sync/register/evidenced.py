"""The evidenced stage: the stage that a record's fields prove, whatever its status claims (docs/clause10.md 2.3).

The column "From" of docs/clause10.md 2.2 lists what each stage needs; "g" there means: only for grade major.
"""

from __future__ import annotations

from collections.abc import Callable

from capa_sync.model.light import light
from capa_sync.model.record import CapaRecord, Stage
from capa_sync.model.values import FILLED, ValueState
from capa_sync.register.life import counted_actions, is_there

Test = Callable[[CapaRecord], bool]


@light
class Evidenced:
    """The stage that a record's fields prove.

    Attributes:
        stage: the highest stage for which all needs, and those of the earlier stages, are met; None for no stage.
        missing: the first canonical field that is missing for the next stage, "" when nothing is missing.
        label: the tracker's own label of that field, with "(not mapped)" where no field is mapped.
    """

    stage: Stage | None
    missing: str = ""
    label: str = ""


@light
class Need:
    """One need of a stage: the field to name when the need is not met, and the test."""

    name: str
    test: Test


def _filled(*names: str) -> Need:
    """Return the need for any of these fields; it names the first one when all are missing."""
    if len(names) == 1:
        name = names[0]
        return Need(name, lambda record: record.fields[name].state is FILLED)
    return Need(names[0], lambda record: any(record.fields[name].is_filled for name in names))


def _only(when: Test, need: Need) -> Need:
    return Need(need.name, lambda record: not when(record) or need.test(record))


def _acts(record: CapaRecord) -> bool:
    """Return whether causes must be removed: if the record has actions, or if its decision is not "no"."""
    return bool(counted_actions(record)) or record.fields["action_needed"].data != "no"


def _acts_not(record: CapaRecord) -> bool:
    return not _acts(record)


def _is_major(record: CapaRecord) -> bool:
    return record.fields["grade"].data == "major"


def _trains(record: CapaRecord) -> bool:
    return record.fields["training_needed"].data == "yes"


def _must_be_traceable(record: CapaRecord) -> bool:
    """Return whether the origin needs a reference: an audit, an incident, a law."""
    return record.fields["source"].data in {
        "internal_audit",
        "external_audit",
        "security_incident",
        "legal_deviation",
    }


def _is_extent_known(record: CapaRecord) -> bool:
    result = record.fields["extent_result"]
    return result.is_filled and result.data != "not_checked"


def _is_planned(record: CapaRecord) -> bool:
    actions = counted_actions(record)
    parts = [value for action in actions for value in (action.text, action.owner, action.due_at)]
    return bool(actions) and not record.actions_problem and all(value.is_filled for value in parts)


def _is_done(record: CapaRecord) -> bool:
    actions = [action for action in record.actions if is_there(action)]
    return not record.actions_problem and all(action.done_at is not None for action in actions)


def _is_done_proven(record: CapaRecord) -> bool:
    if record.fields["implementation_evidence"].is_filled:
        return True
    actions = counted_actions(record)
    return bool(actions) and all(action.evidence.is_filled for action in actions)


def _is_correct(record: CapaRecord) -> bool:
    is_corrected = any(action.kind.value == "correction" and action.done_at for action in record.actions)
    return is_corrected or any(record.fields[name].is_filled for name in ("correction", "correction_na_reason"))


_IDENTIFIED = (
    _filled("title"),
    _filled("description"),
    _filled("requirement_ref"),
    _filled("source"),
    _only(_must_be_traceable, _filled("source_ref")),
    _filled("detected_at", "occurred_at"),
    _filled("location"),
    _filled("raised_by"),
    _filled("owner"),
)
_CONTAINED = (_filled("grade"), _filled("impact"), Need("correction", _is_correct), _filled("consequences"))
_ANALYSED = (
    Need("objective_evidence", lambda r: bool(r.attachments) or r.fields["objective_evidence"].is_filled),
    Need("action_needed", lambda r: bool(counted_actions(r)) or r.fields["action_needed"].is_filled),
    _only(_acts_not, _filled("no_action_reason")),
    _only(_acts_not, _filled("no_action_approver")),
    _only(_acts, _filled("rca_method")),
    _only(_acts, _filled("root_cause")),
    _only(_acts, _filled("cause_category")),
    Need("extent_result", _is_extent_known),
)
_PLANNED = (
    _only(_acts, Need("actions", _is_planned)),
    _only(lambda r: _acts(r) and _is_major(r), _filled("plan_approved_by")),
)
_IMPLEMENTED = (
    Need("actions", _is_done),
    _only(_acts, Need("implementation_evidence", _is_done_proven)),
    _only(_acts, _filled("communicated_to")),
    _only(_trains, _filled("training_ref")),
    _only(_acts, _filled("effectiveness_criterion")),
    _only(_acts, _filled("effectiveness_due")),
    _only(_acts, _filled("effectiveness_reviewer")),
)
_VERIFIED = (
    _only(_acts, _filled("effectiveness_result")),
    _only(_acts, _filled("effectiveness_note", "effectiveness_evidence")),
)
_CLOSED = (
    _filled("isms_change"),
    _only(_is_major, _filled("risk_update")),
    _only(_is_major, _filled("management_review_ref")),
    Need("stage", lambda r: r.stage is Stage.CLOSED),
)
_RISK_FOR_ALL = _filled("risk_update")

Ladder = tuple[tuple[Stage, tuple[Need, ...]], ...]

NONCONFORMITY: Ladder = (
    (Stage.IDENTIFIED, _IDENTIFIED),
    (Stage.CONTAINED, _CONTAINED),
    (Stage.ANALYSED, _ANALYSED),
    (Stage.PLANNED, _PLANNED),
    (Stage.IMPLEMENTED, _IMPLEMENTED),
    (Stage.VERIFIED, _VERIFIED),
    (Stage.CLOSED, _CLOSED),
)
_PREVENTIVE: Ladder = tuple(
    (stage, (needs[0], needs[1]) if stage is Stage.CONTAINED else needs) for stage, needs in NONCONFORMITY
)
_IS_CLOSED = Need("stage", lambda r: r.stage is Stage.CLOSED)
_IMPROVEMENT: Ladder = (
    (Stage.IDENTIFIED, (_filled("title"), _filled("description"))),
    (Stage.ANALYSED, (_filled("benefit"),)),
    (Stage.PLANNED, (_filled("decision"), _filled("decision_by"), _filled("owner"))),
    (Stage.IMPLEMENTED, (_filled("outcome"),)),
    (Stage.CLOSED, (_IS_CLOSED,)),
)
_OBSERVATION: Ladder = ((Stage.IDENTIFIED, _IDENTIFIED), (Stage.CLOSED, (_IS_CLOSED,)))
LADDERS: dict[str, Ladder] = {
    "nonconformity": NONCONFORMITY,
    "preventive": _PREVENTIVE,
    "improvement": _IMPROVEMENT,
    "observation": _OBSERVATION,
}
"""Track -> its stages in order, each with its needs."""

_RISK_PROFILES = frozenset({"iso9001"})


def evidenced_stage(record: CapaRecord, profile: str = "standard") -> Evidenced:
    """Return the stage that a record's fields prove; ISO 9001 needs the risk update for every grade."""
    reached: Stage | None = None
    for stage, needs in LADDERS.get(str(record.fields["track"].data), NONCONFORMITY):
        wanted = (*needs, _RISK_FOR_ALL) if stage is Stage.CLOSED and profile in _RISK_PROFILES else needs
        for need in wanted:
            if not need.test(record):
                return Evidenced(reached, need.name, _label(record, need.name))
        reached = stage
    return Evidenced(reached)


def _label(record: CapaRecord, name: str) -> str:
    field = record.fields.get(name)
    label = record.labels.get(name, name.replace("_", " "))
    return f"{label} (not mapped)" if field is not None and field.state is ValueState.UNMAPPED else label
