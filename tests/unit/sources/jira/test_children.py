"""Which tickets are actions, decided from fields of any shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capa_sync.model.settings import ChildSpec
from capa_sync.sources.jira.children import Kinship

KINSHIP = Kinship([ChildSpec("subtask"), ChildSpec("link", ("is caused by",)), ChildSpec("child")])
CAUSE = {"name": "Cause", "inward": "is caused by", "outward": "causes"}
SHAPES: list[Any] = [None, 0, 7, True, "text", [], ["text"], [None], {}, {"id": None}, {"name": 7}, [[]], 1e308]
shapes = st.sampled_from(SHAPES)


def test_a_link_from_a_record_names_its_action() -> None:
    """Read from the end of the action, the record at the other end claims it."""
    link = {"type": CAUSE, "outwardIssue": {"id": "10001"}}
    assert KINSHIP.claimants({"issuelinks": [link]}) == ["10001"]


@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "parent": shapes,
            "issuetype": shapes | st.fixed_dictionaries({"name": shapes, "subtask": shapes}),
            "issuelinks": shapes
            | st.lists(
                shapes
                | st.fixed_dictionaries(
                    {"type": shapes | st.fixed_dictionaries({"inward": shapes, "outward": shapes})},
                    optional={"inwardIssue": shapes, "outwardIssue": shapes},
                )
            ),
        },
    )
)
@settings(deadline=None)
def test_fields_of_any_shape_are_decided_on(fields: dict[str, Any]) -> None:
    """One ticket of an odd shape must not end the reading of its source; the parser refuses it alone."""
    assert KINSHIP.may_be_action(fields) in (True, False)


@pytest.mark.parametrize("links", [None, "text", {"type": CAUSE}, [None], ["text"], [{"type": "Cause"}]])
def test_links_of_another_shape_name_nobody(links: Any) -> None:
    """What is no link claims no ticket."""
    assert KINSHIP.claimants({"issuelinks": links}) == []
