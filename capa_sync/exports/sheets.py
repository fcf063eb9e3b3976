"""The sheets of an export with their columns: one table for every format.

The register's columns stand in the order in which auditors ask: what happened, correction, cause, actions,
effectiveness, closure, then what the checks say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from capa_sync.model.columns import ColumnType
from capa_sync.model.light import light
from capa_sync.model.view_columns import PUBLIC_VIEWS

_NARROW, _NORMAL, _WIDE, _TEXT = 8, 14, 22, 44
_MOST_PRINTED = 10
"""Columns that can be read side by side on a sheet of paper."""


@light
class SheetColumn:
    """A column of a sheet: the view's column, what people read above it, its width in characters, its type."""

    name: str
    heading: str
    width: int
    type: ColumnType

    @property
    def is_text(self) -> bool:
        """Whether it holds sentences, which need a line of their own on paper."""
        return self.width == _TEXT


@dataclass(frozen=True)
class Sheet:
    """A sheet: its title, the view that it shows, its columns, and how many stay in sight when one scrolls."""

    title: str
    view: str
    columns: tuple[SheetColumn, ...]
    frozen: int = 0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the view's columns."""
        return tuple(column.name for column in self.columns)

    @property
    def fits_in_print(self) -> bool:
        """Whether its columns can be read side by side on paper."""
        return len(self.columns) <= _MOST_PRINTED

    def place(self, name: str) -> int:
        """Return the position of a column. Raises ValueError for another name."""
        return self.names.index(name)


_TYPES: Mapping[str, Mapping[str, ColumnType]] = {
    view.name: {column.name: column.type for column in view.columns} for view in PUBLIC_VIEWS
}


def _columns(view: str, *columns: tuple[str, str, int]) -> Iterator[SheetColumn]:
    types = _TYPES[view]
    for name, heading, width in columns:
        yield SheetColumn(name, heading, width, types.get(name, ColumnType.TEXT))


