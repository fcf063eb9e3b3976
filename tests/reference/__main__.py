"""`python -m tests.reference [TICKETS]`: every phrase and its reference on generated tickets; 1 where they differ."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor

from tests.reference.compare import LINES, Tally, compare

_PART = 250


def main(number: int) -> int:
    """Compare on so many tickets, on every processor; print one line for each line of a rule."""
    out = sys.stdout
    parts = [range(start, min(start + _PART, number)) for start in range(0, number, _PART)]
    total = {line: Tally() for line in LINES}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done, tallies in enumerate(pool.map(compare, parts), 1):
            for line, tally in tallies.items():
                total[line].add(tally)
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{min(done * _PART, number)} of {number} tickets")
    out.write(f"{'true':>8}{'false':>8}{'unknown':>8}{'turns':>8}{'differ':>8}  on {number} tickets\n")
    for line, tally in total.items():
        counts = (tally.truths[True], tally.truths[False], tally.truths[None], tally.turns, tally.number)
        out.write("".join(f"{count:>8}" for count in counts) + f"  {line}\n")
        for difference in tally.differences:
            out.write(f"{'':>42}{difference}\n")
    return 1 if any(tally.number for tally in total.values()) else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
