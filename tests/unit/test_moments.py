"""Instants in words: a `Z` stands behind a time of UTC alone, whatever zone the instant is in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from capa_sync.model.days import utc_minute_words, utc_words

CODE = Path(__file__).resolve().parents[2] / "capa_sync"
AT = datetime(2026, 9, 30, 22, 59, 59, 999999, tzinfo=UTC)
_BY_HAND = re.compile(r"""\{(?P<value>[^{}]*):%[^{}]*\}Z|strftime\([^)]*Z["']|isoformat\([^)]*\)\s*\+\s*["']Z""")
"""A time that is formatted with a `Z` behind it."""
_IN_UTC = re.compile(r"astimezone\(UTC\)")


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "Asia/Kathmandu", "America/New_York"])
def test_an_instant_of_any_zone_is_shown_in_utc(zone: str) -> None:
    """A local time with a `Z` behind it would be hours off, and often a day."""
    local = AT.astimezone(ZoneInfo(zone))
    assert (utc_words(local), utc_minute_words(local)) == ("2026-09-30 22:59:59Z", "2026-09-30 22:59Z")


def test_no_module_puts_a_z_behind_a_time_of_which_it_does_not_know_the_zone() -> None:
    """Each either asks the functions above, or turns the time to UTC in the same line or the one before.

    The sandbox is left out: it speaks as a tracker does.
    """
    found = []
    for path in sorted(set(CODE.rglob("*.py")) - set((CODE / "sandbox").rglob("*.py"))):
        lines = path.read_text(encoding="utf-8").splitlines()
        for before, line in zip(["", *lines], lines, strict=False):
            if _BY_HAND.search(line) and not _IN_UTC.search(before + line):
                found.append(f"{path.relative_to(CODE)}: {line.strip()}")
    assert found == []
