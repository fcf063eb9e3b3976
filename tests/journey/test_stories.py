"""The built-in stories end to end: mirrored over HTTP, mapped and judged, each breaks its rule and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from capa_sync.daemon.cycle import CycleResult, run_round
from capa_sync.daemon.runtime import Runtime
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories.scenario import PlayedScenario, play_scenario
from capa_sync.sandbox.stories.topics import read_topics
from tests.journey.harness import SOURCES, stories_runtime

NOWS = (
    "2025-10-26T00:30",  # a Sunday, in the hour that the clocks in London show twice
    "2026-03-31T07:00",  # the end of a month, two days after the clocks went forward
    "2027-01-02T23:30",  # a Saturday night after a change of the year
)

BROKEN = {
    # rule: (severity of its finding, stage the broken story claims, stage its clean twin claims)
    "what-when-where": ("high", "identified", "contained"),
    "correction-recorded": ("high", "identified", "contained"),
    "root-cause-before-action": ("high", "planned", "planned"),
    "root-cause-substantive": ("high", "planned", "planned"),
    "extent-assessed": ("medium", "planned", "planned"),
    "action-planned": ("high", "planned", "planned"),
    "action-overdue": ("medium", "planned", "implemented"),
    "due-date-moved": ("low", "planned", "planned"),
    "actions-done-with-evidence": ("high", "implemented", "implemented"),
    "effectiveness-before-close": ("high", "closed", "closed"),
    "edited-after-close": ("high", "closed", "closed"),
    "independent-review": ("medium", "closed", "closed"),
    "requirement-named": ("medium", "contained", "contained"),
    "source-classified": ("medium", "contained", "contained"),
    "objective-evidence": ("medium", "analysed", "analysed"),
    "grade-set": ("medium", "contained", "contained"),
    "owner-active": ("high", "identified", "contained"),
    "consequences-handled": ("medium", "analysed", "analysed"),
    "action-need-decided": ("medium", "closed", "closed"),
    "root-cause-not-symptom": ("medium", "analysed", "analysed"),
    "root-cause-not-blame": ("medium", "analysed", "analysed"),
    "rca-method": ("low", "analysed", "analysed"),
    "rca-on-time": ("medium", "contained", "analysed"),
    "action-not-just-correction": ("medium", "planned", "planned"),
    "action-addresses-cause": ("low", "planned", "planned"),
    "plan-approved": ("medium", "implemented", "implemented"),
    "implement-on-time": ("medium", "planned", "implemented"),
    "communicated": ("low", "closed", "closed"),
    "effectiveness-planned": ("medium", "implemented", "implemented"),
    "effectiveness-evidence": ("high", "verified", "verified"),
    "effectiveness-too-early": ("medium", "implemented", "implemented"),
    "effectiveness-overdue": ("high", "implemented", "verified"),
    "ineffective-not-reopened": ("high", "verified", "verified"),
    "isms-and-risk-update": ("medium", "closed", "closed"),
    "rejected-with-reason": ("medium", "rejected", "rejected"),
    "improvement-followed-through": ("low", "identified", "identified"),
}
TOLD = sorted({(topic.source, topic.rule) for topic in read_topics()})
"""(source, rule) of every story; the first twelve rules are told in each tracker, the others in one."""
WITHOUT_EVIDENCE = ("rejected-with-reason", "improvement-followed-through")
"""Stories of records that have no stage of evidence."""
EXTRAS = {
    # story: stage that its register row claims; None where another ticket's row speaks for it, or none does
    "jira/joined": "planned",
    "servicenow/joined": None,
    "jira-dc/improvement": "closed",
    "servicenow/rejected": "rejected",
    "jira/quarantined": None,
}


@dataclass
class Judged:
    """One scenario after its first cycle."""

    played: PlayedScenario
    runtime: Runtime
    results: list[CycleResult]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Read rows from the register's views."""
        with closing(sqlite3.connect(self.runtime.register.path)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql)]

    @property
    def stories(self) -> dict[tuple[str, str], str]:
        """(source, key) -> story."""
        return {(name.partition("/")[0], key): name for name, key in self.played.keys.items()}


@pytest.fixture(scope="module", params=NOWS)
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    """All stories played to one instant, read, mapped and judged, with write-back off."""
    clock = SandboxClock(datetime.fromisoformat(request.param).replace(tzinfo=UTC), ticking=False)
    cloud, datacenter = JiraTracker("cloud", clock), JiraTracker("datacenter", clock)
    servicenow = ServiceNowTracker(clock)
    played = play_scenario(cloud, datacenter, servicenow, clock)
    with ExitStack() as stack:
        trackers = zip(SOURCES, (cloud, datacenter, servicenow), strict=True)
        servers = {name: stack.enter_context(SandboxServer(tracker)) for name, tracker in trackers}
        runtime = stories_runtime(
            tmp_path_factory.mktemp("stories"), {name: site.url for name, site in servers.items()}, clock
        )
        stack.callback(runtime.register.close)
        results = run_round(runtime, list(runtime.contexts.values()))
        for context in runtime.contexts.values():
            context.facts_at = None  # as an hour later: Jira shows whether an account is active on tickets alone
        run_round(runtime, list(runtime.contexts.values()))
        assert [site.crashes for site in servers.values()] == [[], [], []]
        yield Judged(played, runtime, results)


