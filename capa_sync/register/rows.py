"""A record with its findings as the row of `v_register`, and the rows of its actions and of its birth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from capa_sync.model.finding import SEVERITY_ORDER, Finding, FindingState, Outcome, Severity, Verdict
from capa_sync.model.record import Action, CapaRecord, FieldChange
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.ticket import Origin
from capa_sync.model.values import Value, ValueState
from capa_sync.register.evidenced import evidenced_stage
from capa_sync.register.life import closure, counted_actions, implemented_at, is_there, reopens, replans, spans

Cell = str | int | date | datetime | None

_EPISODES = frozenset({FindingState.OPEN, FindingState.WAIVED, FindingState.HISTORICAL})


def register_row(
    record: CapaRecord, findings: Sequence[Finding], verdicts: Sequence[Verdict], options: JudgeOptions
) -> dict[str, Cell]:
    """Return the columns of `v_register` that follow from a record and its findings alone.

    Dates and instants come as such. Not here: the register number, and what the run ledger tells (`synced_at`,
    `days_open`, `days_late`); for the latter two the row gives the spans that are counted (`open_from`, …).

    Args:
        record: as mapped, joined with its twin if it has one.
        findings: the latest episode of every rule on it.
        verdicts: what the rules say now.
        options: time zone and profile.
    """
    return {
        **_what(record),
        **_cause(record),
        **_actions(record, options),
        **_outcome(record, options),
        **_findings(findings, verdicts),
        "changed_at": _changed_at(record),
    }


def action_rows(record: CapaRecord) -> list[Action]:
    """Return a record's actions for `v_actions`, owners by their names; without emptied and cancelled ones."""
    return [replace(action, owner=_named(record, action.owner)) for action in record.actions if is_there(action)]


def birth_rows(record: CapaRecord) -> list[FieldChange]:
    """Return what the tracker's fields held when the ticket was made, for `v_changes`; people by their names.

    The derived stage and the mapping's constants are no fields of the ticket; children have births of their own.
    """
    return [
        replace(
            row,
            new=_named(record, row.new) if row.field in _PERSONS else row.new,
            by=None if row.by is None else record.people_names.get(row.by, row.by),
        )
        for row in record.timeline
        if row.origin is Origin.BIRTH and row.group == 0 and row.tracker_field and row.field != "stage"
    ]


_PERSONS = frozenset(
    {"raised_by", "owner", "isms_lead", "no_action_approver", "plan_approved_by", "effectiveness_reviewer"}
    | {"decision_by", "rejected_by"}
)


def _named(record: CapaRecord, value: Value) -> Value:
    if not isinstance(value.data, str):
        return value
    return replace(value, data=record.people_names.get(value.data, value.text or value.data))


def _words(value: Value) -> str:
    """Return a value as the register shows it; what no rule can read is shown as the tracker has it."""
    if value.state is ValueState.FILLED:
        if isinstance(value.data, tuple):
            return ", ".join(value.data)
        return str(value.data) if isinstance(value.data, str) and value.data else value.text
    return value.text if value.state in {ValueState.PLACEHOLDER, ValueState.ERROR} else ""


def _text(record: CapaRecord, *names: str) -> str:
    """Return the first of these fields that shows anything."""
    return next(filter(None, (_words(record.fields[name]) for name in names)), "")


def _with(record: CapaRecord, first: str, second: str) -> str:
    """Return two fields as `first: second`."""
    return ": ".join(filter(None, (_text(record, first), _text(record, second))))


def _all(record: CapaRecord, *names: str) -> str:
    return ", ".join(filter(None, (_text(record, name) for name in names)))


def _when(record: CapaRecord, name: str) -> date | datetime | None:
    data = record.fields[name].data
    return data if isinstance(data, date) else None


def _person(record: CapaRecord, name: str) -> str:
    value = record.fields[name]
    return _words(_named(record, value)) or (value.text if value.state is ValueState.UNREADABLE else "")


def _what(record: CapaRecord) -> dict[str, Cell]:
    return {
        "ticket_key": record.ticket_key,
        "ticket_url": record.ticket_url,
        "track": _text(record, "track"),
        "title": _text(record, "title"),
        "grade": _text(record, "grade"),
        "origin": _text(record, "source"),
        "origin_ref": _text(record, "source_ref"),
        "requirement": _text(record, "requirement_ref"),
        "occurred_at": _when(record, "occurred_at"),
        "detected_at": _when(record, "detected_at"),
        "location": _text(record, "location"),
        "raised_by": _person(record, "raised_by"),
        "owner": _person(record, "owner"),
        "confidential": _confidential(record.fields["confidential"]),
    }


