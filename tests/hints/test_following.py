"""A hint brings sooner what the poll would bring, and nothing else: on all three trackers, over real HTTP."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon.cycle import CycleResult, run_cycle, run_hinted
from capa_sync.daemon.house import House
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.stories.script import AddAction, ChangeStage, Create, Day, Fill, Say, Scene
from tests.daemon.desk import FACTS
from tests.journey.desk import SOURCES, house_of
from tests.rates.bench import HOUR, Bench, open_bench

UNKNOWN = {"jira": "99999", "jira-dc": "99999", "servicenow": "f" * 32}
CAUSE = "No deputy was named for the review while its owner was on leave."


@pytest.fixture(params=SOURCES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Each tracker with two broken tickets, read and warned on."""
    with open_bench(request.param, tmp_path) as one:
        one.broken("one")
        one.broken("two")
        one.cycle()
        one.cycle()  # our own writes come back
        yield one


def id_of(bench: Bench, story: str) -> str:
    """The immutable id of a story's ticket, mirrored or not."""
    player: Any = bench.desk.player
    if bench.desk.source == "servicenow":
        return str(player.ids[story])
    return str(player.tracker.state.find(player.address(story)[0]).id)


def hinted(bench: Bench, *ids: str) -> CycleResult:
    """Follow hints that name these tickets, ten seconds later."""
    bench.later(timedelta(seconds=10))
    house = bench.desk.house
    return run_hinted(house, house.setups[bench.desk.source], list(ids))


def tables(house: House) -> dict[str, Any]:
    """Every row of every table."""
    return dict(house.register.rows_by_table())


def picture(house: House, source: str) -> dict[str, Any]:
    """What a register says of a source's tickets, without when it learnt it."""
    setup, register = house.setups[source], house.register
    return {
        ticket.id: (
            ticket.key,
            {name: (value.text, value.ids) for name, value in ticket.values.items()},
            [(each.at, each.field_id, each.old.text, each.new.text) for each in ticket.changes],
            [(each.id, each.text) for each in ticket.comments],
            register.tickets.presence(source, ticket.id),
            {each.rule: (each.state, each.severity) for each in register.findings.latest(source, ticket.id)},
        )
        for ticket in register.tickets.tickets(source, setup.source.parser())
    }


def test_a_hint_brings_the_change_and_its_warning_between_two_polls(bench: Bench) -> None:
    """Read, judged and written on at once; the cursor and `as_of` stay, and the next poll has nothing to add."""
    source, register = bench.desk.source, bench.desk.house.register
    before = register.tickets.cursor(source), register.runs.as_of(source)
    bench._play("one", Fill({"root_cause": CAUSE}))
    result = hinted(bench, id_of(bench, "one"))
    assert (result.problem, result.counts["read"], result.counts["judged"]) == ("", 1, 1)
    assert result.counts["delivered"] >= 1
    assert (register.tickets.cursor(source), register.runs.as_of(source)) == before
    written = len(bench.desk.writes())
    polled = bench.cycle()
    assert (polled.problem, polled.counts["delivered"], len(bench.desk.writes())) == ("", 0, written)


def test_a_new_ticket_in_scope_is_read_by_its_hint(bench: Bench) -> None:
    """Created and hinted: warned on before any poll has seen it."""
    bench.broken("new")
    assert hinted(bench, id_of(bench, "new")).counts["read"] == 1
    assert bench.states("new") == {"delivered"}
    written = len(bench.desk.writes())
    assert not bench.cycle().problem
    assert len(bench.desk.writes()) == written


def test_a_hint_that_names_nothing_of_ours_changes_no_row(bench: Bench) -> None:
    """Unknown ids, rubbish, and tickets that did not change, doubled and out of order."""
    bench.cycle()
    source = bench.desk.source
    before = tables(bench.desk.house)
    one, two = id_of(bench, "one"), id_of(bench, "two")
    for ids in ([UNKNOWN[source]], ["1) OR (project = X", "x" * 500, ""], [two, one, two], [one, UNKNOWN[source]]):
        result = hinted(bench, *ids)
        assert (result.problem, result.counts) == ("", {"read": 0})
    assert tables(bench.desk.house) == before


def test_a_hidden_ticket_is_left_as_it_was(bench: Bench) -> None:
    """A hint for what we may no longer see proves nothing; back in sight it is read again."""
    one, tracker = id_of(bench, "one"), bench.desk.server.tracker
    bench.cycle()
    before = picture(bench.desk.house, bench.desk.source)
    bench._play("one", Fill({"root_cause": CAUSE}))
    _hide(bench, one, hidden=True)
    assert hinted(bench, one).counts == {"read": 0}
    assert picture(bench.desk.house, bench.desk.source) == before
    _hide(bench, one, hidden=False)
    assert hinted(bench, one).counts["read"] == 1
    assert tracker is bench.desk.server.tracker


def _hide(bench: Bench, ticket: str, *, hidden: bool) -> None:
    tracker: Any = bench.desk.server.tracker
    if bench.desk.source == "servicenow":
        tracker.knobs.hidden_rows = [ticket] if hidden else []
    else:
        tracker.admin.hide(bench.desk.player.address("one")[0], hidden=hidden)


@pytest.mark.parametrize("place", ["subtask", "child"])
def test_a_hinted_record_brings_its_new_actions(tmp_path: Path, place: str) -> None:
    """As a poll would: else the poll, to which the record is no news any more, would never read them."""
    source = "jira" if place == "subtask" else "servicenow"
    with open_bench(source, tmp_path) as bench:
        bench.broken("one")
        bench.cycle()
        bench._play("one", AddAction("Name a deputy for every review", Day(-20), place))  # type: ignore[arg-type]
        bench._play("one", Say("An action was added."))
        hinted(bench, id_of(bench, "one"))
        register = bench.desk.house.register
        [child] = register.tickets.children_of(source, id_of(bench, "one"))
        assert register.tickets.presence(source, child) is Presence.PRESENT
        assert register.tickets.is_action(source, child)


