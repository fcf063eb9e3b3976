"""Malformed answers are recognised: the page is refused, the cursor stays, `status` names the fault, others go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from capa_sync.sandbox.stories.script import Create, Fill
from tests.sync.equal import assert_equal
from tests.sync.users import users_on
from tests.sync.world import SOURCES, Site, open_world

LISTS = ("GET|POST", r"/search|/table/sn_grc_issue")
ERROR_INSIDE = {
    "jira": '{"errorMessages": ["Something went wrong"], "errors": {}}',
    "jira-dc": '{"errorMessages": ["Something went wrong"], "errors": {}}',
    "servicenow": '{"result": [], "error": {"message": "Transaction failed", "detail": "x"}, "status": "failure"}',
}
Trap = Callable[[Site], None]


def html(site: Site) -> None:
    """A sign-in page with status 200."""
    site.server.faults.add("html", LISTS, times=None)


def cut(site: Site) -> None:
    """Half the JSON, with a length that fits."""
    site.server.faults.add("truncate", LISTS, times=None)


def cut_history(site: Site) -> None:
    """Half the JSON of the history alone."""
    place = ("GET|POST", {"jira": "changelog/bulkfetch", "jira-dc": "/search|/issue/"}.get(site.name, "sys_audit"))
    site.server.faults.add("truncate", place, times=None)


def error_inside(site: Site) -> None:
    """An error within a 200."""
    site.server.faults.add("answer", LISTS, status=200, answer=ERROR_INSIDE[site.name], times=None)


def other_shape(site: Site) -> None:
    """Valid JSON that is no page."""
    site.server.faults.add("answer", LISTS, status=200, answer='{"issues": {"a": 1}, "result": "none"}', times=None)


def repeated_token(site: Site) -> None:
    """Cloud's page token comes again and again."""
    site.settings(short_pages=2, repeat_token_from=2)


def lying_page(site: Site) -> None:
    """A Data Center page holds fewer tickets than it says."""
    site.settings(withhold_rows=1)


def dropped_part(site: Site) -> None:
    """ServiceNow drops the condition on the update time in silence, and returns all rows."""
    site.settings(dropped_fields=["sn_grc_issue.sys_updated_on"])


def denied_range(site: Site) -> None:
    """The right to compare and sort update times is taken away: the conditions are dropped."""
    site.settings(query_range_denied=["sn_grc_issue.sys_updated_on"])


def first_page_again(site: Site) -> None:
    """Every page is the first."""
    site.settings(repeat_first_page=True, page_cap=3)


def asleep(site: Site) -> None:
    """A hibernating instance: HTML with 200 for everything."""
    site.settings(hibernating=True)


CASES: list[tuple[str, Trap]] = [
    *((source, trap) for source in SOURCES for trap in (html, cut, cut_history, error_inside, other_shape)),
    ("jira", repeated_token),
    ("jira-dc", lying_page),
    *(("servicenow", trap) for trap in (dropped_part, denied_range, first_page_again, asleep)),
]
HEALED: dict[str, dict[str, object]] = {
    "jira": {"short_pages": 0, "repeat_token_from": 0},
    "jira-dc": {"withhold_rows": 0},
    "servicenow": {
        "dropped_fields": [],
        "query_range_denied": [],
        "repeat_first_page": False,
        "page_cap": None,
        "hibernating": False,
    },
}


@pytest.mark.parametrize(("source", "trap"), CASES, ids=[f"{source}-{trap.__name__}" for source, trap in CASES])
def test_an_answer_that_is_none_is_refused_and_the_next_good_cycle_heals(
    source: str, trap: Trap, tmp_path: Path
) -> None:
    """Neither mirror nor cursor nor `as_of` moves, `status` names the fault, and the other tracker is read on."""
    other = "servicenow" if source != "servicenow" else "jira"
    with open_world(tmp_path, source, other) as world:
        site, users = world.sites[source], users_on(world.sites[source])
        for either_site in world.sites.values():
            for number in range(7):
                either_site.play(f"story {number}", Create({"title": f"Ticket {number}", "grade": "minor"}))
        world.cycle(minutes=30)
        before, as_of = world.contents(source), world.health(source)["as_of"]
        cursor = world.runtime.register.tickets.cursor(source)
        for either_site in world.sites.values():
            for number in range(5):
                either_site.play(f"story {number}", Fill({"root_cause": f"Cause {number}"}))
        trap(site)
        for later in ({"minutes": 20}, {"days": 1}, {"days": 8}):
            results = world.try_cycle(**later)
            assert results[source].problem
            assert results[other].problem == ""
            assert world.contents(source) == before
            assert world.runtime.register.tickets.cursor(source) == cursor
            assert world.problem(source)
            assert world.health(source)["as_of"] == as_of
        assert_equal(world, users_on(world.sites[other]))
        site.server.faults.clear()
        site.settings(**HEALED[source])
        world.cycle()
        assert world.problem(source) == ""
        assert_equal(world, users)


@pytest.mark.parametrize("source", SOURCES)
def test_a_first_read_that_meets_a_fault_judges_nothing(source: str, tmp_path: Path) -> None:
    """No verdict from an incomplete page set: half a backfill is mirrored, and not a single ticket judged."""
    more = "page_size = 3" if source == "servicenow" else ""
    with open_world(tmp_path, source, more=more) as world:
        for number in range(7):
            world.only.play(f"story {number}", Create({"title": f"Ticket {number}", "grade": "minor"}))
            world.later(minutes=10)
        if source != "servicenow":
            world.only.settings(short_pages=3)
        world.only.server.faults.add("html", LISTS, times=None, after=6)
        world.try_cycle()
        assert world.problem()
        assert world.health()["as_of"] is None
        assert world.view("v_register") == []
        assert world.view("v_findings") == []
        world.only.server.faults.clear()
        world.cycle()
        assert len(world.view("v_register")) == 7
        assert_equal(world, users_on(world.only))
