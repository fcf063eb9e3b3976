"""The results of evaluating a record as rows of their tables; pure, so that a worker process can make them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from capa_sync.model.finding import Finding, Verdict
from capa_sync.model.record import Action, Disagreement, FieldChange
from capa_sync.model.register_columns import STORED
from capa_sync.model.similar import SimilarKey
from capa_sync.model.ticket import BIRTH
from capa_sync.model.values import Value
from capa_sync.model.waiver import RequestAnswer, Waiver, WaiverState
from capa_sync.store.columns import day_or_instant_text, instant_text, json_text, optional_text
from capa_sync.store.database import Params, Row
from capa_sync.store.similar import similar_key_rows
from capa_sync.store.verdict_rows import StoredVerdicts, stored_verdicts

Cell = str | int | date | datetime | None

# The columns that the contract names. The age of the copy is no property of the record, and columns that a later
# version adds must not change the hash of an unchanged record.
_HASHED = STORED[: STORED.index("row_hash")]
_COLUMNS = frozenset(STORED)
_HASH_AT = 2 + STORED.index("row_hash")


_LONGEST = 2000
"""Characters kept of each text in which joined tickets disagree; the tickets hold the rest."""
_NONE: Mapping[int, Mapping[str, str]] = {}
_NOBODY: Mapping[int, str] = {}


class AskedRows(NamedTuple):
    """What requests in a ticket's comments became.

    Attributes:
        new: waivers to record, each with its state and why it has no effect. approved: id of a waiver -> the second
            person. answers: of the requests, each with when it was asked.
    """

    new: list[tuple[Waiver, WaiverState, str]]
    approved: dict[int, str]
    answers: list[tuple[RequestAnswer, datetime]]


NOTHING_ASKED = AskedRows([], {}, [])


class JudgedRows(NamedTuple):
    """All rows of one evaluated ticket.

    Attributes:
        ticket_id: the ticket. year: of its register number. look_again: the next due instant as text, None for never.
        findings: episodes to insert or update. verdicts: all of them, None without any. register_row, actions,
            births, standings: all its rows in those tables. ended_waivers: id -> why, of the waivers that end now.
            bound_waivers: id -> what their rule read, of those that this evaluation bound. asked: what requests in
            its comments became. disagreements, similar_keys: all its rows in those tables.
    """

    ticket_id: str
    year: int
    next_due_at: str | None
    findings: list[Params]
    verdicts: StoredVerdicts | None
    register_row: Row
    actions: list[Params]
    births: list[Params]
    standings: list[Params]
    ended_waivers: dict[int, str]
    bound_waivers: dict[int, Mapping[str, str]]
    asked: AskedRows
    disagreements: list[Params]
    similar_keys: list[Params]


def judged_rows(
    source: str,
    ticket_id: str,
    year: int,
    next_due_at: datetime | None,
    *,
    findings: Iterable[Finding],
    verdicts: Iterable[Verdict],
    columns: Mapping[str, Cell],
    actions: Iterable[Action],
    timeline: Iterable[FieldChange],
    waivers: Sequence[tuple[Waiver, WaiverState, str]] = (),
    bound_waivers: Mapping[int, Mapping[str, str]] = _NONE,
    approved: Mapping[int, str] = _NOBODY,
    answers: Sequence[tuple[RequestAnswer, datetime]] = (),
    disagreements: Iterable[Disagreement] = (),
    similar_keys: Iterable[SimilarKey] = (),
) -> JudgedRows:
    """Make the rows of one evaluated record; `columns` and ValueError as in `register_row_of`.

    `waivers`: those that had not ended, with what each does now, and why it has no effect; `bound_waivers`: id ->
    what the rule read, of those that this evaluation bound; `approved` and `answers` as in `AskedRows`.
    """
    standing = [entry for entry in waivers if entry[1] is not WaiverState.ENDED and entry[0].id]
    new = [entry for entry in waivers if not entry[0].id]
    ended = {waiver.id: why for waiver, state, why in waivers if state is WaiverState.ENDED and waiver.id}
    return JudgedRows(
        ticket_id,
        year,
        optional_text(next_due_at),
        [finding_row(finding) for finding in findings],
        stored_verdicts(source, ticket_id, verdicts),
        register_row_of(source, ticket_id, columns),
        [action_row(source, ticket_id, action) for action in actions],
        birth_rows_of(source, ticket_id, timeline),
        [standing_row(waiver, state, why) for waiver, state, why in standing],
        ended,
        dict(bound_waivers),
        AskedRows(new, dict(approved), list(answers)) if new or approved or answers else NOTHING_ASKED,
        [disagreement_row(source, ticket_id, found) for found in disagreements],
        similar_key_rows(source, ticket_id, similar_keys),
    )


def row_hash(columns: Mapping[str, Cell]) -> str:
    """Return the SHA-256 hex digest over a register row's columns in the view's order, absent ones as empty."""
    return _hash_of([_cell(columns.get(name)) for name in _HASHED])


def _hash_of(cells: Sequence[str | int | None]) -> str:
    """Return the digest; a zero byte ends each cell, so that adjacent cells stay distinct."""
    return hashlib.sha256("".join([f"{cell or ''}\0" for cell in cells]).encode()).hexdigest()


def register_row_of(source: str, ticket_id: str, columns: Mapping[str, Cell]) -> Row:
    """Return a record's row. Raises ValueError for an unknown column.

    `columns` are those of `v_register` without `register_no`, `source`, `days_late`, `days_open` and
    `synced_at`, which the view adds; dates and instants as objects or as text. Further columns: `confidential`
    (yes/no), and the instants between which days are counted, where they differ from the default: `open_from`
    (default detected_at), `open_until` (closed_at), `late_from` (the end of due_at), `late_until`
    (implemented_at). `row_hash` is computed when it is not given.
    """
    if not columns.keys() <= _COLUMNS:
        message = f"no columns of the register: {sorted(columns.keys() - _COLUMNS)}"
        raise ValueError(message)
    get = columns.get
    cells = [get(name) for name in STORED]
    row: list[str | int | None] = [
        source,
        ticket_id,
        *[cell if cell is None or cell.__class__ is str else _cell(cell) for cell in cells],
    ]
    if "row_hash" not in columns:
        row[_HASH_AT] = _hash_of(row[2:_HASH_AT])
    return tuple(row)


def _cell(cell: Cell) -> str | int | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, date):
        return day_or_instant_text(cell)
    return int(cell)


def birth_rows_of(source: str, ticket_id: str, timeline: Iterable[FieldChange]) -> list[Params]:
    """Return the values of mapped fields at the ticket's creation: the timeline's changes of origin `birth`."""
    births = {
        (change.tracker_field or change.field, change.field): change for change in timeline if change.origin is BIRTH
    }
    texts = {at: instant_text(at) for at in {change.at for change in births.values()}}  # usually one instant
    return [
        (source, ticket_id, *names, change.new.text or _words(change.new), texts[change.at], change.by or "")
        for names, change in births.items()
    ]


def action_row(source: str, ticket_id: str, action: Action) -> Row:
    """Return the row of one action of a record."""
    due = action.due_at.data
    return (
        source,
        ticket_id,
        action.id,
        action.key,
        action.origin.value,
        action.kind.value,
        _words(action.text),
        _words(action.owner),
        day_or_instant_text(due) if isinstance(due, date) else None,
        optional_text(action.done_at),
        "yes" if action.is_confidential else "no",
    )


def disagreement_row(source: str, ticket_id: str, found: Disagreement) -> Row:
    """Return the row of one disagreement of a joined record's tickets; long texts are cut."""
    return (
        source,
        ticket_id,
        found.field,
        found.value[:_LONGEST],
        *found.at,
        *found.other,
        found.other_value[:_LONGEST],
    )


def _words(value: Value) -> str:
    """Return a canonical value as the register shows it; persons as their canonical ids."""
    if isinstance(value.data, str):
        return value.data
    if isinstance(value.data, date):
        return day_or_instant_text(value.data)
    return ", ".join(value.data) if isinstance(value.data, tuple) else value.text


def standing_row(waiver: Waiver, state: WaiverState, why: str) -> Row:
    """Return the row of what a waiver that has not ended does now."""
    return (waiver.source, waiver.ticket_id, waiver.id, state.value, why)


def finding_row(finding: Finding) -> Params:
    """Return the row of one episode."""
    return (
        finding.source,
        finding.ticket_id,
        finding.rule,
        finding.episode,
        finding.number,
        finding.clause,
        finding.severity.value,
        finding.state.value,
        finding.mode.value,
        finding.title,
        finding.message,
        finding.fix,
        json_text(finding.args),
        instant_text(finding.opened_at),
        optional_text(finding.cleared_at),
        finding.hidden_by,
        optional_text(finding.waived_until),
        finding.waived_by,
        finding.waived_reason,
        finding.rule_set,
        json_text([dict(entry) for entry in finding.inputs]),
        json_text(finding.on_ticket) if finding.on_ticket else "",
    )
