"""`python -m tests.real.registers` prints precision and recall of `mapping suggest` on fourteen registers."""

from __future__ import annotations

from tests.real.registers.measure import REGISTERS, SURE, scores


def main() -> None:
    """Print one line for columns, statuses and options each, and every wrong proposal."""
    if not REGISTERS.exists():
        print(f"skipped: the data is absent ({REGISTERS.name})")  # noqa: T201
        return
    for what, score in scores().items():
        line = f"{what}: precision {score.precision:.3f} above {SURE}, recall {score.recall:.3f}"
        print(f"{line} of {score.labelled}")  # noqa: T201
        for wrong in score.wrong:
            print(f"  wrong: {wrong}")  # noqa: T201


if __name__ == "__main__":
    main()
