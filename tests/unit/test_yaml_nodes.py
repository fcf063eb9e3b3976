"""The quick reader of plain YAML says what the careful one says, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from capa_sync import yaml_nodes, yamlfiles
from capa_sync.starter import starter_path
from capa_sync.yamlfiles import Refused, compose, load_with_lines

Parse = Any
SHIPPED = [*sorted(starter_path("rules").glob("*.yaml")), *sorted(starter_path("mappings").glob("*.yaml"))]
DIFFERENT = (
    "|+\n#10 is written",
    ">\n \n  \n",
    "a: >#b\n  c\n",
    "a:\nb: 1\n",
    "- |-\n  \n   a\n- b\n",
    "['a':1]",
    '{"a":b}',
    "[a?b, c]",
    "[a::]",
    "a: 1\n---\nb: 2\n",
    "%YAML 1.1\n---\na: no\n",
    "a:\tb\n",
    "a\u2028b: c\n",
    "a: \x85 b\n",
    "\ufeffa: b\n",
)
"""Texts that libyaml reads in another way, or with other lines."""
REFUSED = (
    "a: &x b\n",
    "a: *x\n",
    "a: !!str b\n",
    "a: ! b\n",
    "<<: {a: b}\n",
    "[" * 30 + "]" * 30,
    f"a: {'9' * 41}\n",
    f"a: {'x' * 20_001}\n",
    "a: [b\nc: d\n",
    'a: "\\q"\n',
    "a: 2026-13-45\n",
)
PIECES = (
    *(
        "a",
        "b c",
        "é",
        "“",
        "1",
        "0x1f",
        "0o7",
        "1_0",
        "1e3",
        ".5",
        "no",
        "true",
        "null",
        "~",
        "2026-01-02",
        "=",
        "\\n",
    ),
    *(":", ": ", " :", " ", "\n", "\n  ", "\n    ", "\r\n", "- ", "? ", "#", " #", "|\n", ">-\n", "{", "}", "[", "]"),
    *(",", ", ", "'", '"', "@", "&", "*", "!", "a:b", "'a':1", "10:30", "http://x/?q"),
)


def outcome(parse: Parse, text: str) -> object:
    """Return what a parser makes of a text: values with their types, styles and lines, or the mistake."""
    try:
        found = parse(text)
    except Refused as refusal:
        return refusal.mistake
    return (*shape(found.data), found.mistakes) if isinstance(found, yamlfiles.Loaded) else nodes(found)


def shape(data: Any) -> tuple[Any, ...]:
    """Return a loaded document as plain tuples."""
    if isinstance(data, CommentedMap):
        lines = data.lc
        pairs = [(shape(key), shape(data[key]), lines.key(key), lines.value(key)) for key in data]
        return ("map", data.fa.flow_style(), pairs)
    if isinstance(data, CommentedSeq):
        return ("list", data.fa.flow_style(), [(shape(item), data.lc.item(at)) for at, item in enumerate(data)])
    return (type(data).__name__, repr(data), str(data))


def nodes(node: Any) -> object:
    """Return composed nodes as plain tuples."""
    if node is None or isinstance(node, str):
        return node
    if isinstance(node, tuple):
        return tuple(map(nodes, node))
    style = getattr(node, "style", None) or getattr(node, "flow_style", None)
    return (node.id, style, node.start_mark.line, nodes(tuple(node.value)) if node.id != "scalar" else node.value)


PARSERS = [(compose, yamlfiles._compose_carefully), (load_with_lines, yamlfiles._load_carefully)]


@pytest.mark.skipif(yaml_nodes.CParser is None, reason="this PyYAML was built without libyaml")
@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_files_are_plain_and_read_alike(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule and mapping of the starter is read quickly, with the same values and lines."""
    text = file.read_text(encoding="utf-8")
    careful = outcome(PARSERS[file.parent.name == "mappings"][1], text)
    monkeypatch.setattr(yamlfiles, "YAMLError", ())
    monkeypatch.setattr(yamlfiles, "NotPlain", ())
    assert outcome(PARSERS[file.parent.name == "mappings"][0], text) == careful


@pytest.mark.parametrize("text", [*DIFFERENT, *REFUSED], ids=lambda text: repr(text[:12]))
def test_what_libyaml_reads_differently_is_read_carefully(text: str) -> None:
    """Values, lines and words of a mistake are those of the careful parser."""
    for parse, carefully in PARSERS:
        assert outcome(parse, text) == outcome(carefully, text)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_is_read_as_the_careful_parser_reads_it(text: str) -> None:
    """Random texts of the signs of YAML."""
    for parse, carefully in PARSERS:
        assert outcome(parse, text) == outcome(carefully, text)


def test_a_list_of_lists_as_a_key_is_a_mistake_with_its_line() -> None:
    """The YAML library cannot keep such a key, and says so in Python's words."""
    with pytest.raises(Refused) as refusal:
        load_with_lines("a: 1\n? - - b\n: c\n")
    assert refusal.value.mistake == (2, "a key must be a word", "put a text that begins with [ or { in quotes")


def test_the_quick_reader_stops_at_each_limit() -> None:
    """The careful parser then says which limit it is."""
    narrow = yaml_nodes.YamlLimits(depth=2, entries=4, text=5, number=3)
    assert yaml_nodes.plain_nodes("[abcde, [b]]", narrow, yamlfiles._no_tag) is not None
    for text in ("[[[a]]]", "[a, b, c, d]", "[abcdef]", "[1234]"):
        with pytest.raises(yaml_nodes.NotPlain):
            yaml_nodes.plain_nodes(text, narrow, yamlfiles._no_tag)


def test_without_libyaml_everything_is_read_carefully(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML may have been built without it."""
    monkeypatch.setattr(yaml_nodes, "CParser", None)
    assert outcome(load_with_lines, "a: [1, b]\n") == outcome(yamlfiles._load_carefully, "a: [1, b]\n")
