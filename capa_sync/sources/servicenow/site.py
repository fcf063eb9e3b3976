"""An instance's facts about itself, as SiteFacts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from capa_sync.errors import Authentication
from capa_sync.model.site import Account, ChildTableDef, FieldDef, SiteFacts, SiteLists, StatusDef
from capa_sync.sources.servicenow.dictionary import TableFacts
from capa_sync.sources.servicenow.directory import InstanceDirectory
from capa_sync.sources.servicenow.history import AuditReader

_STATES = ("state", "u_state")
_CUSTOM = ("u_", "x_")


def site_facts(
    directory: InstanceDirectory,
    history: AuditReader,
    table: str,
    children: Sequence[tuple[str, str]],
    at: datetime | None,
) -> SiteFacts:
    """Combine what is known of the instance; fields of child tables follow those of the record's table."""
    me = directory.me
    if me is None:
        raise Authentication(directory.client.source, "asked for the site before signing in")
    records = directory.table(table)
    known = [records, *(directory.table(child) for child, _ in children)]
    fields: dict[str, FieldDef] = {}
    for facts in known:
        for found in fields_of(facts):
            fields.setdefault(found.id, found)
    return SiteFacts(
        fields=tuple(fields.values()),
        statuses=tuple(statuses_of(known)),
        me=Account(me.sys_id, me.name or me.user_name, True, (me.user_name,) if me.user_name else ()),
        accounts=directory.accounts(),
        time_zone=me.time_zone or "UTC",
        server_time=at,
        absent_is_empty=False,
        history_readable=history.audit_readable and records.audited is not False,
        fields_complete=not any(facts.closed for facts in known),
        missing_rights=tuple(_missing_rights(known, history.closed)),
        lists=SiteLists(tables=tuple(map(_table_of, known[1:]))),
    )


def _table_of(facts: TableFacts) -> ChildTableDef:
    columns = tuple(sorted(fields_of(facts), key=lambda column: column.id))
    return ChildTableDef(facts.name, columns, is_complete=bool(facts.columns) and not facts.closed)


_SCHEMA = "; what the rows themselves hold is read, columns must be mapped by their names"
_READ_SCHEMA = "the right to read it (role personalize_dictionary, or a read ACL)"
_AUDITOR = "the role audit_viewer, or a read ACL for this table"
_RIGHTS = {
    "sys_db_object": (
        f"it is not known which table extends which, and so which columns and choices are inherited{_SCHEMA}",
        _READ_SCHEMA,
    ),
    "sys_dictionary": (
        f"labels and types of columns are not known, nor which columns are audited{_SCHEMA}",
        _READ_SCHEMA,
    ),
    "sys_audit": (
        "fields have no history from before capa-sync first read them; rules about that time say cannot tell",
        _AUDITOR,
    ),
    "sys_journal_field": ("comments and work notes are not known; rules that need them say cannot tell", _AUDITOR),
}
"""Table -> what is unknown where it is closed to us, and what to ask the instance's admin for."""


def _missing_rights(known: Sequence[TableFacts], history: frozenset[str]) -> Iterator[str]:
    """Yield a message for each table about tickets that we may not read."""
    for table in sorted(history.union(*(facts.closed for facts in known))):
        meaning, wanted = _RIGHTS[table]
        yield f"{table} is closed to our account, so {meaning}; ask the admin of the instance to give it {wanted}"


def fields_of(facts: TableFacts) -> Iterator[FieldDef]:
    """Yield the columns of a table, with their choices."""
    for name in facts.choices.keys() - facts.columns.keys():
        yield FieldDef(name, name, custom=name.startswith(_CUSTOM), options=tuple(facts.choices[name].items()))
    for column in facts.columns.values():
        yield FieldDef(
            id=column.name,
            name=column.label,
            type=column.type,
            custom=column.name.startswith(_CUSTOM),
            audited=column.audited,
            options=tuple(facts.choices.get(column.name, {}).items()),
        )


def statuses_of(known: Sequence[TableFacts]) -> Iterator[StatusDef]:
    """Yield the choices of the tables' state columns."""
    seen: set[tuple[str, str]] = set()
    for facts in known:
        column = next((name for name in _STATES if facts.choices.get(name)), "")
        for value, label in facts.choices.get(column, {}).items():
            if (value, label) not in seen:
                seen.add((value, label))
                yield StatusDef(value, label)
