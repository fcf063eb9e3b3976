"""Mapping files: what loads, and how mistakes are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.errors import MappingFileError
from capa_sync.mapping import load_mapping, unknown_sources
from capa_sync.mapping.schema import MappingFile
from capa_sync.model.settings import ChildSpec
from tests.unit.mapping.world import MAPPING, load, write_mapping


def problems(folder: Path, text: str) -> list[str]:
    """Return the lines that a wrong mapping gives."""
    with pytest.raises(MappingFileError) as caught:
        load(folder, text)
    return [str(problem) for problem in caught.value.problems]


def test_a_mapping_says_to_its_source_where_actions_are(tmp_path: Path) -> None:
    """Sub-tasks and links become specs for the source; the record's own field does not."""
    found = load(tmp_path)
    assert isinstance(found, MappingFile)
    assert found.child_specs() == (ChildSpec("subtask", ("Action",)), ChildSpec("link", ("is resolved by",)))
    assert found.same_as is not None
    assert found.same_as.source == "servicenow"


def test_the_hash_covers_the_content_and_not_the_layout(tmp_path: Path) -> None:
    """Comments and layout do not change the hash; a word does, also one in the people file."""
    first = load(tmp_path).hash
    assert load(tmp_path, "# note\n" + MAPPING.replace("title: Summary", "title:   Summary")).hash == first
    assert load(tmp_path, MAPPING.replace("title: Summary", "title: Heading")).hash != first
    assert load(tmp_path, MAPPING, "people: {}").hash != first


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("record:", "recrod:", "map.yaml:4: a mapping has no key 'recrod'; did you mean 'record'?"),
        ("kind: jira", "kind: jra", "map.yaml:3: 'jra' is no kind of tracker; did you mean 'jira'?"),
        (
            "title: Summary",
            "titel: Summary",
            "map.yaml:6: there is no canonical field 'titel'; did you mean 'title'?",
        ),
        ("{Major: major,", "{Major: mayor,", "map.yaml:9: 'mayor' is no word of 'grade'; did you mean 'major'?"),
        (
            'template: "Why',
            'templat: "Why',
            "map.yaml:7: 'root_cause' has no key 'templat'; did you mean 'template'?",
        ),
        ("Open: identified", "Open: identifed", "map.yaml:20: 'identifed' is no stage; did you mean 'identified'?"),
        (
            "due_at: Due date",
            "due_at: {field: Due date, values: {a: b}}",
            "map.yaml:12: 'due_at' holds a time and takes",
        ),
        (
            "track: {constant: nonconformity}",
            "track: {constant: nc}",
            "map.yaml:5: 'nc' is no word of 'track'; write one of nonconformity,",
        ),
        ("owner: Assignee", "owner: {constant: le}", "map.yaml:11: there is no person 'le' in the people file; did"),
        (
            "kind: corrective, inherit",
            "kind: corective, inherit",
            "map.yaml:30: 'corective' is no kind of action; did",
        ),
        ("{from: field,", "{from: feild,", "map.yaml:30: 'feild' is no place for actions; did you mean 'field'?"),
        ("inherit: [owner,", "inherit: [oner,", "map.yaml:30: 'oner' cannot be inherited; did you mean 'owner'?"),
        (
            "until: 2025-06-01}",
            "until: never}",
            "map.yaml:25: 'until' must be a date; write a day such as 2026-01-31, without quotes",
        ),
        ("people: people.yaml", "people: folk.yaml", "map.yaml:37: there is no people file 'folk.yaml'; looked in"),
        ("split: lines}", "split: rows}", "map.yaml:14: 'rows' is no way to cut a list; did you mean 'lines'?"),
        (
            "source: servicenow}",
            "sorce: servicenow}",
            "map.yaml:39: `same_as` has no key 'sorce'; did you mean 'source'?",
        ),
        (
            "title: Summary",
            "title: 1.10",
            "map.yaml:6: the field for 'title' must be a text, not '1.1'; put it in quotes",
        ),
        (
            "  title: Summary",
            "  title: Summary\n  title: Name",
            "map.yaml:7: 'title' stands here twice; keep one of them; the first is on line 6",
        ),
        (
            "types: [Action]",
            "typs: [Action]",
            "map.yaml:32: an action from subtask has no key 'typs'; did you mean 'types'?",
        ),
        ("links: [duplicates]", "links: [duplicates], field: X", "map.yaml:16: 'duplicate_of' needs exactly one of"),
        (
            "{links: [duplicates]}",
            "{link: [duplicates]}",
            "map.yaml:16: 'duplicate_of' has no key 'link'; did you mean",
        ),
    ],
)
def test_a_mistake_is_one_line_with_place_and_hint(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """The line has file, line number, what is wrong, and how to mend it."""
    assert old in MAPPING
    found = problems(tmp_path, MAPPING.replace(old, new, 1))
    assert any(line.startswith(expected) for line in found), found


def test_all_mistakes_are_reported_at_once_in_order(tmp_path: Path) -> None:
    """A user must be able to mend a file in one go."""
    text = (
        MAPPING.replace("title: Summary", "titel: Summary")
        .replace("kind: jira", "kind: x")
        .replace("Open: id", "Open: i")
    )
    found = problems(tmp_path, text)
    assert [line.split(":")[1] for line in found] == ["3", "6", "20"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "map.yaml:1: the file is empty; begin with `mapping:`"),
        ("- a", "map.yaml:1: the file must hold `key: value` lines; begin with `mapping:`"),
        ("a: [1,\nb: 2", "map.yaml:1: a [ is opened here and not closed; close it with ]"),
        ("mapping: x\nkind: jira\n", "map.yaml:1: `record:` is missing"),
        ("mapping: x\nkind: jira\nrecord: {title: a}\n", "map.yaml:1: `stage:` is missing"),
        ("mapping: x\nkind: jira\nrecord: [a]\nstage: {values: {a: closed}}", "map.yaml:3: 'record' must hold"),
        ("mapping: x\nkind: jira\nrecord: {title: a}\nstage: {field: s}", "map.yaml:4: `stage` needs `values:`"),
    ],
)
def test_a_file_that_is_hardly_a_mapping_is_reported(tmp_path: Path, text: str, expected: str) -> None:
    """No file content leads to a traceback."""
    assert any(line.startswith(expected) for line in problems(tmp_path, text))


