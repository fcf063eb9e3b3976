"""Which tickets are actions, decided from fields of any shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capa_sync.model.settings import ChildSpec
from capa_sync.sources.jira.children import Kinship, parent_of
from capa_sync.sources.jira.parse import _children
from capa_sync.sources.jira.shapes import is_key

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


@pytest.mark.parametrize("parent", [None, "10001", ["10001"], {}, {"id": None}, {"id": 10001}, {"id": ["10001"]}])
def test_a_parent_without_an_id_of_jira_s_form_is_none(parent: Any) -> None:
    """What is no id reaches no request."""
    assert parent_of({"parent": parent}) == ""
    assert parent_of({"parent": {"id": "10001"}}) == "10001"


@pytest.mark.parametrize(
    "odd",
    [{"id": 10**40}, {"id": "9" * 40}, {"id": float("nan")}, {"id": ["10001"]}, {"id": "../user"}, {"key": 7}]
    + [
        {"id": "10001", "key": key} for key in ("", "CAPA", "-1", "CAPA-", "A/B-1", "A B-1", "A?-1", "x" * 300 + "-1")
    ],
)
@pytest.mark.parametrize("place", ["subtask", "link"])
def test_a_ticket_that_names_another_by_no_id_is_refused(odd: dict[str, Any], place: str) -> None:
    """Such a reference would go into an address or a key of the register; its ticket alone is quarantined."""
    link = {"type": CAUSE, "inwardIssue": odd}
    fields = {"subtasks": [odd]} if place == "subtask" else {"issuelinks": [link]}
    with pytest.raises(ValueError, match="no id or key"):
        _children(fields, ())


@pytest.mark.parametrize("key", ["CAPA-1", "A_B2-77", "Ä-1", "MY-OLD-12"])
def test_keys_of_real_projects_are_keys(key: str) -> None:
    """Data Center lets an administrator change the form of project keys."""
    assert is_key(key)
