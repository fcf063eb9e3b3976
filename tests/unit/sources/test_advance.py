"""Pages of one list: which repeats, counts and empty pages are ordinary, and which lead to no end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from capa_sync.errors import BadAnswer
from capa_sync.sources import advance as advance_module
from capa_sync.sources.advance import MOST_OF_ONE, MOST_ROWS, Advance

LIMIT = 100
FURTHER_PAGE = re.compile(r"\"(startAt|nextPageToken)\"(: |\] = )|fetch\(query, offset=")
"""How a request for a further page is written: to a Jira, and to a ServiceNow table."""
Page = tuple[list[str], int | None, str]


def row_ids(page: int, size: int = 3) -> list[str]:
    """Return the ids of a page."""
    return [str(page * size + row) for row in range(size)]


ENDLESS: dict[str, tuple[Callable[[], Iterator[Page]], str, int]] = {
    "one page": (lambda: ((row_ids(0), None, f"t{n}") for n in count()), "nothing new", 3),
    "two pages in turn": (lambda: ((row_ids(n % 2), None, f"t{n}") for n in count()), "nothing new", 6),
    "no rows": (lambda: (([], None, f"t{n}") for n in count()), "nothing new", 0),
    "one page of many": (lambda: ((row_ids(0), 5_000, "") for _ in count()), "nothing new", 3),
    "a count that grows": (lambda: ((row_ids(n), 3 * n + 4, "") for n in count()), "grows with each page", 306),
    "a row more each time": (lambda: (([str(n)], n + 2, "") for n in count()), "grows with each page", 102),
    "a token again": (lambda: ((row_ids(n), None, f"t{n % 4}") for n in count()), "second time", 12),
    "an impossible count": (lambda: ((row_ids(n), 10**12, "") for n in count()), "cannot have 1000000000000 rows", 3),
    "more rows than any": (lambda: ((row_ids(n, 9_999), None, "") for n in count()), "cannot have", 1_009_899),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_pages_without_end_are_refused(kind: str) -> None:
    """Whatever their rows, tokens and counts are, the list and the reason are named."""
    pages, words, rows = ENDLESS[kind]
    advance = Advance("jira", "the list", most=MOST_OF_ONE)

    def read() -> None:
        for ids, total, token in pages():
            advance.note(ids, total=total, token=token)

    with pytest.raises(BadAnswer, match=f"jira: the list: .*{words}.*; pages without end are not read"):
        read()
    assert advance.rows == rows


def test_pages_that_repeat_rows_while_people_edit_are_read() -> None:
    """Rows move between pages, a few whole pages come again, and Cloud sends empty ones; then new rows follow."""
    advance = Advance("jira", "the list")
    for page in range(50):
        for repeat in range(6):  # the page itself, then five that bring nothing new
            advance.note([] if repeat % 2 else row_ids(page), token=f"{page} {repeat}")
    assert advance.rows == 150


def test_a_list_that_grows_while_it_is_read_is_read() -> None:
    """A bulk edit makes it a hundred times longer, and somebody creates a ticket with each tenth page."""
    advance = Advance("jira", "the list")
    for page in range(1_000):
        advance.note(row_ids(page), total=30 if page < 9 else 3_000 + page // 10)
    assert advance.rows == 3_000


def test_ids_that_the_order_lets_not_come_again_are_forgotten() -> None:
    """They need no memory; the count of rows stays."""
    advance = Advance("jira", "the list")
    for _ in range(20):
        advance.note(row_ids(0))
        advance.forget()
    assert advance.rows == 60


def test_hidden_rows_are_passed_up_to_the_count_and_a_growing_one_ends() -> None:
    """Access rules may hide all but the last of a million rows; a count that always grows is not followed."""
    advance = Advance("snow", "incident")
    for offset in range(0, 1_000_000, 90):
        advance.skip(offset, LIMIT, 1_000_000)
    for offset in range(0, 2_430, 90):  # another query begins at 0
        advance.skip(offset, LIMIT, offset + 200)
    with pytest.raises(BadAnswer, match="snow: incident: empty pages go on far beyond the count of 200;"):
        advance.skip(2_430, LIMIT, 2_630)


@pytest.mark.parametrize("total", [10**18 - 1, MOST_ROWS + 1])
def test_a_count_that_no_table_has_is_refused_at_once(total: int) -> None:
    """Stepping through so many hidden rows would never end."""
    with pytest.raises(BadAnswer, match=f"it cannot have {total} rows"):
        Advance("snow", "incident").skip(0, LIMIT, total)


def test_empty_pages_without_a_count_end() -> None:
    """Where a proxy takes the counts away, three hundred of them in a row are passed."""
    advance = Advance("snow", "incident")
    for run in range(3):
        for page in range(300):
            advance.skip(page * 90, LIMIT, None)
        advance.grow(1, None)
        assert advance.rows == run + 1
    for page in range(300):
        advance.skip(page * 90, LIMIT, None)
    with pytest.raises(BadAnswer, match="301 empty pages in a row promise more without a count"):
        advance.skip(300 * 90, LIMIT, None)


def test_every_loop_over_pages_is_followed() -> None:
    """What asks for a further page of a list uses `Advance`, so that no list is left that can hang a cycle."""
    folder = Path(advance_module.__file__).parent
    asking = [path for path in folder.rglob("*.py") if FURTHER_PAGE.search(path.read_text(encoding="utf-8"))]
    assert {path.name for path in asking} >= {"marks.py", "comments.py", "people.py", "paging.py", "keyset.py"}
    assert [path.name for path in asking if "Advance(" not in path.read_text(encoding="utf-8")] == []
