"""Cycles in which one list of a tracker's answers is wrong, and what must be believed of a mirror after them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from capa_sync.model.ticket import Presence
from tests.sync.pages import HOWS, WrongPage
from tests.sync.users import UserDriver
from tests.sync.world import PROJECT, SOURCES, Site, World

IS_FULL = bool(os.environ.get("CAPA_SYNC_EVERY_PAGE"))
"""`make pages` runs every place of every read; the suite takes a few, other ones for each way to be wrong."""
SCOPE = {
    "jira": f"project in ({PROJECT['jira']}, SUPP)",
    "jira-dc": f"project in ({PROJECT['jira-dc']}, SUPP)",
    "servicenow": "u_track=nonconformity",
}
MORE = "page_size = 3\npoll_every = '60s'"
RECORDS = 7
METADATA = {"sys_dictionary": 60, "sys_choice": 60}
"""Rows of their pages: hundreds of rows on pages of three would be most requests of a cycle."""
DOUBT = {Presence.PRESENT, Presence.UNOBSERVED}


def small_pages(site: Site, *, metadata: bool = IS_FULL) -> None:
    """Let every list take several pages; the long ones of ServiceNow's `metadata` pages of three, too."""
    if site.name == "servicenow":
        site.settings(page_cap=3, page_caps={} if metadata else METADATA)
    else:
        site.settings(short_pages=3, inline_changelog_cap=2, inline_comment_cap=1)


def settle(world: World, users: UserDriver) -> None:
    """Create tickets with actions, histories and comments, with more time between them than the overlap."""
    for number in range(RECORDS):
        users.create(f"ticket {number}")
        world.later(minutes=11)
    for number, record in enumerate(users.records()):
        if number % 4 == 0:
            users.create_part(record, f"part {number}")
        for word in range(3):
            users.edit(record, f"text {number} {word}", word)
            users.say(record, f"comment {number} {word}")
        world.later(minutes=11)


def work(world: World, users: UserDriver, turn: int) -> None:
    """Edit half of the tickets and create one, with more time between the edits than the overlap."""
    for number, ticket in enumerate(users.ids()):
        if (number + turn) % 2:
            users.edit(ticket, f"turn {turn} {number}", number)
            world.later(minutes=11)
    users.say(users.records()[turn % RECORDS], f"turn {turn}")
    if turn % 7 == 1:
        users.create(f"turn {turn}")
        world.later(minutes=11)


def believed(world: World, users: UserDriver) -> None:
    """Nothing that exists is taken for gone; what is in doubt is reported."""
    truths = users.truth()
    presences = {ticket: at for ticket, at in world.presences().items() if truths[ticket].in_scope}
    assert set(presences.values()) <= DOUBT, {t: p for t, p in presences.items() if p not in DOUBT}
    if Presence.UNOBSERVED in presences.values():
        assert world.problem()


def lists_of(world: World, cycle: Callable[[], Any]) -> int:
    """Count the lists that an honest cycle reads."""
    counter = WrongPage(10_000, "empty")
    world.only.server.after.append(counter)
    cycle()
    world.only.server.after.remove(counter)
    assert counter.seen
    return counter.seen


def places(how: str, count: int, few: int = 2) -> range:
    """Choose which lists of so many are spoilt: all in `make pages`, else `few`."""
    stride = 1 if IS_FULL else max(1, count // few)
    return range(list(HOWS).index(how) % stride, count, stride)


def spoilt_lists(hows: Sequence[str], count: int) -> Iterator[WrongPage]:
    """Yield what spoils the chosen lists of so many, in each of these ways."""
    for how in hows:
        for at in places(how, count):
            yield WrongPage(at, how)


def wrong_pages(world: World, hows: Sequence[str], cycle: Callable[[], Any], count: int) -> Iterator[WrongPage]:
    """Run a cycle for each way and place in which a list is spoilt."""
    for wrong_page in spoilt_lists(hows, count):
        world.only.server.after.append(wrong_page)
        try:
            cycle()
        finally:
            world.only.server.after.remove(wrong_page)
        yield wrong_page


CASES = [(source, hows) for source in SOURCES for hows in ([[how] for how in HOWS] if IS_FULL else [list(HOWS)])]
named = pytest.mark.parametrize(
    ("source", "hows"), CASES, ids=[f"{source}-{hows[0] if IS_FULL else 'all'}" for source, hows in CASES]
)
