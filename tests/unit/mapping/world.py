"""A small Jira site, a mapping for it, and a builder of tickets with history, for the mapping tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from capa_sync.mapping import BoundMapping, MappingFile, bind, load_mapping, map_ticket
from capa_sync.model.record import CapaRecord, Unmapped
from capa_sync.model.site import Account, FieldDef, SiteFacts, StatusDef
from capa_sync.model.ticket import Origin, RawChange, SourceTicket
from capa_sync.model.values import BLANK, Raw, Value, ValueState

T0 = datetime(2025, 5, 5, 8, 0, tzinfo=UTC)
AS_OF = datetime(2025, 9, 1, tzinfo=UTC)

PEOPLE = """
people:
  lee:
    name: Anna Lee
    accounts: {jira: [acc-lee, JIRAUSER1], servicenow: sys-lee}
  roy:
    name: Mara Roy
    active: no
    accounts: {jira: acc-roy}
groups: {leads: [roy]}
waiver_group: leads
"""

MAPPING = """
mapping: test
kind: jira
record:
  track: {constant: nonconformity}
  title: Summary
  root_cause: {field: Root cause, template: "Why 1: … Why 2: …"}
  correction: Correction
  grade: {field: Grade, values: {Major: major, Minor: minor, Not graded: empty}}
  location: {first_of: [Site, {constant: London office}]}
  owner: Assignee
  due_at: Due date
  occurred_at: Occurred
  why_chain: {field: Five whys, split: lines}
  requirement_ref: Requirement
  duplicate_of: {links: [duplicates]}
stage:
  field: Status
  values:
    Open: identified
    "11": analysed
    In Action: {stage: planned, aliases: [Umsetzung]}
    Implemented: implemented
    Closed: closed
    Review: [{stage: implemented, until: 2025-06-01}, {stage: verified, from: 2025-06-01}]
  rejected: [{field: Resolution, is: ["Won't do"]}]
  duplicate: [{field: Resolution, is: [Duplicate]}]
  on_hold: [Waiting]
actions:
  - {from: field, field: Corrective action, kind: corrective, inherit: [owner, due_at]}
  - from: subtask
    types: [Action]
    kind: corrective
    inherit: [due_at]
    cancelled: [{field: Resolution, is: ["Won't do"]}]
  - {from: link, types: [is resolved by], kind: preventive}
people: people.yaml
ignore_accounts: [Automation]
same_as: {field: Twin, source: servicenow}
"""

FIELDS: dict[str, tuple[str, str]] = {
    "summary": ("Summary", "string"),
    "status": ("Status", "status"),
    "resolution": ("Resolution", "resolution"),
    "assignee": ("Assignee", "user"),
    "duedate": ("Due date", "date"),
    "c1": ("Root cause", "string"),
    "c2": ("Correction", "string"),
    "c3": ("Grade", "option"),
    "c4": ("Site", "string"),
    "c5": ("Corrective action", "string"),
    "c6": ("Occurred", "datetime"),
    "c7": ("Five whys", "string"),
    "c8": ("Requirement", "string"),
    "c9": ("Twin", "string"),
    "issuetype": ("Issue Type", "issuetype"),
}
STATUSES = {
    "10": ("Open", "new"),
    "11": ("Analysed", "indeterminate"),
    "12": ("In Action", "indeterminate"),
    "13": ("Implemented", "indeterminate"),
    "14": ("Closed", "done"),
    "15": ("Review", "indeterminate"),
    "16": ("Waiting", "indeterminate"),
    "17": ("Strange", "new"),
    "18": ("Done", "done"),
    "19": ("Done", "done"),
    "20": ("Doing", "indeterminate"),
}
BY_STATUS = {name: Raw((key,), (name,), name) for key, (name, _) in STATUSES.items()}
ACCOUNTS = (
    Account("acc-lee", "Anna Lee (Jira)", True),
    Account("acc-roy", "Mara Roy", True),
    Account("acc-bot", "Automation", True),
    Account("acc-us", "capa-sync", True),
    Account("acc-new", "Kim Ito", False, ("JIRAUSER9",)),
)


def site(**changes: Any) -> SiteFacts:
    """Return the facts that the small site delivers about itself."""
    return SiteFacts(
        **{
            "fields": tuple(FieldDef(key, name, type_) for key, (name, type_) in FIELDS.items()),
            "statuses": tuple(StatusDef(key, *rest) for key, rest in STATUSES.items()),
            "me": Account("acc-us", "capa-sync", True),
            "accounts": ACCOUNTS,
            **changes,
        }
    )


def write_mapping(folder: Path, text: str = MAPPING, people: str = PEOPLE) -> Path:
    """Write a mapping and its people file; return the mapping's path."""
    (folder / "people.yaml").write_text(people, encoding="utf-8")
    path = folder / "map.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str = MAPPING, people: str = PEOPLE) -> MappingFile:
    """Write and load a mapping."""
    return load_mapping(write_mapping(folder, text, people), "map.yaml")


