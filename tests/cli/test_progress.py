"""Without a terminal a long step prints lines: by number, by time, and at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from capa_sync.cli.progress import PLAIN_AFTER, PLAIN_EVERY, _PlainLines


@pytest.mark.parametrize(
    ("seconds", "total", "says"),
    [
        (0.001, 40, ["40 of 40"]),
        (0.001, 2 * PLAIN_EVERY + 1, [f"{PLAIN_EVERY} of 1001", f"{2 * PLAIN_EVERY} of 1001", "1001 of 1001"]),
        (3.0, 9, ["4 of 9", "8 of 9", "9 of 9"]),
        (PLAIN_AFTER, 2, ["1 of 2", "2 of 2"]),
    ],
)
def test_a_line_is_due_after_so_many_tickets_or_so_many_seconds(
    capsys: pytest.CaptureFixture[str], seconds: float, total: int, says: list[str]
) -> None:
    """A step that takes seconds for each ticket is not silent for minutes, and a quick one says little."""

    def clock() -> Iterator[float]:
        at = 0.0
        while True:
            yield at
            at += seconds

    listener = _PlainLines(clock().__next__)
    for done in range(1, total + 1):
        listener("sample", "packs", done, total)
    assert capsys.readouterr().err.splitlines() == [f"sample: packs {line}" for line in says]


def test_several_steps_share_the_time_between_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Sources that are read side by side do not print a line each."""
    at = [0.0]
    listener = _PlainLines(lambda: at[0])
    for done in range(1, 26):
        at[0] += 1
        for source in ("a", "b", "c"):
            listener(source, "reading", done, 100)
    assert capsys.readouterr().err.splitlines() == ["a: reading 10 of 100", "a: reading 20 of 100"]
