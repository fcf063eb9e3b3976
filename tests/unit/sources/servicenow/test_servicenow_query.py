"""The encoded queries that we make, and the base filters that we refuse."""

from __future__ import annotations

import pytest

from capa_sync.sources.servicenow.query import (
    check_query,
    condition,
    fields_of,
    join,
    literal,
    markers,
    meets,
    one_of,
    prefixed,
)


@pytest.mark.parametrize(
    "text",
    ["", "active=true", "active=true^EQ", "stateIN1,2^ORpriority=1", "opened_at>javascript:gs.daysAgoStart(30)"],
)
def test_usable_filters_pass(text: str) -> None:
    """Filters as ServiceNow's own list copies them are accepted."""
    assert check_query(text) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("active=true^NQstate=3", "NQ"),
        ("active=true^ORDERBYnumber", "ORDERBY"),
        ("ORDERBYDESCnumber", "ORDERBY"),
        ("GROUPBYstate", "GROUPBY"),
        ("active=true\n^state=3", "one line"),
        ("State is open", "no condition"),
        ("active=true^^ORx", "no condition"),
    ],
)
def test_unusable_filters_are_explained(text: str, word: str) -> None:
    """The message is a sentence on what would break the keyset, or is no filter."""
    assert word in (check_query(text) or "")


@pytest.mark.parametrize("value", ["a^ORb=c", "a\nb", "a\r", "a\x00"])
def test_values_that_would_become_conditions_are_refused(value: str) -> None:
    """There is no escape for a caret, so it never gets into a query."""
    with pytest.raises(ValueError, match="cannot stand"):
        condition("u_x", "=", value)


def test_lists_refuse_commas() -> None:
    """A comma in a list's value would be a second value."""
    assert one_of("sys_id", ["a", "b"]) == "sys_idINa,b"
    with pytest.raises(ValueError, match="comma"):
        one_of("name", ["a,b"])
    assert literal("plain") == "plain"


def test_filters_are_joined_without_empty_parts() -> None:
    """Empty parts and the list's own end mark disappear."""
    assert join("active=true^EQ", "", "sys_id>a", "ORDERBYsys_id") == "active=true^sys_id>a^ORDERBYsys_id"


def test_a_filter_is_seen_through_a_reference() -> None:
    """Each condition and each alternative gets the reference in front."""
    assert prefixed("active=true^stateIN1,2^ORpriority=1^EQ", "issue") == (
        "issue.active=true^issue.stateIN1,2^ORissue.priority=1"
    )
    assert prefixed("", "issue") == ""


def test_only_what_a_row_can_prove_is_a_marker() -> None:
    """Alternatives, scripts, dotted paths and ranges cannot be checked on a row and stay as they are."""
    query = "active=true^stateIN1,2^priority=1^ORpriority=2^a.b=c^opened_at>2026-01-01^x=javascript:gs.now()^u_k=A"
    found = markers(query)
    assert set(found) == {"active", "state", "u_k"}
    assert meets("true", found["active"])
    assert meets("1", found["active"])
    assert not meets("false", found["active"])
    assert not meets("3", found["state"])
    assert meets("a", found["u_k"])


def test_the_columns_of_a_filter_are_listed_once_each() -> None:
    """Dotted paths count for their first column."""
    assert fields_of("active=true^assigned_to.active=true^ORactive=false^EQ") == ("active", "assigned_to")
