"""The benchmark of a killed backfill measures what its name says."""

from __future__ import annotations

import pytest

from benchmarks import resume
from benchmarks.trackers import tracker


@pytest.mark.slow
def test_a_killed_backfill_goes_on_from_its_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed (SIGKILL) half-way, it reads no committed ticket again, and in the end all histories are complete."""
    monkeypatch.setattr(resume, "_LOOK", 0.005)
    with tracker("jira", 2_000) as url:
        line = resume.broken_backfill(url, 2_000)
    assert line.is_met, line
    assert line.measured.startswith("0 of them read again")
