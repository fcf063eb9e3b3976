"""Which tests are in the sample that `make test` takes.

Tests of whole programs run on three trackers, and many of them with dozens of faults, files or answers besides. All
take half an hour on two cores; a sample takes a third of each, and of the files with slow tests a half.
Each commit has another sample.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

ALL = "all"
"""The sample that has everything."""
_TESTS = Path(__file__).resolve().parent
_LARGE = frozenset({"cli", "contract", "daemon", "digest", "fuzz", "hints", "journey", "rates", "real", "sync"})
"""Folders whose tests start processes and trackers; each test elsewhere runs with all of its parameters."""


def keep_sample(items: Sequence[pytest.Item], seed: str) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return the tests of a sample, in their order, and the others.

    Of a parametrised test in the large folders it has a third, rounded up; of those marked slow a half of the
    files; it has every other test. The same seed chooses the same tests, in whichever process.
    """
    if seed == ALL:
        return list(items), []
    tests: defaultdict[str, list[str]] = defaultdict(list)
    for item in items:
        if _is_large(item):
            tests[_test(item)].append(item.nodeid)
    kept = {name for test, names in tests.items() for name in _third(names, f"{seed}:{test}")}
    is_in = [_has_turn(item, seed) and (not _is_large(item) or item.nodeid in kept) for item in items]
    return (
        [item for item, stays in zip(items, is_in, strict=True) if stays],
        [item for item, stays in zip(items, is_in, strict=True) if not stays],
    )


def _third(names: Sequence[str], seed: str) -> list[str]:
    return random.Random(seed).sample(sorted(names), -(-len(names) // 3))  # noqa: S311 - no secret


def _has_turn(item: pytest.Item, seed: str) -> bool:
    """Return whether a test is in this sample as one that is not slow, or with the others of its file."""
    if item.get_closest_marker("slow") is None:
        return True
    return random.Random(f"{seed}:{item.path.name}").random() < 0.5  # noqa: S311


def _is_large(item: pytest.Item) -> bool:
    return item.path.is_relative_to(_TESTS) and item.path.relative_to(_TESTS).parts[0] in _LARGE


def _test(item: pytest.Item) -> str:
    """Return the name of a test without its parameters."""
    return item.nodeid.partition("[")[0]
