"""The cursor of an instance: its stored form, a full read, and an instance whose clock was ahead."""

from __future__ import annotations

from datetime import UTC, datetime

from capa_sync.model.ticket import Cursor
from capa_sync.sources.servicenow.keyset import Position
from capa_sync.sources.servicenow.state import States, TableState

EARLY, LATE = "2026-01-01 00:00:00", "2026-01-02 00:00:00"
FOLLOWING = TableState(at=Position(EARLY, "c"), anchored=True, filling=False)
FILLING = TableState(filled_to="m", floor=LATE, newest=Position(EARLY, "b"))


def stored(watermark: datetime | None = None, **states: TableState) -> Cursor:
    """Return a cursor with these states of tables."""
    return Cursor({"tables": {name: state.to_json() for name, state in states.items()}}, watermark)


def test_a_state_is_stored_in_a_form_that_later_versions_read() -> None:
    """The names and the order of the pairs are those of stored registers."""
    assert FOLLOWING.to_json() == {"at": [EARLY, "c"], "anchored": True, "fill": None}
    assert FILLING.to_json() == {
        "at": None,
        "anchored": False,
        "fill": {"to": "m", "floor": LATE, "newest": [EARLY, "b"]},
    }
    assert [TableState.from_json(state.to_json()) for state in (FOLLOWING, FILLING)] == [FOLLOWING, FILLING]


def test_a_state_without_some_parts_is_that_of_a_table_that_is_followed_from_its_beginning() -> None:
    """Nothing is known of a row, and no full read has begun."""
    assert TableState.from_json({}) == TableState(at=None, anchored=False, filling=False)


def test_tables_without_a_state_are_filled_first() -> None:
    """A new source, or a new table of an old one, is read whole; the order is that of the settings."""
    assert States(Cursor(), ("a", "b"), full=False).of == {"a": TableState(), "b": TableState()}
    states = States(stored(b=FOLLOWING), ("a", "b"), full=False)
    assert list(states.of.items()) == [("a", TableState()), ("b", FOLLOWING)]
    assert list(states.cursor().state["tables"].items()) == [
        ("a", TableState().to_json()),
        ("b", FOLLOWING.to_json()),
    ]


def test_a_full_read_begins_anew_for_all_tables_and_continues_where_one_has_begun() -> None:
    """The positions of changes stay; the progress and the floor of an earlier read do not."""
    earlier = TableState(FOLLOWING.at, anchored=True, filling=False, filled_to="z", floor=EARLY, newest=FOLLOWING.at)
    begun = States(stored(a=FOLLOWING), ("a",), full=True)
    assert begun.of == {"a": TableState(FOLLOWING.at, anchored=True, filling=True)}
    begun.of["a"] = earlier
    again = States(begun.cursor(), ("a",), full=True)
    assert again.of == {"a": TableState(FOLLOWING.at, anchored=True, filling=True)}
    half = States(stored(a=FOLLOWING, b=FILLING), ("a", "b"), full=True)
    assert half.of == {"a": FOLLOWING, "b": FILLING}


def test_the_watermark_is_the_newest_position_and_never_goes_back() -> None:
    """It is for people: up to there, every ticket is read."""
    watermark = datetime(2026, 1, 1, 12, tzinfo=UTC)
    late = TableState(at=Position(LATE, "a"))
    assert States(stored(a=FOLLOWING, b=late), ("a", "b"), full=False).cursor().watermark == datetime(
        2026, 1, 2, tzinfo=UTC
    )
    assert States(stored(watermark, a=FOLLOWING), ("a",), full=False).cursor().watermark == watermark
    assert States(stored(watermark, a=late), ("a",), full=False).cursor().watermark == datetime(
        2026, 1, 2, tzinfo=UTC
    )
    assert States(stored(watermark, a=FILLING), ("a",), full=False).cursor().watermark == watermark
    assert States(stored(a=FILLING), ("a",), full=False).cursor().watermark is None


def test_a_table_read_while_the_clock_was_ahead_begins_again() -> None:
    """A position in the instance's future would hide all changes until then; other tables go on."""
    watermark = datetime(2026, 1, 3, tzinfo=UTC)
    states = States(
        stored(watermark, a=TableState(Position(LATE, "a")), b=FOLLOWING, c=FILLING), tuple("abc"), full=False
    )
    states.forget_future(EARLY)
    assert states.of == {"a": TableState(), "b": FOLLOWING, "c": FILLING}
    assert states.cursor().watermark == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_table_at_the_present_goes_on() -> None:
    """A row may change in the second of the poll."""
    watermark = datetime(2026, 1, 3, tzinfo=UTC)
    states = States(stored(watermark, b=FOLLOWING), ("b",), full=False)
    states.forget_future(EARLY)
    assert (states.of, states.cursor().watermark) == ({"b": FOLLOWING}, watermark)
