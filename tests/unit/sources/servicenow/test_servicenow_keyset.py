"""Reading a table by key: which pages are requested, when the reading ends, and which rows are refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

import pytest

from capa_sync.errors import BadAnswer
from capa_sync.sources.servicenow.answers import TableAnswer
from capa_sync.sources.servicenow.instants import from_platform_time, to_platform_time
from capa_sync.sources.servicenow.keyset import KeysetPager, Position

EARLY, LATE = "2026-01-01 00:00:00", "2026-01-02 00:00:00"
LIMIT = 20


@dataclass(frozen=True)
class Listing:
    """One scripted answer: the rows as `sys_id update-time`, and what its headers say."""

    rows: tuple[str, ...] = ()
    total: int | None = None
    has_next: bool = False
    has_links: bool = True
    limit: int = LIMIT

    def at(self, offset: int) -> TableAnswer:
        """Return the answer to a request with this offset."""
        pairs = (row.partition(" ")[::2] for row in self.rows)
        rows = [{"sys_id": key, "sys_updated_on": changed, "active": "true"} for key, changed in pairs]
        return TableAnswer(rows, self.limit, offset, self.total, self.has_links, self.has_next, None)


@dataclass
class Instance:
    """An instance that gives scripted answers in order, and records the requests."""

    answers: list[Listing]
    requests: list[tuple[str, int, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers = [*self.answers]

    def __call__(self, query: str, *, offset: int = 0, counted: bool = True) -> TableAnswer:
        """Answer one request."""
        self.requests.append((query, offset, counted))
        return self.answers.pop(0).at(offset)

    @property
    def pager(self) -> KeysetPager:
        """Return a pager of a table of this instance."""
        return KeysetPager("snow", "issue", self, base="active=true")


def keys(answers: list[TableAnswer]) -> list[list[str]]:
    """Return the sys_ids of each page."""
    return [[row["sys_id"] for row in answer.rows] for answer in answers]


HIDDEN = Listing(total=50, has_next=True)
"""An empty page before the end: access rules hide its rows."""
LAST, DOUBTFUL = Listing(total=0), Listing(total=3)


def many(first: int, count: int = LIMIT) -> tuple[str, ...]:
    """Return rows with ascending keys."""
    return tuple(f"k{number:03} {EARLY}" for number in range(first, first + count))


def test_a_table_is_read_by_key_and_counted_at_its_beginning_and_near_its_end() -> None:
    """Each request begins above the last key; after a full page no count is asked for, since it costs a scan."""
    instance = Instance([Listing(many(0)), Listing(many(20)), Listing(many(40, 3)), LAST])
    pages = list(instance.pager.by_id(""))
    assert [len(page.rows) for page in pages] == [20, 20, 3]
    assert instance.requests == [
        ("active=true^ORDERBYsys_id", 0, True),
        ("active=true^sys_id>k019^ORDERBYsys_id", 0, False),
        ("active=true^sys_id>k039^ORDERBYsys_id", 0, False),
        ("active=true^sys_id>k042^ORDERBYsys_id", 0, True),
    ]


def test_hidden_rows_are_passed_with_an_offset_that_the_next_row_ends() -> None:
    """The offset grows by nine tenths of a page from each empty page, and is 0 again above the next key."""
    instance = Instance([Listing(many(0)), HIDDEN, HIDDEN, Listing(many(20)), LAST])
    assert [len(page.rows) for page in instance.pager.by_id("")] == [20, 20]
    assert [(offset, counted) for _, offset, counted in instance.requests] == [
        (0, True),
        (0, False),
        (18, True),
        (36, True),
        (0, False),
    ]


@pytest.mark.parametrize(
    ("answers", "read"),
    [
        ([DOUBTFUL, DOUBTFUL], []),
        ([DOUBTFUL, Listing(("k1",)), LAST], [["k1"]]),
        ([DOUBTFUL, Listing(("k1",)), DOUBTFUL, DOUBTFUL], [["k1"]]),
        ([DOUBTFUL, HIDDEN, DOUBTFUL, DOUBTFUL], []),
        ([DOUBTFUL, LAST], []),
    ],
)
def test_an_empty_page_with_a_count_ends_the_reading_only_if_it_comes_twice_in_a_row(
    answers: list[Listing], read: list[list[str]]
) -> None:
    """Hidden rows at the end give such a page each time, a wrong page only once."""
    instance = Instance(answers)
    assert keys(list(instance.pager.by_id(""))) == read
    assert instance.answers == []


@pytest.mark.parametrize(("limit", "offset"), [(1, 1), (2, 2), (15, 14), (20, 18), (100, 90)])
def test_a_page_of_hidden_rows_is_passed_with_a_small_overlap(limit: int, offset: int) -> None:
    """A tenth of a page is read again, in case rows were deleted; the offset always grows, by whole rows."""
    hidden = Listing(total=999, has_next=True, limit=limit)
    for read, pages in ((KeysetPager.by_id, [hidden]), (KeysetPager.by_change, [hidden, hidden])):
        instance = Instance([*pages, LAST])
        list(read(instance.pager, "" if read is KeysetPager.by_id else None))  # type: ignore[operator]
        assert [asked for _, asked, _ in instance.requests] == [0] * len(pages) + [offset]
        assert isinstance(instance.requests[-1][1], int)


def test_an_empty_page_of_changes_that_is_not_the_end_is_requested_twice_before_it_is_passed() -> None:
    """A page that was wrong once has its rows the second time; to pass over it would lose their changes."""
    instance = Instance([Listing(total=3, has_next=True), Listing((f"b {LATE}", f"c {LATE}"), total=2)])
    assert keys(list(instance.pager.by_change(None))) == [["b", "c"]]
    assert [offset for _, offset, _ in instance.requests] == [0, 0]


def test_a_doubted_page_is_asked_for_again_with_the_same_request() -> None:
    """Its count is asked for, and its offset stays."""
    instance = Instance([Listing(many(0)), HIDDEN, DOUBTFUL, DOUBTFUL])
    list(instance.pager.by_id(""))
    assert instance.requests[2] == instance.requests[3] == ("active=true^sys_id>k019^ORDERBYsys_id", 18, True)


def test_a_fill_continues_above_the_key_that_it_reached() -> None:
    """The keys are compared without case, as the platform's database does."""
    instance = Instance([Listing(("K2", "k3")), LAST])
    assert keys(list(instance.pager.by_id("k1"))) == [["K2", "k3"]]
    assert instance.requests[0][0] == "active=true^sys_id>k1^ORDERBYsys_id"


