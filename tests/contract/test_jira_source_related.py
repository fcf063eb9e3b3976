"""Records' actions (sub-tasks, links, children), and the census with its roster, over real HTTP on both faces."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from capa_sync.errors import SourceError
from capa_sync.model.settings import ChildSpec
from capa_sync.model.ticket import Role
from capa_sync.sandbox.http import Reply
from capa_sync.sandbox.messages import Request
from tests.contract.jira_source_harness import Harness, ann, harness, populate

FACES = ("cloud", "datacenter")
both_faces = pytest.mark.parametrize("face", FACES)
SUBTASKS = (ChildSpec("subtask", ("Sub-task",)),)
LINKS = (ChildSpec("link", ("is blocked by",)),)
RECORDS_ONLY = "project = CAPA AND issuetype = Nonconformity"


def subtask(it: Harness, parent: str, words: str = "Do it") -> str:
    """Create a sub-task."""
    return str(ann(it).create("CAPA", "Sub-task", {"summary": words, "parent": parent}))


@both_faces
@pytest.mark.parametrize("query", [RECORDS_ONLY, "project = CAPA"])
def test_subtasks_are_actions_whether_the_query_names_them_or_not(face: str, query: str) -> None:
    """Sub-tasks are read with their parent, once, as actions."""
    with harness(face, query=query, children=SUBTASKS, page_size=4, batch=8) as it:
        keys = populate(it.tracker, 10)
        subs = [subtask(it, key) for key in keys[:5]]
        pages = it.cycle()
        assert it.mirror.keys == {*keys, *subs}
        assert {key for key in it.mirror.keys if it.mirror.role(key) is Role.ACTION} == set(subs)
        read = [reading.ticket.key for page in pages for reading in page.readings]
        assert sorted(read) == sorted({*keys, *subs})
        parent = it.mirror.ticket(keys[0])
        assert [(ref.key, ref.relation) for ref in parent.children] == [(subs[0], "subtask")]
        assert it.mirror.ticket(subs[0]).parent == parent.id


@both_faces
@pytest.mark.parametrize("query", [RECORDS_ONLY, "project = CAPA"])
def test_a_changed_action_is_polled(face: str, query: str) -> None:
    """An edit of a sub-task alone is found, in the query or outside it, with one request for each."""
    with harness(face, query=query, children=SUBTASKS) as it:
        key = populate(it.tracker, 3)[0]
        sub = subtask(it, key)
        it.cycle()
        it.cycle()
        quiet = it.exchanges(it.cycle)
        assert len(quiet) == (2 if query == RECORDS_ONLY else 1)
        it.tracker.clock.advance(timedelta(minutes=2))
        ann(it).edit(sub, {"summary": "Done differently"})
        it.cycle()
        assert it.mirror.ticket(sub).values["summary"].text == "Done differently"
        assert it.mirror.role(sub) is Role.ACTION


@both_faces
def test_a_subtask_born_later_brings_its_parent_anew(face: str) -> None:
    """Jira does not update the parent, so the parent is read again for its list of children."""
    with harness(face, children=SUBTASKS) as it:
        key = populate(it.tracker, 3)[0]
        it.cycle()
        it.tracker.clock.advance(timedelta(hours=2))
        sub = subtask(it, key)
        pages = it.cycle()
        assert {reading.ticket.key for reading in pages[-1].readings} == {key, sub}
        assert [ref.key for ref in it.mirror.ticket(key).children] == [sub]


@both_faces
def test_a_subtask_born_outside_the_query_is_polled_with_the_others(face: str) -> None:
    """It costs no request; sub-tasks of other parents, and of types that are no actions, are left out."""
    with harness(face, query=RECORDS_ONLY, children=SUBTASKS) as it:
        first, second, _ = populate(it.tracker, 3)
        stranger = str(ann(it).create("OPS", "Nonconformity", {"summary": "not ours"}))
        earlier = subtask(it, first)
        it.cycle()
        it.tracker.clock.advance(timedelta(hours=2))
        ann(it).create("OPS", "Sub-task", {"summary": "theirs", "parent": stranger})
        born = subtask(it, second)
        pages = it.cycle()
        assert {reading.ticket.key for page in pages for reading in page.readings} == {second, born}
        assert it.mirror.role(born) is Role.ACTION
        assert [ref.key for ref in it.mirror.ticket(second).children] == [born]
        it.tracker.clock.advance(timedelta(minutes=2))
        assert len(it.exchanges(it.cycle)) == 2
        ann(it).edit(born, {"summary": "Done differently"})
        it.cycle()
        assert it.mirror.ticket(born).values["summary"].text == "Done differently"
        assert it.mirror.keys >= {earlier, born}


@both_faces
def test_a_subtask_that_leaves_the_query_between_two_searches_is_mirrored_as_the_later_one_shows_it(
    face: str,
) -> None:
    """Both searches name it: the first as inside of the query, the second as born outside."""
    with harness(face, query="project = CAPA AND labels = audit", children=SUBTASKS) as it:
        key = str(ann(it).create("CAPA", "Nonconformity", {"summary": "a record", "labels": ["audit"]}))
        subtask(it, key, "outside of the query")
        it.cycle()
        it.tracker.clock.advance(timedelta(hours=2))
        fields = {"summary": "Do it", "parent": key, "labels": ["audit"]}
        born = str(ann(it).create("CAPA", "Sub-task", fields))
        searches: list[Request] = []

        def leave(request: Request) -> None:
            searches.extend([request] if "search" in request.path else [])
            if len(searches) == 2 and searches[-1] is request:
                it.tracker.clock.advance(timedelta(seconds=5))
                ann(it).edit(born, {"summary": "Do it later", "labels": []})

        it.server.before.append(leave)
        pages = it.cycle()
        named = [reading.ticket.key for page in pages for reading in page.readings]
        assert named.count(born) == 2, "the case that is meant"
        assert it.mirror.ticket(born).values["summary"].text == "Do it later"


@both_faces
def test_linked_tickets_of_another_project_are_actions(face: str) -> None:
    """Only the configured link in the configured direction makes an action; the other end keeps its role."""
    with harness(face, children=LINKS) as it:
        first, second = populate(it.tracker, 2)
        other, third = populate(it.tracker, 2, project="OPS")
        ann(it).link(other, "Blocks", first)
        ann(it).link(second, "Blocks", third)
        ann(it).link(first, "Relates", third)
        it.cycle()
        record = it.mirror.ticket(first)
        assert {ref.link_type for ref in record.children if ref.key == other} == {"is blocked by"}
        assert it.mirror.keys == {first, second, other}
        assert (it.mirror.role(other), it.mirror.role(second)) == (Role.ACTION, Role.RECORD)


@both_faces
def test_a_link_that_reads_the_same_from_both_ends_hides_no_record(face: str) -> None:
    """Two records that relate to each other are both still records."""
    with harness(face, children=(ChildSpec("link", ("relates to",)),)) as it:
        first, second = populate(it.tracker, 2)
        ann(it).link(first, "Relates", second)
        it.cycle()
        assert {it.mirror.role(key) for key in (first, second)} == {Role.RECORD}


@both_faces
def test_an_action_that_cannot_be_read_is_simply_missing(face: str) -> None:
    """The record still names it, so that rules can report that they cannot tell."""
    with harness(face, children=LINKS) as it:
        key = populate(it.tracker, 1)[0]
        other = populate(it.tracker, 1, project="OPS")[0]
        ann(it).link(other, "Blocks", key)
        it.tracker.admin.hide(other)
        it.tracker.admin.alter(key, {})
        it.cycle()
        assert it.mirror.keys == {key}


@both_faces
def test_deleted_and_hidden_actions_do_not_break_the_poll(face: str) -> None:
    """Jira refuses a query with ids that are gone: they are left out, and not requested again."""
    with harness(face, query=RECORDS_ONLY, children=SUBTASKS) as it:
        keys = populate(it.tracker, 6)
        subs = [subtask(it, key) for key in keys]
        it.cycle()
        ann(it).delete(subs[0])
        it.tracker.admin.hide(subs[1])
        it.tracker.clock.advance(timedelta(minutes=2))
        ann(it).edit(subs[5], {"summary": "Still found"})
        it.cycle()
        assert it.mirror.ticket(subs[5]).values["summary"].text == "Still found"
        assert len(it.exchanges(it.cycle)) == 2


@both_faces
def test_five_hundred_actions_outside_the_query_are_one_more_request(face: str) -> None:
    """A list of 500 ids is one request, one of 501 ids is two."""
    with harness(face, query="project = CAPA", children=LINKS) as it:
        key = populate(it.tracker, 1)[0]
        others = [ann(it).create("OPS", "Nonconformity", {"summary": str(n)}) for n in range(501)]
        for other in others:
            ann(it).link(other, "Blocks", key)
        it.cycle()
        assert len(it.mirror.action_ids("jira")) == 501
        it.tracker.clock.advance(timedelta(hours=1))
        ann(it).edit(key, {"summary": "newer than all"})
        it.cycle()
        it.cycle()
        assert len(it.exchanges(it.cycle)) == 3


def test_children_of_a_hierarchy_are_named_by_the_parent() -> None:
    """Tickets whose parent is the record, not as sub-tasks, are read and named among its children."""
    with harness("cloud", query="project = CAPA", children=(ChildSpec("child"),)) as it:
        key = populate(it.tracker, 2)[0]
        child = ann(it).create("OPS", "Nonconformity", {"summary": "Roll out", "parent": key})
        it.cycle()
        assert [(ref.key, ref.relation) for ref in it.mirror.ticket(key).children] == [(child, "child")]
        assert it.mirror.role(child) is Role.ACTION
        parser = it.source.parser()
        reading = it.mirror.readings[it.mirror.ticket(key).id]
        assert parser.parse(reading.parts) == reading.ticket


def test_a_child_whose_type_an_answer_leaves_out_stays_a_child() -> None:
    """It is in the list by its parent; a sub-task in that list is named by the parent itself, and not twice."""
    with harness("cloud", query=RECORDS_ONLY, children=(ChildSpec("child"), *SUBTASKS)) as it:
        key = populate(it.tracker, 1)[0]
        child, part = ann(it).create("OPS", "Nonconformity", {"summary": "Roll out", "parent": key}), subtask(it, key)
        named = {(child, "child"), (part, "subtask")}
        it.cycle()
        assert {(ref.key, ref.relation) for ref in it.mirror.ticket(key).children} == named

        def without_types(request: Request, reply: Reply) -> None:
            if "parent in" in request.body.decode() and reply.status == 200:
                body = orjson.loads(reply.body)
                for issue in body["issues"]:
                    issue["fields"].pop("issuetype", None)
                reply.body = orjson.dumps(body)
                spoilt.append(len(body["issues"]))

        spoilt: list[int] = []
        it.server.after.append(without_types)
        ann(it).comment(key, "Read me again.")
        it.cycle()
        assert sum(spoilt) >= 2
        assert sorted((ref.key, ref.relation) for ref in it.mirror.ticket(key).children) == sorted(named)


@both_faces
def test_a_full_read_takes_the_actions_outside_the_query_too(face: str) -> None:
    """Silent changes of actions are found, and the sweep continues after a kill between them."""
    with harness(face, query=RECORDS_ONLY, children=SUBTASKS, page_size=3, batch=3) as it:
        keys = populate(it.tracker, 4)
        subs = [subtask(it, key) for key in keys for _ in range(3)]
        it.cycle()
        for sub in subs:
            it.tracker.admin.alter(sub, {"summary": f"Silent {sub}"})
        it.cycle(full=True, pages=4)
        it.restart()
        it.cycle(full=True)
        assert {it.mirror.ticket(sub).values["summary"].text for sub in subs} == {f"Silent {sub}" for sub in subs}


@both_faces
def test_a_census_returns_ids_and_projects(face: str) -> None:
    """Ids in scope and of actions, the roster, and the tracker's own count; gone, hidden, moved ones are absent."""
    with harness(face, query=RECORDS_ONLY, children=SUBTASKS) as it:
        keys = populate(it.tracker, 8)
        sub, lost = subtask(it, keys[0]), subtask(it, keys[1])
        it.cycle()
        id_of = {key: str(it.tracker.state.find(key).id) for key in (*keys, sub, lost)}
        ann(it).delete(lost)
        ann(it).delete(keys[7])
        it.tracker.admin.hide(keys[6])
        ann(it).move(keys[5], "OPS")
        census = it.source.take_census()
        assert census.ids == {id_of[key] for key in (*keys[:5], sub)}
        assert census.count == 5
        assert census.containers == {"CAPA": "live", "OPS": "live"}


