"""Data Center's history names fields as they were called then: a renamed field keeps its past, or cannot tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.daemon.explaining import explain_ticket
from capa_sync.daemon.explaining_past import bind_as_known_at
from capa_sync.mapping import BoundMapping
from capa_sync.sandbox.stories.jira_site import site_lines
from tests.sync.equal import assert_rebuilt
from tests.sync.users import JiraUserDriver, users_on
from tests.sync.world import World, open_world

RULE = "root-cause-before-action"
BY_NAME = "root_cause: {field: Root cause, template"
OTHER = "customfield_19999"
CAUSE = "Nobody owned the list of leavers, so none was told"
Step = Callable[[World, JiraUserDriver], None]


def _called(name: str, *, other: bool = False) -> Step:
    """As an administrator: give the mapped field, or another one of its kind, this name; it may be new."""

    def name_it(world: World, users: JiraUserDriver) -> None:
        lines = site_lines("datacenter")
        [line] = [line for line in lines if line.get("name") == "Root cause" and line["kind"] == "field"]
        id_ = OTHER if other else users.ids_of["Root cause"]
        users.tracker.load([{**line, "id": id_, "key": id_, "name": name}])

    return name_it


def _census(world: World, users: JiraUserDriver) -> None:
    world.try_cycle(days=1)


def _edit_title(world: World, users: JiraUserDriver) -> None:
    users.edit(users.records()[0], "another title", 1)


def _edit_other(world: World, users: JiraUserDriver) -> None:
    users.person(0).edit(users.key(users.records()[0]), {OTHER: "Something about another matter"})
    world.later(hours=1)


def _edit_cause(world: World, users: JiraUserDriver) -> None:
    users.edit(users.records()[0], CAUSE, 0)
    world.later(hours=1)


@contextmanager
def _late_cause(
    folder: Path, entry: str, *before: Step, writes: Step = _edit_cause
) -> Iterator[tuple[World, JiraUserDriver]]:
    """Open a world with one ticket whose action came before its cause; nothing was read yet."""
    with open_world(folder, "jira-dc", rules=(RULE,)) as world:
        users = users_on(world.only)
        assert isinstance(users, JiraUserDriver)
        users.create("a word")
        [ticket] = users.records()
        for step in before:
            step(world, users)
        users.create_part(ticket, "Name an owner")
        world.later(hours=1)
        writes(world, users)
        world.resettle("jira-dc", mapping={BY_NAME: entry.format(id=users.ids_of["Root cause"])})
        yield world, users


def _then(world: World, users: JiraUserDriver, *steps: Step) -> tuple[str, str]:
    """Carry out steps, each before a census; return the verdict, and why the history is not complete."""
    for step in steps:
        step(world, users)
        _census(world, users)
    world.try_cycle(minutes=5)
    [ticket] = users.records()
    rows = world.runtime.register.rows_by_table()["verdict"]
    [row] = world.view("v_tickets", ticket_id=ticket)
    assert row["history_complete"] == (0 if row["history_gap"] else 1)
    assert_rebuilt(world)
    return next(row[3] for row in rows if row[1] == ticket and row[2] == RULE), row["history_gap"]


def _bound(world: World) -> BoundMapping:
    bound = world.runtime.contexts["jira-dc"].bound
    assert bound is not None
    return bound


ENTRIES = {
    "id": "root_cause: {{field: {id}, template",
    "name": "root_cause: {{field: Root cause, template",
    "id_and_alias": "root_cause: {{field: {id}, aliases: [Root cause], template",
    "name_and_alias": "root_cause: {{field: Root cause, aliases: [Cause of it], template",
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_renamed_field_keeps_its_past_and_the_rename_is_told(tmp_path: Path, entry: str) -> None:
    """Whether the mapping has its id or its name; an alias that says so already needs no remark."""
    with _late_cause(tmp_path, ENTRIES[entry]) as (world, users):
        assert _then(world, users, _census)[0] == "breach"
        assert _then(world, users, _called("Cause of it"), _edit_title) == ("breach", "")
        assert _then(world, users, _called("Cause found"), _called("Reason"), _edit_title) == ("breach", "")
        bound = _bound(world)
        assert any("is now called 'Reason'" in str(drift) for drift in bound.drifts)


def test_an_alias_for_the_lost_name_ends_the_remark(tmp_path: Path) -> None:
    """The remark on a field named by its id says which names to add."""
    with _late_cause(tmp_path, ENTRIES["id"]) as (world, users):
        _then(world, users, _census, _called("Cause of it"))
        bound = _bound(world)
        [drift] = map(str, bound.drifts)
        assert "'Root cause' (customfield_" in drift
        assert "write 'Root cause' into its `aliases`" in drift
    (tmp_path / "again").mkdir()
    with _late_cause(tmp_path / "again", ENTRIES["id_and_alias"]) as (world, users):
        _then(world, users, _census, _called("Cause of it"))
        bound = _bound(world)
        assert bound.drifts == ()


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("at_once", [False, True], ids=["later", "swapped"])
def test_a_name_that_another_field_took_over_cannot_tell_until_that_field_gives_it_back(
    tmp_path: Path, entry: str, at_once: bool
) -> None:
    """Also where both fields change names between two censuses; never is the cause taken as filled at creation."""
    before = [_called("Cause of it", other=True)] if at_once else []

    def swap(world: World, users: JiraUserDriver) -> None:
        _called("Cause of it")(world, users)
        _called("Root cause", other=True)(world, users)

    steps = [swap] if at_once else [_called("Cause of it"), _called("Root cause", other=True)]
    with _late_cause(tmp_path, ENTRIES[entry], *before) as (world, users):
        assert _then(world, users, _census)[0] == "breach"
        outcome, gap = _then(world, users, *steps, _edit_title)
        assert outcome == "cannot_tell"
        assert "names 'Root cause' without its id" in gap
        assert "rename the other field" in gap
        [explanation] = explain_ticket(world.runtime, users.records()[0], world.runtime.clock.now())
        assert any("root_cause cannot tell" in note for note in explanation.notes)
        assert _then(world, users, _called("Matter", other=True), _edit_title) == ("breach", "")


def test_the_past_of_the_field_whose_name_ours_took_over_is_not_its_own(tmp_path: Path) -> None:
    """What was written into the other field before the action is no early cause; an alias says whose the name is."""
    with _late_cause(tmp_path, ENTRIES["id"], _called("Cause of it", other=True), _edit_other) as (world, users):
        before, _ = _then(world, users, _census)
        outcome, gap = _then(
            world, users, _called("Root cause before", other=True), _called("Cause of it"), _edit_title
        )
        assert (before, outcome) == ("breach", "cannot_tell")
        assert "2 fields have or had this name" in gap
        assert "write it into the `aliases` of the field whose past it is" in gap
        entry = f"root_cause: {{field: {users.ids_of['Root cause']}, aliases: [Cause of it], template"
        world.resettle("jira-dc", mapping={BY_NAME: entry})
        assert _then(world, users, _edit_title)[1] == ""


def test_a_rename_before_the_first_contact_is_seen_in_the_ticket(tmp_path: Path) -> None:
    """Its history ends under a name that no field has, with what the field holds; `aliases` give it its past back."""

    def rename(world: World, users: JiraUserDriver) -> None:
        _edit_cause(world, users)
        _called("Cause of it")(world, users)

    with _late_cause(tmp_path, ENTRIES["id"], writes=rename) as (world, users):
        outcome, gap = _then(world, users, _census)
        assert outcome == "cannot_tell"
        assert "ends under the name 'Root cause' with the value with which 'Cause of it' begins" in gap
        assert "write 'Root cause' into its `aliases`" in gap
        entry = ENTRIES["id_and_alias"].format(id=users.ids_of["Root cause"])
        world.resettle("jira-dc", mapping={BY_NAME: entry})
        assert _then(world, users, _census) == ("breach", "")


def test_fields_that_swapped_names_before_the_first_contact_are_seen_too(tmp_path: Path) -> None:
    """The name is another field's now, and what it ends with is not that field's value but ours."""

    def swap(world: World, users: JiraUserDriver) -> None:
        _edit_cause(world, users)
        _called("Cause of it")(world, users)
        _called("Root cause", other=True)(world, users)

    with _late_cause(tmp_path, ENTRIES["id"], writes=swap) as (world, users):
        outcome, gap = _then(world, users, _census)
        assert outcome == "cannot_tell"
        assert "ends under the name 'Root cause'" in gap


def test_other_fields_that_were_edited_renamed_or_share_a_value_later_keep_nothing_from_being_judged(
    tmp_path: Path,
) -> None:
    """Before and after the first contact."""

    def both(world: World, users: JiraUserDriver) -> None:
        _called("Matter", other=True)(world, users)
        _edit_other(world, users)
        _edit_cause(world, users)
        _called("What it was about", other=True)(world, users)

    with _late_cause(tmp_path, ENTRIES["id"], writes=both) as (world, users):
        assert _then(world, users, _census) == ("breach", "")
        assert _then(world, users, _called("Other matter", other=True), _edit_other, _edit_title) == ("breach", "")


def test_the_past_is_told_by_the_names_that_were_known_then(tmp_path: Path) -> None:
    """As of a day before a rename and a take-over the ticket is what it was; after them the names of then count."""
    with _late_cause(tmp_path, ENTRIES["id"]) as (world, users):
        assert _then(world, users, _census)[0] == "breach"
        known = world.clock.now() - timedelta(days=1, minutes=5)  # the first read
        _then(world, users, _called("Cause of it"), _called("Root cause", other=True), _edit_title)
        for at, is_shared in ((known, False), (world.clock.now() - timedelta(minutes=1), True)):
            bind_as_known_at(world.runtime, at)
            bound = _bound(world)
            assert ("name:root cause" in bound.shared) == is_shared
