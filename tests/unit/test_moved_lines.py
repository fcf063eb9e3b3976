"""A line of a YAML file that was moved: both lines that may be the moved one are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.errors import UserError
from capa_sync.mapping import load_mapping

HEAD = "mapping: m\nkind: jira\nrecord:\n"


@pytest.mark.parametrize(
    ("lines", "line", "hint"),
    [
        (
            "  grade: Severity\ntitle: Summary\n  owner: Assignee\n",
            6,
            "or line 5 too far to the left: begin that one",
        ),
        ("  grade: Severity\n title: Summary\n  owner: Assignee\n", 5, ""),
        ("  grade: Severity\n    title: Summary\n  owner: Assignee\n", 5, "begin it under the line before"),
    ],
    ids=["far to the left", "a little to the left", "to the right"],
)
def test_a_moved_line_is_found_from_both_sides(tmp_path: Path, lines: str, line: int, hint: str) -> None:
    """The parser stops at the line after one that stands too far to the left, and that line is right."""
    file = tmp_path / "map.yaml"
    file.write_text(HEAD + lines, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_mapping(file, "map.yaml")
    problem = refused.value.problems[0]
    assert problem.line == line
    assert hint in problem.hint