def test_the_roster_shows_archived_deleted_and_hidden_projects() -> None:
    """A project that is not visible is absent; an archived or trashed one says so."""
    for face, expected in (("cloud", {"CAPA": "live", "OPS": "deleted"}), ("datacenter", {"CAPA": "live"})):
        with harness(face, settings={"serve_lists_in_two_pages": True}) as it:
            populate(it.tracker, 2)
            it.cycle()
            it.tracker.admin.set_project_status("OPS", "deleted")
            assert it.source.take_census().containers == expected
            it.tracker.admin.set_project_status("OPS", "archived")
            assert it.source.take_census().containers["OPS"] == "archived"
            it.tracker.admin.hide_project("OPS")
            assert it.source.take_census().containers == {"CAPA": "live"}


@both_faces
def test_a_census_is_never_partial(face: str) -> None:
    """A page that fails for good raises; nothing is returned."""
    with harness(face) as it:
        populate(it.tracker, 5)
        it.cycle()
        it.server.faults.add("html", ("POST", "search"), times=None)
        with pytest.raises(SourceError):
            it.source.take_census()


def test_a_census_on_data_center_counts_again_when_tickets_leave_meanwhile() -> None:
    """Offsets that shifted would skip an existing ticket and make it count as gone."""
    with harness("datacenter", settings={"dc_page_cap": 4}) as it:
        keys = populate(it.tracker, 20)
        it.cycle()
        gone: list[str] = []

        def remove(request: Request) -> None:
            if "search" in request.path and b'"startAt":3' in request.body and not gone:
                gone.append(keys[0])
                ann(it).delete(keys[0])

        it.server.before.append(remove)
        census = it.source.take_census()
        assert gone
        assert census.ids == {str(it.tracker.state.find(key).id) for key in keys[1:]}
