"""33 real tickets of a Jira Cloud site with six ids for one status name, complete whatever the site cuts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.absent_data import DATA
from tests.real.runtime import Json, json_lines, needs_data, served, ticket_lines

pytestmark = needs_data
MERICO = DATA / "jira-cloud-merico"


def site() -> list[Json]:
    """Return the site's statuses and issues as lines of the sandbox's form."""
    statuses = [{"kind": "status", **row["data"]} for row in json_lines(MERICO / "api_status.jsonl")]
    return [*statuses, *ticket_lines(issues())]


def issues() -> list[Json]:
    """Return the issues as the API gave them."""
    return [row["data"] for row in json_lines(MERICO / "api_issues.jsonl")]


@pytest.mark.parametrize("cap", [5, 40])
def test_the_register_holds_what_the_file_lists(cap: int, tmp_path: Path) -> None:
    """33 issues, 522 histories, 714 items, 8 comments: in all and per ticket, with inline changelogs cut at `cap`."""
    listed = issues()
    with served(tmp_path, site(), "merico.yaml", inline_changelog_cap=cap) as runtime:
        runtime.sync()
        before = runtime.tables()
        assert runtime.sync(1)["sources"][0]["read"] == 0
        assert runtime.tables() == before
        assert runtime.writes() == []
    changes = "FROM v_changes WHERE origin <> 'birth'"
    assert runtime.number(f"SELECT COUNT(DISTINCT entry) {changes}") == 522
    assert runtime.number(f"SELECT COUNT(*) {changes}") == 714
    assert runtime.number("SELECT SUM(comments) FROM v_tickets") == 8
    assert runtime.rows("SELECT ticket_key, changes, comments FROM v_tickets ORDER BY ticket_id + 0") == [
        (issue["key"], items(issue), len((issue["fields"].get("comment") or {}).get("comments", ())))
        for issue in sorted(listed, key=lambda issue: int(issue["id"]))
    ]
    assert runtime.number("SELECT COUNT(*) FROM v_tickets WHERE history_complete AND quarantine_reason = ''") == 33


def items(issue: Json) -> int:
    """Return how many field changes an issue's changelog lists."""
    return sum(len(entry["items"]) for entry in issue["changelog"]["histories"])


def test_a_status_name_in_the_mapping_means_all_its_ids(tmp_path: Path) -> None:
    """`To Do` stands for six ids, one of which the tickets have; the other status is mapped by its id alone."""
    names = [line["name"] for line in site() if line["kind"] == "status"]
    assert names.count("To Do") == 6
    with served(tmp_path, site(), "merico.yaml") as runtime:
        runtime.sync()
    assert runtime.rows("SELECT source_status, claimed_stage, COUNT(*) FROM v_register GROUP BY 1, 2 ORDER BY 3") == [
        ("To Do", "identified", 3),
        ("已完成", "closed", 30),
    ]
