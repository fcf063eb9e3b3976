"""Bar charts as places on a plane of 720 by 240 units, for a template to draw as SVG: no script and no library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, takewhile

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 14, 30
_GAP = 0.28
"""Share of a group's width that stays empty."""
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a chart: what a person hears about it, and the link to its rows ("" for none)."""

    value: int
    says: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with its point and the class of its series."""

    x: float
    y: float
    width: float
    height: float
    series: str
    point: Point


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the value axis."""

    y: float
    value: int


@dataclass(frozen=True, slots=True)
class Label:
    """A name under a group of bars."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart ready to be drawn."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    labels: tuple[Label, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    floor: int = HEIGHT - _BOTTOM


def bar_chart(labels: Sequence[str], series: Sequence[tuple[str, Sequence[Point]]]) -> Chart:
    """Return the chart of series (class of the bars, one point for each label); all bars begin at zero."""
    top = _round_up(max((point.value for _, points in series for point in points), default=0))
    plane = HEIGHT - _TOP - _BOTTOM
    group = (WIDTH - _LEFT - _RIGHT) / max(1, len(labels))
    width = group * (1 - _GAP) / max(1, len(series))
    bars = [
        _bar(_LEFT + group * (place + _GAP / 2) + width * number, width, plane * point.value / top, name, point)
        for number, (name, points) in enumerate(series)
        for place, point in enumerate(points)
    ]
    step = max(1, top // _TICKS)
    ticks = [
        Tick(round(_TOP + plane * (1 - value / top), 1), value)
        for value in takewhile(lambda value: value <= top, count(0, step))
    ]
    every = max(1, -(-len(labels) // 12))
    names = [Label(round(_LEFT + group * (place + 0.5), 1), text) for place, text in enumerate(labels)]
    return Chart(tuple(bars), tuple(ticks), tuple(names[::-1][::every][::-1]))


def _bar(x: float, width: float, height: float, series: str, point: Point) -> Bar:
    return Bar(round(x, 1), round(HEIGHT - _BOTTOM - height, 1), round(width, 1), round(height, 1), series, point)


def _round_up(value: int) -> int:
    """Return the end of an axis: 4, or the next 4, 8, 12, 20 or 40 times a power of ten."""
    power = 1
    while value > 40 * power:
        power *= 10
    return next(step * power for step in (4, 8, 12, 20, 40) if value <= step * power)
