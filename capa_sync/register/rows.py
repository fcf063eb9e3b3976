"""Turns a record and its findings into the row of `v_register`, and into rows of its actions and birth values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from capa_sync.model.finding import SEVERITY_ORDER, Finding, FindingState, Outcome, Severity, Verdict
from capa_sync.model.light import altered
from capa_sync.model.record import Action, CapaRecord, FieldChange
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.ticket import BIRTH
from capa_sync.model.values import FILLED, Value, ValueState
from capa_sync.model.waiver import last_day
from capa_sync.register.evidenced import evidenced_stage
from capa_sync.register.life import (
    closure,
    counted_actions,
    first_filled,
    implemented_at,
    is_there,
    reopens,
    replans,
    spans,
)

Cell = str | int | date | datetime | None

_CANNOT_TELL = Outcome.CANNOT_TELL
_EPISODES = frozenset({FindingState.OPEN, FindingState.WAIVED, FindingState.HISTORICAL})


def register_row(
    record: CapaRecord, findings: Sequence[Finding], verdicts: Sequence[Verdict], options: JudgeOptions
) -> dict[str, Cell]:
    """Return the columns of `v_register` that depend only on a record and its findings.

    Dates and instants are not converted to text. Not included: the register number, and the columns that depend on
    the runs (`synced_at`, `days_open`, `days_late`); for the last two the row has the spans (`open_from`, …).

    Args:
        record: as mapped, joined with its duplicates if it has any.
        findings: the latest episode of every rule on it.
        verdicts: the present verdicts of the rules.
        options: time zone and profile.
    """
    texts = _texts(record)
    return {
        **_what(record, texts),
        **_cause(record, texts),
        **_actions(record, texts, options),
        **_outcome(record, texts, options),
        **_findings(findings, verdicts, options.timezone),
        "changed_at": _changed_at(record),
    }


def action_rows(record: CapaRecord) -> list[Action]:
    """Return a record's actions for `v_actions`, with names of owners; without emptied and cancelled ones."""
    return [altered(action, owner=_named(record, action.owner)) for action in record.actions if is_there(action)]


def birth_rows(record: CapaRecord) -> list[FieldChange]:
    """Return the values of the tracker's fields at the ticket's creation, for `v_changes`, with names of people.

    The derived stage and the mapping's constants are no fields of the ticket; children have their own birth rows.
    """
    return [
        altered(row, new=_named(record, row.new)) if row.field in _PERSONS else row
        for row in record.timeline
        if row.group == 0 and row.origin is BIRTH and row.tracker_field and row.field != "stage"
    ]


_PERSONS = frozenset(
    {"raised_by", "owner", "isms_lead", "no_action_approver", "plan_approved_by", "effectiveness_reviewer"}
    | {"decision_by", "rejected_by"}
)


def _named(record: CapaRecord, value: Value) -> Value:
    if not isinstance(value.data, str):
        return value
    name = record.people_names.get(value.data, value.text or value.data)
    return Value(value.state, name, value.text, value.media_only, value.reason)


def _words(value: Value) -> str:
    """Return a value as the register shows it; a value that no rule can read is shown as in the tracker."""
    if value.state is not FILLED:
        return value.text if value.state in _SHOWN else ""
    data = value.data
    if isinstance(data, str):
        return data or value.text
    return ", ".join(data) if isinstance(data, tuple) else value.text


_SHOWN = frozenset({ValueState.PLACEHOLDER, ValueState.ERROR})


def _texts(record: CapaRecord) -> Mapping[str, str]:
    """Return the texts of all fields that are shown as text; in one pass, because most fields are empty."""
    fields = record.fields
    return {name: "" if (value := fields[name]).state in _NOTHING else _words(value) for name in _TEXTS}


_NOTHING = frozenset({ValueState.EMPTY, ValueState.UNMAPPED, ValueState.UNREADABLE})
_TEXTS = (
    *("track", "title", "grade", "source", "source_ref", "requirement_ref", "location"),
    *("correction", "correction_na_reason", "consequences", "rca_method", "root_cause", "cause_category"),
    *("extent_result", "extent_note", "similar_refs", "recurrence_of", "communicated_to", "training_ref"),
    *("effectiveness_criterion", "effectiveness_result", "isms_change", "isms_change_ref", "risk_update", "risk_ref"),
    "management_review_ref",
)


def _joined(first: str, by: str, second: str) -> str:
    return first + by + second if first and second else first or second


def _when(record: CapaRecord, name: str) -> date | datetime | None:
    data = record.fields[name].data
    return data if isinstance(data, date) else None


def _person(record: CapaRecord, name: str) -> str:
    value = record.fields[name]
    if value.state is FILLED and isinstance(value.data, str):
        return record.people_names.get(value.data, value.text or value.data) or value.text
    return _words(value) or (value.text if value.state is ValueState.UNREADABLE else "")


def _person_id(record: CapaRecord, name: str) -> str:
    value = record.fields[name]
    return value.data if value.state is FILLED and isinstance(value.data, str) else ""


def _what(record: CapaRecord, texts: Mapping[str, str]) -> dict[str, Cell]:
    return {
        "ticket_key": record.ticket_key,
        "ticket_url": record.ticket_url,
        "track": texts["track"],
        "title": texts["title"],
        "grade": texts["grade"],
        "origin": texts["source"],
        "origin_ref": texts["source_ref"],
        "requirement": texts["requirement_ref"],
        "occurred_at": _when(record, "occurred_at"),
        "detected_at": _when(record, "detected_at"),
        "location": texts["location"],
        "raised_by": _person(record, "raised_by"),
        "owner": _person(record, "owner"),
        "owner_id": _person_id(record, "owner"),
        "cb_deadline": _when(record, "cb_deadline"),
        "confidential": confidential_of(record.fields["confidential"]),
    }


