"""`python -m tests.tools.aea IN OUT`: a file of the AEA form becomes a Jira Cloud in the sandbox's file form.

IN is JSON lines (`.gz` or not), newest first: a row is one history entry, its columns are the ticket after it, and
`Changed.Fields` names the changed fields. OUT has the site, its people, fields and lists, and each ticket with one
history a row: ids rise from the end of IN, so that rows of one instant, even identical ones, keep their order.

A changed field's `from` is the value in the row before, its `to` the value in this row; both are null where no column
has the field. A field that the ticket's oldest row names has `from` null: its value before is unknown. A field that
that row does not name had its value from creation. Authors, summaries and all else that no row has are null.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.tools.aea_fields import LISTED, Field, Json, find_fields, shown, user
from tests.tools.aea_rows import CREATED, RESOLVED, FormError, Row, instant, read_tickets

NO_CATEGORY = {"id": 1, "key": "undefined", "name": "No Category", "colorName": "medium-gray"}
"""Jira's category of a status that belongs to none; the rows do not have the true one."""

_ALWAYS = ("summary", "description", "creator", "reporter", "priority", "duedate")
"""System fields that every issue of a Jira Cloud has."""

_SCHEMAS: dict[str, Json] = {
    "number": {"type": "number"},
    "labels": {"type": "array", "items": "string"},
    "options": {"type": "array", "items": "option"},
    "line": {"type": "string"},
}


def convert(path: Path) -> Iterator[Json]:
    """Yield the lines of the sandbox's form for a file of the AEA form. Raises FormError."""
    tickets = read_tickets(path)
    fields = find_fields(tickets)
    yield {"kind": "site", "face": "cloud"}
    yield from _people(tickets, fields.values())
    for field in fields.values():
        yield from _field_lines(field)
    for number, key in enumerate(sorted({key.rpartition("-")[0] for key in tickets}), start=10_001):
        yield {"kind": "project", "id": str(number), "key": key, "name": key}
    for number, (key, rows) in enumerate(tickets.items(), start=10_001):
        yield {"kind": "ticket", "issue": _issue(str(number), key, rows, fields)}


def _people(tickets: Mapping[str, Sequence[Row]], fields: Collection[Field]) -> Iterator[Json]:
    columns = [field.column for field in fields if field.kind == "user" and field.column]
    numbers = {shown(row.after.get(column)) for rows in tickets.values() for row in rows for column in columns}
    for number in sorted(numbers - {""}, key=lambda text: (len(text), text)):
        yield {"kind": "user", **user(number)}


def _field_lines(field: Field) -> Iterator[Json]:
    if field.kind in LISTED:
        more = {"statusCategory": NO_CATEGORY} if field.kind == "status" else {}
        for name, id_ in field.options.items():
            yield {"kind": field.kind, "id": id_, "name": name, **more}
    elif field.id.startswith("customfield_"):
        schema = {**_SCHEMAS[field.kind], "customId": int(field.id.removeprefix("customfield_"))}
        options = [{"id": id_, "value": name} for name, id_ in field.options.items()]
        yield {"kind": "field", "id": field.id, "name": field.name, "schema": schema, "options": options}


def _issue(id_: str, key: str, rows: Sequence[Row], fields: Mapping[str, Field]) -> Json:
    last = rows[-1]
    values: Json = dict.fromkeys(_ALWAYS)
    values["created"] = instant(last.after, CREATED) or rows[0].at
    values["updated"] = last.at
    values["resolutiondate"] = instant(last.after, RESOLVED)
    for field in fields.values():
        if field.column or field.id.startswith("customfield_"):
            values[field.id] = field.value(last)
    values["subtasks"] = [{"key": word} for word in shown(last.after.get("subtask")).split(", ") if "-" in word]
    histories = [_history(row, before, fields) for row, before in zip(rows, [None, *rows[:-1]], strict=True)]
    return {"id": id_, "key": key, "fields": values, "changelog": {"histories": histories}}


def _history(row: Row, before: Row | None, fields: Mapping[str, Field]) -> Json:
    items = [_item(name, fields[name.casefold()], before, row) for name in row.fields]
    return {"id": str(row.entry), "author": None, "created": row.at, "items": items}


def _item(name: str, field: Field, before: Row | None, row: Row) -> Json:
    is_custom = field.id.startswith("customfield_")
    old, new = field.side(before), field.side(row)
    return {
        "field": name if is_custom or field.kind == "line" else field.id,
        "fieldtype": "custom" if is_custom else "jira",
        "fieldId": field.id,
        "from": old[0],
        "fromString": old[1],
        "to": new[0],
        "toString": new[1],
    }


def write(lines: Iterable[Json], path: Path) -> tuple[int, int]:
    """Write lines to a file, packed when its name ends in .gz; return how many tickets and history entries."""
    tickets = entries = 0
    with gzip.open(path, "wt", encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8") as out:
        for line in lines:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            if line["kind"] == "ticket":
                tickets += 1
                entries += len(line["issue"]["changelog"]["histories"])
    return tickets, entries


def main(arguments: Sequence[str]) -> int:
    """Convert; return the exit code: 0, or 2 for the user's mistake, reported in one line."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m tests.tools.aea IN OUT\n")
        return 2
    source, target = map(Path, arguments)
    try:
        tickets, entries = write(list(convert(source)), target)
    except (FormError, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{tickets} tickets, {entries} history entries -> {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
