"""A name in a mapping that its tracker does not have is told with its line; silence would make false warnings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from capa_sync.errors import Problem
from capa_sync.mapping import bind, mapping_from, unoffered_names
from capa_sync.mapping.people import NOBODY
from capa_sync.model.inspection import Inspection
from capa_sync.model.site import SiteFacts
from capa_sync.sandbox.messages import Reply, Request
from capa_sync.starter import starter_path
from tests.sync.users import users_on
from tests.sync.world import World, open_world

TABLES = {
    "servicenow-grc-issue": "sn_grc_issue",
    "servicenow-problem": "problem",
    "servicenow-custom": "u_capa",
}
SOURCE = {"jira-cloud": "jira", "jira-dc": "jira-dc", **dict.fromkeys(TABLES, "servicenow")}
OURS = frozenset({"inherit", "ignore_accounts", "heading", "template", "aliases"})
"""Lists that hold no name of the site as it is now; a tracker shows accounts only as it meets them."""
OUR_VALUES = frozenset({"from", "kind", "split", "constant", "stage", "until"})
UNKNOWN_LISTS = {("servicenow-problem", "canceled", "cancelled: [{field: close_code, is: [canceled]}]")}
"""Options of a column without a list of choices on the sandbox: nothing is claimed of them."""
TOLD_BY_THE_SOURCE = frozenset({"table", "reference"})


class Name(NamedTuple):
    """A name in a mapping with its place, both from 0."""

    text: str
    line: int
    column: int


def names_in(data: Any, key: str = "") -> Iterator[Name]:
    """Yield every name of a tracker below a part of a mapping: values, items, and the keys below `values:`."""
    if isinstance(data, CommentedMap):
        for name, value in data.items():
            if key == "values":
                yield Name(str(name), *data.lc.key(name))
            if isinstance(value, CommentedMap | CommentedSeq):
                if name not in OURS:
                    yield from names_in(value, str(name))
            elif key != "values" and name not in OUR_VALUES | OURS | TOLD_BY_THE_SOURCE and isinstance(value, str):
                yield Name(value, *data.lc.value(name))
    elif isinstance(data, CommentedSeq):
        for index, value in enumerate(data):
            if isinstance(value, CommentedMap | CommentedSeq):
                yield from names_in(value, key)
            else:
                yield Name(str(value), *data.lc.item(index))


def names_of(text: str) -> list[Name]:
    """Return every name of a mapping file that stands for something of the tracker."""
    data = YAML().load(text)
    return [
        name
        for part in ("record", "stage", "actions", "same_as")
        for name in names_in(data.get(part))
        if not (part == "stage" and name.text in data["stage"].get("values", {}).values())
    ]


def slip_of(name: str) -> str:
    """Return a name as a hurried person writes it: without its third letter, a short one with the last one twice."""
    return name[:2] + name[3:] if len(name) > 4 else name + name[-1]


def misspelt(text: str, name: Name) -> str:
    """Return a file with one name misspelt."""
    lines = text.splitlines(keepends=True)
    line = lines[name.line]
    assert name.text in line[name.column :], (name, line)
    lines[name.line] = line[: name.column] + line[name.column :].replace(name.text, slip_of(name.text), 1)
    return "".join(lines)


def looked_at(world: World) -> tuple[SiteFacts, Inspection]:
    """Return what a tracker tells about itself and its tickets, as `doctor` asks."""
    [context] = world.runtime.contexts.values()
    return context.source.identify(), context.source.inspect(writes=False)


def mistakes(text: str, file: str, facts: SiteFacts, inspection: Inspection) -> list[Problem]:
    """Return what `doctor` calls a mistake in the names of a mapping."""
    bound = bind(mapping_from(text, file, NOBODY), facts)
    offered = unoffered_names(bound.mapping, facts, bound.pins, inspection.offered)
    return [*bound.problems, *bound.slips, *(name.problem for name in offered if name.is_slip)]


@pytest.fixture(params=SOURCE)
def mapped(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, Path]]:
    """A shipped mapping on a sandbox tracker that fits it, with a ticket."""
    file = starter_path("mappings") / f"{request.param}.yaml"
    with open_world(tmp_path, SOURCE[request.param]) as world:
        if request.param in TABLES:
            world.retable(TABLES[request.param], file.name)
        users_on(world.only).create("calm")
        yield world, file


def test_each_misspelt_name_of_a_shipped_mapping_is_told_with_its_line(mapped: tuple[World, Path]) -> None:
    """Fields, options, statuses, link types, types of sub-tasks, columns of action tables: one by one."""
    world, file = mapped
    facts, inspection = looked_at(world)
    text = file.read_text(encoding="utf-8")
    names = names_of(text)
    assert len(names) > 30
    bound = bind(mapping_from(text, file.name, NOBODY), facts)
    assert (bound.problems, bound.notes) == ((), ()), "the shipped file fits its tracker"
    assert unoffered_names(bound.mapping, facts, bound.pins, inspection.offered) == []
    silent = []
    for name in names:
        if (file.stem, name.text, text.splitlines()[name.line].strip()) in UNKNOWN_LISTS:
            continue
        found = mistakes(misspelt(text, name), file.name, facts, inspection)
        told = [str(problem) for problem in found if f"'{slip_of(name.text)}'" in problem.what]
        if not any(line.startswith(f"{file.name}:{name.line + 1}: ") for line in told):
            silent.append((name, told))
    assert not silent, silent


PLACES = (
    ("servicenow-grc-issue", "table: sn_grc_task", "table: sn_grc_tsk", "Invalid table"),
    (
        "servicenow-grc-issue",
        "reference: issue ",
        "reference: an_issue ",
        "no column 'an_issue' that we may see; did you mean",
    ),
    ("servicenow-problem", "table: problem_task", "table: problemtask", "Invalid table"),
    (
        "servicenow-problem",
        "reference: problem ",
        "reference: the_problem ",
        "no column 'the_problem' that we may see",
    ),
)


@pytest.mark.parametrize(("file", "right", "wrong", "words"), PLACES)
def test_a_misspelt_table_of_actions_or_its_column_is_told_with_its_line(
    tmp_path: Path, file: str, right: str, wrong: str, words: str
) -> None:
    """Nothing can be read with it, so that the source says it."""
    path = starter_path("mappings") / f"{file}.yaml"
    text = path.read_text(encoding="utf-8")
    assert right in text
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "people.yaml").write_bytes((path.parent / "people.yaml").read_bytes())
    (folder / path.name).write_text(text.replace(right, wrong), encoding="utf-8")
    with open_world(tmp_path, "servicenow") as world:
        world.retable(TABLES[file], str(folder / path.name))
        [result] = world.try_cycle().values()
    entry = text[: text.index("- from: child")].count("\n") + 1
    assert f"{path.name}:{entry}: " in result.problem
    assert words in result.problem


REPORTED = (
    (
        "types: [Corrective action]",
        "types: [Corrective actions]",
        "no type of sub-tasks 'Corrective actions'",
        "Corrective",
    ),
    ("types: [is resolved by]", "types: [is solved by]", "no link type 'is solved by'", "is resolved by"),
    ('"Won\'t Do", "Not a', '"Wont Do", "Not a', "'Resolution' has no option 'Wont Do'", "Won't Do"),
    ('on_hold: ["On hold"', 'on_hold: ["Onhold"', "no status 'Onhold'", "On hold"),
    ("{links: [duplicates]}", "{links: [duplicated]}", "no link type 'duplicated'", "duplicates"),
    (
        "      Nonconformity: n",
        "      Nonconformities: n",
        "'Issue Type' has no option 'Nonconformities'",
        "Nonconformity",
    ),
)


@pytest.mark.parametrize("source", ["jira", "jira-dc"])
def test_what_a_cycle_shows_of_misspelt_names(tmp_path: Path, source: str) -> None:
    """`sync` and `plan` list the same problems as the log does, from the lists of the site alone."""
    pieces = [(right, wrong) for right, wrong, _, _ in REPORTED]
    with open_world(tmp_path, source) as world:
        text = (starter_path("mappings") / f"{'jira-cloud' if source == 'jira' else source}.yaml").read_text("utf-8")
        there = {right: wrong for right, wrong in pieces if right in text}
        assert len(there) >= 5
        world.resettle(source, mapping=there)
        users_on(world.only).create("calm")
        world.cycle()
        bound = world.runtime.contexts[source].bound
        assert bound is not None
        notes = list(map(str, bound.notes))
        for right, _wrong, says, near in REPORTED:
            assert right not in there or any(says in note and near in note for note in notes), (says, notes)
        assert set(map(str, bound.slips)) == set(notes)
        world.resettle(source, mapping={})
        world.cycle()
        bound = world.runtime.contexts[source].bound
        assert bound is not None
        assert bound.notes == ()


class Refused(NamedTuple):
    """What a Jira answers in place of one of its lists, and what is then not claimed."""

    path: str
    status: int
    body: bytes
    silent: str


TYPES, LINKS, RESOLUTIONS = "no type of sub-tasks", "no link type", "'Resolution' has no option"
REFUSED = (
    Refused("issuetype", 403, b"{}", TYPES),
    Refused("issuetype", 200, b"[]", TYPES),
    Refused("issuetype", 200, b'[{"id": "1"}]', TYPES),
    Refused("issueLinkType", 404, b'{"errorMessages": ["Issue linking is currently disabled"]}', LINKS),
    Refused("issueLinkType", 200, b'{"issueLinkTypes": null}', LINKS),
    Refused("issueLinkType", 200, b"[]", LINKS),
    Refused("resolution", 500, b"broken", RESOLUTIONS),
    Refused("resolution", 200, b"{}", RESOLUTIONS),
    Refused("resolution", 200, b"null", RESOLUTIONS),
)


@pytest.mark.parametrize(
    "refused", REFUSED, ids=lambda refused: f"{refused.path}-{refused.status}-{refused.body[:9]}"
)
def test_where_a_list_is_not_shown_nothing_is_claimed_and_all_is_read(tmp_path: Path, refused: Refused) -> None:
    """The other lists still count; the source is read as before."""

    def spoil(request: Request, reply: Reply) -> None:
        if request.path.endswith(f"/{refused.path}"):
            reply.status, reply.body = refused.status, refused.body

    with open_world(tmp_path, "jira") as world:
        world.resettle("jira", mapping={right: wrong for right, wrong, _, _ in REPORTED})
        users_on(world.only).create("calm")
        world.only.server.after.append(spoil)
        world.cycle()
        bound = world.runtime.contexts["jira"].bound
        assert bound is not None
        notes = " ".join(map(str, bound.notes))
        claims = {claim for claim in (TYPES, LINKS, RESOLUTIONS) if claim in notes}
        assert claims == {TYPES, LINKS, RESOLUTIONS} - {refused.silent}
        assert len(world.presences()) == 1


@pytest.mark.parametrize("source", ["jira", "jira-dc"])
def test_the_lists_are_read_at_a_sign_in_alone(tmp_path: Path, source: str) -> None:
    """Three small requests each hour; a poll between sends none of them."""
    lists = ("issuetype", "issueLinkType", "resolution")
    with open_world(tmp_path, source) as world:
        users_on(world.only).create("calm")
        world.cycle()
        counts = [sum(asked.path.endswith(f"/{name}") for asked in world.only.server.requests) for name in lists]
        world.cycle()
        after = [sum(asked.path.endswith(f"/{name}") for asked in world.only.server.requests) for name in lists]
    assert (counts, after) == ([1] * len(lists), [1] * len(lists))
