"""Which tests are in the sample that `make test` takes.

Tests of whole programs run on three trackers, and many of them with dozens of faults, files or answers besides. All
take half an hour on two cores; a sample takes a twelfth of each, and the slow tests of a twelfth of the files. Tests
that share a world are in it together, for some of them go on where others ended; those that are marked independent
are not. Each commit has another sample.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest

ALL = "all"
"""The sample that has everything."""
SHARE = 12
"""One of so many is in a sample."""
_TESTS = Path(__file__).resolve().parent
_LARGE = frozenset({"cli", "contract", "daemon", "digest", "fuzz", "hints", "journey", "rates", "real", "sync"})
"""Folders whose tests start processes and trackers; each test elsewhere runs with all of its parameters."""

_SHARED = frozenset({"class", "module", "package"})
"""Scopes of fixtures that several tests of a file use."""


def keep_sample(items: Sequence[pytest.Item], seed: str) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return the tests of a sample, in their order, and the others.

    In the large folders it has a twelfth, rounded up, of the worlds that the tests of a file share (a fixture with
    parameters, such as the tracker), with all of their tests; of a parametrised test that shares nothing, or is
    marked independent, a twelfth of its parameters; the tests marked slow of a twelfth of the files; and every other
    test. The same seed chooses the same tests, in whichever process.
    """
    if seed == ALL:
        return list(items), []
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        group, member = _place(item)
        groups[group].add(member)
    kept = {group: _part(members, f"{seed}:{group}") for group, members in groups.items()}
    is_in = [_has_turn(item, seed) and (not _is_large(item) or _is_kept(item, kept)) for item in items]
    return (
        [item for item, stays in zip(items, is_in, strict=True) if stays],
        [item for item, stays in zip(items, is_in, strict=True) if not stays],
    )


def _is_kept(item: pytest.Item, kept: Mapping[str, frozenset[str]]) -> bool:
    group, member = _place(item)
    return member in kept[group]


def _place(item: pytest.Item) -> tuple[str, str]:
    """Return what a test is chosen from, and which of these it is: a world of its file, or its own parameters."""
    file, test = item.nodeid.partition("::")[0], item.nodeid.partition("[")[0]
    fixtures = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]  # pytest shows it nowhere else
    shared = {name for name, found in fixtures.items() if found[-1].scope in _SHARED}
    parameters = getattr(getattr(item, "callspec", None), "indices", {})
    worlds = sorted(shared & parameters.keys())
    if item.get_closest_marker("independent") is not None:
        return test, item.nodeid
    if worlds:
        return f"{file}:{worlds}", f"{[parameters[name] for name in worlds]}"
    return (item.nodeid, "") if shared else (test, item.nodeid)


def _part(members: Collection[str], seed: str) -> frozenset[str]:
    chosen = random.Random(seed).sample(sorted(members), -(-len(members) // SHARE))  # noqa: S311 - no secret
    return frozenset(chosen)


def _has_turn(item: pytest.Item, seed: str) -> bool:
    """Return whether a test is in this sample as one that is not slow, or with the others of its file."""
    if item.get_closest_marker("slow") is None:
        return True
    return random.Random(f"{seed}:{item.path.name}").random() < 1 / SHARE  # noqa: S311


def _is_large(item: pytest.Item) -> bool:
    return item.path.is_relative_to(_TESTS) and item.path.relative_to(_TESTS).parts[0] in _LARGE
