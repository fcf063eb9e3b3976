"""The state of the trackers after the built-in stories: a believable past in office hours, and readable texts."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from ruamel.yaml import YAML

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.jira.state import Issue
from capa_sync.sandbox.jira.text import to_wiki
from capa_sync.sandbox.messages import Request
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories import play_stories
from capa_sync.sandbox.stories.people import PEOPLE
from capa_sync.sandbox.stories.rule_cases import RULE_CASES
from capa_sync.sandbox.stories.scenario import PlayedScenario, play_scenario
from capa_sync.sandbox.stories.script import Day
from capa_sync.sandbox.stories.topics import SOURCES, read_topics
from capa_sync.sandbox.stories.vocabulary import WORDS
from capa_sync.sandbox.stories.working_days import OFFICE, WorkingDays
from capa_sync.starter import starter_path

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


@dataclass
class World:
    """The three trackers after all stories are played."""

    clock: SandboxClock
    cloud: JiraTracker
    datacenter: JiraTracker
    servicenow: ServiceNowTracker
    played: PlayedScenario

    def jira_issues(self) -> list[tuple[JiraTracker, Issue]]:
        """Return every issue of both Jiras, including sub-tasks and changes."""
        return [(tracker, issue) for tracker in (self.cloud, self.datacenter) for issue in tracker.state.in_order()]

    def instants(self) -> list[datetime]:
        """Return every instant at which anybody did anything to a ticket."""
        found = []
        for _tracker, issue in self.jira_issues():
            milliseconds = [issue.created, issue.updated, *(h.at for h in issue.histories)]
            milliseconds += [comment.created for comment in issue.comments]
            found += [datetime.fromtimestamp((ms or 0) / 1000, UTC) for ms in milliseconds]
        for table in ("sn_grc_issue", "sn_grc_task", "sys_audit", "sys_journal_field"):
            found += [instant_of(row["sys_created_on"]) for row in self.servicenow.rows(table)]
        return found


def instant_of(text: str) -> datetime:
    """Return a database time as an aware instant."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def make_world(now: datetime = NOW, *, ticking: bool = False) -> World:
    """Play the stories at one instant."""
    clock = SandboxClock(now, ticking=ticking)
    trackers = (JiraTracker("cloud", clock), JiraTracker("datacenter", clock), ServiceNowTracker(clock))
    return World(clock, *trackers, play_scenario(*trackers, clock))


@pytest.fixture(scope="module")
def world() -> World:
    """Return the trackers after the stories are played once."""
    return make_world()


def test_each_rule_has_a_story_and_a_clean_twin(world: World) -> None:
    """Twelve rule cases are played twice in three trackers, the others in one; with the extras, 125 tickets."""
    wanted = {f"{topic.source}/{topic.rule}/{topic.twin}" for topic in read_topics()}
    assert len(wanted) == 120
    assert {name.split("/")[1] for name in wanted} == set(RULE_CASES)
    extras = {"jira/joined", "servicenow/joined", "jira-dc/improvement", "servicenow/rejected", "jira/quarantined"}
    assert set(world.played.keys) == wanted | extras
    shipped = {file.stem for file in starter_path("rules").glob("*.yaml")}
    of_several_tickets = {"recurrence", "joined-tickets-disagree"}
    assert shipped - set(RULE_CASES) == {"stalled", "stage-skipped"} | of_several_tickets


def test_everything_happened_in_office_hours_before_now(world: World) -> None:
    """No action is on a weekend, at night or in the future."""
    instants = world.instants()
    assert len(instants) > 700
    local = [instant.astimezone(OFFICE) for instant in instants]
    assert {instant.weekday() for instant in local} == {0, 1, 2, 3, 4}
    assert all(9 <= instant.hour < 17 for instant in local)
    assert max(instants) < world.clock.now()


def test_numbers_rise_with_time(world: World) -> None:
    """Keys, history ids and record numbers follow the order of time, as in a real tracker."""
    for tracker in (world.cloud, world.datacenter):
        issues = list(tracker.state.in_order())
        assert [issue.created for issue in issues] == sorted(issue.created or 0 for issue in issues)
        entries = sorted((entry.id, entry.at) for issue in issues for entry in issue.histories)
        assert [at for _id, at in entries] == sorted(at for _id, at in entries)
        assert all(issue.updated == max(_touches(issue)) for issue in issues)
    records = sorted(world.servicenow.rows("sn_grc_issue"), key=lambda row: row["number"])
    assert [row["opened_at"] for row in records] == sorted(row["opened_at"] for row in records)


