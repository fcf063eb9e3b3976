"""Speculative outcomes: each is used once, and only while everything it depends on is unchanged."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from capa_sync.daemon.outcome import Evaluated, Outcome
from capa_sync.daemon.pipeline import Pipeline
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.workers import serving, speculation
from capa_sync.daemon.workers.serving import evaluate_for
from capa_sync.daemon.workers.speculation import OLDEST, SpeculativeResults
from capa_sync.daemon.workers.task import Basis, Task, basis_of
from capa_sync.model.similar import SimilarKey
from capa_sync.model.site import Account
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.stories.script import AddAction, Create, Day, Fill, FinishAction, Say, StoryEvent
from capa_sync.store.similar import similar_key_rows
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, NOW, Harness
from tests.daemon.runtimes import read, runtime_of
from tests.unit.store.writes import write
from tests.unit.writeback.harness import finding

SOURCE = "jira-dc"
STORIES = {"broken", "clean", "other", "parent", "linked"}
RULES = ["what-when-where", "root-cause-before-action", "action-overdue"]
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
ACTION = AddAction("Change the checklist", Day(-3), "child", "tomasz.zielinski")


class World:
    """A tracker that was just read for the first time, and the speculative outcomes of its records."""

    def __init__(self, harness: Harness, runtime: Runtime) -> None:
        self.harness, self.runtime, self.context = harness, runtime, runtime.contexts[SOURCE]
        self.ids = runtime.register.tickets.record_ids(SOURCE)
        self.basis = basis_of(runtime.inputs(self.context, NOW))
        self.speculation = SpeculativeResults(runtime.register.path.parent)
        self._stories = {self.id(story): story for story in STORIES}

    def id(self, story: str) -> str:
        """Return the id of a story's ticket."""
        return self._id(self.harness.key(SOURCE, story))

    def action_of(self, story: str) -> str:
        """Return the id of the ticket that is a story's latest action."""
        return self._id(self.harness.players[SOURCE].actions[story])

    def _id(self, key: str) -> str:
        return self.runtime.register.tickets.find(key)[0][1]

    def evaluate_speculatively(self, now: datetime = NOW, *stories: str) -> bool:
        """Evaluate tickets speculatively, all by default."""
        ids = [self.id(story) for story in stories] or self.ids
        return self.speculation.evaluate_speculatively(self.runtime.inputs(self.context, now), ids, self.basis)

    def recall(self, now: datetime = NOW) -> dict[str, Outcome]:
        """Return the outcomes that are recalled for all tickets, by story."""
        pickled = self.speculation.recall(self.runtime.inputs(self.context, now), self.ids, self.basis)
        found = {ticket_id: stored.outcome() for ticket_id, stored in pickled.items()}
        return {self._stories[ticket_id]: outcome for ticket_id, outcome in found.items()}

    def evaluate_all(self) -> dict[str, Outcome]:
        """Return the outcomes of evaluating all tickets now, by story."""
        return {self._stories[outcome.ticket_id]: outcome for outcome in self.evaluate(self.ids)}

    def evaluate(self, ids: Sequence[str], now: datetime = NOW) -> list[Outcome]:
        """Return the outcomes of evaluating tickets now."""
        return Pipeline(self.runtime.inputs(self.context, now), ids).evaluate(ids)


