"""Turns raw parts into a SourceTicket; pure, so that a rebuild needs no instance.

Values are raw and in UTC: an instant is ISO 8601 (`2026-01-01T09:00:00Z`), a choice is its raw value with the label
as name, a reference is its sys_id with the display text as name. Users are named by sys_id wherever the instance
showed it, since references hold sys_ids and history rows user names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson

from capa_sync.errors import Skippable
from capa_sync.model.patterns import SYS_ID, SYS_ID_LIST
from capa_sync.model.ticket import Part, RawChange, RawComment, SourceTicket
from capa_sync.model.values import BLANK, Raw
from capa_sync.sources.bodies import UNREADABLE
from capa_sync.sources.servicenow.cells import is_table_name, is_text
from capa_sync.sources.servicenow.instants import PLATFORM_TIME, from_platform_time
from capa_sync.sources.servicenow.markup import markup_value
from capa_sync.sources.servicenow.order import in_true_order
from capa_sync.sources.servicenow.parts import AUDIT, JOURNAL, JOURNAL_COLUMNS, LABELS, REACH, RECORD, Reach

_BOOKKEEPING = (
    frozenset({"sys_id", "sys_updated_on", "sys_updated_by", "sys_mod_count", "sys_tags"}) | JOURNAL_COLUMNS
)
_IDENTITY = ("sys_id", "number", "sys_class_name", "sys_created_by", "sys_created_on")
"""Columns without which a ticket is another one; so is the column of a child that names its record."""
_COMMENTS = frozenset({"comments"})
_ID_LENGTH = 32
_NEVER = datetime.min.replace(tzinfo=UTC)

Body = Mapping[str, Any]


COMPUTED_FIELDS = frozenset(
    {
        "business_duration",
        "business_stc",
        "calendar_duration",
        "calendar_stc",
        "comments",
        "comments_and_work_notes",
        "activity_due",
        "reassignment_count",
        "sys_mod_count",
        "sys_tags",
        "sys_updated_by",
        "sys_updated_on",
        "time_worked",
        "work_notes",
    }
)
"""Fields that follow from others or move at every edit: a change of theirs is no change of the ticket."""


class ServiceNowParser:
    """Parses the parts of one source's tickets.

    Args:
        source: its name.
        url: the instance's address, for links.
    """

    computed_fields = COMPUTED_FIELDS
    updated_by_field = "sys_updated_by"

    def __init__(self, source: str, url: str) -> None:
        self._source = source
        self._url = url.rstrip("/")

    def parse(self, parts: Sequence[Part]) -> SourceTicket:
        """Parse one ticket's newest parts. Raises Skippable when its record cannot be read."""
        return self.build({part.kind: orjson.loads(part.body) for part in parts})

    def build(self, bodies: Mapping[str, Any]) -> SourceTicket:
        """Make the ticket from its parts' contents, by kind. Raises Skippable when they make none."""
        try:
            return self._build(bodies)
        except UNREADABLE as error:
            row = bodies.get(RECORD, {}).get("row", {})
            key = _value(row.get("number")) or _value(row.get("sys_id")) or "(no sys_id)"
            raise Skippable(self._source, key, f"a part of it cannot be read ({type(error).__name__})") from error

    def _build(self, bodies: Mapping[str, Any]) -> SourceTicket:
        record = bodies.get(RECORD, {})
        row, labels = record.get("row", {}), bodies.get(LABELS, {})
        sys_id, table = _value(row.get("sys_id")), record.get("table", "")
        key = _value(row.get("number")) or sys_id
        try:
            updated_at = from_platform_time(_value(row.get("sys_updated_on")))
            created_at = from_platform_time(_value(row.get("sys_created_on")) or _value(row.get("sys_updated_on")))
        except ValueError:
            raise Skippable(
                self._source, key or "(no sys_id)", "sys_created_on or sys_updated_on is missing"
            ) from None
        reference = record.get("reference", "")
        for column in filter(None, (*_IDENTITY, reference)):
            if not is_text(row.get(column)):
                raise Skippable(self._source, key or "(no sys_id)", f"its column {column} holds no text")
        class_ = _value(row.get("sys_class_name"))
        if class_ and not is_table_name(class_):
            raise Skippable(self._source, key or "(no sys_id)", "its column sys_class_name names no table")
        reach = bodies.get(REACH, {})
        since = reach.get("since")
        return SourceTicket(
            source=self._source,
            id=sys_id,
            key=key,
            url=_form(self._url, table) + (sys_id if SYS_ID.fullmatch(sys_id) else quote(sys_id, safe="")),
            kind=class_ or table,
            container=table,
            created_at=created_at,
            updated_at=updated_at,
            created_by=_user(_value(row.get("sys_created_by")), labels),
            values=_RowValues(row, frozenset(labels.get("html", ()))),
            changes=tuple(_changes(bodies.get(AUDIT, ()), labels)),
            comments=tuple(_comments(bodies.get(JOURNAL, ()), labels)),
            parent=_value(row.get(reference)) if reference else "",
            part_of="child" if reference else "",
            history_complete=reach.get("audit") == Reach.WHOLE,
            unknown=frozenset() if reach.get("journal") == Reach.WHOLE else _COMMENTS,
            history_from=datetime.fromisoformat(since).astimezone(UTC) if since else None,
        )


