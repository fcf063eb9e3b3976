"""A list of the tracker that lost something is asked for twice; what either answer holds is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capa_sync.daemon.known_site import lacks_something, merged
from capa_sync.model.site import Account, ChildTableDef, FieldDef, SiteFacts, SiteLists

COLUMNS = (FieldDef("kind", "Kind", options=(("fix", "Fix"),)), FieldDef("text", "Text"))
WHOLE = SiteLists(
    issue_types=("Action", "Change"),
    subtask_types=("Action",),
    link_types=("resolves",),
    options=(("resolution", (("1", "Done"), ("2", "Duplicate"))),),
    tables=(ChildTableDef("task", COLUMNS),),
)
SHORT = {
    "issue types": replace(WHOLE, issue_types=("Change",)),
    "types of sub-tasks": replace(WHOLE, subtask_types=()),
    "link types": replace(WHOLE, link_types=("blocks",)),
    "options": replace(WHOLE, options=(("resolution", (("1", "Done"),)),)),
    "columns": replace(WHOLE, tables=(ChildTableDef("task", COLUMNS[:1]),)),
    "choices": replace(WHOLE, tables=(ChildTableDef("task", (FieldDef("kind", "Kind"), COLUMNS[1])),)),
}


def facts(lists: SiteLists) -> SiteFacts:
    """Return the facts of a site with these lists."""
    return SiteFacts((FieldDef("summary", "Summary"),), (), Account("us", "us"), lists=lists)


@pytest.mark.parametrize("name", SHORT)
def test_a_list_that_lost_something_is_asked_for_again_and_both_answers_count(name: str) -> None:
    """One short answer makes no name of a mapping wrong."""
    short, whole = facts(SHORT[name]), facts(WHOLE)
    assert lacks_something(short, whole)
    assert not lacks_something(whole, whole)
    for found in (merged(short, whole), merged(whole, short)):
        assert not lacks_something(found, whole)
    assert merged(whole, whole) == whole


def test_a_list_that_is_not_shown_is_unknown_and_lost_nothing() -> None:
    """Else a right that is gone would make each sign-in ask twice."""
    assert not lacks_something(facts(SiteLists()), facts(WHOLE))
    assert not lacks_something(facts(WHOLE), facts(SiteLists()))
    assert merged(facts(SiteLists()), facts(SiteLists())).lists == SiteLists()
