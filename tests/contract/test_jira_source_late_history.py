"""Histories that are newer than their tickets, and parents that no search returns: what they cost."""

from __future__ import annotations

from collections import Counter

import pytest

from capa_sync.errors import Authentication
from capa_sync.model.settings import ChildSpec
from capa_sync.sandbox.messages import Reply, Request
from tests.contract.jira_source_harness import Harness, harness, populate, shapes

FACES = ("cloud", "datacenter")
HOUR_MS = 3_600_000


def migrate(source: Harness, keys: list[str]) -> None:
    """Date history entries an hour after `updated`, as a workflow migration does."""
    for key in keys:
        issue = source.tracker.state.find(key)
        assert issue is not None
        issue.updated = min(issue.updated, issue.histories[-1].at) - HOUR_MS


def cost(source: Harness, act: object) -> Counter[str]:
    """Count requests by kind: the last word of their path that is no id."""
    assert callable(act)
    found = source.exchanges(act)
    return Counter(
        next(word for word in reversed(exchange.path.partition("?")[0].split("/")) if not word.isdigit())
        for exchange in found
    )


@pytest.mark.parametrize("face", FACES)
def test_a_history_newer_than_its_ticket_is_asked_for_once_more_and_then_believed(face: str) -> None:
    """The first read of each ticket costs one request more, later full reads none; no history is lost."""
    with harness(face) as source:
        keys = populate(source.tracker, 12)
        plain = cost(source, source.cycle)
        first = shapes(source.mirror)
        migrate(source, keys)
        source.mirror.__init__()  # type: ignore[misc]
        source.restart()
        once = cost(source, source.cycle)
        assert shapes(source.mirror) == first == source.truth()
        assert once.total() - plain.total() <= (12 if face == "datacenter" else 3)
        source.restart()
        again = cost(source, lambda: source.cycle(full=True))
        assert again.total() <= plain.total() + 1
        assert shapes(source.mirror) == first


@pytest.mark.parametrize("face", FACES)
def test_a_new_entry_on_such_a_ticket_is_mirrored(face: str) -> None:
    """What is stored is one state of the ticket: a later entry without a new update time is read by the full read."""
    with harness(face) as source:
        keys = populate(source.tracker, 3)
        migrate(source, keys)
        source.cycle()
        person = source.tracker.as_user("acc-ann" if face == "cloud" else "ann")
        person.edit(keys[0], {"summary": "another"})
        migrate(source, keys[:1])
        source.cycle(full=True)
        assert shapes(source.mirror) == source.truth()


@pytest.mark.parametrize("face", FACES)
def test_a_history_that_is_malformed_once_does_not_count_where_its_ticket_is_read_once_more(face: str) -> None:
    """The second answer is the one that counts: nobody is quarantined for the first."""
    with harness(face) as source:
        keys = populate(source.tracker, 3)
        migrate(source, keys)
        spoilt: list[str] = []

        def spoil(request: Request, reply: Reply) -> None:
            if not spoilt and b'"fromString"' in reply.body:
                spoilt.append(request.path)
                reply.body = reply.body.replace(b'"field":"', b'"field":7,"name":"')

        source.server.after.append(spoil)
        pages = source.cycle()
        assert spoilt
        assert [skip for page in pages for skip in page.skipped] == []
        assert shapes(source.mirror) == source.truth()


LINKS = (ChildSpec("link", ("is blocked by",)),)


def claim(source: Harness, count: int) -> None:
    """Link tickets to a record of which they would be actions, and which no search returns."""
    ann = source.tracker.as_user("acc-ann" if source.tracker.face == "cloud" else "ann")
    for number in range(count):
        here = ann.create("CAPA", "Nonconformity", {"summary": f"ticket {number}"})
        there = ann.create("OPS", "Nonconformity", {"summary": f"record {number}"})
        ann.link(here, "Blocks", there)
        del source.tracker.state.issues[source.tracker.state.find(there).id]  # type: ignore[union-attr]


@pytest.mark.parametrize("face", FACES)
def test_parents_that_nobody_sees_cost_one_proof_of_identity_in_all(face: str) -> None:
    """Twenty cost no more searches than two; one identity check serves all, and they are not requested again."""
    with harness(face, children=LINKS) as source:
        claim(source, 2)
        few = cost(source, source.cycle)
        source.mirror.__init__()  # type: ignore[misc]
        source.restart()
        claim(source, 20)
        many = cost(source, source.cycle)
        search = "search" if face == "datacenter" else "jql"
        assert many[search] == few[search]
        assert many["myself"] == few["myself"]
        source.cycle()
        assert cost(source, source.cycle)["myself"] == 0


@pytest.mark.parametrize("face", FACES)
def test_refusals_are_not_believed_when_they_are_not_given_to_us(face: str) -> None:
    """The sign-in is lost while unseen parents are searched for: nothing is read, and no parent counts as gone."""
    with harness(face, children=LINKS) as source:
        claim(source, 3)
        source.cycle()
        source.restart()
        source.source.identify()
        site = source.source._signed.site  # type: ignore[union-attr]
        site.client.identity.account = "somebody else"
        with pytest.raises(Authentication):
            site.in_query(["99999999"])
        assert site.gone == set()
