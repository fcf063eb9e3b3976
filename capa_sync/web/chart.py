"""Bar and line charts as places on a plane of 720 by 240 units, for a template to draw as SVG: no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, takewhile

from capa_sync.model.light import light

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 14, 30
_PLANE = HEIGHT - _TOP - _BOTTOM
_GAP = 0.28
"""Share of a group's width that stays empty."""
_TICKS = 4
_NAMES = 12
"""Labels for which there is room under a chart."""


@light
class Point:
    """One value of a chart: what a person hears about it, and the link to its rows ("" for none)."""

    value: int
    says: str
    link: str = ""


@light
class Bar:
    """A bar with its point and the class of its series."""

    x: float
    y: float
    width: float
    height: float
    series: str
    point: Point


@light
class Dot:
    """The mark of a value on a line, with its point and the class of its series."""

    x: float
    y: float
    series: str
    point: Point


@light
class ChartLine:
    """A part of a series between two gaps: the class of the series, and the places as SVG's `points`."""

    series: str
    places: str


@light
class Tick:
    """A line of the value axis."""

    y: float
    value: int


@light
class Label:
    """A name under a group of bars or a place of the lines."""

    x: float
    text: str


@light
class Chart:
    """A chart ready to be drawn; `unit` is written behind the values of the axis."""

    ticks: tuple[Tick, ...]
    labels: tuple[Label, ...]
    bars: tuple[Bar, ...] = ()
    lines: tuple[ChartLine, ...] = ()
    dots: tuple[Dot, ...] = ()
    unit: str = ""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    floor: int = HEIGHT - _BOTTOM


def bar_chart(labels: Sequence[str], series: Sequence[tuple[str, Sequence[Point]]]) -> Chart:
    """Return the chart of series (class of the bars, one point for each label); all bars begin at zero."""
    top = _round_up(max((point.value for _, points in series for point in points), default=0))
    group = _group(labels)
    width = group * (1 - _GAP) / max(1, len(series))
    bars = [
        _bar(_LEFT + group * (place + _GAP / 2) + width * number, width, _PLANE * point.value / top, name, point)
        for number, (name, points) in enumerate(series)
        for place, point in enumerate(points)
    ]
    return Chart(_ticks(top), _labels(labels), bars=tuple(bars))


def line_chart(
    labels: Sequence[str], series: Sequence[tuple[str, Sequence[Point | None]]], *, unit: str = "", top: int = 0
) -> Chart:
    """Return the chart of series (class of the line, one point or None for each label); None breaks the line.

    The value axis begins at zero and ends at `top`, by default above the highest value.
    """
    top = top or _round_up(max((point.value for _, points in series for point in points if point), default=0))
    group = _group(labels)
    dots, lines = list[Dot](), list[ChartLine]()
    for name, points in series:
        for run in _runs(points):
            marks = [
                Dot(_middle(group, place), round(_TOP + _PLANE * (1 - point.value / top), 1), name, point)
                for place, point in run
            ]
            dots += marks
            lines.append(ChartLine(name, " ".join(f"{mark.x},{mark.y}" for mark in marks)))
    return Chart(_ticks(top), _labels(labels), lines=tuple(lines), dots=tuple(dots), unit=unit)


def _runs(points: Sequence[Point | None]) -> Iterator[list[tuple[int, Point]]]:
    """Yield the parts of a series without a gap, each point with its place."""
    run: list[tuple[int, Point]] = []
    for place, point in enumerate([*points, None]):
        if point is not None:
            run.append((place, point))
        elif run:
            yield run
            run = []


def _group(labels: Sequence[str]) -> float:
    return (WIDTH - _LEFT - _RIGHT) / max(1, len(labels))


def _middle(group: float, place: int) -> float:
    return round(_LEFT + group * (place + 0.5), 1)


def _ticks(top: int) -> tuple[Tick, ...]:
    step = max(1, top // _TICKS)
    values = takewhile(lambda value: value <= top, count(0, step))
    return tuple(Tick(round(_TOP + _PLANE * (1 - value / top), 1), value) for value in values)


def _labels(labels: Sequence[str]) -> tuple[Label, ...]:
    """Return the names, the last one always; of many, only each second, third or later one."""
    group, every = _group(labels), max(1, -(-len(labels) // _NAMES))
    names = [Label(_middle(group, place), text) for place, text in enumerate(labels)]
    return tuple(names[::-1][::every][::-1])


def _bar(x: float, width: float, height: float, series: str, point: Point) -> Bar:
    return Bar(round(x, 1), round(HEIGHT - _BOTTOM - height, 1), round(width, 1), round(height, 1), series, point)


def _round_up(value: int) -> int:
    """Return the end of an axis: 4, or the next 4, 8, 12, 20 or 40 times a power of ten."""
    power = 1
    while value > 40 * power:
        power *= 10
    return next(step * power for step in (4, 8, 12, 20, 40) if value <= step * power)
