"""The columns that a ServiceNow mapping needs, as an update set; `python -m tests.docs.update_set` renews the file.

A second mapping is given by its path: `python -m tests.docs.update_set my-mapping.yaml > my-columns.xml`. The form is
that of the platform's own exports (`unload` with one `sys_remote_update_set` and a `sys_update_xml` for each column
and each choice list).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from capa_sync.mapping import load_mapping
from capa_sync.model.catalogue import FIELDS, FieldType
from capa_sync.starter import starter_path
from capa_sync.yamlfiles import load_with_lines

FILE = Path(__file__).resolve().parents[2] / "deploy" / "servicenow-update-set.xml"
MAPPING, TABLE = "servicenow-grc-issue.yaml", "sn_grc_issue"
_MADE = "2026-01-01 00:00:00"
"""The same in every file, so that it changes only when the columns do."""
_SHORT_TEXT, _LONG_TEXT = 255, 4000
_DAYS = {"effectiveness_due", "cb_deadline"}
_SHORT = {"location", "requirement_ref", "source_ref", "cause_categories", "training_ref", "isms_change_ref",
          "risk_ref", "management_review_ref", "recurrence_of"}  # fmt: skip
_LABELS = {
    "cb": "certification body",
    "capa_sync": "capa-sync",
    "fmea": "FMEA",
    "is_is_not": "is / is not",
    "isms": "ISMS",
    "none_because": "none, with a reason",
    "no_change_because": "no change, with a reason",
    "ofi": "opportunity for improvement",
    "rca": "root cause",
    "soa": "statement of applicability",
}


@dataclass(frozen=True)
class NewColumn:
    """One column to add: its table, its name, ServiceNow's type, and what the type needs."""

    table: str
    name: str
    type: str = "string"
    length: int = 40
    reference: str = ""
    choices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the label for people: `u_root_cause` is "Root cause"."""
        return label_of(self.name.removeprefix("u_"))


def label_of(name: str) -> str:
    """Return a name as words, its first letter a capital."""
    words = _LABELS.get(name) or " ".join(_LABELS.get(part, part) for part in name.split("_"))
    return words[:1].upper() + words[1:]


def columns_of(mapping: Path, table: str = TABLE) -> list[NewColumn]:
    """Return the columns of a table and of its child tables that a mapping names and that begin with `u_`."""
    load_mapping(mapping)
    data = load_with_lines(mapping.read_text(encoding="utf-8")).data
    found = {column: _column(table, column, field) for field, column in _named(data["record"])}
    found |= {
        f"{entry['table']}.{column}": NewColumn(entry["table"], column, length=_LONG_TEXT)
        for entry in data["actions"]
        if entry["from"] == "child"
        for _, column in _named({key: entry[key] for key in ("evidence", "text", "kind") if key in entry})
    }
    for entry in data["actions"]:
        if entry["from"] == "field":
            found.setdefault(str(entry["field"]), NewColumn(table, str(entry["field"]), length=_LONG_TEXT))
    found["u_jira_key"] = NewColumn(table, "u_jira_key")
    found["u_capa_sync_text"] = NewColumn(table, "u_capa_sync_text", length=8000)
    states = ("overdue", "warning", "waived", "clear")
    found["u_capa_sync_state"] = NewColumn(table, "u_capa_sync_state", choices=states)
    return list(found.values())


def _named(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield canonical field and column for each column of the organisation's own."""
    for name, said in record.items():
        for part in said["first_of"] if isinstance(said, Mapping) and "first_of" in said else [said]:
            column = part.get("field", "") if isinstance(part, Mapping) else part
            if str(column).startswith("u_"):
                yield str(name), str(column)


def _column(table: str, column: str, field: str) -> NewColumn:
    """Return a column whose type fits a canonical field."""
    spec = FIELDS[field]
    if spec.type is FieldType.PERSON:
        return NewColumn(table, column, "reference", 32, "sys_user")
    if spec.type is FieldType.TIME:
        return NewColumn(table, column, "glide_date" if field in _DAYS else "glide_date_time")
    if spec.type is FieldType.YESNO and field != "action_needed":
        return NewColumn(table, column, "boolean")
    choices = ("yes", "no") if spec.type is FieldType.YESNO else spec.choices
    if choices:
        return NewColumn(table, column, choices=choices)
    return NewColumn(table, column, length=_SHORT_TEXT if field in _SHORT else _LONG_TEXT)