def _touches(issue: Issue) -> list[int]:
    return [issue.created or 0, *(h.at for h in issue.histories), *(c.created for c in issue.comments)]


def test_no_two_tickets_read_the_same(world: World) -> None:
    """Title, description, correction, cause and corrective action are different on each ticket."""
    for word in ("title", "description", "correction", "root_cause", "action_text", "closure_note"):
        texts = Counter(_texts(world, word))
        assert len(texts) > 5
        allowed = 2 if word == "closure_note" else 1
        assert {text: count for text, count in texts.items() if count > allowed} == {}


def _texts(world: World, word: str) -> list[str]:
    found = []
    for tracker, issue in world.jira_issues():
        field = tracker.state.field_by(WORDS[word].jira)
        assert field is not None
        found.append(to_wiki(issue.fields.get(field["id"])) if issue.fields.get(field["id"]) else "")
    found += [row.get(WORDS[word].column, "") for row in world.servicenow.rows("sn_grc_issue")]
    return [text for text in found if text]


def test_texts_have_no_slot_left_and_fit(world: World) -> None:
    """Every text of every topic can be read with the words of both the ticket and its clean twin."""
    for topic in read_topics():
        for name in topic.texts:
            assert "{" not in topic[name]
            assert topic[name].strip() == topic[name] != ""
    assert all(len(text) <= 160 for text in _texts(world, "title"))


def test_the_shipped_people_file_knows_everybody(world: World) -> None:
    """The accounts of the people are in mappings/people.yaml; those who left are inactive in all trackers."""
    people = YAML(typ="safe").load((starter_path("mappings") / "people.yaml").read_text(encoding="utf-8"))["people"]
    assert set(people) == set(PEOPLE)
    for person in PEOPLE.values():
        accounts = {"jira": person.cloud, "jira-dc": [person.datacenter, person.key], "servicenow": person.id}
        assert people[person.id]["accounts"] == accounts
        assert world.cloud.state.users[person.cloud].raw["active"] is not person.has_left
        assert world.datacenter.state.users[person.datacenter].raw["active"] is not person.has_left
        [row] = world.servicenow.rows("sys_user", f"user_name={person.id}")
        assert row["active"] == ("false" if person.has_left else "true")
    assert sum(person.has_left for person in PEOPLE.values()) == 1


def test_the_stories_do_not_move_the_clock() -> None:
    """A ticking clock ticks on from now, a frozen clock stands at now."""
    begun = time.monotonic()
    world = make_world(ticking=True)
    passed = world.clock.now() - NOW
    took = time.monotonic() - begun
    assert world.clock.is_ticking
    assert timedelta(0) < passed <= timedelta(seconds=took)
    frozen = make_world()
    assert (frozen.clock.is_ticking, frozen.clock.now()) == (False, NOW)


def test_the_same_stories_on_any_day() -> None:
    """Keys and texts do not depend on the day, only the dates do."""
    first, second = make_world(), make_world(datetime(2026, 3, 29, 0, 30, tzinfo=UTC))
    assert first.played.keys == second.played.keys
    assert _texts(first, "description") == _texts(second, "description")


def test_three_highlights_open_as_pages() -> None:
    """The three recommended tickets have a page that shows their title and history."""
    clock = SandboxClock(NOW, ticking=False)
    trackers = (JiraTracker("cloud", clock), JiraTracker("datacenter", clock), ServiceNowTracker(clock))
    highlights = play_stories(*trackers, clock)
    assert [highlight.source for highlight in highlights] == list(SOURCES)
    urls = {source: f"http://{source}" for source in SOURCES}
    for highlight, tracker in zip(highlights, trackers, strict=True):
        assert highlight.url_in(urls) == f"http://{highlight.source}{highlight.path}"
        page = tracker.handle(Request("GET", highlight.path))
        assert page.status == 200
        assert highlight.key.encode() in page.body
        assert b"Mara Roy" in page.body


def test_a_day_is_a_working_day_in_the_right_distance() -> None:
    """Days count Monday to Friday only, forward and backward, over a weekend and over the change to summer time."""
    sunday = WorkingDays(datetime(2026, 3, 29, 12, 0, tzinfo=UTC))
    assert [sunday.day(Day(ago)).isoformat() for ago in (6, 5, 1, 0, -1, -5)] == [
        "2026-03-20",
        "2026-03-23",
        "2026-03-27",
        "2026-03-27",
        "2026-03-30",
        "2026-04-03",
    ]
    assert sunday.at(1, 30) == datetime(2026, 3, 27, 9, 30, tzinfo=UTC)
    assert sunday.at(-1, 30) == datetime(2026, 3, 30, 8, 30, tzinfo=UTC)
