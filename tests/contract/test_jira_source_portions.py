"""A sweep holds as many tickets at once as their size allows, whatever the size of the site."""

from __future__ import annotations

import tracemalloc
from typing import Any

import orjson
import pytest

from capa_sync.sandbox.request_log import Exchange
from capa_sync.sources.bodies import body_of
from capa_sync.sources.jira import portion
from tests.contract.jira_source_harness import Harness, harness, populate, shapes


def bulks(exchanges: list[Exchange]) -> list[int]:
    """The number of tickets in each bulk request for histories."""
    asked = [exchange.request for exchange in exchanges if exchange.request.path.endswith("changelog/bulkfetch")]
    return [len(orjson.loads(request.body)["issueIdsOrKeys"]) for request in asked]


def backfill(it: Harness) -> list[int]:
    """Read sixty tickets whole and return the sizes of the bulk requests."""
    populate(it.tracker, 60)
    sizes = bulks(it.exchanges(it.cycle))
    assert shapes(it.mirror) == it.truth()
    return sizes


def test_small_tickets_are_read_together_after_the_first_page() -> None:
    """The first page shows their size; from then on one bulk request serves as many as the settings allow."""
    with harness(page_size=5, batch=20) as it:
        assert backfill(it) == [5, 20, 20, 15]


def test_large_tickets_are_read_in_smaller_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tickets of which eleven fit into memory are read two pages of five at a time, plus the page that fills it."""
    with harness(page_size=5, batch=20) as it:
        keys = populate(it.tracker, 1)
        it.cycle()
        weight = sum(len(part.body) for part in it.mirror.readings[next(iter(it.mirror.readings))].parts)
        it.tracker.as_user("acc-ann").delete(keys[0])
    monkeypatch.setattr(portion, "IN_FLIGHT", 11 * weight)
    with harness(page_size=5, batch=20) as it:
        sizes = backfill(it)
        assert sizes[0] == 5
        assert max(sizes) <= 15


def test_tickets_larger_than_all_memory_still_come_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is the least that is read, however large its tickets are."""
    monkeypatch.setattr(portion, "IN_FLIGHT", 1)
    with harness(page_size=5, batch=20) as it:
        assert backfill(it) == [5] * 12


@pytest.mark.parametrize("content", [{"b": "x" * 5_000, "a": None}, ["y" * 300] * 20])
def test_a_part_takes_no_more_memory_than_its_bytes(content: Any) -> None:
    """What is kept of a ticket while its page waits is as long as the text, not as its buffer."""
    tracemalloc.start()
    try:
        body = body_of(content)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert body == orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    assert held < len(body) + 200
