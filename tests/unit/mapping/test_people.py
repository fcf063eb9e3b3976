"""Persons across accounts and sources, and which accounts count as human."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.errors import MappingFileError
from capa_sync.mapping.people import load_people
from capa_sync.mapping.people_directory import PeopleDirectory, persons_of
from capa_sync.model.site import Account
from capa_sync.model.values import Raw, ValueState
from tests.unit.mapping.world import ACCOUNTS, PEOPLE, user


@pytest.fixture(name="directory")
def _directory(tmp_path: Path) -> PeopleDirectory:
    path = tmp_path / "people.yaml"
    path.write_text(PEOPLE, encoding="utf-8")
    return PeopleDirectory("jira", load_people(path), ACCOUNTS, ["Automation"], ["acc-us"])


def test_accounts_of_one_person_are_one_person(directory: PeopleDirectory) -> None:
    """Every account that the people file lists leads to the person, with the person's name."""
    assert {directory.known(account).person for account in ("acc-lee", "JIRAUSER1")} == {"lee"}
    assert directory.person_value(user("acc-lee", "A. L.")).text == "Anna Lee"


def test_another_source_has_its_own_accounts(tmp_path: Path) -> None:
    """An account id means a person in one source only."""
    path = tmp_path / "people.yaml"
    path.write_text(PEOPLE, encoding="utf-8")
    there = PeopleDirectory("servicenow", load_people(path), (), (), ())
    assert there.known("sys-lee").person == "lee"
    assert there.known("acc-lee").person == "servicenow:acc-lee"


def test_an_unlisted_account_is_a_person_of_its_own(directory: PeopleDirectory) -> None:
    """Its id contains the source, its aliases lead to the same id, and its name is the tracker's."""
    assert directory.known("acc-new").person == "jira:acc-new"
    assert directory.known("JIRAUSER9").person == "jira:acc-new"
    assert directory.name_of("jira:acc-new") == "Kim Ito"


def test_activity_comes_from_the_people_file_then_from_the_tracker(directory: PeopleDirectory) -> None:
    """`active: no` wins; an account that was never met is unknown, not inactive."""
    for account in ("acc-lee", "acc-roy", "acc-new", "acc-ghost"):
        directory.known(account)
    activity = [directory.active_of(person) for person in ("lee", "roy", "jira:acc-new", "jira:acc-ghost")]
    assert activity == [True, False, False, None]


def test_ignored_accounts_and_our_own_are_no_humans(directory: PeopleDirectory) -> None:
    """They are found by name or id; a lost author counts as a person."""
    assert [directory.is_human(account) for account in ("acc-bot", "acc-us", "acc-lee", "")] == [
        False,
        False,
        True,
        True,
    ]
    assert directory.known("acc-bot").by is None


def test_an_ignored_account_in_a_person_field_is_unreadable(directory: PeopleDirectory) -> None:
    """A rule about persons then cannot tell."""
    assert directory.person_value(user("acc-bot")).state is ValueState.UNREADABLE
    assert directory.person_value(Raw()).state is ValueState.EMPTY


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("peopel: {}", "people.yaml:1: a people file has no such key; did you mean 'people'?"),
        ("people:\n  lee: {accunts: {jira: a}}", "people.yaml:2: person 'lee' has no key 'accunts'; did you mean"),
        (
            "people:\n  a: {accounts: {jira: x}}\n  b: {accounts: {jira: x}}",
            "people.yaml:3: account 'x' of jira belong",
        ),
        ("people:\n  lee: {}\ngroups:\n  leads: [le]", "people.yaml:4: there is no person 'le'; did you mean 'lee'?"),
        (
            "people: {}\ngroups: {leads: []}\nwaiver_group: lead",
            "people.yaml:3: there is no group 'lead'; did you mean 'leads'?",
        ),
        (
            "people:\n  lee: {accounts: {jira: 1.5}}",
            "people.yaml:2: 'jira' must be a text, not '1.5'; put it in quotes",
        ),
    ],
)
def test_a_mistake_in_the_people_file_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    """The line has file, line number, what is wrong, and a hint."""
    path = tmp_path / "people.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MappingFileError) as caught:
        load_people(path, "people.yaml")
    assert str(caught.value.problems[0]).startswith(expected)


def test_accounts_lead_to_persons_where_their_own_ids_do_not(tmp_path: Path) -> None:
    """Listed accounts, met or not, and a second name of an unlisted account lead to persons, in this source alone."""
    path = tmp_path / "people.yaml"
    path.write_text("people:\n  lee: {accounts: {jira: [acc-lee, acc-old], snow: lee}}\n", encoding="utf-8")
    accounts = [Account("acc-lee", "Ann Lee", aliases=("alee",)), Account("acc-kim", "Kim", aliases=("kim",))]
    assert persons_of("jira", load_people(path), accounts) == {
        "acc-lee": "lee",
        "acc-old": "lee",
        "alee": "lee",
        "kim": "jira:acc-kim",
    }
