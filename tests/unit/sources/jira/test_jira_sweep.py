"""A sweep of a Jira: which pages it requests, where it continues after a kill, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from capa_sync.errors import BadAnswer
from capa_sync.sources.jira.byid import ALL_FIELDS
from capa_sync.sources.jira.paging import START, BadRequest, Rows, SearchPlace, Shifted
from capa_sync.sources.jira.query import OLDEST_FIRST, ScopeQuery
from capa_sync.sources.jira.sweep import Sweep, SweepPage, SweepState, instant_ms

MINUTE = 60_000
BORN = 1_767_225_600_000
"""1 January 2026 in epoch ms, a whole minute."""
FRESH = SweepState(since=None, mark=BORN + 100 * MINUTE, newest="9")
SECOND = SearchPlace(token="second")


def issue(id_: str, created_ms: int | None) -> dict[str, Any]:
    """Return a raw issue that was created at an instant, or without one."""
    return {"id": id_, "fields": {} if created_ms is None else {"created": created_ms}}


@dataclass
class ScriptedSearch:
    """A search that gives scripted pages, or raises scripted faults, and records its requests."""

    pages: list[Rows | Exception]
    requests: list[tuple[str, SearchPlace]] = field(default_factory=list)

    def page(
        self, jql: str, fields: Sequence[str], size: int, place: SearchPlace, *, changelog: bool = False
    ) -> Rows:
        """Answer one request for whole tickets."""
        assert (fields, size, changelog) == (ALL_FIELDS, 50, True)
        self.requests.append((jql, place))
        answer = self.pages.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def swept(search: ScriptedSearch, state: SweepState) -> list[SweepPage]:
    """Return the pages of a sweep from a state on."""
    return list(Sweep("jira", search, ScopeQuery("project = CAPA"), 50).pages(state))  # type: ignore[arg-type]


def test_a_state_is_stored_in_a_form_that_later_versions_read() -> None:
    """Names and values are those of stored cursors; every part comes back."""
    state = SweepState(5, 7, "9", bound=3, reached=4, place=SearchPlace("t", 2, "8"), tail="6")
    assert state.as_json() == {
        "since": 5,
        "mark": 7,
        "newest": "9",
        "bound": 3,
        "reached": 4,
        "place": {"token": "t", "start": 2, "last": "8"},
        "tail": "6",
    }
    assert SweepState.from_json(state.as_json()) == state


def test_a_sweep_reads_page_by_page_and_remembers_the_minute_that_it_reached() -> None:
    """After each page the state says where the next begins; after the last page there is none."""
    first = Rows([issue("1", BORN + 5), issue("2", BORN + MINUTE + 9), issue("3", None)], SECOND)
    search = ScriptedSearch([first, Rows([issue("4", BORN + 2 * MINUTE)], None)])
    assert swept(search, FRESH) == [
        SweepPage(first, replace(FRESH, reached=BORN + MINUTE, place=SECOND)),
        SweepPage(Rows([issue("4", BORN + 2 * MINUTE)], None), None),
    ]
    jql = f"(project = CAPA) {OLDEST_FIRST}"
    assert search.requests == [(jql, START), (jql, SECOND)]


def test_a_page_without_creation_instants_keeps_the_reached_minute() -> None:
    """A ticket without an instant is skipped later, with a reason; the sweep does not lose its place."""
    state = replace(FRESH, reached=BORN, place=SECOND)
    third = SearchPlace(token="third")
    search = ScriptedSearch([Rows([issue("1", None)], third), Rows([], None)])
    assert [page.after for page in swept(search, state)] == [replace(state, place=third), None]


def test_a_sweep_since_an_instant_asks_for_what_changed_then_or_later() -> None:
    """The running search begins at a creation minute."""
    search = ScriptedSearch([Rows([], None)])
    swept(search, replace(FRESH, since=11, bound=BORN))
    assert search.requests[0][0] == f"(project = CAPA) AND updated >= 11 AND created >= {BORN} {OLDEST_FIRST}"


@pytest.mark.parametrize(("later", "reached"), [(0, 100), (1, 5)])
def test_a_ticket_of_the_very_minute_up_to_which_a_sweep_reads_is_reached(later: int, reached: int) -> None:
    """One of a later minute lies after everything that is to be read."""
    page = Rows([issue("1", BORN + 5 * MINUTE), issue("2", FRESH.mark + later * MINUTE)], SECOND)
    first, _ = swept(ScriptedSearch([page, Rows([], None)]), FRESH)
    assert first.after == replace(FRESH, reached=BORN + reached * MINUTE, place=SECOND)


@pytest.mark.parametrize("fault", [Shifted("jira", "tickets moved"), BadRequest("jira", "an old token")])
def test_a_lost_place_begins_a_new_search_at_the_last_tickets_minute(fault: Exception) -> None:
    """No ticket is lost: those of that minute are read again."""
    state = replace(FRESH, reached=BORN, place=SECOND)
    again = Rows([issue("1", BORN)], None)
    search = ScriptedSearch([fault, again])
    assert swept(search, state) == [SweepPage(again, None)]
    assert search.requests[1] == (f"(project = CAPA) AND created >= {BORN} {OLDEST_FIRST}", START)


def test_a_fault_at_the_beginning_of_a_search_is_raised() -> None:
    """There is no place to lose, so a new search would fail again."""
    with pytest.raises(BadRequest):
        swept(ScriptedSearch([BadRequest("jira", "no such field")]), FRESH)


@pytest.mark.parametrize("odd", [BORN - 90 * MINUTE, BORN + 90 * MINUTE, BORN + 10**12])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_ticket_with_an_odd_creation_stops_no_sweep(odd: int, place: int) -> None:
    """The tracker lists it where it belongs; the sweep goes on behind the other rows of its page."""
    rows = [issue(str(number), BORN + number * MINUTE) for number in range(3)]
    rows[place] = issue("odd", odd)
    state = replace(FRESH, reached=BORN, place=SECOND)
    later = Rows([issue("8", BORN + 95 * MINUTE), issue("9", BORN + 96 * MINUTE)], None)
    pages = swept(ScriptedSearch([Rows(rows, SearchPlace(token="third")), later]), state)
    assert [row["id"] for page in pages for row in page.rows.issues] == [*(row["id"] for row in rows), "8", "9"]


def test_a_place_that_is_lost_again_and_again_ends_the_sweep() -> None:
    """Twenty new searches are allowed in one sweep, however far each comes."""
    rounds: list[Rows | Exception] = []
    for _ in range(20):
        rounds += [Shifted("jira", "tickets moved"), Rows([issue("1", BORN)], SECOND)]
    state = replace(FRESH, reached=BORN, place=SECOND)
    assert len(swept(ScriptedSearch([*rounds, Rows([], None)]), state)) == 21
    with pytest.raises(Shifted):
        swept(ScriptedSearch([*rounds, Shifted("jira", "tickets moved")]), state)


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([issue("1", BORN + MINUTE), issue("2", BORN)], FRESH),
        ([issue("1", BORN - 1)], replace(FRESH, reached=BORN, place=SECOND)),
        ([issue("1", BORN - 1), issue("2", BORN - 1), issue("3", BORN)], replace(FRESH, reached=BORN, place=SECOND)),
    ],
)
def test_a_page_out_of_order_is_refused(rows: list[dict[str, Any]], state: SweepState) -> None:
    """Its rows go back behind each other or behind the page before: the order was not kept, so some may be lost."""
    with pytest.raises(BadAnswer) as refused:
        swept(ScriptedSearch([Rows(rows, None)]), state)
    assert str(refused.value) == str(BadAnswer("jira", "a page of the search contradicts its order; it is refused"))


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([issue("1", BORN + 59_999), issue("2", BORN)], FRESH),  # one minute
        ([issue("1", BORN)], replace(FRESH, reached=BORN, place=SECOND)),
        ([issue("1", BORN)], replace(FRESH, place=SECOND)),
        ([issue("1", BORN - MINUTE)], replace(FRESH, reached=BORN)),  # a new search begins
        ([], replace(FRESH, reached=BORN, place=SECOND)),
    ],
)
def test_a_page_in_order_of_minutes_is_taken(rows: list[dict[str, Any]], state: SweepState) -> None:
    """Jira sorts by more than a minute, but its dates are compared by the minute."""
    assert [page.rows.issues for page in swept(ScriptedSearch([Rows(rows, None)]), state)] == [rows]


@pytest.mark.parametrize(
    ("raw", "instant"),
    [
        ({"fields": {"updated": "2026-01-01T01:00:00.000+0100"}}, BORN),
        ({"fields": {"updated": BORN}}, BORN),
        ({"fields": {"updated": None}}, None),
        ({"fields": {"updated": "soon"}}, None),
        ({"fields": {"updated": 10**30}}, None),
        ({"fields": {}}, None),
        ({"fields": []}, None),
        ({}, None),
    ],
)
def test_an_instant_that_cannot_be_read_is_none(raw: dict[str, Any], instant: int | None) -> None:
    """The ticket is skipped later with a reason; the sweep goes on."""
    assert instant_ms(raw, "updated") == instant


@pytest.mark.parametrize("created", [BORN, None])
def test_pages_of_one_minute_that_come_again_and_again_end_the_sweep(created: int | None) -> None:
    """The order cannot tell them from further tickets of that minute; each time another token follows."""
    pages: list[Rows | Exception] = [
        Rows([issue("1", created), issue("2", created)], SearchPlace(token=str(number))) for number in range(100)
    ]
    search = ScriptedSearch(pages)
    with pytest.raises(BadAnswer, match="the search: 6 pages in a row bring nothing new; pages without end"):
        swept(search, FRESH)
    assert len(search.requests) == 7


def test_a_crowd_of_one_minute_is_read_again_after_a_lost_place() -> None:
    """A new search repeats more pages of the minute than a running one may."""
    crowd = [Rows([issue(str(number), BORN)], SearchPlace(token=f"{number}")) for number in range(30)]
    lost = Shifted("jira", "tickets moved")
    search = ScriptedSearch([*crowd, lost, *crowd, Rows([issue("99", BORN)], None)])
    assert len(swept(search, replace(FRESH, reached=BORN))) == 61


def test_a_token_that_comes_again_ends_the_sweep() -> None:
    """Its pages would go round for ever."""
    rows = [issue(str(number), BORN) for number in range(9)]
    pages: list[Rows | Exception] = [Rows([row], SearchPlace(token=str(place % 3))) for place, row in enumerate(rows)]
    with pytest.raises(BadAnswer, match="the search: a page token comes for the second time"):
        swept(ScriptedSearch(pages), FRESH)
