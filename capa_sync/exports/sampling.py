"""Which records an auditor looks at: a sample over all sources and grades, the same for the same seed.

The order within a group is that of SHA-256 over `SEED:SOURCE:TICKET_ID`, so that anybody can check it without
capa-sync, and nobody can choose.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

SIZES: tuple[tuple[int, int], ...] = ((10, 10), (50, 15), (100, 20), (250, 25), (500, 30), (1_000, 35))
"""Up to so many records -> so many in the sample; more records take LARGEST_SAMPLE."""
LARGEST_SAMPLE = 40


class Candidate(NamedTuple):
    """A record that may be chosen."""

    source: str
    ticket_id: str
    grade: str

    @property
    def group(self) -> tuple[str, str]:
        """The records of one source and grade make a group."""
        return self.source, self.grade


def size_of(records: int) -> int:
    """Return how many of so many records are looked at."""
    return min(records, next((size for most, size in SIZES if records <= most), LARGEST_SAMPLE))


def sample(candidates: Sequence[Candidate], seed: str, size: int | None = None) -> list[Candidate]:
    """Return the sample in the order of groups: of each group its share, and one at least.

    It has `size` records, by the table where none is asked, and all where there are fewer; only where there are more
    groups than `size`, it has one of each.
    """
    groups: dict[tuple[str, str], list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.group, []).append(candidate)
    shares = _shares({group: len(members) for group, members in groups.items()}, size or size_of(len(candidates)))
    return [
        candidate
        for group in sorted(groups)
        for candidate in sorted(groups[group], key=lambda member: _draw(seed, member))[: shares[group]]
    ]


def _draw(seed: str, candidate: Candidate) -> str:
    return hashlib.sha256(f"{seed}:{candidate.source}:{candidate.ticket_id}".encode()).hexdigest()


def _shares(groups: dict[tuple[str, str], int], size: int) -> dict[tuple[str, str], int]:
    """Divide the size among groups by their number of records (largest remainder), with one at least of each.

    What the least of one adds is taken from the largest shares, one after the other; of equal ones from the smallest
    group.
    """
    total = sum(groups.values())
    exact = {group: size * number / total for group, number in groups.items()}
    shares = {group: min(groups[group], max(1, math.floor(part))) for group, part in exact.items()}
    for group in sorted(groups, key=lambda group: (shares[group] - exact[group], group)):
        if sum(shares.values()) < size and shares[group] < groups[group]:
            shares[group] += 1
    for _ in range(sum(shares.values()) - max(size, len(groups))):
        shares[min(shares, key=lambda group: (-shares[group], groups[group], group))] -= 1
    return shares