# --- the file ------------------------------------------------------------------------------------------------------
def update_set(columns: Sequence[NewColumn]) -> str:
    """Return the update set that adds these columns, as text."""
    root = ET.Element("unload", unload_date=_MADE)
    name = "capa-sync: columns for Clause 10"
    place = ("sys_remote_update_set", *(f"{column.table}.{column.name}" for column in columns))
    set_id = _id(*place)
    about = {
        "application": "global",
        "application_name": "Global",
        "application_scope": "global",
        "description": "Columns that the mapping of capa-sync reads and writes. Made from the mapping file.",
        "name": name,
        "remote_sys_id": _id("sys_update_set", *place),
        "state": "loaded",
        "sys_class_name": "sys_remote_update_set",
        **_system(*place),
    }
    _add(root, "sys_remote_update_set", about)
    for column in columns:
        _add(root, "sys_update_xml", _update(column, "sys_dictionary", "Dictionary", _dictionary(column), set_id))
        if column.choices:
            _add(root, "sys_update_xml", _update(column, "sys_choice", "Choice list", _choice_list(column), set_id))
    ET.indent(root, space="")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _id(*parts: str) -> str:
    """Return a sys_id that depends only on the parts, so that a later file updates what an earlier one added."""
    return hashlib.blake2b("\x1f".join(("capa-sync", *parts)).encode(), digest_size=16).hexdigest()


def _system(*parts: str) -> dict[str, str]:
    times = {"sys_created_on": _MADE, "sys_updated_on": _MADE}
    return {"sys_id": _id(*parts), "sys_created_by": "capa-sync", "sys_updated_by": "capa-sync", **times}


def _add(parent: ET.Element, tag: str, values: Mapping[str, str], **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, {"action": "INSERT_OR_UPDATE", **attributes})
    for key, value in values.items():
        ET.SubElement(element, key).text = value
    return element


def _update(column: NewColumn, kind: str, type_: str, payload: ET.Element, set_id: str) -> dict[str, str]:
    name = f"{kind}_{column.table}_{column.name}"
    text = f'<?xml version="1.0" encoding="UTF-8"?>{ET.tostring(payload, encoding="unicode")}'
    return {
        "action": "INSERT_OR_UPDATE",
        "application": "global",
        "category": "customer",
        "name": name,
        "payload": text,
        "remote_update_set": set_id,
        "replace_on_upgrade": "false",
        "table": column.table,
        "target_name": f"{column.table}.{column.label}",
        "type": type_,
        "update_domain": "global",
        **_system("sys_update_xml", name),
    }


def _dictionary(column: NewColumn) -> ET.Element:
    """Return the payload of a dictionary entry; the column is audited, for without that it has no history."""
    root = ET.Element("record_update")
    values = {
        "active": "true",
        "audit": "true",
        "choice": "1" if column.choices else "",
        "column_label": column.label,
        "element": column.name,
        "internal_type": column.type,
        "mandatory": "false",
        "max_length": str(column.length),
        "name": column.table,
        "read_only": "false",
        "reference": column.reference,
        "sys_class_name": "sys_dictionary",
        "sys_name": column.label,
        "sys_package": "global",
        "sys_scope": "global",
        "sys_update_name": f"sys_dictionary_{column.table}_{column.name}",
        "unique": "false",
        **_system("sys_dictionary", column.table, column.name),
    }
    _add(root, "sys_dictionary", values, element=column.name, table=column.table)
    return root


def _choice_list(column: NewColumn) -> ET.Element:
    root = ET.Element("record_update")
    listed = _add(root, "sys_choice", {}, field=column.name, table=column.table, version="3")
    for number, value in enumerate(column.choices):
        choice = {
            "element": column.name,
            "inactive": "false",
            "label": label_of(value),
            "language": "en",
            "name": column.table,
            "sequence": str(number),
            "value": value,
            **_system("sys_choice", column.table, column.name, value),
        }
        _add(listed, "sys_choice", choice)
    about = {"element": column.name, "name": column.table, **_system("sys_choice_set", column.table, column.name)}
    _add(listed, "sys_choice_set", about)
    return root


def main(arguments: Sequence[str]) -> None:
    """Write the shipped file, or print the update set of another mapping."""
    if arguments:
        print(update_set(columns_of(Path(arguments[0]), *arguments[1:2])), end="")  # noqa: T201
    else:
        FILE.write_text(update_set(columns_of(starter_path("mappings") / MAPPING)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
