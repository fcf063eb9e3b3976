"""YAML with line numbers; every scalar stays the text that was typed, also `no`, `10.10` and dates.

The constructors of ruamel.yaml guess types. The meaning of a rule file is in its text, so this module reads the
composed nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from capa_sync.errors import Problem
from capa_sync.model.light import light
from capa_sync.yaml_syntax import is_curly
from capa_sync.yamlfiles import CURLY_QUOTES, NO_WORD, Refused, compose


@light
class Text:
    """A scalar: its text and line; `absent`: nothing was written after the colon."""

    value: str
    line: int
    absent: bool = False


@light
class Items:
    """A list."""

    members: tuple[Tree, ...]
    line: int


@light
class YamlTable:
    """A mapping in written order; `flow` when it is written as `{a: b}`."""

    entries: tuple[tuple[Text, Tree], ...]
    line: int
    flow: bool = False

    def get(self, key: str) -> Tree | None:
        """Return the value of a key, None when the key is missing."""
        return next((value for name, value in self.entries if name.value == key), None)

    def __iter__(self) -> Iterator[tuple[Text, Tree]]:
        return iter(self.entries)


Tree = Text | Items | YamlTable


class Problems:
    """Collects the mistakes of a file, so that all are reported at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []

    def add(self, line: int, what: str, hint: str = "") -> None:
        """Record one mistake."""
        self.found.append(Problem(self.file, line, what, hint))


def read_yaml(
    text: str, problems: Problems, *, begin: str = "begin with `rule:` and the id of the rule"
) -> Tree | None:
    """Return the document of a YAML text, or None after recording why it cannot be read; `begin`: how one begins."""
    try:
        node = compose(text)
    except Refused as error:
        problems.add(*error.mistake)
        return None
    if node is None:
        problems.add(1, "the file is empty", begin)
        return None
    return _convert(node, problems)


def _convert(node: Node, problems: Problems) -> Tree:
    line = node.start_mark.line + 1
    if isinstance(node, MappingNode):
        return _table(node, problems)
    if isinstance(node, SequenceNode):
        return Items(tuple(_convert(member, problems) for member in node.value), line)
    style = getattr(node, "style", None)
    if not style and is_curly(str(node.value)):
        problems.add(line, *CURLY_QUOTES)
    absent = not node.value and not style
    return Text(str(node.value), line, absent)


def _table(node: MappingNode, problems: Problems) -> YamlTable:
    entries: list[tuple[Text, Tree]] = []
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = Text(str(key_node.value), key_node.start_mark.line + 1)
        if not isinstance(key_node, ScalarNode):
            problems.add(key.line, *NO_WORD)
        elif key.value in lines:
            problems.add(key.line, f"'{key.value}' stands here twice, first on line {lines[key.value]}", "keep one")
        else:
            lines[key.value] = key.line
            entries.append((key, _convert(value_node, problems)))
    return YamlTable(tuple(entries), node.start_mark.line + 1, bool(node.flow_style))
