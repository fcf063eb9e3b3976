"""The converter of `tests.tools.aea` on small files that the tests write, and on the real ones where they exist."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from capa_sync.sandbox.jira import JiraTracker
from tests.patience import PATIENCE
from tests.real.runtime import AEA, AEA_OLD, HERE, Json, json_lines, needs_data
from tests.tools.aea import convert
from tests.tools.aea_rows import FormError

NOON = "2024-03-01T12:00:00.000-0500"
OPTION = "<JIRA CustomFieldOption: value={!r}, id='{}'>"


def row(ticket: str, changed: str, at: str = NOON, **columns: Any) -> Json:
    """Return a row of the form; column names have __ for the dot."""
    frame = {"ticket": ticket, "Changed.Fields": changed, "As.Of.Date": at, "Created": "2024-02-29T09:30:00.000-0500"}
    return frame | {name.replace("__", "."): value for name, value in columns.items()}


def save(folder: Path, rows: Iterable[Json], name: str = "rows.jsonl") -> Path:
    """Write rows that are given oldest first to a file, newest first."""
    path = folder / name
    text = "".join(json.dumps(columns) + "\n" for columns in reversed(list(rows)))
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def issues(path: Path) -> dict[str, Json]:
    """Return key -> issue of the converted file."""
    return {line["issue"]["key"]: line["issue"] for line in convert(path) if line["kind"] == "ticket"}


def items(issue: Json, field: str) -> list[tuple[Any, Any]]:
    """Return a field's history: (fromString, toString) in order."""
    found = [item for entry in issue["changelog"]["histories"] for item in entry["items"]]
    return [(item["fromString"], item["toString"]) for item in found if item["field"] == field]


def test_rows_of_one_instant_keep_the_order_of_the_file(tmp_path: Path) -> None:
    """Ids rise from the end of the file, identical rows are entries of their own, and the status chain holds."""
    states = ["Open", "Approved", "Done", "Done", "Open"]
    names = ["Journal", "status", "status", "Link", "status"]
    rows = [row("AB-1", name, Status=status) for name, status in zip(names, states, strict=True)]
    rows[3:3] = [rows[3], rows[3]]
    issue = issues(save(tmp_path, rows))["AB-1"]
    histories = issue["changelog"]["histories"]
    assert [entry["id"] for entry in histories] == ["1", "2", "3", "4", "5", "6", "7"]
    assert [item["field"] for entry in histories for item in entry["items"]][3:6] == ["Link"] * 3
    assert items(issue, "status") == [("Open", "Approved"), ("Approved", "Done"), ("Done", "Open")]
    assert issue["fields"]["status"]["name"] == "Open"


def test_what_the_rows_do_not_know_is_null(tmp_path: Path) -> None:
    """Authors, summaries, fields without a column, and what a field held before the oldest row named it."""
    rows = [row("AB-1", "status, Report URL", Status="Assigned"), row("AB-1", "Report URL", Status="Assigned")]
    issue = issues(save(tmp_path, rows))["AB-1"]
    first, second = issue["changelog"]["histories"]
    assert (first["author"], issue["fields"]["summary"], issue["fields"]["creator"]) == (None, None, None)
    assert items(issue, "status") == [(None, "Assigned")]
    assert items(issue, "Report URL") == [(None, None), (None, None)]
    assert [item["to"] for item in second["items"]] == [None]
    assert issue["fields"]["customfield_10001"] is None


def test_what_the_oldest_row_does_not_name_was_there_at_creation(tmp_path: Path) -> None:
    """The first change of a status starts from the value of the rows before it."""
    rows = [row("AB-1", "Link", Status="Assigned"), row("AB-1", "status", Status="Done")]
    assert items(issues(save(tmp_path, rows))["AB-1"], "status") == [("Assigned", "Done")]


def test_people_and_lists_have_ids(tmp_path: Path) -> None:
    """A status, a resolution and an assignee have id and name, the same on the issue and in its history."""
    rows = [
        row("AB-1", "Link", Status="Open", Resolution="", assignee_anon=None),
        row("AB-1", "assignee, resolution, status", Status="Done", Resolution="Replicated", assignee_anon=7),
    ]
    lines = list(convert(save(tmp_path, rows)))
    named = {(line["kind"], line.get("name") or line.get("displayName")): line for line in lines}
    issue = next(line["issue"] for line in lines if line["kind"] == "ticket")
    items_ = {item["field"]: item for item in issue["changelog"]["histories"][1]["items"]}
    assert items_["assignee"]["to"] == named["user", "Person 7"]["accountId"] == "aea-7"
    assert items_["assignee"]["from"] is None
    assert items_["status"]["from"] == named["status", "Open"]["id"]
    assert items_["status"]["to"] == named["status", "Done"]["id"] == issue["fields"]["status"]["id"]
    assert items_["resolution"]["to"] == named["resolution", "Replicated"]["id"]
    assert issue["fields"]["assignee"]["displayName"] == "Person 7"


