"""A register after one cycle over the three sandbox trackers, for the tests that compare pages with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docs.demo_world import DemoWorld, demo_world_in


@pytest.fixture(scope="session")
def demo_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoWorld]:
    """Run the demo's first cycle; tests must not change its register."""
    with demo_world_in(tmp_path_factory.mktemp("demo")) as world:
        yield world
