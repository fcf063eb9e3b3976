"""The register as a plan of action and milestones in NIST's OSCAL, version 1.2.1, as JSON.

A record is a POA&M item with one risk, an unresolved finding an observation, and an action a task of the risk's
remediation. Ids are UUIDs (version 5) over the register's id and the ticket's: a record has the same id in every
export. The members of each list are written one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import orjson

from capa_sync import __version__
from capa_sync.exports.extract import Extract
from capa_sync.model.visible import escaped, lines, one_line
from capa_sync.redaction import redacted

VERSION = "1.2.1"
_NAMESPACE = "urn:capa-sync"
_KEY = ("register_no", "source", "ticket_id")
_RECORD = (*_KEY, "ticket_key", "ticket_url", "title", "requirement", "consequences", "claimed_stage", "due_at")
_PROPS = (
    "register_no",
    "source",
    "ticket_key",
    "track",
    "grade",
    "claimed_stage",
    "evidenced_stage",
    "owner",
    "presence",
)
_FINDING = (*_KEY, "rule", "clause", "severity", "state", "message", "opened_at")
_ACTION = (*_KEY, "action_id", "kind", "text", "owner", "due_at", "done_at")
_UNRESOLVED = frozenset({"open", "waived", "historical"})
_ENDED = frozenset({"closed", "rejected", "cancelled", "duplicate"})
_METHODS, _TYPES = ["TEST"], ["finding"]
Row = dict[str, Any]


def write_oscal(path: Path, extract: Extract, about: Row, zone: ZoneInfo) -> dict[str, int]:
    """Write the plan; return table -> number of its rows in it."""
    plan = _Plan(extract, UUID(about["register"]), zone)
    counts = {"register": 0, "findings": 0, "actions": 0}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        head = {"uuid": plan.id("plan"), "metadata": _metadata(about)}
        head["system-id"] = {"identifier-type": "https://ietf.org/rfc/rfc4122", "id": str(UUID(about["register"]))}
        file.write(f'{{"plan-of-action-and-milestones": {_json(head)[:-1]}')
        counts["findings"] = _write_list(file, "observations", plan.observations())
        _write_list(file, "risks", plan.risks(counts))
        counts["register"] = _write_list(file, "poam-items", plan.items())
        file.write("}}\n")
    return counts


def _write_list(file: TextIO, name: str, members: Iterator[Row]) -> int:
    """Write a list with its name; nothing for an empty one, which OSCAL does not allow. Return its length."""
    before, number = f',\n"{name}": [\n', 0
    for member in members:
        file.write(before + _json(member))
        before, number = ",\n", number + 1
    file.write("\n]" if number else "")
    return number


def _metadata(about: Row) -> Row:
    """Return the document's metadata; it was changed when a source was last read, not when it was written."""
    read = [source["as_of"] for source in about["sources"] if source.get("as_of")]
    changed = max(read, default=about["register_created_at"])
    return {
        "title": "Nonconformities and improvements",
        "last-modified": changed,
        "version": f"{changed} by capa-sync {__version__}",
        "oscal-version": VERSION,
        "remarks": "It shows which evidence the checks found and which they did not; it does not judge conformity.",
    }