def _confidential(value: Value) -> str:
    """Return `yes` or `no`; a mark that is there and cannot be read hides the texts, as the cautious reading."""
    if value.state in {ValueState.UNREADABLE, ValueState.ERROR}:
        return "yes"
    return "yes" if value.data == "yes" else "no"


def _cause(record: CapaRecord) -> dict[str, Cell]:
    return {
        "correction": _text(record, "correction", "correction_na_reason"),
        "corrected_at": _when(record, "correction_at"),
        "consequences": _text(record, "consequences"),
        "rca_method": _text(record, "rca_method"),
        "root_cause": _text(record, "root_cause"),
        "cause_category": _text(record, "cause_category"),
        "extent": _with(record, "extent_result", "extent_note"),
        "similar": _all(record, "similar_refs", "recurrence_of"),
    }


def due_date(record: CapaRecord) -> date | datetime | None:
    """Return the record's due date, else the latest of its actions'."""
    own = _when(record, "due_at")
    dates = [a.due_at.data for a in counted_actions(record) if isinstance(a.due_at.data, date)]
    return own or max(dates, key=lambda day: day.isoformat(), default=None)


def _actions(record: CapaRecord, options: JudgeOptions) -> dict[str, Cell]:
    actions = counted_actions(record)
    due = due_date(record)
    counted = spans(record, due, options.timezone)
    return {
        "actions_done": sum(action.done_at is not None for action in actions),
        "actions_total": len(actions),
        "action_text": "; ".join(filter(None, (_words(action.text) for action in actions))),
        "due_at": due,
        "replans": replans(record, options.timezone),
        "implemented_at": implemented_at(record),
        "communicated": _all(record, "communicated_to", "training_ref"),
        "open_from": counted.open_from,
        "open_until": counted.open_until,
        "late_from": counted.late_from,
        "late_until": counted.late_until,
    }


def _outcome(record: CapaRecord, options: JudgeOptions) -> dict[str, Cell]:
    closed, evidenced = closure(record), evidenced_stage(record, options.profile)
    by = closed.by if closed is not None else None
    return {
        "claimed_stage": record.stage.value,
        "evidenced_stage": evidenced.stage.value if evidenced.stage is not None else "",
        "evidence_missing": evidenced.label,
        "source_status": record.source_status,
        "effectiveness_criterion": _text(record, "effectiveness_criterion"),
        "effectiveness_due": _when(record, "effectiveness_due"),
        "effectiveness_result": _text(record, "effectiveness_result"),
        "reviewed_by": _person(record, "effectiveness_reviewer"),
        "reviewed_at": _when(record, "effectiveness_at"),
        "isms_change": _with(record, "isms_change", "isms_change_ref"),
        "risk_update": _with(record, "risk_update", "risk_ref"),
        "closed_at": closed.at if closed is not None else None,
        "closed_by": record.people_names.get(by, by) if by else "",
        "reopens": reopens(record),
        "management_review": _text(record, "management_review_ref"),
    }


def _findings(findings: Sequence[Finding], verdicts: Iterable[Verdict]) -> dict[str, Cell]:
    """Count open findings by severity, those hidden on the ticket by another left out, and list the others."""
    shown = [each for each in findings if each.state is FindingState.OPEN and not each.hidden_by]
    shown.sort(key=lambda each: (-SEVERITY_ORDER.index(each.severity), each.number, each.rule))
    waived = sorted((each for each in findings if each.state is FindingState.WAIVED), key=lambda each: each.rule)
    told = {each.rule for each in findings if each.state in _EPISODES}
    dark = sorted(each.rule for each in verdicts if each.outcome is Outcome.CANNOT_TELL and each.rule not in told)
    counts: Mapping[Severity, int] = {level: sum(f.severity is level for f in shown) for level in SEVERITY_ORDER}
    return {
        "warnings_high": counts[Severity.HIGH],
        "warnings_medium": counts[Severity.MEDIUM],
        "warnings_low": counts[Severity.LOW],
        "rules": ", ".join(each.rule for each in shown),
        "waived": ", ".join(map(_waived, waived)),
        "cannot_tell": ", ".join(dark),
    }


def _waived(finding: Finding) -> str:
    until = finding.waived_until
    return f"{finding.rule} until {until.date().isoformat()}" if until is not None else finding.rule


def _changed_at(record: CapaRecord) -> datetime:
    """Return the last change by anybody but us: our own labels and comments are in no mapped field."""
    told = [row.at for row in record.timeline]
    return max(
        [*told, *([record.last_human_at] if record.last_human_at is not None else [])], default=record.updated_at
    )
