"""Ways in which teams keep a record: several projects, cascading lists, links that lead back."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.model.ticket import ChildRef
from capa_sync.model.values import Raw, ValueState
from tests.unit.mapping.world import MAPPING, bound_to, record, ticket

GRADE = "  grade: {field: Grade, values: {Major: major, Minor: minor, Not graded: empty}}\n"


@pytest.mark.parametrize("field", ["c1", "c7"])
def test_projects_with_different_fields_for_one_meaning_share_a_mapping(tmp_path: Path, field: str) -> None:
    """`first_of` takes the field that the ticket's project has; the other is absent there."""
    old = '  root_cause: {field: Root cause, template: "Why 1: … Why 2: …"}\n'
    text = MAPPING.replace(old, "  root_cause: {first_of: [Root cause, Five whys]}\n").replace(
        "  why_chain: {field: Five whys, split: lines}\n", ""
    )
    found = record(bound_to(tmp_path, text), ticket({field: "No deputy is named for the review"}))
    assert found.fields["root_cause"].data == "No deputy is named for the review"


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ("{Minor: minor}", "minor"),
        ("{'100': minor}", "minor"),
        ("{In process: major, Minor: minor}", "major"),
        ("{Minor - In process: major}", "major"),
        ("{Major: major}", None),
    ],
)
def test_a_cascading_list_is_mapped_by_child_or_parent(tmp_path: Path, values: str, word: str | None) -> None:
    """The child's own name or id counts first, then the parent's; a list that has neither is an error."""
    text = MAPPING.replace(GRADE, f"  grade: {{field: Grade, values: {values}}}\n")
    assert text != MAPPING
    chosen = Raw(("101",), ("In process",), "Minor - In process", parent="100")
    grade = record(bound_to(tmp_path, text), ticket({"c3": chosen})).fields["grade"]
    assert grade.data == word
    assert (grade.state is ValueState.ERROR) is (word is None)


def test_links_that_lead_back_end_at_the_first_ticket(tmp_path: Path) -> None:
    """Two tickets that resolve each other are each an action of the other; nothing is followed further."""
    bound = bound_to(tmp_path)
    first = ticket(children=(ChildRef("2", "CAPA-2", "link", "is resolved by"),))
    second = ticket(id="2", key="CAPA-2", children=(ChildRef("1", "CAPA-1", "link", "is resolved by"),))
    assert [action.key for action in record(bound, first, {"2": second}).actions] == ["CAPA-2"]
    assert [action.key for action in record(bound, second, {"1": first}).actions] == ["CAPA-1"]
