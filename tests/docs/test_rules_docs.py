"""The vocabulary that people and editors see is the one that the loader knows."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from capa_sync.rules import json_schema, phrases_table, phrases_text
from capa_sync.rules.phrases.phrase import Phrase
from capa_sync.rules.phrases.table import BUILT_IN, vocabulary
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.yaml_lines import Items, Problems, Text, Tree, YamlTable, read_yaml
from tests.unit.rules.lives import case_of, context_on, truth_of

RULES = Path(__file__).parents[2] / "rules"
FILES = sorted(RULES.glob("*.yaml"))
VALIDATOR = Draft202012Validator(json_schema())


def plain(tree: Tree | None) -> Any:
    """Return a YAML document as an editor's JSON Schema sees it."""
    if isinstance(tree, YamlTable):
        return {key.value: plain(value) for key, value in tree}
    if isinstance(tree, Items):
        return [plain(member) for member in tree.members]
    assert isinstance(tree, Text)
    return tree.value


def document(file: Path) -> Any:
    """Return a rule file as data."""
    return plain(read_yaml(file.read_text(encoding="utf-8"), Problems(str(file))))


def test_the_schema_beside_the_rules_is_the_one_that_is_made() -> None:
    """The shipped schema is the output of `rules schema`; run that again after a change of the vocabulary."""
    assert json.loads((RULES / "rule.schema.json").read_text(encoding="utf-8")) == json_schema()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_editors_accept_the_shipped_rules(file: Path) -> None:
    """An editor underlines nothing in a shipped rule."""
    assert [error.message for error in VALIDATOR.iter_errors(document(file))] == []


@pytest.mark.parametrize(
    "path",
    [
        ("titel", "x"),
        ("severity", "lowest"),
        ("mode", "loud"),
        ("require", [{"rootcause": "filled"}]),
        ("require", [{"root_cause": "fild"}]),
        ("require", [{"due_at": "at least 20 characters"}]),
        ("require", [{"any": [{"root_cause": "fild"}]}]),
        ("clause", {"iso27001-2020": "10.2 b"}),
        ("tests", [{"case": "a", "timeline": [{"dya": "2026-03-01"}], "expect": []}]),
        ("tests", []),
    ],
)
def test_editors_underline_a_mistake(path: tuple[str, Any]) -> None:
    """The schema refuses what the loader refuses, where a schema can see it."""
    spoiled = copy.deepcopy(document(RULES / "action-planned.yaml"))
    spoiled[path[0]] = path[1]
    assert not VALIDATOR.is_valid(spoiled)


def test_the_text_of_the_vocabulary_is_complete() -> None:
    """Every phrase with meaning and example, every field and every placeholder is printed."""
    text = phrases_text()
    for phrase in vocabulary().phrases:
        assert f"  {phrase.template}\n      {phrase.says}\n" in text
        assert phrase.example in text
    assert all(f"  {name} (" in text for name in SUBJECTS)
    assert "{missing}" in text


def test_the_table_of_the_vocabulary_is_json() -> None:
    """`rules phrases --json` holds the same rows."""
    table = json.loads(json.dumps(phrases_table()))
    assert [row["phrase"] for row in table["phrases"]] == [phrase.template for phrase in vocabulary().phrases]
    assert all(row["means"] and row["said_of"] for row in table["phrases"])
    assert {row["field"] for row in table["fields"]} == set(SUBJECTS)


EXAMPLES = YAML(typ="safe").load((RULES.parent / "docs" / "phrase_examples.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("phrase", BUILT_IN, ids=lambda phrase: phrase.template)
def test_each_phrase_has_an_example_and_a_counter_example(phrase: Phrase) -> None:
    """The page shows a life of which the example line is true and one of which it is false, and both are right."""
    shown = EXAMPLES[phrase.template]
    for key, truth in (("true_of", True), ("false_of", False)):
        case = case_of("\n  - ".join(["case: x\ntimeline:", *shown[key]]))
        day = str(shown.get("on") or case.rows[-1].when.day)
        assert truth_of(phrase.example, context_on(case, day)) is truth, key


def test_no_example_is_left_of_a_phrase_that_is_gone() -> None:
    """Every entry of the file belongs to a phrase."""
    assert set(EXAMPLES) == {phrase.template for phrase in BUILT_IN}