def confidential_of(value: Value) -> str:
    """Return `yes` or `no`; a value that cannot be read counts as `yes`, so that no text is shown by mistake."""
    return "yes" if value.is_yes_or_unreadable else "no"


def _cause(record: CapaRecord, texts: Mapping[str, str]) -> dict[str, Cell]:
    return {
        "correction": texts["correction"] or texts["correction_na_reason"],
        "corrected_at": _when(record, "correction_at"),
        "caused_at": first_filled(record, "root_cause"),
        "consequences": texts["consequences"],
        "rca_method": texts["rca_method"],
        "root_cause": texts["root_cause"],
        "cause_category": texts["cause_category"],
        "extent": _joined(texts["extent_result"], ": ", texts["extent_note"]),
        "similar": _joined(texts["similar_refs"], ", ", texts["recurrence_of"]),
    }


def due_date(record: CapaRecord) -> date | datetime | None:
    """Return the record's due date, otherwise the latest due date of its actions."""
    own = _when(record, "due_at")
    if own is not None:
        return own
    dates = [a.due_at.data for a in counted_actions(record) if isinstance(a.due_at.data, date)]
    return max(dates, key=lambda day: day.isoformat(), default=None)


def _actions(record: CapaRecord, texts: Mapping[str, str], options: JudgeOptions) -> dict[str, Cell]:
    actions = counted_actions(record)
    due, implemented = due_date(record), implemented_at(record)
    counted = spans(record, due, implemented, options.timezone)
    return {
        "actions_done": sum([action.done_at is not None for action in actions]),
        "actions_total": len(actions),
        "action_text": "; ".join([words for action in actions if (words := _words(action.text))]),
        "due_at": due,
        "replans": replans(record, options.timezone),
        "implemented_at": implemented,
        "communicated": _joined(texts["communicated_to"], ", ", texts["training_ref"]),
        "open_from": counted.open_from,
        "open_until": counted.open_until,
        "late_from": counted.late_from,
        "late_until": counted.late_until,
    }


def _outcome(record: CapaRecord, texts: Mapping[str, str], options: JudgeOptions) -> dict[str, Cell]:
    closed, evidenced = closure(record), evidenced_stage(record, options.profile)
    by = closed.by if closed is not None else None
    return {
        "claimed_stage": record.stage.value,
        "evidenced_stage": evidenced.stage.value if evidenced.stage is not None else "",
        "evidence_missing": evidenced.label,
        "history_gap": "; ".join(dict.fromkeys(record.history_gaps.values())),
        "source_status": record.source_status,
        "effectiveness_criterion": texts["effectiveness_criterion"],
        "effectiveness_due": _when(record, "effectiveness_due"),
        "effectiveness_result": texts["effectiveness_result"],
        "reviewed_by": _person(record, "effectiveness_reviewer"),
        "reviewed_at": _when(record, "effectiveness_at"),
        "isms_change": _joined(texts["isms_change"], ": ", texts["isms_change_ref"]),
        "risk_update": _joined(texts["risk_update"], ": ", texts["risk_ref"]),
        "closed_at": closed.at if closed is not None else None,
        "closed_by": record.people_names.get(by, by) if by else "",
        "reopens": reopens(record),
        "management_review": texts["management_review_ref"],
    }


def _findings(findings: Sequence[Finding], verdicts: Iterable[Verdict], timezone: str) -> Mapping[str, Cell]:
    """Return the numbers of visible open findings by severity, and the lists of rules."""
    unsure = [verdict.rule for verdict in verdicts if verdict.outcome is _CANNOT_TELL]
    if not findings and not unsure:
        return _NO_FINDINGS
    shown = [row for row in findings if row.state is FindingState.OPEN and not row.hidden_by]
    shown.sort(key=lambda row: (-SEVERITY_ORDER.index(row.severity), row.number, row.rule))
    waived = sorted((row for row in findings if row.state is FindingState.WAIVED), key=lambda row: row.rule)
    with_episode = {row.rule for row in findings if row.state in _EPISODES}
    severities = [row.severity for row in shown]
    return {
        "warnings_high": severities.count(Severity.HIGH),
        "warnings_medium": severities.count(Severity.MEDIUM),
        "warnings_low": severities.count(Severity.LOW),
        "rules": ", ".join([row.rule for row in shown]),
        "waived": ", ".join([_waived(row, timezone) for row in waived]),
        "cannot_tell": ", ".join(sorted(rule for rule in unsure if rule not in with_episode)),
    }


_NO_FINDINGS: Mapping[str, Cell] = {
    "warnings_high": 0,
    "warnings_medium": 0,
    "warnings_low": 0,
    "rules": "",
    "waived": "",
    "cannot_tell": "",
}
"""The columns of a record without findings; most records have none."""


def _waived(finding: Finding, timezone: str) -> str:
    until = finding.waived_until
    return f"{finding.rule} until {last_day(until, timezone)}" if until is not None else finding.rule


def _changed_at(record: CapaRecord) -> datetime:
    """Return the last change by anybody but us: no mapped field contains our labels or comments."""
    instants = [row.at for row in record.timeline]
    if record.last_human_at is not None:
        instants.append(record.last_human_at)
    return max(instants, default=record.updated_at)
