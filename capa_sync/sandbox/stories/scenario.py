"""Plays all stories into the three trackers, scene by scene in the order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from capa_sync.model.light import light
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories.extras import extra_stories
from capa_sync.sandbox.stories.jira_player import JiraPlayer
from capa_sync.sandbox.stories.rule_cases import RULE_CASES
from capa_sync.sandbox.stories.script import Scene, Story
from capa_sync.sandbox.stories.servicenow_player import ServiceNowPlayer
from capa_sync.sandbox.stories.story_writer import StoryWriter
from capa_sync.sandbox.stories.topics import read_topics
from capa_sync.sandbox.stories.working_days import WorkingDays

Player = JiraPlayer | ServiceNowPlayer

_HIGHLIGHTS = {
    "jira/root-cause-before-action/broken": "the action was planned before anybody asked for the cause",
    "jira-dc/actions-done-with-evidence/broken": "implemented, it says, and the linked change shows no proof",
    "servicenow/action-overdue/broken": "a remediation task that is past its date",
}


@light
class Highlight:
    """A ticket that is worth opening.

    Attributes:
        source: its tracker, by its name in the demo's settings.
        key: its key or number.
        path: the path of its web page, relative to the tracker's address.
        why: what the ticket shows.
    """

    source: str
    key: str
    path: str
    why: str

    def url_in(self, urls: Mapping[str, str]) -> str:
        """Return the address of the page, given the address of each source."""
        return urls[self.source] + self.path


@light
class PlayedScenario:
    """The result of playing all stories: story name -> key of its ticket, and the three tickets worth opening."""

    keys: Mapping[str, str]
    highlights: Sequence[Highlight]


def play_stories(
    cloud: JiraTracker, datacenter: JiraTracker, servicenow: ServiceNowTracker, clock: SandboxClock
) -> list[Highlight]:
    """Play every story, dated back from the clock's now; afterwards the clock continues as if untouched.

    Args:
        cloud: a new Jira Cloud that runs on `clock`.
        datacenter: a new Jira Data Center that runs on `clock`.
        servicenow: a new ServiceNow that runs on `clock`.
        clock: the sandbox's clock.

    Returns:
        Exactly three tickets worth opening.
    """
    return list(play_scenario(cloud, datacenter, servicenow, clock).highlights)


def play_scenario(
    cloud: JiraTracker, datacenter: JiraTracker, servicenow: ServiceNowTracker, clock: SandboxClock
) -> PlayedScenario:
    """Do the same as `play_stories`, and also return the key of every story's ticket."""
    start = clock.now()
    real_clock, days = SandboxClock(start, ticking=clock.is_ticking), WorkingDays(start)
    grc = ServiceNowPlayer(servicenow, days)
    players: dict[str, Player] = {"servicenow": grc}
    for name, tracker in (("jira", cloud), ("jira-dc", datacenter)):
        players[name] = JiraPlayer(tracker, days, grc.numbers.__getitem__)
    clock.freeze()
    try:
        stories = all_stories()
        _play(stories, players, days, clock)
    finally:
        clock.set(real_clock.now())
        if real_clock.is_ticking:
            clock.resume()
    addresses = {story.name: players[story.source].address(story.name) for story in stories}
    highlights = [Highlight(name.partition("/")[0], *addresses[name], why) for name, why in _HIGHLIGHTS.items()]
    return PlayedScenario({name: key for name, (key, _path) in addresses.items()}, highlights)


def all_stories() -> list[Story]:
    """Return every story of the scenario."""
    found = []
    for number, topic in enumerate(read_topics()):
        writer = StoryWriter(topic, number)
        RULE_CASES[topic.rule](writer)
        found.append(writer.story)
    return [*found, *extra_stories()]


def _play(stories: Sequence[Story], players: Mapping[str, Player], days: WorkingDays, clock: SandboxClock) -> None:
    scenes: list[tuple[Player, Scene]] = [
        (players[story.source], scene) for story in stories for scene in story.scenes
    ]
    scenes.sort(key=lambda pair: (-pair[1].ago, pair[1].minute))
    clock.set(days.at(scenes[0][1].ago + 1, 0) - timedelta(days=1))
    for player in players.values():
        player.prepare()
    for player, scene in scenes:
        clock.set(days.at(scene.ago, scene.minute))
        player.play(scene)
