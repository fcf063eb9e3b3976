"""Real tickets of three Jiras through parser and mapping: nothing breaks, and the replay ends at the present."""

from __future__ import annotations

import gzip
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from capa_sync.mapping import BoundMapping, bind, load_mapping, map_ticket
from capa_sync.model.record import CapaRecord
from capa_sync.model.site import Account, FieldDef, SiteFacts, StatusDef
from capa_sync.model.ticket import SourceTicket
from capa_sync.model.values import Raw, Value, ValueState
from capa_sync.sources.jira.parse import JiraParser
from capa_sync.sources.jira.parts import comments_part, history_part, record_part
from tests.absent_data import DATA, require
from tests.unit.mapping.world import replayed

PARSER = JiraParser("jira", "https://jira.example")
AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = """
mapping: real
kind: jira
record:
  title: summary
  description: description
  owner: assignee
  raised_by: reporter
  due_at: duedate
  requirement_ref: labels
actions: [{from: subtask, types: [Sub-task, 子任务], kind: corrective}]
ignore_accounts: []
stage:
  field: status
  values:
"""
_FIELDS = ("summary", "description", "assignee", "reporter", "duedate", "labels", "status", "resolution")


def lines(path: Path, limit: int | None = None) -> Iterator[Any]:
    """Yield the JSON values of a file's lines; skip the test if the file is absent."""
    require(path)
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from map(json.loads, itertools.islice(file, limit))


def read(issues: Iterable[Any]) -> list[SourceTicket]:
    """Parse raw issues with the changelog that they hold."""
    found = []
    for issue in issues:
        entries = (issue.pop("changelog", None) or {"histories": []})["histories"]
        comments = (issue["fields"].get("comment") or {}).get("comments") or []
        parts = (record_part(issue), history_part(entries, is_complete=True), comments_part(comments))
        found.append(PARSER.parse(parts))
    return found


def bound_for(tickets: list[SourceTicket], folder: Path, *, by_id: bool) -> BoundMapping:
    """Bind a mapping that lists every status of these tickets and their histories, by id or by name."""
    seen: dict[str, str] = {}
    for ticket in tickets:
        raws = [ticket.values["status"]]
        raws += [raw for c in ticket.changes if c.field_id == "status" for raw in (c.old, c.new)]
        seen |= {raw.ids[0]: raw.names[0] for raw in raws if raw.ids}
    listed = seen if by_id else dict.fromkeys(seen.values())
    text = HEAD + "".join(f"    {json.dumps(status, ensure_ascii=False)}: identified\n" for status in listed)
    (folder / "map.yaml").write_text(text, encoding="utf-8")
    facts = SiteFacts(
        tuple(FieldDef(name, name) for name in _FIELDS),
        tuple(StatusDef(*pair) for pair in seen.items()),
        Account("us", "capa-sync"),
    )
    return bind(load_mapping(folder / "map.yaml"), facts)


def map_all(bound: BoundMapping, tickets: list[SourceTicket]) -> list[CapaRecord]:
    """Map every ticket; none may be quarantined."""
    records = []
    for ticket in tickets:
        children = {ref.id: None for ref in ticket.children}
        found = map_ticket(bound, ticket, children, people=bound.mapping.people, as_of=AS_OF)
        assert isinstance(found, CapaRecord), found
        records.append(found)
    return records


def assert_whole(records: list[CapaRecord]) -> None:
    """Check that every timeline ends at the present and that group numbers never fall."""
    for found in records:
        groups = [row.group for row in found.timeline]
        assert groups == sorted(groups)
        assert replayed(found, "source_status").data == found.source_status
        for name in ("title", "owner", "due_at", "raised_by"):
            now: Value = found.fields[name]
            if now.state is not ValueState.UNREADABLE:
                assert replayed(found, name).data == now.data, (found.ticket_key, name)


@pytest.mark.parametrize("by_id", [True, False])
def test_cloud_tickets_with_localised_names_map_by_id_and_by_name(tmp_path: Path, by_id: bool) -> None:
    """The data set has 33 issues of a Chinese and English site, 714 changes, and users that vanished."""
    tickets = read(row["data"] for row in map(_decoded, lines(DATA / "jira-cloud-merico" / "api_issues.jsonl")))
    assert len(tickets) == 33
    assert_whole(map_all(bound_for(tickets, tmp_path, by_id=by_id), tickets))


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "data": json.loads(row["data"]) if isinstance(row["data"], str) else row["data"]}


def test_one_name_under_six_ids_is_one_line_of_the_mapping(tmp_path: Path) -> None:
    """In the statuses of that site every "To Do" is the same stage."""
    rows = [_decoded(row)["data"] for row in lines(DATA / "jira-cloud-merico" / "api_status.jsonl")]
    counts = Counter(row["name"] for row in rows)
    name, count = counts.most_common(1)[0]
    assert count == 6
    (tmp_path / "map.yaml").write_text(f"{HEAD}    {json.dumps(name)}: analysed\n", encoding="utf-8")
    statuses = tuple(StatusDef(row["id"], row["name"]) for row in rows)
    facts = SiteFacts(tuple(FieldDef(name, name) for name in _FIELDS), statuses, Account("us", "us"))
    bound = bind(load_mapping(tmp_path / "map.yaml"), facts)
    assert bound.stage is not None
    assert len([note for note in bound.notes if "no status" in note.what]) == 0
    known = [status for status in statuses if status.name == name]
    assert {bound.stage.signal("status", Raw((status.id,))).stage_at(AS_OF) for status in known} == {"analysed"}


def test_server_tickets_with_absent_keys_and_unread_sub_tasks_map(tmp_path: Path) -> None:
    """Keys that are absent are empty; sub-tasks that were not read make actions unknown."""
    tickets = read(lines(DATA / "jira-server-appcelerator" / "issues-MOD.jsonl.gz", 600))
    records = map_all(bound_for(tickets, tmp_path, by_id=True), tickets)
    assert_whole(records)
    assert {found.fields["due_at"].state for found in records} <= {ValueState.EMPTY, ValueState.FILLED}
    with_parts = [
        f for f, t in zip(records, tickets, strict=True) if any(r.relation == "subtask" for r in t.children)
    ]
    assert all(found.actions_problem for found in with_parts)