_REGISTER = (
    ("register_no", "No.", _NORMAL),
    ("source", "System", _NORMAL),
    ("ticket_key", "Ticket", _NORMAL),
    ("track", "Track", _NORMAL),
    ("title", "Title", _TEXT),
    ("grade", "Grade", _NORMAL),
    ("origin", "Source", _NORMAL),
    ("origin_ref", "Source ref", _NORMAL),
    ("requirement", "Requirement", _WIDE),
    ("occurred_at", "Occurred", _NORMAL),
    ("detected_at", "Detected", _NORMAL),
    ("location", "Where", _WIDE),
    ("raised_by", "Raised by", _WIDE),
    ("owner", "Owner", _WIDE),
    ("claimed_stage", "Claimed stage", _NORMAL),
    ("evidenced_stage", "Evidenced stage", _NORMAL),
    ("source_status", "Status in source", _NORMAL),
    ("correction", "Correction", _TEXT),
    ("corrected_at", "Corrected on", _NORMAL),
    ("consequences", "Consequences", _TEXT),
    ("rca_method", "RCA method", _NORMAL),
    ("root_cause", "Root cause", _TEXT),
    ("cause_category", "Cause category", _NORMAL),
    ("extent", "Extent", _TEXT),
    ("similar", "Similar / recurrence", _WIDE),
    ("actions_done", "Actions done", _NARROW),
    ("actions_total", "Actions", _NARROW),
    ("action_text", "Action text", _TEXT),
    ("due_at", "Due", _NORMAL),
    ("replans", "Re-plans", _NARROW),
    ("days_late", "Days late", _NARROW),
    ("implemented_at", "Implemented", _NORMAL),
    ("communicated", "Communicated / training", _WIDE),
    ("effectiveness_criterion", "Effectiveness criterion", _TEXT),
    ("effectiveness_due", "Effectiveness due", _NORMAL),
    ("effectiveness_result", "Effectiveness result", _NORMAL),
    ("reviewed_by", "Reviewed by", _WIDE),
    ("reviewed_at", "Reviewed on", _NORMAL),
    ("isms_change", "ISMS change", _WIDE),
    ("risk_update", "Risk update", _WIDE),
    ("closed_at", "Closed on", _NORMAL),
    ("closed_by", "Closed by", _WIDE),
    ("reopens", "Reopens", _NARROW),
    ("days_open", "Days open", _NARROW),
    ("warnings_high", "Open, high", _NARROW),
    ("warnings_medium", "Open, medium", _NARROW),
    ("warnings_low", "Open, low", _NARROW),
    ("rules", "Rules", _TEXT),
    ("waived", "Waived", _WIDE),
    ("cannot_tell", "Not evaluated", _WIDE),
    ("management_review", "Management review", _WIDE),
    ("changed_at", "Last change", _NORMAL),
    ("synced_at", "Last synced", _NORMAL),
    ("row_hash", "Row hash", _WIDE),
    ("checks_made", "Checks made", _NARROW),
    ("presence", "Presence", _NORMAL),
    ("confidential", "Confidential", _NORMAL),
    ("ticket_url", "Link", _WIDE),
    ("late_from", "Late from", _NORMAL),
    ("open_until", "Ended", _NORMAL),
    ("as_of", "As of", _NORMAL),
)
_ACTIONS = (
    ("register_no", "No.", _NORMAL),
    ("source", "System", _NORMAL),
    ("ticket_key", "Ticket", _NORMAL),
    ("action_key", "Action ticket", _NORMAL),
    ("origin", "From", _NORMAL),
    ("kind", "Kind", _NORMAL),
    ("text", "Action", _TEXT),
    ("owner", "Owner", _WIDE),
    ("due_at", "Due", _NORMAL),
    ("done_at", "Done", _NORMAL),
)
_FINDINGS = (
    ("register_no", "No.", _NORMAL),
    ("source", "System", _NORMAL),
    ("ticket_key", "Ticket", _NORMAL),
    ("rule", "Rule", _WIDE),
    ("title", "Rule says", _TEXT),
    ("clause", "Clause", _NORMAL),
    ("severity", "Severity", _NORMAL),
    ("state", "State", _NORMAL),
    ("message", "Message", _TEXT),
    ("fix", "What to do", _TEXT),
    ("opened_at", "Opened", _NORMAL),
    ("cleared_at", "Cleared", _NORMAL),
    ("episode", "Time", _NARROW),
    ("reason", "Why not evaluated", _TEXT),
    ("rule_set", "Rule set", _WIDE),
)
_WAIVERS = (
    ("register_no", "No.", _NORMAL),
    ("source", "System", _NORMAL),
    ("ticket_key", "Ticket", _NORMAL),
    ("rule", "Rule", _WIDE),
    ("result", "Result without it", _NORMAL),
    ("severity", "Severity", _NORMAL),
    ("state", "State", _NORMAL),
    ("why", "Why ended or inactive", _WIDE),
    ("until", "Until", _NORMAL),
    ("reason", "Because", _TEXT),
    ("asked_by", "Asked by", _WIDE),
    ("approved_by", "Approved by", _WIDE),
    ("revision", "Revision", _NORMAL),
    ("recorded_by", "Recorded by", _WIDE),
    ("recorded_at", "Recorded", _NORMAL),
    ("ended_at", "Ended", _NORMAL),
)
_CHANGES = (
    ("register_no", "No.", _NORMAL),
    ("source", "System", _NORMAL),
    ("ticket_key", "Ticket", _NORMAL),
    ("changed_at", "When", _NORMAL),
    ("changed_by", "Who", _WIDE),
    ("changed_by_name", "Name", _WIDE),
    ("field", "Field", _WIDE),
    ("from_value", "From", _TEXT),
    ("to_value", "To", _TEXT),
    ("origin", "Known from", _NORMAL),
    ("entry", "Entry", _NORMAL),
)

SHEETS: Mapping[str, Sheet] = {
    "register": Sheet("Register", "v_register", tuple(_columns("v_register", *_REGISTER)), frozen=3),
    "actions": Sheet("Actions", "v_actions", tuple(_columns("v_actions", *_ACTIONS)), frozen=3),
    "findings": Sheet("Findings", "v_findings", tuple(_columns("v_findings", *_FINDINGS)), frozen=4),
    "waivers": Sheet("Waivers", "v_waivers", tuple(_columns("v_waivers", *_WAIVERS)), frozen=3),
    "changes": Sheet("Changes", "v_changes", tuple(_columns("v_changes", *_CHANGES)), frozen=3),
}
"""Name of a table -> its sheet, in the order of the sheets; the Read-me comes after them."""
