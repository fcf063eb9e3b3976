"""The file of reviewed waivers: what it holds, and each mistake with its line and what to write."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from capa_sync.errors import MappingFileError
from capa_sync.mapping import WaiverEntry, load_people, load_waivers
from capa_sync.starter import starter_path

GOOD = """waivers:
  - ticket: jira:CAPA-12
    rule: rca-method
    until: 2026-03-31
    because: Only one such
      system is left
    by: mara.roy
    approved_by: priya.nair
"""
MISTAKES = {
    "no list": ("waivers:\n", "waiver:\n", ":1: a waivers file has no key 'waiver'; did you mean 'waivers'?"),
    "key": ("    rule:", "    rul:", ":3: a waiver has no key 'rul'; did you mean 'rule'?"),
    "missing": ("    rule: rca-method\n", "", ":2: the waiver has no `rule`; a waiver needs ticket, rule, until"),
    "other word": ("    because:", "    reason:", ":5: a waiver has no key 'reason'; did you mean 'because'?"),
    "rule": ("rca-method", "rca-methode", ":3: there is no rule 'rca-methode'; did you mean 'rca-method'?"),
    "day": ("2026-03-31", "31.3.2026", ":4: 'until' must be a date; write 2026-03-31"),
    "reason": ("Only one such\n      system is left", "Later", ":5: the reason has 5 characters; write at least 20"),
    "person": (
        "mara.roy",
        "mara.roi",
        ":7: there is no person 'mara.roi' in the people file; did you mean 'mara.roy",
    ),
    "member": ("mara.roy", "chloe.martin", ":7: 'chloe.martin' is no active member of the waiver group; its members"),
    "approver": ("priya.nair", "mara.roy", ":8: 'mara.roy' cannot approve the own waiver; name another person"),
    "entry": ("waivers:\n", "waivers:\n  - CAPA-11\n", ":2: a waiver must hold `name: value` pairs; begin with"),
}


def load(tmp_path: Path, text: str) -> tuple[WaiverEntry, ...]:
    """Write and read a file."""
    file = tmp_path / "waivers.yaml"
    file.write_text(text, encoding="utf-8")
    people = load_people(starter_path("mappings") / "people.yaml")
    return load_waivers(file, "waivers.yaml", [people], ["rca-method", "rca-on-time"])


def test_an_entry_is_known_by_all_that_it_says(tmp_path: Path) -> None:
    """Spaces and its place in the file count as nothing; another reason is another entry."""
    [entry] = load(tmp_path, GOOD)
    assert (entry.ticket, entry.rule, entry.until) == ("jira:CAPA-12", "rca-method", date(2026, 3, 31))
    assert (entry.reason, entry.by, entry.approved_by) == ("Only one such system is left", "mara.roy", "priya.nair")
    [moved] = load(tmp_path, "# reviewed\n" + GOOD.replace("such\n      system", "such  system"))
    [other] = load(tmp_path, GOOD.replace("Only one", "But one"))
    assert (entry.line, moved.line) == (2, 3)
    assert entry.key == moved.key != other.key


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_reported_with_its_line(tmp_path: Path, mistake: str) -> None:
    """File, line, what is wrong, and what to write."""
    old, new, reported = MISTAKES[mistake]
    assert old in GOOD
    with pytest.raises(MappingFileError) as refused:
        load(tmp_path, GOOD.replace(old, new))
    assert f"waivers.yaml{reported}" in str(refused.value.problems[0])


def test_two_entries_for_one_finding_are_a_mistake(tmp_path: Path) -> None:
    """Capital and small letters of a key are alike."""
    with pytest.raises(MappingFileError, match="waived on line 2 already; keep one of the two"):
        load(tmp_path, GOOD + GOOD.removeprefix("waivers:\n").replace("CAPA-12", "capa-12"))