def raw(value: Any) -> Raw:
    """Return a tracker's value from a test's shorthand: None, a Raw, or a text."""
    if value is None:
        return BLANK
    return value if isinstance(value, Raw) else Raw((str(value),), (), str(value))


def user(account: str, name: str = "") -> Raw:
    """Return a user as a tracker holds one."""
    return Raw((account,), (name or account,), name or account)


def option(key: str, name: str) -> Raw:
    """Return a chosen option."""
    return Raw((key,), (name,), name)


MAJOR, MINOR = option("100", "Major"), option("101", "Minor")


def ticket(
    values: Mapping[str, Any] | None = None, history: list[tuple[Any, ...]] | None = None, **changes: Any
) -> SourceTicket:
    """Build a ticket.

    Args:
        values: field id -> value; status Open by default.
        history: (instant, account, {field id: (old, new)}) a history entry, in true order.
        changes: attributes of SourceTicket to set.
    """
    fields = {"summary": raw("Access review missed"), "status": BY_STATUS["Open"]}
    fields |= {key: raw(value) for key, value in (values or {}).items()}
    rows: list[RawChange] = []
    for order, (at, by, items) in enumerate(history or []):
        for key, (old, new) in items.items():
            name = FIELDS.get(key, (key.removeprefix("name:"), ""))[0]
            rows.append(RawChange(f"h{order}", at, order, key, name, raw(old), raw(new), by, Origin.HISTORY))
    return SourceTicket(
        **{
            "source": "jira",
            "id": "1",
            "key": "CAPA-1",
            "url": "http://jira/browse/CAPA-1",
            "kind": "Nonconformity",
            "container": "CAPA",
            "created_at": T0,
            "updated_at": max([T0, *(row.at for row in rows)]),
            "created_by": "acc-lee",
            "values": fields,
            "changes": tuple(rows),
            **changes,
        }
    )


def mapped(
    bound: BoundMapping, source_ticket: SourceTicket, children: Mapping[str, SourceTicket | None] | None = None
) -> CapaRecord | Unmapped:
    """Map a ticket with the test's people."""
    return map_ticket(
        bound, source_ticket, children or {}, people=bound.mapping.people, as_of=AS_OF, own_account="acc-us"
    )


def record(
    bound: BoundMapping, source_ticket: SourceTicket, children: Mapping[str, SourceTicket | None] | None = None
) -> CapaRecord:
    """Map a ticket that must be mappable."""
    found = mapped(bound, source_ticket, children)
    assert isinstance(found, CapaRecord), found
    return found


def rows(found: CapaRecord, name: str) -> list[tuple[Any, Any]]:
    """Return (old data, new data) of a field's timeline rows."""
    return [(row.old.data, row.new.data) for row in found.timeline if row.field == name]


def replayed(found: CapaRecord, name: str) -> Value:
    """Return a field's value after playing its timeline forward."""
    value = Value(ValueState.EMPTY)
    for row in found.timeline:
        if row.field == name:
            value = row.new
    return value


def bound_to(folder: Path, text: str = MAPPING, **facts: Any) -> BoundMapping:
    """Load a mapping and bind it to the small site."""
    return bind(load(folder, text), site(**facts))
