"""The nonconformity of docs/clause10.md 6, computed by hand, as a Jira ticket mapped by the shipped mapping."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import capa_sync
from capa_sync.mapping import BoundMapping, bind, load_mapping, map_ticket
from capa_sync.mapping.schema import MappingFile
from capa_sync.model.record import CapaRecord
from capa_sync.model.site import Account, FieldDef, SiteFacts, StatusDef
from capa_sync.model.ticket import Origin, RawChange, RawComment, SourceTicket
from capa_sync.model.values import BLANK, Raw

SHIPPED = Path(capa_sync.__file__).parent.parent / "mappings"
_DAYS = frozenset({"Due date", "Effectiveness due", "Detected on", "Corrected on", "Certification body deadline"})


def shipped(name: str) -> MappingFile:
    """Load a shipped mapping."""
    return load_mapping(SHIPPED / f"{name}.yaml", f"mappings/{name}.yaml")


def names_of(mapping: MappingFile) -> list[str]:
    """Return every field name that a mapping's record, stage and actions use, in order of first use."""
    refs = [part.ref for field in mapping.record.values() for part in field.parts]
    for entry in mapping.actions:
        parts = (entry.text, entry.owner, entry.due_at, entry.done_at, entry.evidence)
        refs += [part.ref for part in parts if part is not None]
        refs += [cancelling.ref for cancelling in entry.cancelled]
    refs += [mapping.stage.ref]
    refs += [side.ref for listed in mapping.stage.sides.values() for side in listed]
    refs += [mapping.same_as.ref] if mapping.same_as else []
    return list(dict.fromkeys(ref.name for ref in refs if ref is not None))


_SYSTEM = {
    "Summary": "summary",
    "summary": "summary",
    "Due date": "duedate",
    "duedate": "duedate",
    "Issue Type": "issuetype",
    "Status": "status",
    "status": "status",
}


def jira_site(mapping: MappingFile) -> SiteFacts:
    """Return a Jira site that has every field which the mapping names."""
    fields: dict[str, FieldDef] = {}
    for index, name in enumerate(names_of(mapping)):
        key = _SYSTEM.get(name) or (name.lower() if name in _KNOWN else f"customfield_{10100 + index}")
        shown = next((title for title, id_ in _SYSTEM.items() if id_ == key), name)
        fields.setdefault(key, FieldDef(key, shown, "date" if shown in _DAYS else "", key.startswith("custom")))
    statuses = tuple(StatusDef(str(20 + n), rule.status) for n, rule in enumerate(mapping.stage.rules))
    return SiteFacts(tuple(fields.values()), statuses, Account("us", "capa-sync"), (Account("acc-lee", "Lee", True),))


_KNOWN = frozenset({"Description", "Reporter", "Assignee", "Resolution", "assignee"})


def at(month: int, day: int, hour: int = 12, minute: int = 0) -> datetime:
    """Return an instant of 2025 in UTC; London is one hour ahead of UTC then."""
    return datetime(2025, month, day, hour, minute, tzinfo=UTC)


LEE = Raw(("acc-lee",), ("Lee",), "Lee")
CAUSE = "No deputy named in AC-03; reminder lost with leaver mailbox"
BORN: dict[str, Any] = {
    "Summary": "Access review of the Finance app missed",
    "Description": "The review of access rights to the Finance app that AC-03 asks for was not held in the first "
    "quarter of this year; seen in the audit.",
    "Issue Type": "Nonconformity",
    "Detected on": "2025-05-02",
    "Location": "Finance app",
    "Grade": "Minor",
    "Impact": "Leavers kept access for up to six weeks",
    "Requirement": "A.5.18",
    "Source": "Internal audit",
    "Source reference": "IA-03/2",
    "Reporter": LEE,
    "Assignee": LEE,
    "Status": "Open",
}
SAVES: tuple[tuple[datetime, dict[str, Any]], ...] = (
    (at(5, 7, 9), {"Corrective action": "Run the missing review"}),
    (
        at(5, 8),
        {"Correction": "Accounts of three leavers disabled", "Consequences": "none, because logs show no use"},
    ),
    (
        at(5, 12),
        {
            "RCA method": "5 Whys",
            "Five whys": "Why 1: review not held\nWhy 2: no reminder\nWhy 3: owner left\nWhy 4: no deputy in AC-03",
            "Root cause": CAUSE,
            "Cause category": "Ownership",
        },
    ),
    (at(5, 13), {"Corrective action": "Name deputy in AC-03, reminder in shared mailbox"}),
    (at(5, 14), {"Status": "Planned", "Due date": "2025-06-30"}),
    (at(7, 3, 14), {"Due date": "2025-07-31"}),
    (at(7, 25), {"Status": "Implemented", "Implementation evidence": "CHG0031"}),
    (
        at(7, 28),
        {
            "Effectiveness criterion": "0 late leavers in 60 days",
            "Effectiveness due": "2025-09-01",
            "Effectiveness reviewer": LEE,
        },
    ),
    (at(8, 1), {"Effectiveness result": "Effective", "Effectiveness note": "Done", "Status": "Closed"}),
    (at(8, 6), {"Root cause": "The reminder for the review was lost with the mailbox of the leaver"}),
)
COMMENT_AT = at(7, 4, 8)


def _raw(value: Any) -> Raw:
    if isinstance(value, Raw):
        return value
    return BLANK if value is None else Raw((value,), (value,) if value in _OPTIONS else (), value)


_OPTIONS = frozenset({"Nonconformity", "Minor", "Internal audit", "5 Whys", "Ownership", "Effective"})
_OPTIONS |= {"Open", "Planned", "Implemented", "Closed"}


def life_ticket(bound: BoundMapping, until: datetime) -> SourceTicket:
    """Return the ticket as it was at an instant, with its history so far."""
    ids = {field.name: field.id for field in bound.facts.fields}
    values = {name: _raw(value) for name, value in BORN.items()}
    changes: list[RawChange] = []
    saves = [save for save in SAVES if save[0] <= until]
    for order, (when, fields) in enumerate(saves):
        for name, value in fields.items():
            old, new = values.get(name, BLANK), _raw(value)
            changes.append(RawChange(f"h{order}", when, order, ids[name], name, old, new, "acc-lee", Origin.HISTORY))
            values[name] = new
    comments = (RawComment("c1", COMMENT_AT, "acc-lee", "Agreed with M. Roy: supplier late"),)
    return SourceTicket(
        source="jira",
        id="10001",
        key="CAPA-1",
        url="https://jira.example/browse/CAPA-1",
        kind="Nonconformity",
        container="CAPA",
        created_at=at(5, 5, 8),
        updated_at=max([at(5, 5, 8), *(when for when, _ in saves)]),
        created_by="acc-lee",
        values={ids[name]: value for name, value in values.items()},
        changes=tuple(changes),
        comments=tuple(comment for comment in comments if comment.at <= until),
        attachments=1,
    )


def life_record(until: datetime) -> CapaRecord:
    """Return the record of that ticket at an instant, by the shipped Jira Cloud mapping."""
    mapping = shipped("jira-cloud")
    bound = bind(mapping, jira_site(mapping))
    assert bound.problems == ()
    found = map_ticket(bound, life_ticket(bound, until), {}, people=mapping.people, as_of=until, own_account="us")
    assert isinstance(found, CapaRecord), found
    return found


HOUR = timedelta(hours=1)
