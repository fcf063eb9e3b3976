"""A register in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from capa_sync.store import Register, open_register
from tests.unit.store.fake_parser import T0


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    """Open a new register."""
    with open_register(tmp_path / "register.db", clock_now=T0) as fresh:
        yield fresh
