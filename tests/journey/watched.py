"""All stories of the sandbox, played into three trackers and watched by one register while they happen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from capa_sync.daemon.cycle import run_round
from capa_sync.daemon.explaining_past import bind_as_known_at, judge_past
from capa_sync.daemon.past import map_past
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.runtime import Runtime
from capa_sync.exports import SHEETS
from capa_sync.model.record import CapaRecord
from capa_sync.model.selection import ExportSelection
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories.jira_player import JiraPlayer
from capa_sync.sandbox.stories.scenario import Player, all_stories
from capa_sync.sandbox.stories.servicenow_player import ServiceNowPlayer
from capa_sync.sandbox.stories.working_days import WorkingDays
from capa_sync.store import Register
from tests.journey.harness import SOURCES, stories_runtime

START = datetime(2026, 3, 31, 7, tzinfo=UTC)
Said = dict[tuple[str, str, str], tuple[str, str, str]]
"""(source, ticket id, rule) -> (outcome, severity, reason)."""
Tables = dict[str, list[dict[str, object]]]
"""Name of a table that people take away -> its rows."""


@dataclass
class Watched:
    """The register that watched, one that read everything afterwards, and what the first one said when.

    Attributes:
        recorded: the instant of each cycle -> every verdict that the register then held. episodes: the findings.
        tables: the rows of each table that people take away.
    """

    runtime: Runtime
    late: Runtime
    recorded: dict[datetime, Said]
    episodes: dict[datetime, list[tuple[object, ...]]]
    tables: dict[datetime, Tables]


@contextmanager
def watch_stories(folder: Path, cycles: int) -> Iterator[Watched]:
    """Play all stories, with so many cycles between; at the end a second register reads everything at once."""
    clock = SandboxClock(START, ticking=False)
    days = WorkingDays(START)
    servicenow = ServiceNowTracker(clock)
    trackers = {"jira": JiraTracker("cloud", clock), "jira-dc": JiraTracker("datacenter", clock)}
    grc = ServiceNowPlayer(servicenow, days)
    players: dict[str, Player] = {"servicenow": grc}
    players |= {name: JiraPlayer(tracker, days, grc.numbers.__getitem__) for name, tracker in trackers.items()}
    scenes = [(players[story.source], scene) for story in all_stories() for scene in story.scenes]
    scenes.sort(key=lambda pair: (-pair[1].ago, pair[1].minute))
    clock.set(days.at(scenes[0][1].ago + 1, 0) - timedelta(days=1))
    for player in players.values():
        player.prepare()
    with ExitStack() as stack:
        sites = {name: (trackers | {"servicenow": servicenow})[name] for name in SOURCES}
        urls = {name: stack.enter_context(SandboxServer(site)).url for name, site in sites.items()}
        runtime = stories_runtime(folder / "watching", urls, clock)
        stack.callback(runtime.register.close)
        recorded: dict[datetime, Said] = {}
        found: dict[datetime, list[tuple[object, ...]]] = {}
        tables: dict[datetime, Tables] = {}
        every = len(scenes) // cycles
        for number, (player, scene) in enumerate(scenes, 1):
            clock.set(days.at(scene.ago, scene.minute))
            player.play(scene)
            if number % every == 0:
                clock.advance(timedelta(minutes=1))
                recorded[clock.now()] = said_by_cycle(runtime)
                found[clock.now()] = episodes(runtime.register)
                tables[clock.now()] = taken_tables(runtime.register)
        clock.set(START)
        recorded[START] = said_by_cycle(runtime)
        late = stories_runtime(folder / "late", urls, clock)
        stack.callback(late.register.close)
        said_by_cycle(late)
        yield Watched(runtime, late, recorded, found, tables)


def said_by_cycle(runtime: Runtime) -> Said:
    """Run a cycle, as a newly started daemon; return every verdict that the register then holds."""
    for context in runtime.contexts.values():
        context.facts_at = None
    for result in run_round(runtime, list(runtime.contexts.values())):
        assert not result.problem, result.problem
    found: Said = {}
    for row in runtime.register.rows_by_table()["verdict"]:
        source, ticket_id, rule, outcome, severity, *_, reason, _due = row
        found[source, ticket_id, rule] = (outcome, severity, reason)
    return found


def episodes(register: Register) -> list[tuple[object, ...]]:
    """Return the latest episode of each finding."""
    names = ("source", "ticket_id", "rule", "state", "severity", "message", "opened_at", "cleared_at", "hidden_by")
    return sorted((tuple(row[name] for name in names) for row in register.view("v_findings")), key=repr)


def taken_tables(register: Register) -> Tables:
    """Return the rows of each table of an export."""
    with register.snapshot(ExportSelection()) as snapshot:
        return {
            name: [dict(zip(sheet.names, row, strict=True)) for row in snapshot.rows(sheet.view, sheet.names)]
            for name, sheet in SHEETS.items()
        }


def said_at(runtime: Runtime, at: datetime) -> Said:
    """Return every verdict as of an instant, computed from what the register holds now."""
    bind_as_known_at(runtime, at)
    mirror = PastMirror(runtime.register, {name: one.inputs() for name, one in runtime.contexts.items()}, at)
    found: Said = {}
    for name, context in runtime.contexts.items():
        inputs = runtime.inputs(context, at)
        for ticket_id in mirror.record_ids(name):
            record = map_past(inputs, ticket_id, mirror)
            if isinstance(record, CapaRecord):
                for verdict in judge_past(inputs, record, mirror, explain=False):
                    place = record.source, record.ticket_id, verdict.rule
                    found[place] = (verdict.outcome.value, verdict.severity.value, verdict.reason)
    return found
