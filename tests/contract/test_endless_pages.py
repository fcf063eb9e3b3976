"""Pages without end of what is read of one ticket, of accounts, of a search, and before and after a write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest

from capa_sync.errors import BadAnswer, DeliveryUnknown, SourceError
from capa_sync.sandbox.http import Reply, Request
from capa_sync.sources.jira.comments import CommentReader
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.history import Histories
from capa_sync.sources.jira.people import JiraAccounts, read_users
from tests.contract.jira_source_harness import Harness, harness, populate, shapes
from tests.contract.jira_writes import ours, write
from tests.sync.endless import MOST, WAYS, EndlessPages

FACES = ("cloud", "datacenter")
every_way = pytest.mark.parametrize("way", WAYS)
both_faces = pytest.mark.parametrize("face", FACES)
COMMENTS = r"/comment\?"


@contextmanager
def endless(it: Harness, path: str, way: str) -> Iterator[EndlessPages]:
    """Let the lists with this path have no end; afterwards only so many pages of them were asked for."""
    spoil = EndlessPages(path, way)
    it.server.after.append(spoil)
    yield spoil
    it.server.after.remove(spoil)
    assert 0 < spoil.seen <= 100


def comments_of(it: Harness, id_: str) -> Any:
    """Read the comments of a ticket whose row does not have all of them."""
    issue = it.source._client.get(f"issue/{id_}")
    issue["fields"]["comment"] = {"comments": [], "total": 500, "maxResults": 100, "startAt": 0}
    return CommentReader(it.source._client, JiraAccounts(), lambda: True).read(Draft.of(issue))


ALONE: dict[str, tuple[str, str, Callable[[Harness, str], Any]]] = {
    "comments of a Cloud ticket": ("cloud", COMMENTS, comments_of),
    "comments of a Data Center ticket": ("datacenter", COMMENTS, comments_of),
    "changelog": ("cloud", "/changelog", lambda it, id_: Histories(it.source._client).read_one(id_)),
    "history in bulk": ("cloud", "changelog", lambda it, id_: Histories(it.source._client).read([id_, "10001"])),
    "projects": ("cloud", "project/search", lambda it, _: it.source.read_roster()),
    "Cloud census": ("cloud", "search/jql", lambda it, _: it.source.take_census()),
    "Data Center census": ("datacenter", "/search", lambda it, _: it.source.take_census()),
    "Cloud sweep": ("cloud", "search/jql", lambda it, _: it.cycle(full=True)),
    "Data Center sweep": ("datacenter", "/search", lambda it, _: it.cycle(full=True)),
}


@every_way
@pytest.mark.parametrize("what", ALONE)
def test_a_list_without_end_is_the_sources_fault(what: str, way: str) -> None:
    """All tickets are of one minute, so that no order tells a page from the one before; the next cycle has all."""
    face, path, read = ALONE[what]
    with harness(face, settings={"short_pages": 2}) as it:
        key = populate(it.tracker, 4, every_s=1.0)[3]
        it.cycle()
        with endless(it, path, way), pytest.raises(SourceError):
            read(it, str(it.tracker.state.find(key).id))
        it.cycle(full=True)
        assert shapes(it.mirror) == it.truth()


@every_way
def test_accounts_without_end_are_the_sources_fault(way: str) -> None:
    """At most as many pages are read as accounts were asked about."""
    with harness("cloud") as it:
        populate(it.tracker, 2)
        it.cycle()
        with endless(it, "user/bulk", way):
            try:
                read_users(it.source._client, ["acc-ann", *(f"acc-{number}" for number in range(99))])
            except BadAnswer:
                assert way != "empty"


@every_way
@both_faces
def test_before_a_write_pages_without_end_send_nothing(face: str, way: str) -> None:
    """Whether our comment is there is not known: the delivery ends, and is made once when the list ends again."""
    with harness(face) as it:
        key = populate(it.tracker, 4)[3]
        it.cycle()
        with endless(it, COMMENTS, way), pytest.raises(BadAnswer):
            it.writer.deliver(write(it, key), "")
        assert [
            entry for entry in it.server.requests if entry.method == "POST" and entry.path.endswith("/comment")
        ] == []
        with endless(it, COMMENTS, way), pytest.raises(BadAnswer):
            it.writer.look_up(write(it, key), "")
        assert it.writer.look_up(write(it, key), "") is None
        it.writer.deliver(write(it, key), "")
        assert len(ours(it, key)) == 1


@every_way
@both_faces
def test_after_a_write_pages_without_end_leave_it_unknown(face: str, way: str) -> None:
    """The answer to the comment has no id, and the list in which it is looked for has no end; it is there once."""
    with harness(face) as it:
        key = populate(it.tracker, 4)[3]
        it.cycle()
        spoil = EndlessPages(COMMENTS, way)

        def lose(sent: Request, reply: Reply) -> None:
            if sent.method == "POST" and sent.path.endswith("/comment"):
                reply.body = orjson.dumps({})
                it.server.after.append(spoil)

        it.server.after.append(lose)
        if way in ("empty", "impossible"):
            with pytest.raises(DeliveryUnknown):
                it.writer.deliver(write(it, key), "")
        else:  # ours is on the first page, as the newest
            it.writer.deliver(write(it, key), "")
        assert 0 < spoil.seen <= MOST
        it.server.after.clear()
        it.tracker.clock.advance(timedelta(minutes=1))
        found = it.writer.look_up(write(it, key), "")
        assert found is not None
        assert [str(comment.id) for comment in ours(it, key)] == [found.remote_id]