@pytest.fixture
def world(make_harness: MakeHarness, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Five tickets: one that breaks a rule, two that break none, and two with an action ticket each."""
    harness = make_harness(SOURCE, rules=RULES)
    harness.create_broken(SOURCE)
    harness.create_clean(SOURCE)
    harness.create_clean(SOURCE, "other")
    for story, place in (("parent", "child"), ("linked", "link")):
        harness.play_event(SOURCE, story, Create(FACTS))
        harness.play_event(SOURCE, story, replace(ACTION, place=place))
    with runtime_of(harness, tmp_path_factory.mktemp("runtime") / "harness") as runtime:
        read(runtime, SOURCE)
        yield World(harness, runtime)


def after_event(story: str, event: StoryEvent) -> Callable[[World], None]:
    """Return a change: a person does something on the tracker a minute later, and it is read."""

    def change(world: World) -> None:
        world.harness.set_clock(NOW + MINUTE)
        world.harness.play_event(SOURCE, story, event)
        read(world.runtime, SOURCE)

    return change


def after_presence(id_of: Callable[[World], str], presence: Presence) -> Callable[[World], None]:
    """Return a change: a census finds another presence of a ticket."""
    return lambda world: world.runtime.register.tickets.set_presence(SOURCE, id_of(world), presence, "", NOW + MINUTE)


def save_finding(world: World) -> None:
    """Save a finding of the clean ticket."""
    world.runtime.register.findings.save([finding(source=SOURCE, ticket_id=world.id("clean"))])


def put_write(world: World) -> None:
    """Put a write for the clean ticket into the outbox."""
    world.runtime.register.outbox.put([write("w", world.id("clean"), source=SOURCE)])


def match_earlier(world: World) -> None:
    """Let the clean ticket match a record of another source that was closed before."""
    similar, found, early = world.runtime.register.similar, NOW.date(), NOW.date() - timedelta(days=9)
    for source, ticket_id, day in ((SOURCE, world.id("clean"), None), ("else", "1", early)):
        keys = [SimilarKey("a.5.18 / design", "KEY", found, day, is_effective=False)]
        similar.replace_keys(source, {ticket_id: similar_key_rows(source, ticket_id, keys)})
    assert similar.settle(SOURCE, NOW, 365) == [world.id("clean")]


@pytest.mark.parametrize(
    ("change", "story"),
    [
        (after_event("clean", Fill({"root_cause": "Nobody was named as deputy"})), "clean"),
        (after_event("clean", Say("Seen")), "clean"),
        (after_presence(lambda world: world.id("clean"), Presence.DELETED), "clean"),
        (after_presence(lambda world: world.id("clean"), Presence.ACCESS_LOST), "clean"),
        (after_event("other", ACTION), "other"),
        (after_event("other", replace(ACTION, place="link")), "other"),
        (after_event("parent", FinishAction("Minutes of the review")), "parent"),
        (after_event("linked", FinishAction("Minutes of the review")), "linked"),
        (after_presence(lambda world: world.action_of("parent"), Presence.DELETED), "parent"),
        (after_presence(lambda world: world.action_of("linked"), Presence.ARCHIVED), "linked"),
        (save_finding, "clean"),
        (put_write, "clean"),
        (match_earlier, "clean"),
    ],
    ids=[
        "edited", "commented", "deleted", "out of sight", "given a child", "given a link", "its child edited",
        "its link edited", "its child deleted", "its link archived", "found against", "written to",
        "matched",
    ],
)  # fmt: skip
def test_what_changed_is_not_recalled_and_all_else_is(
    world: World, change: Callable[[World], None], story: str
) -> None:
    """An outcome depends on its ticket, on that ticket's actions, findings, writes and matches, and on no other."""
    world.evaluate_speculatively()
    change(world)
    assert set(world.recall(NOW + MINUTE)) == STORIES - {story}


def test_what_is_recalled_equals_an_evaluation_now(world: World) -> None:
    """Verdicts, rows, events and plans are the same."""
    assert world.evaluate_speculatively()
    recalled = world.recall()
    assert recalled == world.evaluate_all()
    assert isinstance(recalled["broken"], Evaluated)
    assert recalled["broken"].events
    assert recalled["broken"].plan is not None


def test_reading_the_same_again_changes_nothing(world: World) -> None:
    """A poll that reads known content leaves every outcome valid."""
    world.evaluate_speculatively()
    world.harness.set_clock(NOW + MINUTE)
    read(world.runtime, SOURCE)
    assert set(world.recall(NOW + MINUTE)) == STORIES


def test_an_outcome_is_recalled_once(world: World) -> None:
    """It is recalled once, whether it was used or had become too old."""
    world.evaluate_speculatively()
    world.evaluate_speculatively(NOW - OLDEST, "clean", "other")
    assert set(world.recall(NOW + SECOND)) == STORIES - {"clean", "other"}
    assert world.recall(NOW - OLDEST) == {}


def test_of_two_evaluations_the_later_one_is_recalled(world: World) -> None:
    """An outcome that is no longer valid is replaced by one that is."""
    world.evaluate_speculatively()
    after_event("clean", Fill({"root_cause": "Nobody was named as deputy"}))(world)
    world.evaluate_speculatively(NOW + MINUTE, "clean")
    recalled = world.recall(NOW + MINUTE)
    assert set(recalled) == STORIES
    assert [recalled["clean"]] == world.evaluate([world.id("clean")], NOW + MINUTE)


# --- time ----------------------------------------------------------------------------------------------------------
def test_an_old_outcome_is_not_recalled(world: World) -> None:
    """It is recalled up to the maximum age, and not a second later."""
    world.evaluate_speculatively()
    world.evaluate_speculatively(NOW + SECOND, "other", "parent")
    assert set(world.recall(NOW + OLDEST + SECOND)) == {"other", "parent"}
    world.evaluate_speculatively()
    assert set(world.recall(NOW + OLDEST)) == STORIES


@pytest.mark.parametrize("days", [365, -365], ids=["ahead", "behind"])
def test_an_outcome_of_a_wrong_clock_is_not_recalled(world: World, days: int) -> None:
    """The clock was set right since then: what was overdue by it may not be so."""
    world.evaluate_speculatively(NOW + timedelta(days=days))
    assert world.recall(NOW) == {}


def _next_due_at(outcome: Outcome) -> datetime:
    assert isinstance(outcome, Evaluated)
    assert outcome.rows.next_due_at is not None
    return datetime.fromisoformat(outcome.rows.next_due_at)


def test_an_outcome_that_time_may_have_changed_is_not_recalled(world: World) -> None:
    """A verdict holds until the instant at which it is due again, and not at that instant."""
    instants = {story: _next_due_at(outcome) for story, outcome in world.evaluate_all().items()}
    first = min(instants.values())
    later = {story for story in STORIES if instants[story] > first}
    assert later
    for now, wanted in ((first - SECOND, STORIES), (first, later)):
        world.evaluate_speculatively(first - 5 * MINUTE)
        assert set(world.recall(now)) == wanted


def test_a_plan_that_time_may_have_changed_is_not_recalled(world: World) -> None:
    """A write that is held back for the quiet time is planned again when that time is over."""
    world.context.write = replace(world.context.write, mode="plan", settle=timedelta(days=5, minutes=5))
    world.basis = basis_of(world.runtime.inputs(world.context, NOW))
    outcome = world.evaluate_all()["broken"]
    assert isinstance(outcome, Evaluated)
    assert outcome.plan is not None
    again = outcome.plan.next_due_at
    assert again is not None
    assert NOW < again < NOW + OLDEST
    for now, wanted in ((again - SECOND, STORIES), (again, STORIES - {"broken"})):
        world.evaluate_speculatively()
        assert set(world.recall(now)) == wanted


# --- what else it depends on ---------------------------------------------------------------------------------------
def other_bases(world: World) -> list[Basis]:
    """Return the basis with another time zone, setting, clock offset, rule set and mapping, one at a time."""
    basis = world.basis
    return [
        basis._replace(options=replace(basis.options, timezone="Asia/Tokyo")),
        basis._replace(write=replace(basis.write, settle=MINUTE)),
        basis._replace(clock_skew=MINUTE),
        basis._replace(known_by=("other rules", basis.known_by[1])),
        basis._replace(known_by=(basis.known_by[0], "another mapping")),
    ]


@pytest.mark.parametrize("number", range(5))
def test_nothing_is_recalled_on_another_basis(world: World, number: int) -> None:
    """Outcomes of other settings, rules or mappings are not used."""
    world.evaluate_speculatively()
    same, world.basis = world.basis, other_bases(world)[number]
    assert world.recall() == {}
    world.basis = same
    assert set(world.recall()) == STORIES


def test_a_new_basis_forgets_what_depends_on_the_old_one(world: World) -> None:
    """The settings were changed during speculative evaluation."""
    world.evaluate_speculatively()
    world.basis = other_bases(world)[0]
    world.evaluate_speculatively(NOW, "clean")
    assert set(world.recall()) == {"clean"}


def test_a_ticket_that_may_not_be_evaluated_speculatively_has_no_outcome(world: World) -> None:
    """These are one with a finding, one out of sight, and one that is not mirrored; the others have outcomes."""
    save_finding(world)
    after_presence(lambda world: world.id("other"), Presence.ACCESS_LOST)(world)
    assert world.speculation.evaluate_speculatively(
        world.runtime.inputs(world.context, NOW), [*world.ids, "404"], world.basis
    )
    world.runtime.register.findings._db.execute("DELETE FROM finding")
    assert set(world.recall()) == STORIES - {"clean", "other"}


# --- space, and the worker -----------------------------------------------------------------------------------------
def test_outcomes_are_stored_in_a_file_without_a_name(world: World) -> None:
    """No directory lists the file, and a killed worker leaves nothing behind."""
    before = sorted(world.runtime.register.path.parent.iterdir())
    world.evaluate_speculatively()
    assert sorted(world.runtime.register.path.parent.iterdir()) == before
    assert world.recall()


def test_a_worker_reports_that_there_is_no_more_space(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored until then is valid."""
    monkeypatch.setattr(speculation, "_ROOM", 1)
    tasks = [Task(world.basis, (world.id(story),), NOW, is_ahead=True) for story in ("clean", "other")]
    assert [evaluate_for(world.runtime, task, world.speculation) for task in tasks] == [[], None]
    assert set(world.recall()) == {"clean"}


def sent(answer: object) -> object:
    """Return a worker's answer as the daemon receives it."""
    return pickle.loads(pickle.dumps(answer))  # noqa: S301 - made here


def test_a_worker_evaluates_what_it_does_not_know_and_answers_in_order(world: World) -> None:
    """Known or not, changed or not: the answer equals an evaluation of all tickets now."""
    world.evaluate_speculatively(NOW, "clean", "broken", "linked")
    after_event("clean", Fill({"root_cause": "Nobody was named as deputy"}))(world)
    task = Task(world.basis, tuple(reversed(world.ids)), NOW)
    assert sent(evaluate_for(world.runtime, task, world.speculation)) == world.evaluate(task.ids)


def test_a_worker_evaluates_nothing_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A speculative outcome that is still valid is not computed again."""
    ahead = Task(world.basis, tuple(world.ids), NOW, is_ahead=True)
    assert evaluate_for(world.runtime, ahead, world.speculation) == []
    wanted = world.evaluate(world.ids)
    monkeypatch.setattr(serving, "Pipeline", None)
    assert sent(evaluate_for(world.runtime, ahead._replace(is_ahead=False), world.speculation)) == wanted


def test_a_worker_with_other_rules_evaluates_nothing_speculatively(world: World) -> None:
    """The worker declines, and stores nothing."""
    world.basis = other_bases(world)[3]
    ahead = Task(world.basis, tuple(world.ids), NOW, is_ahead=True)
    assert evaluate_for(world.runtime, ahead, world.speculation) is None
    assert world.recall() == {}


@pytest.mark.parametrize(
    ("account", "cannot_tell", "stays"),
    [
        (Account("new", "Nadia New", active=True), False, True),
        (Account("new", "Nadia New", active=True), True, False),
        (Account("new", "Nadia New", active=True, aliases=("nadia",)), False, False),
    ],
    ids=["decided", "could not tell", "another name"],
)
def test_an_account_that_is_learnt_later_ends_what_may_rest_on_it(
    world: World, monkeypatch: pytest.MonkeyPatch, account: Account, cannot_tell: bool, stays: bool
) -> None:
    """A rule that could not tell may tell now, and an older history may hold the account's other name."""
    monkeypatch.setattr(speculation, "_cannot_tell", lambda _outcome: cannot_tell)
    world.evaluate_speculatively()
    world.runtime.register.accounts.show(SOURCE, [account], NOW)
    assert bool(world.recall()) == stays