def test_the_order_by_key_is_independent_of_the_update_times() -> None:
    """Keys may begin with a digit; they are compared without case, and an underscore sorts before letters."""
    instance = Instance([Listing((f"0a {LATE}", f"1b {EARLY}", f"a_ {LATE}", f"AA {EARLY}")), LAST])
    assert keys(list(instance.pager.by_id(""))) == [["0a", "1b", "a_", "AA"]]


@pytest.mark.parametrize("rows", [("k1",), ("K1",), ("k0",), ("k3", "k2"), ("k2", "K2")])
def test_rows_outside_the_request_or_its_order_are_refused(rows: tuple[str, ...]) -> None:
    """The instance dropped a condition or the order: no row of the page is believed."""
    with pytest.raises(BadAnswer) as refused:
        list(Instance([Listing(rows)]).pager.by_id("k1"))
    assert str(refused.value) == str(
        BadAnswer(
            "snow",
            "issue: the instance left out a part of the query or its order (an unknown column, or no query_range "
            "right on it); these rows are not believed",
        )
    )


def test_rows_that_do_not_meet_the_base_filter_are_refused() -> None:
    """`active=true` was dropped; a column that the row does not show proves nothing."""
    rows = [{"sys_id": "k1", "active": "false"}]
    answer = TableAnswer(rows, LIMIT, 0, None, True, False, None)
    pager = KeysetPager("snow", "issue", lambda *_, **__: answer, base="active=true")
    with pytest.raises(BadAnswer, match="left out a part of the query"):
        next(iter(pager.by_id("")))
    rows[0] = {"sys_id": "k1", "active": "1"}
    assert keys([next(iter(pager.by_id("")))]) == [["k1"]]
    rows[0] = {"sys_id": "k1"}
    assert keys([next(iter(pager.by_id("")))]) == [["k1"]]


