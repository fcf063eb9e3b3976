"""Each endpoint of each tracker returns each malformed body, once and for good: nothing ends, nothing is lost.

`make fuzz` runs every endpoint that a whole tour requests, every shape, both ways; `make test` a seeded sample.
"""

from __future__ import annotations

import os
import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from capa_sync.sandbox.malformed import SHAPES
from tests.fuzz.tour import Endpoint, Tour
from tests.sync.world import SOURCES, open_world

IS_FULL = bool(os.environ.get("CAPA_SYNC_FUZZ"))
SAMPLE = int(os.environ.get("CAPA_SYNC_FUZZ_SAMPLE", "3"))
SEED = int(os.environ.get("CAPA_SYNC_FUZZ_SEED", "9"))
A_WORLD_SERVES = 12
Figures = Counter[str]
Case = tuple[Endpoint, str, bool]


class Worlds:
    """Provides a tour through a new world, a fresh one after a failure."""

    def __init__(self, source: str, folder: Path) -> None:
        self._source, self._folder = source, folder
        self._stack = ExitStack()
        self._served = self._made = 0
        self._tour: Tour | None = None

    def tour(self) -> Tour:
        """Return a tour for one case."""
        if self._tour is None or self._served >= A_WORLD_SERVES:
            self.close()
            self._made += 1
            folder = self._folder / str(self._made)
            folder.mkdir()
            self._tour = Tour(self._stack.enter_context(open_world(folder, self._source, mode="on")))
        self._served += 1
        return self._tour

    def close(self) -> None:
        """Close the world."""
        self._stack.close()
        self._tour, self._served = None, 0


def cases(source: str, share: str, endpoints: list[Endpoint]) -> Iterator[Case]:
    """All cases of one shape, or a seeded sample of all shapes."""
    if share != "sample":
        yield from ((endpoint, share, for_good) for endpoint in endpoints for for_good in (False, True))
        return
    dice = random.Random(f"{SEED} {source}")  # noqa: S311 - chooses cases
    for _ in range(SAMPLE):
        yield dice.choice(endpoints), dice.choice(list(SHAPES)), dice.random() < 0.5


def failure_of(worlds: Worlds, figures: Figures, endpoint: Endpoint, shape: str, *, for_good: bool) -> str:
    """Run one case; return what went wrong in one line, "" when nothing did."""
    how = "for good" if for_good else "once"
    figures[f"cases, {how}"] += 1
    try:
        tour = worlds.tour()
        hits = tour.with_fault(endpoint, shape, for_good=for_good)
        figures["malformed answers sent"] += hits
        assert hits, "was not asked"
        tour.heal()
        tour.check()
    except Exception as error:  # noqa: BLE001 - gathered, so that one failure does not hide the others
        worlds.close()
        figures["cases that failed"] += 1
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename}:{place.lineno}"
        return f"{endpoint.method} {endpoint.name} {how}: {type(error).__name__} {str(error)[:500]} {where}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("share", sorted(SHAPES) if IS_FULL else ["sample"])
def test_a_malformed_answer_ends_nothing_and_loses_nothing(
    source: str, share: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """No exit, no wrong presence, no doubled comment; afterwards mirror and tickets are as without the fault."""
    worlds, figures = Worlds(source, tmp_path), Figures()
    try:
        endpoints = worlds.tour().endpoints()
        assert len(endpoints) > 9
        assert source == "servicenow" or "DELETE" in {endpoint.method for endpoint in endpoints}
        failures = [
            f"{shape}: {failure}"
            for endpoint, shape, for_good in cases(source, share, endpoints)
            if (failure := failure_of(worlds, figures, endpoint, shape, for_good=for_good))
        ]
    finally:
        worlds.close()
        for name, total in figures.items():
            record_property(f"{source} answers: {name}", total)
    assert not failures, "\n".join(failures)


def test_there_are_at_least_thirty_ways_to_be_malformed() -> None:
    """Each makes another body of a valid answer, and none is the valid answer."""
    valid = [
        b'{"issues": [{"id": "10001", "key": "A-1", "fields": {"summary": "x", "n": 1}}], "isLast": true}',
        b'{"result": [{"sys_id": "6c", "number": {"value": "1"}}]}',
    ]
    made = {name: tuple(shape(body) for body in valid) for name, shape in SHAPES.items()}
    assert len(set(made.values())) >= 30
    assert tuple(valid) not in made.values()
