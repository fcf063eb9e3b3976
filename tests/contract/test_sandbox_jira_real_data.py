"""Real tickets, served by the sandbox: nothing is lost, whatever the caps cut from embedded lists."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.jira import JiraTracker
from tests.absent_data import DATA, needs
from tests.contract.jira_world import START, Web

pytestmark = needs(DATA)


def merico() -> Iterator[dict[str, Any]]:
    """33 Cloud issues with their changelogs."""
    for line in (DATA / "jira-cloud-merico" / "api_issues.jsonl").open(encoding="utf-8"):
        found = json.loads(line)["data"]
        yield {"kind": "ticket", "issue": json.loads(found) if isinstance(found, str) else found}


def appcelerator() -> Iterator[dict[str, Any]]:
    """9,463 issues of a Jira Server, one of 3.3 MB."""
    for path in sorted((DATA / "jira-server-appcelerator").glob("issues-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield {"kind": "ticket", "issue": json.loads(line)}


@pytest.mark.parametrize("cap", [5, 40])
def test_the_merico_issues_come_whole(cap: int) -> None:
    """33 issues, 522 histories, 714 items and 8 comments through search and bulk changelogs."""
    tracker = JiraTracker("cloud", SandboxClock(START))
    tracker.settings.inline_changelog_cap = cap
    tracker.load(merico())
    with Web(tracker) as web:
        page = web.search("created > 0 ORDER BY created", fields="*all", expand="changelog", maxResults=100)
        ids = [issue["id"] for issue in page["issues"]]
        bulk = web.post("changelog/bulkfetch", {"issueIdsOrKeys": ids, "maxResults": 10_000})
    entries = [entry for changelog in bulk["issueChangeLogs"] for entry in changelog["changeHistories"]]
    inline = [len(issue["changelog"]["histories"]) for issue in page["issues"]]

    assert len(ids) == 33
    assert (len(entries), sum(len(entry["items"]) for entry in entries)) == (522, 714)
    assert sum(issue["changelog"]["total"] for issue in page["issues"]) == 522
    assert max(inline) == min(cap, max(issue["changelog"]["total"] for issue in page["issues"]))
    assert sum(issue["fields"]["comment"]["total"] for issue in page["issues"] if "comment" in issue["fields"]) == 8


@pytest.mark.slow
def test_the_appcelerator_issues_come_whole() -> None:
    """9,463 issues and 30,752 comments by offset pages, fields absent where they were absent."""
    tracker = JiraTracker("datacenter", SandboxClock(START))
    tracker.load(appcelerator())
    start, seen, comments, largest = 0, set(), 0, 0
    with Web(tracker) as web:
        while True:
            answer = web.call(
                "GET",
                "search",
                params={"jql": "created > 0 ORDER BY key", "fields": "*all", "startAt": start, "maxResults": 1000},
            )
            page = answer.json()
            for issue in page["issues"]:
                seen.add(issue["id"])
                comments += len((issue["fields"].get("comment") or {}).get("comments") or ())
                largest = max(largest, len(str(issue)))
            start += page["maxResults"]
            web.server.requests.reset()
            if start >= page["total"]:
                break

    assert (len(seen), comments) == (9463, 30_752)
    assert largest > 3_000_000