def test_every_source_is_read_to_its_end(judged: Judged) -> None:
    """No tracker refuses anything, and the one ticket in an unlisted status is quarantined with its reason."""
    assert [(result.problem, result.stopped) for result in judged.results] == [("", "")] * 3
    quarantined = judged.rows("SELECT ticket_key, quarantine_reason FROM v_tickets WHERE quarantine_reason > ''")
    assert [row["ticket_key"] for row in quarantined] == [judged.played.keys["jira/quarantined"]]
    assert "'Under discussion'" in quarantined[0]["quarantine_reason"]


def test_the_site_has_all_that_the_shipped_mappings_name(judged: Judged) -> None:
    """Field, option and status names of the trackers and of the mapping files agree without a note."""
    for context in judged.runtime.contexts.values():
        assert context.bound is not None
        assert (context.name, context.bound.problems, context.bound.notes) == (context.name, (), ())


def test_each_story_breaks_its_rule_and_no_other(judged: Judged) -> None:
    """Broken stories show exactly the expected findings on all three trackers, clean twins and extras none."""
    expected: dict[str, set[tuple[str, str, str]]] = {name: set() for name in judged.played.keys}
    for source, rule in TOLD:
        expected[f"{source}/{rule}/broken"].add((rule, "open", BROKEN[rule][0]))
    found: dict[str, set[tuple[str, str, str]]] = {name: set() for name in expected}
    for row in judged.rows("SELECT source, ticket_key, rule, state, severity FROM v_findings WHERE hidden_by = ''"):
        story = judged.stories[row["source"], row["ticket_key"]]
        found[story].add((row["rule"], row["state"], row["severity"]))
    assert found == expected


def test_no_rule_lacks_anything_for_its_verdict(judged: Judged) -> None:
    """Every rule reaches a verdict on every ticket: nothing is unmapped, unreadable or in error."""
    assert judged.rows("SELECT ticket_key, cannot_tell FROM v_register WHERE cannot_tell > 0") == []


def test_stages_are_claimed_as_written_and_evidenced_in_the_clean_twins(judged: Judged) -> None:
    """Each register row claims its story's stage; a clean twin's fields carry it just as far."""
    expected = {name: stage for name, stage in EXTRAS.items() if stage is not None}
    for source, rule in TOLD:
        _severity, broken, clean = BROKEN[rule]
        expected |= {f"{source}/{rule}/broken": broken, f"{source}/{rule}/clean": clean}
    rows = {
        judged.stories[row["source"], row["ticket_key"]]: row
        for row in judged.rows("SELECT source, ticket_key, claimed_stage, evidenced_stage FROM v_register")
    }
    claimed = {name: row["claimed_stage"] for name, row in rows.items()}
    assert claimed == expected
    shown = {
        name: row
        for name, row in rows.items()
        if name.endswith("/clean") and name.split("/")[1] not in WITHOUT_EVIDENCE
    }
    further = {"servicenow/effectiveness-too-early/clean": "verified"}  # a stage for which ServiceNow has no state
    assert {n: row["evidenced_stage"] for n, row in shown.items()} == {
        n: row["claimed_stage"] for n, row in shown.items()
    } | further


def test_the_joined_nonconformity_is_judged_as_one(judged: Judged) -> None:
    """Jira's ticket has the row, with the two actions that only ServiceNow has."""
    rows = {row["ticket_key"]: row for row in judged.rows("SELECT ticket_key, actions_total FROM v_register")}
    assert rows[judged.played.keys["jira/joined"]]["actions_total"] == 2
    assert judged.played.keys["servicenow/joined"] not in rows


def test_actions_come_from_every_place(judged: Judged) -> None:
    """Fields, sub-tasks, linked changes and remediation tasks all appear as actions."""
    rows = judged.rows("SELECT DISTINCT source, origin FROM v_actions")
    places = {(row["source"], row["origin"]) for row in rows}
    wanted = {("jira", "subtask"), ("jira-dc", "link"), ("servicenow", "child"), ("jira", "child")}
    assert places == wanted | {(source, "field") for source in SOURCES}


def test_one_ticket_is_confidential(judged: Judged) -> None:
    """The register marks exactly the one story about personnel files."""
    rows = judged.rows("SELECT source, ticket_key FROM v_register WHERE confidential = 'yes'")
    assert [judged.stories[row["source"], row["ticket_key"]] for row in rows] == ["jira-dc/edited-after-close/broken"]
