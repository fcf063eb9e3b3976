"""The floor: the same pages over one session, orjson, plain `executemany`, one transaction for each page.

It does nothing that capa-sync promises: no digest, no versions, no cursor, no order, no check of any answer. Each of
its transactions is as durable (WAL, synchronous = FULL). In a sweep of Jira Cloud capa-sync has fewer of them: it
commits ten pages at once. That is part of the ratio by time; the ratio of CPU hardly knows of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import requests

from benchmarks.trackers import SERVICENOW_TABLE

_NOTES = "sys_id,element_id,element,value,sys_created_by,sys_created_on"
_AUDIT = "sys_id,documentkey,fieldname,oldvalue,newvalue,user,record_checkpoint,sys_created_on"


class FloorFile:
    """A SQLite file with raw rows and change items."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("CREATE TABLE raw (id TEXT, body BLOB)")
        self.db.execute(
            "CREATE TABLE item (ticket TEXT, entry TEXT, at TEXT, by TEXT, field TEXT, old TEXT, new TEXT)"
        )

    def write(self, raw: Iterable[tuple[str, bytes]], items: Iterable[tuple[Any, ...]]) -> None:
        """Write one page in one transaction."""
        self.db.execute("BEGIN")
        self.db.executemany("INSERT INTO raw VALUES (?,?)", raw)
        self.db.executemany("INSERT INTO item VALUES (?,?,?,?,?,?,?)", items)
        self.db.execute("COMMIT")

    def counts(self) -> tuple[int, int]:
        """Return how many raw rows and how many items the file has."""
        tickets = self.db.execute("SELECT COUNT(*) FROM raw").fetchone()[0]
        items = self.db.execute("SELECT COUNT(*) FROM item").fetchone()[0]
        return tickets, items


def read_jira(url: str, file: FloorFile) -> None:
    """Read a Jira Cloud site: search pages of 100, and after ten pages the bulk changelog of their 1000 ids."""
    session = requests.Session()
    body: dict[str, Any] = {"jql": "(project = CAPA) ORDER BY created ASC, key ASC", "maxResults": 100}
    body["fields"] = ["*all"]
    ids: list[str] = []
    while True:
        answer = orjson.loads(session.post(f"{url}/rest/api/3/search/jql", data=orjson.dumps(body)).content)
        issues = answer["issues"]
        file.write([(issue["id"], orjson.dumps(issue)) for issue in issues], ())
        ids += [issue["id"] for issue in issues]
        token = answer.get("nextPageToken")
        if len(ids) >= 1000 or not token:
            _jira_histories(session, url, file, ids)
            ids = []
        if not token:
            return
        body["nextPageToken"] = token


def _jira_histories(session: requests.Session, url: str, file: FloorFile, ids: list[str]) -> None:
    asked: dict[str, Any] = {"issueIdsOrKeys": ids, "maxResults": 10_000}
    while True:
        answer = orjson.loads(session.post(f"{url}/rest/api/3/changelog/bulkfetch", data=orjson.dumps(asked)).content)
        items = [
            (log["issueId"], entry["id"], entry["created"], entry["author"]["accountId"], item["fieldId"],
             item["fromString"], item["toString"])
            for log in answer["issueChangeLogs"]
            for entry in log["changeHistories"]
            for item in entry["items"]
        ]  # fmt: skip
        file.write((), items)
        if "nextPageToken" not in answer:
            return
        asked["nextPageToken"] = answer["nextPageToken"]


def read_servicenow(url: str, file: FloorFile, page_size: int) -> None:
    """Read a table by sys_id, and for each page the audit rows and notes, 40 records at once as capa-sync does."""
    session, after = requests.Session(), ""
    while True:
        query = f"sys_id>{after}^ORDERBYsys_id" if after else "ORDERBYsys_id"
        asked = {"sysparm_query": query, "sysparm_limit": str(page_size), "sysparm_display_value": "all"}
        rows = _rows(session, f"{url}/api/now/table/{SERVICENOW_TABLE}", asked)
        if not rows:
            return
        file.write([(row["sys_id"]["value"], orjson.dumps(row)) for row in rows], ())
        ids = [row["sys_id"]["value"] for row in rows]
        after = ids[-1]
        for start in range(0, len(ids), 40):
            _servicenow_audit(session, url, file, ids[start : start + 40])


def _servicenow_audit(session: requests.Session, url: str, file: FloorFile, ids: list[str]) -> None:
    query = f"documentkeyIN{','.join(ids)}^ORDERBYsys_created_on^ORDERBYsys_id"
    asked = {"sysparm_query": query, "sysparm_limit": "1000", "sysparm_fields": _AUDIT}
    rows = _rows(session, f"{url}/api/now/table/sys_audit", asked)
    items = [
        (row["documentkey"], row["sys_id"], row["sys_created_on"], row["user"], row["fieldname"], row["oldvalue"],
         row["newvalue"])
        for row in rows
    ]  # fmt: skip
    file.write((), items)
    query = f"element_idIN{','.join(ids)}^elementINcomments,work_notes^ORDERBYsys_created_on^ORDERBYsys_id"
    asked = {"sysparm_query": query, "sysparm_limit": "1000", "sysparm_fields": _NOTES}
    _rows(session, f"{url}/api/now/table/sys_journal_field", asked)


def _rows(session: requests.Session, url: str, asked: dict[str, str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = orjson.loads(session.get(url, params=asked).content)["result"]
    return rows
