"""What a record shows for the management review, at the end of the period; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from capa_sync.model.finding import Outcome, Verdict
from capa_sync.model.record import SIDE_STAGES, CapaRecord, Stage
from capa_sync.model.review import ReviewRecord
from capa_sync.register.life import changes_of, end_of, first_filled, implemented_at, spans, start_of
from capa_sync.register.rows import confidential_of

_ENDED = frozenset(stage.value for stage in (Stage.CLOSED, *SIDE_STAGES))
_DECIDED = frozenset({Outcome.OK, Outcome.BREACH, Outcome.HISTORICAL})


def review_facts(record: CapaRecord, verdicts: Sequence[Verdict], timezone: str) -> ReviewRecord:
    """Return what a record and its verdicts show, both as of the end of the period."""
    due, implemented = _due(record), implemented_at(record)
    moves = tuple(_moves(record))
    begun = min([spans(record, due, implemented, timezone).open_from, *(at for at, _ in moves)])
    return ReviewRecord(
        source=record.source,
        name=f"{record.source}:{record.ticket_key}",
        key=record.ticket_key,
        title=_text(record, "title"),
        track=_text(record, "track"),
        grade=_text(record, "grade"),
        origin=_text(record, "source"),
        owner=_person(record, "owner"),
        is_confidential=confidential_of(record.fields["confidential"]) == "yes",
        begun=begun,
        contained=_instant(record, "correction_at", timezone) or first_filled(record, "correction"),
        caused=first_filled(record, "root_cause"),
        implemented=implemented,
        moves=moves,
        side=record.stage in SIDE_STAGES,
        first_due=_first_due(record, timezone),
        due=None if due is None else end_of(due, timezone),
        results=tuple(_results(record)),
        repeats=_keys(record, "recurrence_of"),
        broken=_rules(verdicts, {Outcome.BREACH}),
        unknown=_rules(verdicts, {Outcome.CANNOT_TELL}),
        decided=_rules(verdicts, _DECIDED),
        review=_text(record, "management_review_ref"),
        risk=_text(record, "risk_update"),
        change=_text(record, "isms_change"),
        decision=_decision(record),
    )


def _rules(verdicts: Iterable[Verdict], outcomes: Iterable[Outcome]) -> frozenset[str]:
    wanted = frozenset(outcomes)
    return frozenset(verdict.rule for verdict in verdicts if verdict.outcome in wanted)


def _moves(record: CapaRecord) -> Iterable[tuple[datetime, bool]]:
    """Yield each change between in work and ended; a record that was created as ended ends when it begins."""
    was_ended = False
    for row in changes_of(record, "stage"):
        is_ended = row.new.data in _ENDED
        if is_ended is not was_ended:
            yield row.at, is_ended
        was_ended = is_ended


def _text(record: CapaRecord, name: str) -> str:
    value = record.fields[name]
    if not value.is_filled:
        return ""
    return ", ".join(value.data) if isinstance(value.data, tuple) else str(value.data or value.text)


def _person(record: CapaRecord, name: str) -> str:
    text = _text(record, name)
    return record.people_names.get(text, text)


def _keys(record: CapaRecord, name: str) -> tuple[str, ...]:
    value = record.fields[name]
    if not value.is_filled:
        return ()
    return value.data if isinstance(value.data, tuple) else (str(value.data or value.text),)


def _due(record: CapaRecord) -> date | None:
    """Return the record's due date, else the latest one of its actions."""
    own = record.fields["due_at"].data
    if isinstance(own, date):
        return own
    return max(
        (due for action in record.actions if isinstance(due := action.due_at.data, date)), default=None, key=str
    )


def _first_due(record: CapaRecord, timezone: str) -> datetime | None:
    found = next((row.new.data for row in changes_of(record, "due_at") if isinstance(row.new.data, date)), None)
    first = found if isinstance(found, date) else _due(record)
    return None if first is None else end_of(first, timezone)


def _instant(record: CapaRecord, name: str, timezone: str) -> datetime | None:
    data = record.fields[name].data
    return start_of(data, timezone) if isinstance(data, date) else None


def _results(record: CapaRecord) -> Iterable[tuple[datetime, str]]:
    for row in changes_of(record, "effectiveness_result"):
        if row.new.is_filled and row.new.data != row.old.data:
            yield row.at, str(row.new.data)


def _decision(record: CapaRecord) -> tuple[datetime, str] | None:
    decided = _text(record, "decision")
    at = first_filled(record, "decision")
    return (at, decided) if decided and at is not None else None