def _value(cell: Any) -> str:
    """Return a cell's raw value; "" where it holds none, or none that is a text."""
    if isinstance(cell, dict):
        cell = cell.get("value")
    return cell if isinstance(cell, str) else ""


@lru_cache(maxsize=256)
def _form(url: str, table: str) -> str:
    """Return the address of a record's form, without the record's id at its end."""
    return f"{url}/nav_to.do?uri={quote(f'{table}.do?sys_id=', safe='')}"


def _user(user_name: str, labels: Body) -> str:
    """Return the sys_id of a user name, or the name where the sys_id is unknown."""
    return str(labels.get("users", {}).get(user_name, user_name))


class _RowValues(Mapping[str, Raw]):
    """A record's values, each read at its first use: the first fill uses none of a wide table's."""

    __slots__ = ("_html", "_known", "_row")

    def __init__(self, row: Body, html: frozenset[str]) -> None:
        self._row = row
        self._html = html
        self._known: dict[str, Raw] = {}

    def __getitem__(self, column: str) -> Raw:
        known = self._known.get(column)
        if known is None:
            if column in _BOOKKEEPING:
                raise KeyError(column)
            cell = self._row[column]
            if not is_text(cell):
                raise KeyError(column)  # unknown, as a column that is hidden from us
            known = self._known[column] = _present(cell, column in self._html) if cell else BLANK
        return known

    def get(self, column: str, default: Any = None) -> Any:
        """Return a value, `default` when it is missing; most of the values that are looked up are empty."""
        known = self._known.get(column)
        if known is not None:
            return known
        if self._row.get(column) == "" and column not in _BOOKKEEPING:
            return BLANK
        try:
            return self[column]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return (column for column, cell in self._row.items() if column not in _BOOKKEEPING and is_text(cell))

    def __len__(self) -> int:
        return sum(1 for _column in self)

    def __repr__(self) -> str:
        return repr(dict(self))


def _present(cell: Any, is_html: bool) -> Raw:
    value = _value(cell)
    if not value:
        return BLANK
    if is_html:
        return markup_value(value)
    if not isinstance(cell, dict):
        return _plain(value)
    shown = cell.get("display_value")
    display = shown if shown and isinstance(shown, str) else value
    if SYS_ID_LIST.fullmatch(value):
        ids, names = tuple(value.split(",")), tuple(display.split(", "))
        return Raw(ids=ids, names=names if len(names) == len(ids) else (), text=display)
    return Raw(ids=(value,), names=(display,), text=display)


def _plain(value: str) -> Raw:
    text = _iso(value)
    return Raw(ids=(text,), text=text)


def _iso(value: str) -> str:
    return f"{value[:10]}T{value[11:]}Z" if PLATFORM_TIME.fullmatch(value) else value


def _changes(rows: Sequence[Body], labels: Body) -> list[RawChange]:
    columns, users = labels.get("columns", {}), labels.get("users", {})
    words = _Words(labels.get("choices", {}), labels.get("people", {}), frozenset(labels.get("html", ())))
    found: list[RawChange] = []
    previous, at = "", _NEVER
    entries = [row for row in rows if row.get("fieldname") not in _BOOKKEEPING]
    for order, update in enumerate(in_true_order(entries)):
        for row in update:
            column, made, by = row.get("fieldname", ""), row.get("sys_created_on", ""), row.get("user", "")
            if made != previous or at is _NEVER:  # the rows of one update share it
                previous, at = made, from_platform_time(made)
            old, new = words.past(column, row.get("oldvalue", "")), words.past(column, row.get("newvalue", ""))
            name = columns.get(column, column)
            found.append(RawChange(row.get("sys_id", ""), at, order, column, name, old, new, users.get(by, by)))
    return found


@dataclass(slots=True)
class _Words:
    """The meaning of one ticket's history values: raw values, with the present labels of choices and users.

    Most values occur twice, as the end of one change and the start of the next.
    """

    choices: Mapping[str, Mapping[str, str]]
    people: Mapping[str, str]
    html: frozenset[str]
    met: dict[tuple[str, str], Raw] = field(default_factory=dict)

    def past(self, column: str, value: str) -> Raw:
        """Return a value of the history."""
        if not value:
            return BLANK
        known = self.met.get((column, value))
        if known is None:
            known = self.met[column, value] = self._read(column, value)
        return known

    def _read(self, column: str, value: str) -> Raw:
        label = self.choices.get(column, {}).get(value)
        if label is not None:
            return Raw(ids=(value,), names=(label,), text=label)
        if column in self.html:
            return markup_value(value)
        if len(value) >= _ID_LENGTH and (SYS_ID.fullmatch(value) or SYS_ID_LIST.fullmatch(value)):
            ids = tuple(value.split(","))
            names = tuple(self.people[i] for i in ids if i in self.people)
            return Raw(ids=ids, names=names if len(names) == len(ids) else (), text=", ".join(names))
        return _plain(value)


def _comments(rows: Sequence[Body], labels: Body) -> list[RawComment]:
    return [
        RawComment(
            id=_value(row.get("sys_id")),
            at=from_platform_time(_value(row.get("sys_created_on"))),
            by=_user(_value(row.get("sys_created_by")), labels),
            text=_value(row.get("value")),
            internal=_value(row.get("element")) == "work_notes",
        )
        for row in rows
    ]
