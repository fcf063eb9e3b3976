"""Data beside the repository that tests use when present; the suite says in one line what was skipped without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
SPECS = SHARED / "specs"
"""The vendors' OpenAPI documents and samples."""
DATA = SHARED / "data"
"""Real tickets of public trackers."""
_REASON = "absent data: "


def needs(path: Path) -> pytest.MarkDecorator:
    """Skip a test, or every test of a module, without this file or folder."""
    return pytest.mark.skipif(not path.exists(), reason=_reason(path))


def require(path: Path) -> None:
    """Skip the running test without this file or folder."""
    if not path.exists():
        pytest.skip(_reason(path))


def _reason(path: Path) -> str:
    return f"{_REASON}../{path.relative_to(SHARED.parent)}"


@contextmanager
def reported_in_one_line(reporter: pytest.TerminalReporter) -> Iterator[None]:
    """Keep these skips out of the lines that a block prints, one for each place; afterwards print one for all."""
    skipped = reporter.getreports("skipped")
    absent = [report for report in skipped if _absent(report)]
    reporter.stats["skipped"] = [report for report in skipped if not _absent(report)]
    try:
        yield
    finally:
        reporter.stats["skipped"] = skipped  # the last line counts all
    if absent:
        places = Counter("/".join(_absent(report).split("/")[:3]) for report in absent)
        words = ", ".join(f"{place} ({count})" for place, count in sorted(places.items()))
        reporter.write_line(f"{len(absent)} tests skipped for absent data: {words}", yellow=True)


def _absent(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the path whose absence made a test skip, or nothing; a report from another process holds a list."""
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, (tuple, list)) else ""
    return reason.partition(_REASON)[2]