def test_changes_are_read_by_time_and_then_key_until_nothing_follows() -> None:
    """From the beginning there is no first row; after each page come the rest of its last second, then later ones."""
    instance = Instance(
        [
            Listing((f"a {EARLY}", f"b {EARLY}"), total=9),
            Listing((f"c {EARLY}",), total=1),
            Listing((f"a2 {LATE}",), total=1),
        ]
    )
    assert keys(list(instance.pager.by_change(None))) == [["a", "b"], ["c"], ["a2"]]
    assert instance.requests == [
        ("active=true^ORDERBYsys_updated_on^ORDERBYsys_id", 0, True),
        (f"active=true^sys_updated_on={EARLY}^sys_id>b^ORDERBYsys_id", 0, True),
        (f"active=true^sys_updated_on>{EARLY}^ORDERBYsys_updated_on^ORDERBYsys_id", 0, True),
    ]


def test_a_poll_begins_with_the_row_that_it_knows() -> None:
    """Inclusive: the row at the position comes again, which proves that it is still visible; then only later ones."""
    instance = Instance([Listing((f"b {EARLY}", f"c {EARLY}"), total=2), Listing(total=0)])
    assert keys(list(instance.pager.by_change(Position(EARLY, "b"), inclusive=True))) == [["b", "c"], []]
    assert instance.requests == [
        (f"active=true^sys_updated_on={EARLY}^sys_id>=b^ORDERBYsys_id", 0, True),
        (f"active=true^sys_updated_on>{EARLY}^ORDERBYsys_updated_on^ORDERBYsys_id", 0, True),
    ]


def test_a_poll_that_is_not_inclusive_begins_above_its_position() -> None:
    """The row at the position does not come again."""
    instance = Instance([Listing(total=0), Listing(total=0)])
    assert keys(list(instance.pager.by_change(Position(EARLY, "b")))) == [[], []]
    assert instance.requests[0][0] == f"active=true^sys_updated_on={EARLY}^sys_id>b^ORDERBYsys_id"


def test_only_the_first_request_of_a_poll_is_inclusive() -> None:
    """After the first pages, the rows of one second are read above the last key."""
    instance = Instance(
        [
            Listing((f"b {EARLY}",), total=1),
            Listing((f"d {LATE}",), total=9),
            Listing(total=0),
            Listing(total=0),
        ]
    )
    assert keys(list(instance.pager.by_change(Position(EARLY, "b"), inclusive=True))) == [["b"], ["d"], [], []]
    assert [query for query, _, _ in instance.requests][2:] == [
        f"active=true^sys_updated_on={LATE}^sys_id>d^ORDERBYsys_id",
        f"active=true^sys_updated_on>{LATE}^ORDERBYsys_updated_on^ORDERBYsys_id",
    ]


def test_many_rows_of_one_second_are_read_in_several_pages() -> None:
    """Each page begins above the last key; hidden rows between are passed with an offset."""
    instance = Instance(
        [
            Listing((f"b {EARLY}",), total=40, has_next=True),
            HIDDEN,
            HIDDEN,
            Listing((f"c {EARLY}",), total=40, has_next=True),
            Listing(total=0),
            Listing(total=0),
        ]
    )
    read = list(instance.pager.by_change(Position(EARLY, "b"), inclusive=True))
    assert keys(read) == [["b"], [], ["c"], [], []]
    assert [(query.split("^")[2], offset) for query, offset, _ in instance.requests[:5]] == [
        ("sys_id>=b", 0),
        ("sys_id>b", 0),
        ("sys_id>b", 0),
        ("sys_id>b", 18),
        ("sys_id>c", 0),
    ]
    assert instance.requests[5][0].startswith(f"active=true^sys_updated_on>{EARLY}^")


