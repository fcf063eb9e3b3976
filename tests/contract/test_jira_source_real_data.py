"""Real tickets of public dumps, served by the sandbox and read completely by the source."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.jira import JiraSandboxSettings, JiraTracker
from tests.absent_data import DATA, needs
from tests.contract.jira_source_harness import Harness
from tests.contract.jira_world import START

needs_data = needs(DATA)
Json = dict[str, Any]


def merico() -> list[Json]:
    """33 issues of a Jira Cloud with their changelogs."""
    lines = (DATA / "jira-cloud-merico" / "api_issues.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["data"] for line in lines]


def appcelerator() -> Iterator[Json]:
    """9,463 issues of a Jira Server, without changelogs."""
    for path in sorted((DATA / "jira-server-appcelerator").glob("issues-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def tracker_with(face: str, issues: Iterator[Json] | list[Json], **settings: Any) -> JiraTracker:
    """Make a site that holds these issues."""
    tracker = JiraTracker(face, SandboxClock(START, ticking=False), settings=JiraSandboxSettings(**settings))
    tracker.load({"kind": "ticket", "issue": issue} for issue in issues)
    return tracker


@needs_data
@pytest.mark.parametrize("cap", [5, 40])
def test_merico_comes_whole_whatever_the_search_embeds(cap: int) -> None:
    """33 issues, 522 histories, 714 items and 8 comments, also when inline changelogs are cut at 5 or 40."""
    issues = merico()
    with Harness(tracker_with("cloud", issues, inline_changelog_cap=cap), "project is not EMPTY") as harness:
        harness.cycle()
        tickets = [reading.ticket for reading in harness.mirror.readings.values()]
    assert len(tickets) == 33
    assert len({(t.id, change.entry) for t in tickets for change in t.changes}) == 522
    assert sum(len(t.changes) for t in tickets) == 714
    assert sum(len(t.comments) for t in tickets) == 8
    assert all(t.history_complete for t in tickets)


@needs_data
def test_merico_on_pages_of_five_entries_is_the_same() -> None:
    """Entries of one issue that are split over many pages of the bulk answer are joined again."""
    with Harness(
        tracker_with("cloud", merico(), changelog_page_cap=5, serve_lists_in_two_pages=True), "project is not EMPTY"
    ) as harness:
        harness.cycle()
        tickets = [reading.ticket for reading in harness.mirror.readings.values()]
    assert (len(tickets), sum(len(t.changes) for t in tickets)) == (33, 714)


@needs_data
def test_one_status_name_under_several_ids_keeps_its_ids() -> None:
    """The site has six ids for one name; each history value carries the id."""
    path = DATA / "jira-cloud-merico" / "api_status.jsonl"
    raw = [json.loads(line)["data"] for line in path.read_text(encoding="utf-8").splitlines()]
    tracker = tracker_with("cloud", merico())
    tracker.load({"kind": "status", **status} for status in raw)
    with Harness(tracker, "project is not EMPTY") as harness:
        facts = harness.source.identify()
        harness.cycle()
        moves = [
            change
            for reading in harness.mirror.readings.values()
            for change in reading.ticket.changes
            if change.field_id == "status"
        ]
    names = [status.name for status in facts.statuses]
    assert names.count("To Do") == 6
    assert len({status.id for status in facts.statuses}) == len(facts.statuses)
    assert moves
    assert all(change.new.ids and change.new.names for change in moves)


@needs_data
@pytest.mark.slow
def test_appcelerator_comes_whole_on_data_center() -> None:
    """9,463 issues and 30,752 listed comments; absent keys stay absent; an issue of 3.3 MB is read like any other."""
    listed: dict[str, tuple[int, frozenset[str]]] = {}

    def noted() -> Iterator[Json]:
        for issue in appcelerator():
            comments = (issue["fields"].get("comment") or {}).get("comments") or []
            listed[issue["key"]] = (len(comments), frozenset(issue["fields"]))
            yield issue

    biggest = 0
    with Harness(tracker_with("datacenter", noted()), "project is not EMPTY") as harness:
        seen: dict[str, int] = {}
        for page in harness.source.read_changes(harness.mirror.cursor):
            for reading in page.readings:
                ticket = reading.ticket
                assert ticket.key not in seen
                seen[ticket.key] = len(ticket.comments)
                biggest = max(biggest, sum(len(part.body) for part in reading.parts))
                absent = set(ticket.values) - listed[ticket.key][1]
                assert absent <= {"parent"}, absent
    assert len(seen) == 9463
    assert sum(seen.values()) == 30_752
    assert {key: count for key, (count, _) in listed.items()} == seen
    assert biggest > 3_000_000