def test_an_exporters_text_of_options_becomes_options_again(tmp_path: Path) -> None:
    """Options are read from str() of objects and from names joined by commas, which names may contain too."""
    first, second = "Yes, can be had", "No"
    both = f"[{OPTION.format(first, '11')}, {OPTION.format(second, '12')}]"
    rows = [
        row("AB-1", "DCAF_Access_Restrictions", Status="Open", DCAF_Access_Restrictions=second),
        row("AB-1", "DCAF_Access_Restrictions", Status="Open", DCAF_Access_Restrictions=f"{second},{first}"),
        row("AB-1", "DCAF_Access_Restrictions", Status="Open", DCAF_Access_Restrictions=both),
        row(
            "AB-1", "DCAF_Access_Restrictions", Status="Open", DCAF_Access_Restrictions=f"{second},{first},Never seen"
        ),
    ]
    path = save(tmp_path, rows)
    issue = issues(path)["AB-1"]
    changed = [entry["items"][0] for entry in issue["changelog"]["histories"]]
    assert [(item["to"], item["toString"]) for item in changed[:3]] == [
        ("[12]", "No"),
        ("[12, 11]", "No,Yes, can be had"),
        ("[11, 12]", "Yes, can be had,No"),
    ]
    assert changed[3]["toString"] == "No,Yes, can be had,Never seen"
    assert "JIRA" not in json.dumps(list(convert(path)))


def test_words_and_numbers_are_written_as_jira_does(tmp_path: Path) -> None:
    """A list of words is joined by spaces in the history; a number has no fraction."""
    rows = [
        row("AB-1", "Software used", Software__used="R Stata", openICPSR__Project__Number=None),
        row("AB-1", "openICPSR Project Number", Software__used="['R', 'Stata']", openICPSR__Project__Number=1834.0),
    ]
    issue = issues(save(tmp_path, rows))["AB-1"]
    assert items(issue, "Software used") == [(None, "R Stata")]
    assert items(issue, "openICPSR Project Number") == [(None, "1834")]
    assert {1834} <= {value for value in issue["fields"].values() if isinstance(value, int)}
    assert ["R", "Stata"] in issue["fields"].values()


def test_a_file_with_days_only_and_other_names(tmp_path: Path) -> None:
    """The older export has days since 1970, capitals, an empty list of changes, and no `Created`."""
    days = {"date_created": 18000.0, "Resolution": ""}
    rows = [
        {"ticket": "AB-1", "date_updated": 18000.0, "Changed.Fields": "", "Status": "Open", **days},
        {"ticket": "CD-1", "date_updated": 18001.0, "Changed.Fields": "Issue Type", "Status": "Open", **days},
        {"ticket": "AB-1", "date_updated": 18001.0, "Changed.Fields": "Assignee,Status", "Status": "Done", **days},
    ]
    found = issues(save(tmp_path, rows, "rows.jsonl.gz"))
    histories = found["AB-1"]["changelog"]["histories"]
    assert [(entry["id"], entry["created"], len(entry["items"])) for entry in histories] == [
        ("1", "2019-04-14T00:00:00.000+0000", 0),
        ("3", "2019-04-15T00:00:00.000+0000", 2),
    ]
    assert [item["field"] for item in histories[1]["items"]] == ["assignee", "status"]
    assert items(found["AB-1"], "status") == [("Open", "Done")]
    assert found["CD-1"]["fields"]["created"] == "2019-04-14T00:00:00.000+0000"


def test_the_sandbox_loads_it_completely(tmp_path: Path) -> None:
    """The written file loads, and its histories are in the order of the rows."""
    rows = [row("AB-1", "status", Status=status) for status in ("Open", "Done", "Open", "Done")]
    out = tmp_path / "out.jsonl.gz"
    assert run(save(tmp_path, rows), out) == (0, f"1 tickets, 4 history entries -> {out}\n", "")
    tracker = JiraTracker("cloud")
    assert tracker.load(out) == 1
    issue = tracker.state.find("AB-1")
    assert issue is not None
    assert [entry.items[0]["toString"] for entry in issue.histories] == ["Open", "Done", "Open", "Done"]


@pytest.mark.parametrize(
    "line", ["[]", "{", '{"ticket": "AB", "Changed.Fields": "", "As.Of.Date": "x"}', '{"ticket": "AB-1"}']
)
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    """The message is one line with file and line number; exit 2, and a half-read file is not used."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row("AB-1", "status", Status="Open")) + "\n\n" + line + "\n", encoding="utf-8")
    with pytest.raises(FormError, match=r"rows\.jsonl:3: "):
        list(convert(path))
    code, _, error = run(path, tmp_path / "out")
    assert (code, error.count("\n")) == (2, 1)
    assert not (tmp_path / "out").exists()


def run(source: Path, target: Path) -> tuple[int, str, str]:
    """Run the tool as a person does."""
    command = [sys.executable, "-m", "tests.tools.aea", str(source), str(target)]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


@needs_data
@pytest.mark.parametrize(("source", "tickets", "rows"), [(AEA, 690, 27_342), (AEA_OLD, 2530, 56_946)])
def test_the_real_files_convert_completely(source: Path, tickets: int, rows: int) -> None:
    """Each row gives one history with an item per named field, and ids have no gap."""
    found = issues(source)
    entries = [entry for issue in found.values() for entry in issue["changelog"]["histories"]]
    named = Counter(
        len([name for name in columns["Changed.Fields"].split(",") if name]) for columns in json_lines(source)
    )
    assert len(found) == tickets
    assert sorted(int(entry["id"]) for entry in entries) == list(range(1, rows + 1))
    assert Counter(len(entry["items"]) for entry in entries) == named
    for issue in found.values():
        assert [entry["id"] for entry in issue["changelog"]["histories"]] == sorted(
            (entry["id"] for entry in issue["changelog"]["histories"]), key=int
        )
