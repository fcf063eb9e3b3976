"""How far a tracker's clock is from ours, by its answers and by what it says of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from capa_sync.daemon.clocks import note_server_time
from capa_sync.sources.instants import ClockOffsets

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_the_furthest_offset_counts_once() -> None:
    """It is the one furthest from zero, on either side, of the answers since the last call."""
    offsets = ClockOffsets()
    assert (offsets.newest, offsets.take_furthest()) == (None, None)
    for minutes in (1, -7, 5):
        offsets.note(NOW + minutes * MINUTE, NOW)
    offsets.note(None, NOW)
    assert (offsets.newest, offsets.newest_at, offsets.take_furthest()) == (5 * MINUTE, NOW, -7 * MINUTE)
    assert offsets.take_furthest() is None
    offsets.note(NOW, NOW)
    assert (offsets.newest, offsets.take_furthest()) == (timedelta(0), timedelta(0))


@pytest.mark.parametrize(
    ("server_time", "offset"), [(-1, -1), (0, 0), (7, 0), (30, 0), (31, 1), (500, 470), (-500, -500), (None, None)]
)
def test_a_slow_sign_in_makes_no_clock_wrong(server_time: int | None, offset: int | None) -> None:
    """What the tracker said at some time of a sign-in that took half an hour is wrong only outside of it."""
    source = SimpleNamespace(clock_offset=None)
    context: Any = SimpleNamespace(source=source, max_clock_skew=10 * MINUTE, clock_skew=timedelta(0))
    note_server_time(context, None if server_time is None else NOW + server_time * MINUTE, NOW, NOW + 30 * MINUTE)
    assert context.server_offset == (None if offset is None else offset * MINUTE)
    assert abs(context.clock_skew) <= MINUTE
