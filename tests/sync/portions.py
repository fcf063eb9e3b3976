"""Sweeps of Jira Cloud that commit a few tickets at a time; otherwise all tickets of a small site are one commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from capa_sync.sources.jira import sweeping
from capa_sync.sources.jira.portion import Portion


@contextmanager
def small_portions(tickets: int) -> Iterator[None]:
    """Let sweeps read and commit so many tickets together instead of as many as fit 16 MiB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "Portion", lambda least, most: Portion(min(least, tickets), min(most, tickets)))
        yield
