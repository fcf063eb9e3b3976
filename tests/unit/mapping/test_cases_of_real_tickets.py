"""Each case of docs/real-tickets.md that reaches a mapping, as Jira sends it: parser, mapping and rule agree."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from capa_sync.errors import Skippable
from capa_sync.mapping import bind, map_ticket
from capa_sync.model.record import CapaRecord
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.site import StatusDef
from capa_sync.model.ticket import SourceTicket
from capa_sync.rules import RuleSet, load_rules
from capa_sync.sources.jira.parse import JiraParser
from capa_sync.sources.jira.parts import comments_part, history_part, record_part
from capa_sync.starter import starter_path
from tests.unit.mapping.world import AS_OF, MAPPING, load, site

Issue = dict[str, Any]
PARSER = JiraParser("jira", "https://jira.example")
CAUSE = "No deputy is named who reviews the access rights while the owner is away"
ORDER, CAUSES, OWNER, DONE, GRADE = (
    "root-cause-before-action",
    "root-cause-substantive",
    "owner-active",
    "actions-done-with-evidence",
    "grade-set",
)
TEXT = MAPPING.replace("track: {constant: nonconformity}", "track: {field: Issue Type, values: {NC: nonconformity}}")
RENAMED = StatusDef("22", "In Action", "indeterminate")
"""A second status of one name, as team-managed projects have it."""


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    """The shipped pack."""
    return load_rules([starter_path("rules")])


def entry(number: int, at: str, field: str, old: tuple[str | None, str | None], new: tuple[str | None, str]) -> Issue:
    """Return one entry of a history."""
    names = ("from", "fromString", "to", "toString")
    item = {"field": field, "fieldId": field, **dict(zip(names, (*old, *new), strict=True))}
    return {
        "id": str(number),
        "author": {"accountId": "acc-lee", "displayName": "Anna"},
        "created": at,
        "items": [item],
    }


def issue() -> Issue:
    """Return a nonconformity whose cause was written down a day before its action."""
    person = {"accountId": "acc-lee", "displayName": "Anna Lee", "active": True}
    none: tuple[None, None] = (None, None)
    return {
        "id": "1",
        "key": "CAPA-1",
        "fields": {
            "summary": "Access review missed",
            "issuetype": {"id": "1", "name": "NC", "subtask": False},
            "project": {"id": "1", "key": "CAPA"},
            "status": {"id": "12", "name": "In Action"},
            "created": "2025-05-05T08:00:00.000+0000",
            "updated": "2025-05-09T08:00:00.000+0000",
            "creator": person,
            "reporter": person,
            "assignee": person,
            "resolution": None,
            "c1": CAUSE,
            "c3": {"id": "101", "value": "Minor"},
            "c5": "Name a deputy in AC-03",
            "subtasks": [],
            "issuelinks": [],
        },
        "histories": [
            entry(101, "2025-05-06T08:00:00.000+0000", "c1", none, (None, CAUSE)),
            entry(102, "2025-05-07T08:00:00.000+0000", "c5", none, (None, "Name a deputy in AC-03")),
            entry(103, "2025-05-08T08:00:00.000+0000", "status", ("10", "Open"), ("12", "In Action")),
        ],
    }


def parsed(raw: Issue) -> SourceTicket:
    """Return what the parser makes of an answer; `is_cut`: its history is not whole. `parts`: its sub-tasks."""
    rest = {name: value for name, value in raw.items() if name not in {"histories", "is_cut", "parts"}}
    history = history_part(raw["histories"], is_complete=not raw.get("is_cut", False))
    return PARSER.parse((record_part(rest), history, comments_part([])))


def mapped(folder: Path, raw: Issue) -> CapaRecord:
    """Return the record of an answer, on a site with two statuses of one name."""
    bound = bind(load(folder, TEXT), site(statuses=(*site().statuses, RENAMED)))
    found = parsed(raw)
    parts = {part["id"]: parsed(part) for part in raw.get("parts", ())}
    children = {ref.id or ref.key: parts.get(ref.id) for ref in found.children}
    record = map_ticket(bound, found, children, people=bound.mapping.people, as_of=AS_OF, own_account="acc-us")
    assert isinstance(record, CapaRecord), record
    return record


def fields(**values: Any) -> Callable[[Issue], None]:
    """Return a change of fields of the answer."""
    return lambda raw: raw["fields"].update(values)


def absent(*names: str) -> Callable[[Issue], None]:
    """Return a change that leaves keys out."""

    def change(raw: Issue) -> None:
        for name in names:
            raw["fields"].pop(name)

    return change


def at(**instants: str) -> Callable[[Issue], None]:
    """Return a change of the instants of the entries c1 and c5."""

    def change(raw: Issue) -> None:
        for row in raw["histories"]:
            row["created"] = instants.get(row["items"][0]["field"], row["created"])

    return change


def swapped_ids(raw: Issue) -> None:
    """Give both texts one instant, and the cause the later id; the file's order says nothing."""
    at(c1="2025-05-06T08:00:00.000+0000", c5="2025-05-06T08:00:00.000+0000")(raw)
    raw["histories"][0]["id"], raw["histories"][1]["id"] = "102", "101"


