"""A hint has the effect of the next poll, only sooner: on all three trackers, over real HTTP."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon.cycle import CycleResult, run_cycle, run_hinted
from capa_sync.daemon.runtime import Runtime
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.stories.script import AddAction, ChangeStage, Create, Day, Fill, Say, Scene
from tests.daemon.harness import FACTS
from tests.journey.harness import SOURCES, runtime_of
from tests.rates.source_harness import HOUR, SourceHarness, open_source_harness

UNKNOWN = {"jira": "99999", "jira-dc": "99999", "servicenow": "f" * 32}
CAUSE = "No deputy was named for the review while its owner was on leave."


@pytest.fixture(params=SOURCES)
def source_harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SourceHarness]:
    """Each tracker with two broken tickets, read and warned on."""
    with open_source_harness(request.param, tmp_path) as opened:
        opened.create_broken("one")
        opened.create_broken("two")
        opened.cycle()
        opened.cycle()  # reads our own writes
        yield opened


def id_of(source_harness: SourceHarness, story: str) -> str:
    """Return the immutable id of a story's ticket, mirrored or not."""
    player: Any = source_harness.harness.player
    if source_harness.harness.source == "servicenow":
        return str(player.ids[story])
    return str(player.tracker.state.find(player.address(story)[0]).id)


def hinted(source_harness: SourceHarness, *ids: str) -> CycleResult:
    """Follow hints that name these tickets, ten seconds later."""
    source_harness.later(timedelta(seconds=10))
    runtime = source_harness.harness.runtime
    return run_hinted(runtime, runtime.contexts[source_harness.harness.source], list(ids))


def tables(runtime: Runtime) -> dict[str, Any]:
    """Return every row of every table."""
    return dict(runtime.register.rows_by_table())


def picture(runtime: Runtime, source: str) -> dict[str, Any]:
    """Return what a register holds about a source's tickets, without the times of reading."""
    context, register = runtime.contexts[source], runtime.register
    return {
        ticket.id: (
            ticket.key,
            {name: (value.text, value.ids) for name, value in ticket.values.items()},
            [(change.at, change.field_id, change.old.text, change.new.text) for change in ticket.changes],
            [(comment.id, comment.text) for comment in ticket.comments],
            register.tickets.presence(source, ticket.id),
            {
                finding.rule: (finding.state, finding.severity)
                for finding in register.findings.latest(source, ticket.id)
            },
        )
        for ticket in register.tickets.tickets(source, context.source.parser())
    }


def test_a_hint_brings_the_change_and_its_warning_between_two_polls(source_harness: SourceHarness) -> None:
    """The ticket is read, judged and written on at once; cursor and `as_of` stay, and the next poll adds nothing."""
    source, register = source_harness.harness.source, source_harness.harness.runtime.register
    before = register.tickets.cursor(source), register.runs.as_of(source)
    source_harness._play("one", Fill({"root_cause": CAUSE}))
    result = hinted(source_harness, id_of(source_harness, "one"))
    assert (result.problem, result.counts["read"], result.counts["judged"]) == ("", 1, 1)
    assert result.counts["delivered"] >= 1
    assert (register.tickets.cursor(source), register.runs.as_of(source)) == before
    written = len(source_harness.harness.writes())
    polled = source_harness.cycle()
    assert (polled.problem, polled.counts["delivered"], len(source_harness.harness.writes())) == ("", 0, written)


def test_a_new_ticket_in_scope_is_read_by_its_hint(source_harness: SourceHarness) -> None:
    """A hint for a new ticket leads to its warning before any poll has read it."""
    source_harness.create_broken("new")
    assert hinted(source_harness, id_of(source_harness, "new")).counts["read"] == 1
    assert source_harness.states("new") == {"delivered"}
    written = len(source_harness.harness.writes())
    assert not source_harness.cycle().problem
    assert len(source_harness.harness.writes()) == written


def test_a_hint_that_names_nothing_of_ours_changes_no_row(source_harness: SourceHarness) -> None:
    """The hints name unknown ids, invalid ids, and unchanged tickets, doubled and out of order."""
    source_harness.cycle()
    source = source_harness.harness.source
    before = tables(source_harness.harness.runtime)
    first, second = id_of(source_harness, "one"), id_of(source_harness, "two")
    for ids in (
        [UNKNOWN[source]],
        ["1) OR (project = X", "x" * 500, ""],
        [second, first, second],
        [first, UNKNOWN[source]],
    ):
        result = hinted(source_harness, *ids)
        assert (result.problem, result.counts) == ("", {"read": 0})
    assert tables(source_harness.harness.runtime) == before


