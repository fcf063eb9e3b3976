"""`python -m tests.real.registers` prints precision and recall of `mapping suggest` on names that others chose."""

from __future__ import annotations

from tests.real.registers.measure import AEA, MERICO, REGISTERS, SURE, scores, scores_of_sites


def main() -> None:
    """Print one line for columns, statuses and options each, then for each site, and every wrong proposal."""
    for data in (REGISTERS, AEA, MERICO):
        if not data.exists():
            print(f"skipped: the data is absent ({data.name})")  # noqa: T201
            return
    for what, score in (scores() | scores_of_sites()).items():
        line = f"{what}: precision {score.precision:.3f} above {SURE}, recall {score.recall:.3f}"
        print(f"{line} of {score.labelled}")  # noqa: T201
        for wrong in score.wrong:
            print(f"  wrong: {wrong}")  # noqa: T201


if __name__ == "__main__":
    main()
