"""Each phrase means the same as its independent reference: a sample of what `make reference` compares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from capa_sync.rules.phrases.table import BUILT_IN, vocabulary
from capa_sync.rules.subjects import SUBJECTS
from tests.reference import compare
from tests.reference.by_days import BY_DAYS, ago

SAMPLE = range(300)
_IMPORTED = """
import sys
import tests.reference.in_sql, tests.reference.by_days, tests.reference.by_words
print([name for name in sys.modules if name.startswith("capa_sync.rules")])
"""


@pytest.fixture(scope="module")
def tallies() -> dict[str, compare.Tally]:
    """Return the comparison of every line on a sample of generated tickets."""
    return compare.compare(SAMPLE)


@pytest.mark.parametrize("line", compare.LINES)
def test_a_phrase_and_its_reference_agree(tallies: dict[str, compare.Tally], line: str) -> None:
    """On every ticket both give the same truth; a line over time is constant until its next due instant and changes.

    Both truths occur, and for a line over time a next due instant, so that the comparison says something.
    """
    tally = tallies[line]
    assert tally.differences == []
    assert min(tally.truths[True], tally.truths[False]) >= 2, tally.truths
    assert tally.turns or line not in BY_DAYS or _is_still(line)


def _is_still(line: str) -> bool:
    """Return whether time alone never changes the truth of a line."""
    name, _, sentence = line.partition(": ")
    return vocabulary().find(SUBJECTS[name], sentence)[1].clock is None


def test_every_phrase_has_a_reference() -> None:
    """No phrase of the built-in vocabulary is compared with nothing."""
    covered = set()
    for line in compare.LINES:
        name, _, sentence = line.partition(": ")
        covered.add(vocabulary().find(SUBJECTS[name], sentence)[0].template)
    assert {phrase.template for phrase in BUILT_IN} - covered == set()


def test_a_reference_that_says_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One day more in the reference shows as differences with ticket and instant."""
    line = "due_at: more than 7 days ago"
    monkeypatch.setitem(compare.LINES, line, ago("due_at", 8))
    tally = compare.compare(range(60))[line]
    assert tally.number > len(tally.differences) == 5
    assert "but the reference" in tally.differences[0]


def test_the_references_import_nothing_of_the_rules() -> None:
    """What the phrases are compared with shares no code with them."""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", _IMPORTED], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