def test_a_hidden_ticket_is_left_as_it_was(source_harness: SourceHarness) -> None:
    """A hint for a ticket that is hidden from us proves nothing; when it is visible it is read again."""
    ticket_id, tracker = id_of(source_harness, "one"), source_harness.harness.server.tracker
    source_harness.cycle()
    before = picture(source_harness.harness.runtime, source_harness.harness.source)
    source_harness._play("one", Fill({"root_cause": CAUSE}))
    _hide(source_harness, ticket_id, hidden=True)
    assert hinted(source_harness, ticket_id).counts == {"read": 0}
    assert picture(source_harness.harness.runtime, source_harness.harness.source) == before
    _hide(source_harness, ticket_id, hidden=False)
    assert hinted(source_harness, ticket_id).counts["read"] == 1
    assert tracker is source_harness.harness.server.tracker


def _hide(source_harness: SourceHarness, ticket: str, *, hidden: bool) -> None:
    tracker: Any = source_harness.harness.server.tracker
    if source_harness.harness.source == "servicenow":
        tracker.settings.hidden_rows = [ticket] if hidden else []
    else:
        tracker.admin.hide(source_harness.harness.player.address("one")[0], hidden=hidden)


@pytest.mark.parametrize("place", ["subtask", "child"])
def test_a_hinted_record_brings_its_new_actions(tmp_path: Path, place: str) -> None:
    """Otherwise they would never be read: for the next poll the record has no change any more."""
    source = "jira" if place == "subtask" else "servicenow"
    with open_source_harness(source, tmp_path) as source_harness:
        source_harness.create_broken("one")
        source_harness.cycle()
        source_harness._play("one", AddAction("Name a deputy for every review", Day(-20), place))  # type: ignore[arg-type]
        source_harness._play("one", Say("An action was added."))
        hinted(source_harness, id_of(source_harness, "one"))
        register = source_harness.harness.runtime.register
        [child] = register.tickets.children_of(source, id_of(source_harness, "one"))
        assert register.tickets.presence(source, child) is Presence.PRESENT
        assert register.tickets.is_action(source, child)


def test_a_hint_is_followed_although_the_index_lags(tmp_path: Path) -> None:
    """A mirrored ticket is read by id at once; one that the index does not know yet is left to the poll."""
    with open_source_harness("jira", tmp_path) as source_harness:
        source_harness.create_broken("one")
        source_harness.cycle()
        source_harness.harness.server.tracker.settings.index_lag_s = 90  # type: ignore[attr-defined]
        source_harness._play("one", Fill({"root_cause": CAUSE}))
        source_harness._play("new", Create({**FACTS, "title": "New"}))
        assert hinted(source_harness, id_of(source_harness, "one"), id_of(source_harness, "new")).counts["read"] == 1
        assert (
            source_harness.harness.runtime.register.tickets.presence("jira", id_of(source_harness, "new"))
            is Presence.UNOBSERVED
        )
        source_harness.later(timedelta(seconds=90))
        assert source_harness.cycle().counts["read"] >= 1
        assert (
            source_harness.harness.runtime.register.tickets.presence("jira", id_of(source_harness, "new"))
            is Presence.PRESENT
        )


@pytest.mark.parametrize("lag", [0, 90])
def test_a_ticket_that_left_the_query_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lag: int) -> None:
    """The present state of the ticket on Cloud decides, not that of the index."""
    monkeypatch.setenv("CAPA_SYNC_SOURCES__JIRA__QUERY", "project = CAPA AND status != Planned")
    with open_source_harness("jira", tmp_path) as source_harness:
        source_harness.create_broken("one")
        source_harness.cycle()
        before = tables(source_harness.harness.runtime)
        source_harness.harness.server.tracker.settings.index_lag_s = lag  # type: ignore[attr-defined]
        source_harness._play("one", ChangeStage("planned"))
        status = source_harness.harness.server.tracker.state.find(
            source_harness.harness.player.address("one")[0]
        ).fields["status"]  # type: ignore[attr-defined]
        assert status["name"] == "Planned"
        assert hinted(source_harness, id_of(source_harness, "one")).counts == {"read": 0}
        assert tables(source_harness.harness.runtime) == before