def test_later_changes_that_are_hidden_are_passed_with_an_offset() -> None:
    """The empty page is no end; the next row ends the offset."""
    instance = Instance([HIDDEN] * 4 + [Listing((f"d {LATE}",), total=37)])
    assert keys(list(instance.pager.by_change(None))) == [["d"]]
    offsets = [0, 0, 18, 18, 36]
    assert [(query.count("ORDERBY"), offset) for query, offset, _ in instance.requests] == [(2, at) for at in offsets]


@pytest.mark.parametrize(
    ("answers", "is_inclusive"),
    [
        ([Listing((f"b {LATE}",))], True),  # another second
        ([Listing((f"a {EARLY}",))], True),  # below the key
        ([Listing((f"b {EARLY}",))], False),  # the key itself, which was excluded
        ([Listing((f"b {EARLY}", f"B {EARLY}"))], True),  # twice
        ([Listing(total=0), Listing((f"c {EARLY}",))], True),  # not later
        ([Listing(total=0), Listing((f"c {LATE}", f"b {LATE}"))], True),  # out of order by key
        ([Listing(total=0), Listing((f"b {LATE[:-1]}9", f"c {LATE}"))], True),  # out of order by time
    ],
)
def test_changes_outside_the_request_or_its_order_are_refused(answers: list[Listing], is_inclusive: bool) -> None:
    """A row that the query excludes means that the instance did not understand it."""
    with pytest.raises(BadAnswer, match="left out a part of the query"):
        list(Instance(answers).pager.by_change(Position(EARLY, "b"), inclusive=is_inclusive))


def test_a_row_at_the_position_is_found_without_case() -> None:
    """The platform's keys are compared without case."""
    instance = Instance([Listing((f"B {EARLY}",), total=1), Listing(total=0)])
    assert keys(list(instance.pager.by_change(Position(EARLY, "b"), inclusive=True)))[0] == ["B"]


def test_a_row_without_key_or_update_time_is_an_error_that_names_the_right() -> None:
    """Without the right to read them there is no position; the message says which table and column."""
    pager = Instance([]).pager
    with pytest.raises(BadAnswer) as keyless:
        pager.id_of({"sys_updated_on": EARLY})
    assert str(keyless.value) == str(BadAnswer("snow", "issue: a row came without a sys_id"))
    for text in ("", "2026-01-01", f"{EARLY}Z"):
        with pytest.raises(BadAnswer) as timeless:
            pager.position_of({"sys_id": "a", "sys_updated_on": text})
        message = "issue: a row came without sys_updated_on; we need the right to read it"
        assert str(timeless.value) == str(BadAnswer("snow", message))
    assert pager.position_of({"sys_id": "a", "sys_updated_on": EARLY}) == Position(EARLY, "a")


def test_another_column_may_hold_the_update_time() -> None:
    """Queries, order and positions use the column of the table."""
    instance = Instance([])
    pager = KeysetPager("snow", "audit", instance, column="sys_created_on")
    instance.answers.append(Listing(total=0))
    list(pager.by_change(None))
    assert instance.requests == [("ORDERBYsys_created_on^ORDERBYsys_id", 0, True)]
    assert pager.position_of({"sys_id": "a", "sys_created_on": LATE}) == Position(LATE, "a")


@pytest.fixture(name="zone")
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield "America/New_York"
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_an_instant_is_written_and_read_as_the_platform_stores_it() -> None:
    """UTC, whole seconds, in whatever zone the daemon runs."""
    tokyo = datetime(2026, 1, 1, 9, 0, 0, 999, tzinfo=timezone(timedelta(hours=9)))
    assert to_platform_time(tokyo) == EARLY
    assert from_platform_time(EARLY) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("1990-01-01 00:00:00", True),
        ("2199-12-31 23:59:59", True),
        ("1989-12-31 23:59:59", False),
        ("2200-01-01 00:00:00", False),
        ("2026-01-01", False),
        ("2026-01-01 00:00:00.5", False),
    ],
)
def test_only_instants_from_1990_to_2199_are_read(text: str, is_read: bool) -> None:
    """No deadline counts from any other, and the error shows the text."""
    if is_read:
        assert to_platform_time(from_platform_time(text)) == text
    else:
        with pytest.raises(ValueError, match=text):
            from_platform_time(text)
