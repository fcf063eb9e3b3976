"""Light values behave as frozen dataclasses do, but for the protection that mypy gives instead."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pytest

from capa_sync.model.light import altered, light


@light
class Point:
    """A value with a default, one that is not compared, and one that is not shown."""

    x: int
    y: int = 0
    note: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class FrozenPoint:
    """The same by dataclasses alone."""

    x: int
    y: int = 0
    note: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)


@light
class PlacedPoint(Point):
    """A value with one more attribute than its base, and one that is computed."""

    place: str = ""
    double: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "double", 2 * self.x)


@light
class Single:
    """A value with one attribute."""

    only: str


@light
class Nothing:
    """A value without attributes."""


ARGUMENTS: list[dict[str, Any]] = [
    {"x": 1},
    {"x": 1, "y": 2},
    {"x": 1, "note": "said"},
    {"x": 1, "secret": "kept"},
    {"x": 2},
]


@pytest.mark.parametrize("one", ARGUMENTS)
@pytest.mark.parametrize("other", ARGUMENTS)
def test_equal_and_hashed_as_a_frozen_dataclass(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Attributes that are not compared count for neither."""
    expected = FrozenPoint(**one) == FrozenPoint(**other)

    assert (Point(**one) == Point(**other)) is expected
    assert (len({Point(**one), Point(**other)}) == 1) is expected


def test_values_of_other_classes_are_never_equal() -> None:
    """Not those of a subclass either."""
    assert Point(1) != FrozenPoint(1)
    assert PlacedPoint(1) != Point(1)
    assert Point(1) != PlacedPoint(1)
    assert Single("a") != ("a",)


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_its_representation_is_that_of_a_dataclass_and_keeps_what_is_not_shown(arguments: dict[str, Any]) -> None:
    """A secret stays out of messages."""
    assert repr(Point(**arguments)) == repr(FrozenPoint(**arguments)).replace("FrozenPoint", "Point")
    assert "kept" not in repr(Point(**arguments))


@pytest.mark.parametrize(
    "value", [Point(1, 2, "said", "kept"), PlacedPoint(3, place="here"), Single("a"), Nothing()], ids=repr
)
def test_a_pickled_value_comes_back_whole(value: Any) -> None:
    """Worker processes are given such values."""
    found = pickle.loads(pickle.dumps(value))  # noqa: S301

    assert found == value
    assert asdict(found) == asdict(value)
    assert not hasattr(found, "__dict__")


def test_copies_with_other_attributes() -> None:
    """What is computed from an attribute follows it."""
    point = PlacedPoint(3, 4, place="here")

    assert replace(point, place="there") == altered(point, place="there") == PlacedPoint(3, 4, place="there")
    assert altered(point, x=5).double == 10
    with pytest.raises(ValueError, match="not in tuple"):
        altered(point, nowhere=1)