def test_hints_wait_for_the_next_poll_while_the_source_has_a_problem(source_harness: SourceHarness) -> None:
    """No request is sent after a failed poll, before the first poll, and while a rate limit holds."""
    ticket_id = id_of(source_harness, "one")
    source_harness._play("one", Fill({"root_cause": CAUSE}))
    source_harness.harness.server.faults.add("html", times=1)
    assert source_harness.cycle().problem
    source_harness.reset_requests()
    assert hinted(source_harness, ticket_id).counts == {}
    source_harness.harness.runtime.register.runs.set_not_before(
        source_harness.harness.source, source_harness.harness.clock.now() + HOUR
    )
    assert "asked us to wait" in hinted(source_harness, ticket_id).problem
    source_harness.later(HOUR)
    source_harness.restart()
    assert hinted(source_harness, ticket_id).counts == {}
    assert source_harness.sent() == 0
    assert source_harness.cycle().counts["read"] == 1


def test_a_fault_while_following_a_hint_leaves_the_ticket_to_the_poll(source_harness: SourceHarness) -> None:
    """A hint whose reading fails changes neither the mirror nor `status`."""
    ticket_id = id_of(source_harness, "one")
    source_harness._play("one", Fill({"root_cause": CAUSE}))
    before = tables(source_harness.harness.runtime)
    source_harness.harness.server.faults.add("html", times=None)
    assert hinted(source_harness, ticket_id).problem
    assert tables(source_harness.harness.runtime) == before
    source_harness.harness.server.faults.clear()
    assert source_harness.cycle().counts["read"] == 1


@pytest.mark.parametrize("seed", range(2))
def test_any_mix_of_hints_ends_where_polls_alone_end(
    source_harness: SourceHarness, tmp_path: Path, seed: int
) -> None:
    """With hints lost, doubled, late, out of order or invented, the register equals one that only polls."""
    source, chance = source_harness.harness.source, random.Random(seed)  # noqa: S311 - a test's dice
    (tmp_path / "polling").mkdir()
    polling_runtime = runtime_of(
        source, tmp_path / "polling", source_harness.harness.server.url, source_harness.harness.clock
    )
    polling_runtime.contexts[source].write = source_harness.harness.runtime.contexts[source].write.__class__(
        mode="off"
    )
    stories, late = ["one", "two"], [UNKNOWN[source]]
    for step in range(12):
        _random_event(source_harness, chance, stories, step)
        ids = [id_of(source_harness, story) for story in stories]
        late += chance.sample(ids, chance.randint(0, len(ids)))
        chance.shuffle(late)
        if chance.random() < 0.6:
            assert not hinted(source_harness, *late[: chance.randint(0, 6)]).problem
        if chance.random() < 0.3:
            assert not source_harness.cycle().problem
        if chance.random() < 0.3:
            assert not run_cycle(polling_runtime, polling_runtime.contexts[source]).problem
    for _ in range(2):
        source_harness.later(HOUR)
        assert not source_harness.cycle().problem
        assert not run_cycle(polling_runtime, polling_runtime.contexts[source]).problem
    assert picture(source_harness.harness.runtime, source) == picture(polling_runtime, source)
    assert (
        source_harness.harness.runtime.register.tickets.cursor(source).watermark
        == polling_runtime.register.tickets.cursor(source).watermark
    )
    polling_runtime.register.close()


def _random_event(source_harness: SourceHarness, chance: random.Random, stories: list[str], step: int) -> None:
    """Let a person do something on a random ticket."""
    source_harness.later(timedelta(minutes=chance.randint(0, 9)))
    story = chance.choice(stories)
    events: list[Any] = [
        Fill({"root_cause": f"{CAUSE} ({step})"}),
        Say(f"Remark {step}"),
        Fill({"title": f"Review missed, {step}"}),
        Create({**FACTS, "title": f"Number {step}"}),
    ]
    event = chance.choice(events)
    if isinstance(event, Create):
        story = f"story-{step}"
        stories.append(story)
    source_harness.harness.player.play(Scene(story, 0, 0, "anna.lee", event))