def test_a_lagging_index_does_not_keep_a_hint_from_being_followed(tmp_path: Path) -> None:
    """A mirrored ticket is read by id at once; one that the index does not know yet is left to the poll."""
    with open_bench("jira", tmp_path) as bench:
        bench.broken("one")
        bench.cycle()
        bench.desk.server.tracker.knobs.index_lag_s = 90  # type: ignore[attr-defined]
        bench._play("one", Fill({"root_cause": CAUSE}))
        bench._play("new", Create({**FACTS, "title": "New"}))
        assert hinted(bench, id_of(bench, "one"), id_of(bench, "new")).counts["read"] == 1
        assert bench.desk.house.register.tickets.presence("jira", id_of(bench, "new")) is Presence.UNOBSERVED
        bench.later(timedelta(seconds=90))
        assert bench.cycle().counts["read"] >= 1
        assert bench.desk.house.register.tickets.presence("jira", id_of(bench, "new")) is Presence.PRESENT


@pytest.mark.parametrize("lag", [0, 90])
def test_a_ticket_that_left_the_query_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lag: int
) -> None:
    """Cloud is asked how the ticket stands now, and not how its index last saw it."""
    monkeypatch.setenv("CAPA_SYNC_SOURCES__JIRA__QUERY", "project = CAPA AND status != Planned")
    with open_bench("jira", tmp_path) as bench:
        bench.broken("one")
        bench.cycle()
        before = tables(bench.desk.house)
        bench.desk.server.tracker.knobs.index_lag_s = lag  # type: ignore[attr-defined]
        bench._play("one", ChangeStage("planned"))
        status = bench.desk.server.tracker.state.find(bench.desk.player.address("one")[0]).fields["status"]  # type: ignore[attr-defined]
        assert status["name"] == "Planned"
        assert hinted(bench, id_of(bench, "one")).counts == {"read": 0}
        assert tables(bench.desk.house) == before


def test_hints_wait_for_the_next_poll_while_the_source_has_a_problem(bench: Bench) -> None:
    """After a poll that failed, before the first one, and while the tracker wants to be left alone: not a request."""
    one = id_of(bench, "one")
    bench._play("one", Fill({"root_cause": CAUSE}))
    bench.desk.server.faults.add("html", times=1)
    assert bench.cycle().problem
    bench.forget()
    assert hinted(bench, one).counts == {}
    bench.desk.house.register.runs.set_not_before(bench.desk.source, bench.desk.clock.now() + HOUR)
    assert "asked us to wait" in hinted(bench, one).problem
    bench.later(HOUR)
    bench.restart()
    assert hinted(bench, one).counts == {}
    assert bench.sent() == 0
    assert bench.cycle().counts["read"] == 1


def test_a_fault_on_the_way_leaves_all_to_the_poll(bench: Bench) -> None:
    """A hint whose reading fails leaves no trace, neither in the mirror nor in `status`."""
    one = id_of(bench, "one")
    bench._play("one", Fill({"root_cause": CAUSE}))
    before = tables(bench.desk.house)
    bench.desk.server.faults.add("html", times=None)
    assert hinted(bench, one).problem
    assert tables(bench.desk.house) == before
    bench.desk.server.faults.clear()
    assert bench.cycle().counts["read"] == 1


@pytest.mark.parametrize("seed", range(2))
def test_any_mix_of_hints_ends_where_polls_alone_end(bench: Bench, tmp_path: Path, seed: int) -> None:
    """Edits with hints lost, doubled, late, out of order or made up: the register equals one that only polls."""
    source, chance = bench.desk.source, random.Random(seed)  # noqa: S311 - a test's dice
    (tmp_path / "twin").mkdir()
    twin = house_of(source, tmp_path / "twin", bench.desk.server.url, bench.desk.clock)
    twin.setups[source].write = bench.desk.house.setups[source].write.__class__(mode="off")
    stories, late = ["one", "two"], [UNKNOWN[source]]
    for step in range(12):
        _something(bench, chance, stories, step)
        ids = [id_of(bench, story) for story in stories]
        late += chance.sample(ids, chance.randint(0, len(ids)))
        chance.shuffle(late)
        if chance.random() < 0.6:
            assert not hinted(bench, *late[: chance.randint(0, 6)]).problem
        if chance.random() < 0.3:
            assert not bench.cycle().problem
        if chance.random() < 0.3:
            assert not run_cycle(twin, twin.setups[source]).problem
    for _ in range(2):
        bench.later(HOUR)
        assert not bench.cycle().problem
        assert not run_cycle(twin, twin.setups[source]).problem
    assert picture(bench.desk.house, source) == picture(twin, source)
    assert (
        bench.desk.house.register.tickets.cursor(source).watermark == twin.register.tickets.cursor(source).watermark
    )
    twin.register.close()


def _something(bench: Bench, chance: random.Random, stories: list[str], step: int) -> None:
    """One deed of a person."""
    bench.later(timedelta(minutes=chance.randint(0, 9)))
    story = chance.choice(stories)
    deeds: list[Any] = [
        Fill({"root_cause": f"{CAUSE} ({step})"}),
        Say(f"Remark {step}"),
        Fill({"title": f"Review missed, {step}"}),
        Create({**FACTS, "title": f"Number {step}"}),
    ]
    deed = chance.choice(deeds)
    if isinstance(deed, Create):
        story = f"story-{step}"
        stories.append(story)
    bench.desk.player.play(Scene(story, 0, 0, "anna.lee", deed))