class _Plan:
    """Makes the members of the plan from the views; each list reads what it needs, in the order of the records."""

    def __init__(self, extract: Extract, register: UUID, zone: ZoneInfo) -> None:
        self._extract, self._register, self._zone = extract, register, zone

    def id(self, *names: str) -> str:
        """Return the stable id of what has these names."""
        return str(uuid5(self._register, ":".join(names)))

    def _findings(self) -> Iterator[Row]:
        for row in _rows(self._extract, "v_findings", _FINDING):
            if row["state"] in _UNRESOLVED and row["opened_at"]:
                yield row

    def observations(self) -> Iterator[Row]:
        """Yield one observation for each unresolved finding of a record."""
        findings = _Along(self._findings())
        for record in _rows(self._extract, "v_register", _KEY):
            for row in findings.of(record):
                yield {
                    "uuid": self._finding_id(row),
                    "title": row["rule"],
                    "description": lines(row["message"]) or row["rule"],
                    "props": _props(row, ("rule", "clause", "severity", "state")),
                    "methods": _METHODS,
                    "types": _TYPES,
                    "collected": row["opened_at"],
                }

    def risks(self, counts: dict[str, int]) -> Iterator[Row]:
        """Yield one risk for each record, with its actions as tasks; count these."""
        findings, actions = _Along(self._findings()), _Along(_rows(self._extract, "v_actions", _ACTION))
        for record in _rows(self._extract, "v_register", _RECORD):
            title = _title(record)
            risk: Row = {
                "uuid": self.id("risk", record["source"], record["ticket_id"]),
                "title": title,
                "description": title,
                "statement": lines(record["consequences"] or "") or "No consequences are recorded.",
                "status": "closed" if record["claimed_stage"] in _ENDED else "open",
            }
            if deadline := self._deadline(record["due_at"]):
                risk["deadline"] = deadline
            if tasks := [self._task(action) for action in actions.of(record)]:
                counts["actions"] += len(tasks)
                risk["remediations"] = [self._remediation(record, tasks)]
            risk |= self._related(findings.of(record))
            yield risk

    def items(self) -> Iterator[Row]:
        """Yield one item for each record."""
        findings = _Along(self._findings())
        columns = tuple(dict.fromkeys((*_RECORD, *_PROPS)))
        for record in _rows(self._extract, "v_register", columns):
            item: Row = {
                "uuid": self.id("item", record["source"], record["ticket_id"]),
                "title": _title(record),
                "description": lines(record["requirement"] or "") or _title(record),
                "props": _props(record, _PROPS),
            }
            if str(record["ticket_url"]).startswith(("https://", "http://")):
                item["links"] = [{"href": one_line(record["ticket_url"]), "rel": "reference"}]
            item |= self._related(findings.of(record))
            risk = self.id("risk", record["source"], record["ticket_id"])
            yield item | {"related-risks": [{"risk-uuid": risk}]}

    def _finding_id(self, row: Row) -> str:
        return self.id("finding", row["source"], row["ticket_id"], row["rule"])

    def _related(self, findings: Sequence[Row]) -> Row:
        related = [{"observation-uuid": self._finding_id(row)} for row in findings]
        return {"related-observations": related} if related else {}

    def _remediation(self, record: Row, tasks: list[Row]) -> Row:
        return {
            "uuid": self.id("remediation", record["source"], record["ticket_id"]),
            "lifecycle": "planned",
            "title": "Actions",
            "description": "The actions of the record as its tracker has them.",
            "tasks": tasks,
        }

    def _task(self, action: Row) -> Row:
        names = (action["source"], action["ticket_id"], action["action_id"])
        text = lines(action["text"] or "")
        task: Row = {
            "uuid": self.id("action", *names),
            "type": "action",
            "title": one_line(text)[:200].strip() or "Action",
            "description": text or "No text is recorded.",
        }
        if props := _props(action, ("kind", "owner", "done_at")):
            task["props"] = props
        if due := self._deadline(action["due_at"]):
            task["timing"] = {"on-date": {"date": due}}
        return task

    def _deadline(self, due: str | None) -> str:
        """Return a due date as an instant; a plain date ends at 24:00 in the register's zone. "" for none."""
        if not due:
            return ""
        try:
            if len(due) > len("YYYY-MM-DD"):
                return datetime.fromisoformat(due).isoformat()
            day = date.fromisoformat(due) + timedelta(days=1)
            return datetime.combine(day, time.min, self._zone).isoformat()
        except (ValueError, OverflowError):
            return ""


class _Along:
    """Rows of another view that are read along with the records, which come in the same order."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._groups = groupby(rows, key=_order)
        self._order: tuple[Any, ...] | None = None
        self._rows: list[Row] = []
        self._advance()

    def _advance(self) -> None:
        found = next(self._groups, None)
        self._order, self._rows = (found[0], list(found[1])) if found is not None else (None, [])

    def of(self, record: Row) -> list[Row]:
        """Return the rows of a record; those of tickets without a record are passed over."""
        wanted = _order(record)
        while self._order is not None and self._order < wanted:
            self._advance()
        return self._rows if self._order == wanted else []


def _order(row: Row) -> tuple[Any, ...]:
    """Return the place of a row's record, as `Extract.rows` orders them."""
    number = row["register_no"]
    parts = [int(part) for part in number.split("-")[1:]] if number else []
    return not number, parts, row["source"], row["ticket_id"]


def _rows(extract: Extract, view: str, columns: tuple[str, ...]) -> Iterator[Row]:
    for row in extract.rows(view, columns):
        yield dict(zip(columns, row, strict=True))


def _title(record: Row) -> str:
    return one_line(record["title"] or "").strip() or one_line(f"{record['source']}:{record['ticket_key']}")


def _props(row: Row, names: Sequence[str]) -> list[Row]:
    """Return those columns that are filled as OSCAL's properties, in a namespace of our own."""
    found = ((name, one_line(str(row[name] or "")).strip()) for name in names)
    return [{"name": name.replace("_", "-"), "ns": _NAMESPACE, "value": value} for name, value in found if value]


def _json(member: Row) -> str:
    return escaped(redacted(orjson.dumps(member).decode()))