def cut(raw: Issue) -> None:
    """Leave the oldest entries out."""
    raw["histories"], raw["is_cut"] = raw["histories"][1:], True


def typed_anew(raw: Issue) -> None:
    """Make it a nonconformity only lately."""
    raw["histories"].insert(0, entry(100, "2025-05-05T09:00:00.000+0000", "issuetype", ("9", "Task"), ("1", "NC")))


def old_status(name: str) -> Callable[[Issue], None]:
    """Return a change by which it was in a status that is no more."""
    return lambda raw: raw["histories"].insert(
        0, entry(100, "2025-05-05T09:00:00.000+0000", "status", ("98", name), ("10", "Open"))
    )


def with_part(relation: str) -> Callable[[Issue], None]:
    """Return a change by which it is reported as done while an action of it cannot be seen."""
    other = {"id": "7", "key": "SECRET-7", "fields": {"issuetype": {"name": "Action"}}}
    link = {"type": {"name": "Resolves", "inward": "is resolved by", "outward": "resolves"}, "inwardIssue": other}
    part = {"issuelinks": [link]} if relation == "link" else {"subtasks": [other]}
    return fields(status={"id": "13", "name": "Implemented"}, **part)


def with_open_subtask(raw: Issue) -> None:
    """Report it as done while a sub-task of it is open."""
    with_part("subtask")(raw)
    part = issue() | {"id": "7", "key": "SECRET-7", "histories": []}
    fields(parent={"id": "1"}, issuetype={"name": "Action", "subtask": True}, status={"id": "20", "name": "Doing"})(
        part
    )
    raw["parts"] = [part]


class Case(NamedTuple):
    """A case by its number on the page, what is changed in the answer, and the verdict of a rule."""

    number: int
    change: Callable[[Issue], None]
    rule: str
    result: str


CASES = [
    Case(0, fields(), ORDER, "ok"),
    Case(1, fields(status={"id": "22", "name": "In Action"}), ORDER, "ok"),
    Case(1, fields(status={"id": "22", "name": "In Action"}, c1=None), ORDER, "breach"),
    Case(2, fields(status={"id": "12", "name": "进行中", "untranslatedName": "In Action"}), ORDER, "ok"),
    Case(3, absent("assignee", "resolution", "c5", "subtasks", "issuelinks"), OWNER, "breach"),
    Case(4, cut, ORDER, "cannot_tell"),
    Case(5, at(c1="2025-05-06T08:00:00.000+0000", c5="2025-05-06T08:00:00.000+0000"), ORDER, "ok"),
    Case(5, swapped_ids, ORDER, "breach"),
    Case(7, fields(c1=f"{CAUSE}, as it was found out later"), CAUSES, "ok"),
    Case(8, fields(creator=None, reporter=None, assignee=None), OWNER, "breach"),
    Case(9, typed_anew, ORDER, "ok"),
    Case(10, old_status("Umsetzung"), ORDER, "ok"),
    Case(11, at(c1="2025-10-26T02:30:00.000+0200", c5="2025-10-26T02:10:00.000+0100"), ORDER, "ok"),
    Case(11, at(c1="2025-10-26T02:10:00.000+0100", c5="2025-10-26T02:30:00.000+0200"), ORDER, "breach"),
    Case(12, absent("c1"), ORDER, "cannot_tell"),
    Case(13, fields(c3="[<CustomFieldOption: value='Major', id='100'>]"), GRADE, "cannot_tell"),
    Case(14, fields(c3={"id": "-100", "value": "Unknown"}), GRADE, "cannot_tell"),
    Case(15, fields(c1=f"\r\n\x07{CAUSE} \U0001f6e0\r\n"), CAUSES, "ok"),
    Case(15, fields(c1="\r\n\x07 \u200b\r\n"), ORDER, "breach"),
    Case(16, fields(c1=CAUSE + " and so on" * 330_000), CAUSES, "ok"),
    Case(17, fields(status={"id": "14", "name": "Closed"}), OWNER, "not_applicable"),
    Case(18, with_open_subtask, DONE, "breach"),
    Case(21, with_part("subtask"), DONE, "cannot_tell"),
    Case(21, with_part("link"), DONE, "cannot_tell"),
    Case(22, fields(c1="?"), CAUSES, "breach"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}-{case.result}")
def test_a_rule_says_what_is_right_of_a_real_case(tmp_path: Path, rules: RuleSet, case: Case) -> None:
    """What is there is judged; what is cut off, hidden or no value of the tracker cannot be evaluated."""
    raw = copy.deepcopy(issue())
    case.change(raw)
    record = mapped(tmp_path, raw)
    verdicts = {v.rule: v.outcome.value for v in rules.evaluate(record, JudgeOptions(), AS_OF)}
    assert verdicts[case.rule] == case.result


def test_a_row_with_a_history_and_without_fields_makes_no_ticket() -> None:
    """It is quarantined with a reason, and no rule judges it (docs/real-tickets.md 20)."""
    raw = issue()
    del raw["fields"]
    with pytest.raises(Skippable):
        parsed(raw)
