"""Prints how often each text check is right on the corpus: `python -m tests.corpus`."""

from __future__ import annotations

import sys

from tests.corpus.measure import CHECKS, HALVES, measure


def main() -> None:
    """Print counts by rule and half; the mistakes of the tuning half alone, because nobody may see the other."""
    out = sys.stdout
    out.write(f"{'rule':<28}{'half':<11}{'good':>5}{'false':>7}{'bad':>6}{'missed':>8}{'recall':>8}\n")
    measured = {half: measure(half) for half in HALVES}
    for rule in CHECKS:
        for half in HALVES:
            count = measured[half][0][rule]
            out.write(f"{rule:<28}{half.replace('_', ' '):<11}{count.good:>5}{count.alarms:>7}{count.bad:>6}")
            out.write(f"{count.misses:>8}{count.recall:>8.2f}\n")
    for rule, is_good, text in measured["tuning"][1]:
        out.write(f"{rule}: {'false alarm' if is_good else 'missed'}: {' '.join(text.split())}\n")


main()
