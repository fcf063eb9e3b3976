"""A generated ServiceNow instance: any number of `sn_grc_issue` rows of 130 columns with their audit rows.

The rows come from the pool of generated histories. The instance understands the few forms of encoded query that the
source sends; an unknown table is empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import orjson

from benchmarks.lives import FIRST_CREATED, POOL, TODAY, TicketLife, generate_pool
from benchmarks.served import Answer
from capa_sync.sandbox.servicenow.clause10 import CHOICES
from capa_sync.sandbox.stories.people import PEOPLE
from capa_sync.sandbox.stories.servicenow_player import _STATE_OF
from capa_sync.sandbox.stories.vocabulary import WORDS

TABLE = "sn_grc_issue"
STEP = timedelta(seconds=20)
COLUMNS = 130
Condition = tuple[str, str, str]
"""Column, operator and value of one part of an encoded query."""
_CONDITION = re.compile(r"([a-z_]+)(IN|>=|<=|=|>)(.*)")
_TYPES = {"person": "reference", "text": "string", "line": "string", "option": "string", "day": "glide_date"}


def sys_id(number: int, place: int = 0) -> str:
    """Return an id that sorts by number, of a row (place 0) or of one of its audit rows."""
    return f"{number:08x}{place:04x}".ljust(32, "0")


def _time_text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


_PEOPLE = {id_: f"{n:08x}".rjust(32, "e") for n, id_ in enumerate(PEOPLE, 1)}
_ME = "e" * 31 + "0"


def _column(name: str) -> str:
    return "state" if name == "stage" else WORDS[name].column


def _raw(name: str, value: str) -> str:
    if not value:
        return ""
    if name == "stage":
        return _STATE_OF[value]["state"]
    kind = WORDS[name].kind
    if kind == "person":
        return _PEOPLE[value]
    return f"{value} 08:00:00" if kind == "instant" else value


def _cells(life: TicketLife) -> bytes:
    """Return a row with raw and display values; ids and update time are left open."""
    cells = dict.fromkeys((_column(name) for name in WORDS if WORDS[name].column), ("", ""))
    for name, value in life.now.items():
        raw = _raw(name, value)
        person = name != "stage" and WORDS[name].kind == "person"
        cells[_column(name)] = (raw, PEOPLE[value].name if person else raw)
    cells |= {f"u_spare_{n}": ("", "") for n in range(COLUMNS - len(cells) - 8)}
    cells |= {
        "sys_id": ("@@ID@@", "@@ID@@"),
        "number": ("@@NUMBER@@", "@@NUMBER@@"),
        "sys_updated_on": ("@@UPDATED@@", "@@UPDATED@@"),
        "sys_created_on": (_time_text(FIRST_CREATED), _time_text(FIRST_CREATED)),
        "sys_created_by": ("anna.lee", "anna.lee"),
        "sys_updated_by": ("anna.lee", "anna.lee"),
        "sys_class_name": (TABLE, "Issue"),
        "u_track": ("nonconformity", "Nonconformity"),
    }
    row = {column: {"display_value": shown, "value": value} for column, (value, shown) in cells.items()}
    return re.sub(rb"@@(ID|NUMBER|UPDATED)@@", rb"%(\1)b", orjson.dumps(row).replace(b"%", b"%%"))


def _audit(life: TicketLife) -> list[tuple[str, bytes]]:
    """Return time and row of each audit entry; the ids are left open."""
    found = []
    for checkpoint, edit in enumerate(life.edits):
        for name, (before, after) in edit.values.items():
            row = {
                "sys_id": "@@ENTRY@@",
                "documentkey": "@@ID@@",
                "fieldname": _column(name),
                "oldvalue": _raw(name, before),
                "newvalue": _raw(name, after),
                "user": edit.by,
                "record_checkpoint": str(checkpoint),
                "sys_created_on": _time_text(edit.at),
            }
            text = orjson.dumps(row).replace(b"%", b"%%")
            found.append((_time_text(edit.at), re.sub(rb"@@(ID|ENTRY)@@", rb"%(\1)b", text)))
    return found


def _dictionary() -> list[dict[str, str]]:
    rows = [{"name": TABLE, "element": "", "audit": "true", "internal_type": "collection"}]
    for word in (word for word in WORDS.values() if word.column):
        reference = "sys_user" if word.kind == "person" else ""
        type_ = _TYPES.get(word.kind, "glide_date_time")
        rows.append({"name": TABLE, "element": word.column, "internal_type": type_, "reference": reference})
    plain = ["state", "u_track", "number", "sys_id", "sys_updated_on", "sys_created_on", "sys_created_by"]
    plain += ["sys_updated_by", "sys_class_name", *(f"u_spare_{n}" for n in range(COLUMNS))]
    rows += [{"name": TABLE, "element": column, "internal_type": "string"} for column in plain]
    return [{"sys_id": sys_id(n), "column_label": row["element"], **row} for n, row in enumerate(rows, 1)]


def _choices() -> list[dict[str, str]]:
    rows = []
    for (table, column), listed in CHOICES.items():
        for place, pair in enumerate(listed.split(",")):
            value, _colon, label = pair.strip().partition(":")
            rows.append({"name": table, "element": column, "value": value, "label": label, "language": "en",
                         "sequence": str(place), "inactive": "false"})  # fmt: skip
    return [{"sys_id": sys_id(n), **row} for n, row in enumerate(rows, 1)]


class GeneratedServiceNow:
    """The answers of an instance with `size` records."""

    def __init__(self, size: int) -> None:
        lives = generate_pool()
        self._size = size
        self._rows = [_cells(life) for life in lives]
        self._audits = [_audit(life) for life in lives]
        users = [{"sys_id": id_, "user_name": name, "name": PEOPLE[name].name} for name, id_ in _PEOPLE.items()]
        users.append({"sys_id": _ME, "user_name": "capa.sync", "name": "capa-sync", "time_zone": "UTC"})
        self._small = {
            "sys_user": sorted((user | {"active": "true"} for user in users), key=lambda user: user["sys_id"]),
            "sys_db_object": [{"sys_id": sys_id(1), "name": TABLE, "super_class.name": ""}],
            "sys_dictionary": _dictionary(),
            "sys_choice": _choices(),
        }
        self._edited: dict[int, datetime] = {}

    def answer(self, method: str, target: str, _body: bytes) -> Answer:
        """Answer one request."""
        path, _question, query = target.partition("?")
        if path.startswith("/rest/api/3/edit/"):
            first, count = map(int, path.split("/")[-2:])
            self._edited.update({n: datetime.now(UTC) for n in range(first, first + count)})
            return 200, b"{}", b""
        if method != "GET":
            return 403, b'{"error":{"message":"reading only"}}', b""
        asked = parse_qs(query)
        table, parts = path.rpartition("/")[2], asked.get("sysparm_query", [""])[0].split("^")
        wanted = [(match[1], match[2], match[3]) for part in parts if (match := _CONDITION.fullmatch(part))]
        limit, offset = (int(asked.get(name, ["0"])[0]) for name in ("sysparm_limit", "sysparm_offset"))
        if table == TABLE:
            rows, total = self._records(wanted, parts, limit, offset)
            fields = asked.get("sysparm_fields", [""])[0].split(",")
            rows = [_columns_of(row, fields) for row in rows] if fields != [""] else rows
        elif table == "sys_audit":
            audit = self._audit_rows(wanted)
            rows, total = audit[offset : offset + limit], len(audit)
        else:
            plan_cache = [row for row in self._small.get(table, ()) if _holds(row, wanted)]
            rows, total = [orjson.dumps(row) for row in plan_cache[offset : offset + limit]], len(plan_cache)
        return 200, b'{"result":[%b]}' % b",".join(rows), b"X-Total-Count: %d\r\n" % total

    # --- records ---------------------------------------------------------------------------------------------------
    def _records(self, wanted: list[Condition], parts: list[str], limit: int, offset: int) -> tuple[list[bytes], int]:
        numbers = self._matching(wanted, parts)
        return [self._row(number) for number in numbers[offset : offset + limit]], len(numbers)

    def _matching(self, wanted: list[Condition], parts: list[str]) -> Sequence[int]:
        numbers: Sequence[int] = range(self._size)
        since = next((condition for condition in wanted if condition[0] == "sys_updated_on"), None)
        ids = [condition for condition in wanted if condition[0] == "sys_id"]
        if since is not None:
            early = self._early(since[2])
            known = range(early, self._size) if since[1] != "<=" else range(max(0, early - 60), self._size)
            numbers = sorted({*known, *self._edited})
            numbers = [n for n in numbers if _compare(_time_text(self._updated(n)), since[1], since[2])]
        for _column, operator, value in ids:
            if operator == "IN":
                numbers = [int(id_[:8], 16) for id_ in value.split(",")]
            elif isinstance(numbers, range):
                numbers = range(int(value[:8], 16) + (operator == ">"), self._size)
            else:
                numbers = [n for n in numbers if _compare(sys_id(n), operator, value)]
        if "ORDERBYsys_updated_on" in parts or "ORDERBYDESCsys_updated_on" in parts:
            numbers = sorted(numbers, key=lambda n: (self._updated(n), n), reverse="ORDERBYDESCsys_id" in parts)
        return numbers

    def _early(self, updated: str) -> int:
        """Return a number that is not above the number of any row updated at that time or later."""
        behind = TODAY - datetime.fromisoformat(f"{updated}+00:00")
        return max(0, self._size - 2 - int(behind / STEP))

    def _updated(self, number: int) -> datetime:
        return self._edited.get(number) or TODAY - (self._size - 1 - number) * STEP

    def _row(self, number: int) -> bytes:
        return self._rows[number % POOL] % {
            b"ID": sys_id(number).encode(),
            b"NUMBER": b"ISSUE%07d" % number,
            b"UPDATED": _time_text(self._updated(number)).encode(),
        }

    # --- audit -----------------------------------------------------------------------------------------------------
    def _audit_rows(self, wanted: list[Condition]) -> list[bytes]:
        keys = next((condition[2] for condition in wanted if condition[0] == "documentkey"), sys_id(0))
        found: list[tuple[str, str, str, bytes]] = []
        for key in keys.split(","):
            number = int(key[:8], 16)
            for place, (created, row) in enumerate(self._audits[number % POOL], 1):
                found.append((created, sys_id(number, place), key, row))
        for column, operator, value in wanted:
            if column in ("sys_created_on", "sys_id"):
                is_time = column == "sys_created_on"
                found = [audit for audit in found if _compare(audit[0] if is_time else audit[1], operator, value)]
        found.sort(key=lambda audit: audit[:2])
        return [row % {b"ID": key.encode(), b"ENTRY": entry.encode()} for _created, entry, key, row in found]


def _columns_of(row: bytes, columns: list[str]) -> bytes:
    cells = orjson.loads(row)
    return orjson.dumps({column: cells[column] for column in columns if column in cells})


def _compare(mine: str, operator: str, value: str) -> bool:
    if operator in (">", ">="):
        return mine > value or (operator == ">=" and mine == value)
    return mine <= value if operator == "<=" else mine == value


def _holds(row: dict[str, str], wanted: list[Condition]) -> bool:
    for column, operator, value in wanted:
        mine = row.get(column, "")
        if operator == "IN":
            if mine not in value.split(","):
                return False
        elif column in row and not _compare(mine, operator, value):
            return False
    return True