def test_an_absent_file_is_reported(tmp_path: Path) -> None:
    """A wrong path is the user's mistake as well."""
    with pytest.raises(MappingFileError, match=r"map\.yaml: there is no such file"):
        load_mapping(tmp_path / "map.yaml", "map.yaml")


def test_a_file_that_is_no_text_is_reported(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 give one line."""
    path = write_mapping(tmp_path)
    path.write_bytes(b"mapping: \xff\xfe")
    with pytest.raises(MappingFileError, match="this is not UTF-8 text"):
        load_mapping(path)


def test_a_mistake_in_the_people_file_names_that_file(tmp_path: Path) -> None:
    """The mistakes of both files are reported together."""
    with pytest.raises(MappingFileError) as caught:
        load(tmp_path, MAPPING.replace("titel", "title").replace("title:", "titel:"), "peple: {}")
    assert {problem.file for problem in caught.value.problems} == {"map.yaml", "people.yaml"}


def test_a_source_that_the_settings_lack_is_reported_once_with_its_line(tmp_path: Path) -> None:
    """Accounts under a misspelt source count for nobody, a misspelt `same_as` joins nothing: both are reported."""
    people = "people:\n  lee: {accounts: {jra: a}}\n  roy:\n    accounts:\n      jra: b\n      jira: c\n"
    found = load(tmp_path, MAPPING, people)
    line = 1 + next(n for n, text in enumerate(MAPPING.splitlines()) if text.startswith("same_as:"))
    hint = "did you mean 'servicnow'?"
    assert [str(unknown) for unknown in unknown_sources(found, ["jira", "servicnow"])] == [
        f"map.yaml:{line}: the settings have no source 'servicenow', so `same_as` joins no tickets; {hint}",
        "people.yaml:2: the settings have no source 'jra', so its accounts count for nobody; did you mean 'jira'?",
    ]
    assert unknown_sources(found, ["jra", "jira", "servicenow"]) == []


def test_accounts_in_a_tracker_that_is_not_configured_here_are_no_mistake(tmp_path: Path) -> None:
    """A people file is shared: a name is reported if it resembles a source here, or a source here has no account."""
    people = "people:\n  lee: {accounts: {jira: a, jira-dc: b, servicenow: c}}\n"
    found = load(tmp_path, MAPPING, people)
    assert unknown_sources(found, ["jira", "servicenow"]) == []
    warnings = [unknown.what for unknown in unknown_sources(found, ["jira", "servicenow", "jira-prod"])]
    assert warnings == ["the settings have no source 'jira-dc', so its accounts count for nobody"]


def test_words_that_yaml_reads_as_something_else_are_taken_as_written(tmp_path: Path) -> None:
    """Numbers, true and yes may be options without quotes."""
    text = MAPPING.replace(
        "{Major: major, Minor: minor, Not graded: empty}", "{2: major, true: minor, yes: ofi, no: null}"
    )
    options = load(tmp_path, text).record["grade"].parts[0].values
    assert options is not None
    assert [(key, word) for key, word, _ in options] == [
        ("2", "major"),
        ("true", "minor"),
        ("yes", "ofi"),
        ("no", "empty"),
    ]


JIRA_HEAD = "mapping: x\nkind: jira\nrecord: {title: t}\nstage: {values: {a: closed}}\n"


def test_a_linked_ticket_is_also_a_record_unless_its_entry_says_otherwise(tmp_path: Path) -> None:
    """`also_record` is true unless it is written."""
    link = "actions:\n  - {from: link, types: [is resolved by], kind: corrective%s}\n"
    for words, expected in (("", True), (", also_record: true", True), (", also_record: false", False)):
        found = load(tmp_path, JIRA_HEAD + link % words)
        assert [action.also_record for action in found.actions] == [expected]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            '{from: link, types: [a], kind: corrective, also_record: "no"}',
            "'also_record' must be true or false, not 'no'; did you mean 'false'? (without quotes)",
        ),
        (
            "{from: subtask, types: [a], kind: corrective, also_record: false}",
            "`also_record` is about linked tickets; a sub-task is always an action alone; take the line out",
        ),
        (
            "{from: field, field: x, kind: corrective, also_record: false}",
            "`also_record` is about linked tickets, and this action is no ticket; take the line out",
        ),
        ("{from: link, types: [a], kind: corrective, also_recrod: false}", "did you mean 'also_record'?"),
    ],
)
def test_also_record_that_cannot_work_is_reported(tmp_path: Path, entry: str, expected: str) -> None:
    """The report names the line and how to mend it."""
    found = problems(tmp_path, f"{JIRA_HEAD}actions:\n  - {entry}\n")
    assert len(found) == 1
    assert found[0].startswith("map.yaml:6: ")
    assert expected in found[0]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{from: subtask, types: [a], kind: corrective}", "ServiceNow has no subtask"),
        ("{from: child, kind: corrective, done: [x]}", "an action from child needs `table:` and `reference:`"),
        (
            "{from: child, table: t, reference: r, kind: corrective}",
            "without `done:` or `done_at:` no action would ever",
        ),
        ("{from: field, kind: corrective}", "an action from a field needs `field:`"),
        ("{from: field, field: x}", "`kind:` is missing"),
        ("justtext", "a place of actions must hold"),
    ],
)
def test_an_action_place_that_cannot_work_is_reported(tmp_path: Path, entry: str, expected: str) -> None:
    """A place that the tracker does not have, or one that would never end, is a mistake."""
    head = "mapping: x\nkind: servicenow\nrecord: {title: t}\nstage: {values: {a: closed}}\nactions:\n"
    text = f"{head}  - {entry}\n"
    found = problems(tmp_path, text)
    assert any(line.startswith("map.yaml:6: ") and expected in line for line in found), found


def test_a_second_action_place_on_one_child_table_is_reported(tmp_path: Path) -> None:
    """A row would be read twice; the report names the line of the first place."""
    head = "mapping: x\nkind: servicenow\nrecord: {title: t}\nstage: {values: {a: closed}}\nactions:\n"
    entry = "  - {from: child, table: t, reference: %s, kind: %s, done: [x]}\n"
    for reference, kind in (("r", "correction"), ("s", "corrective"), ("r", "corrective")):
        text = head + entry % ("r", "corrective") + "  - {from: field, field: x, kind: corrective}\n"
        found = problems(tmp_path, text + entry % (reference, kind))
        assert len(found) == 1
        assert found[0].startswith("map.yaml:8: the table 't' already has an action place, on line 6; keep one entry")
