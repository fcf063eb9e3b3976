"""The templates of the page and of the files that people take away, looked at as code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

import capa_sync

PACKAGE = Path(capa_sync.__file__).parent
TEMPLATES = sorted(file for part in ("web", "exports") for file in (PACKAGE / part / "templates").glob("*.html"))
METHODS = frozenset(dir(dict))
"""Names that Jinja finds on a mapping before it looks for a key."""


def methods_as_values(text: str) -> Iterator[str]:
    """Yield each `x.name` of a template whose name is a method of a mapping and that is not called, with its line."""
    tree = Environment(autoescape=True).parse(text)
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    for found in tree.find_all(nodes.Getattr):
        if found.attr in METHODS and id(found) not in called:
            yield f"{found.lineno}: .{found.attr}"


def test_the_templates_are_found() -> None:
    """Of both parts; else the next test would look at nothing."""
    names = {f"{file.parent.parent.name}/{file.name}" for file in TEMPLATES}
    assert names >= {"web/trends.html", "web/layout.html", "exports/pack.html", "exports/register.html"}


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: f"{file.parent.parent.name}-{file.stem}")
def test_a_template_takes_no_method_of_a_mapping_for_a_value(file: Path) -> None:
    """`row.clear` is the method of every dict, also where the row has such a key: it is there, and shows nothing."""
    assert list(methods_as_values(file.read_text(encoding="utf-8"))) == []


def test_each_table_of_the_page_stands_in_a_box_that_scrolls() -> None:
    """A table without one makes the whole page scroll sideways."""
    texts = {file.name: file.read_text(encoding="utf-8") for file in TEMPLATES if file.parts[-3] == "web"}
    tables = {name: text.count("<table") for name, text in texts.items()}
    assert sum(tables.values()) > 10
    assert {name: text.count('<div class="scrolls"><table') for name, text in texts.items()} == tables


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{% if row.clear %}x{% endif %}", ["1: .clear"]),
        ("\n{{ row.a.items.link }}", ["2: .items"]),
        ("{% for one in row.values %}{{ one }}{% endfor %}", ["1: .values"]),
        ("{% for key, value in row.items() %}{{ row.get(key) }}{{ value }}{% endfor %}", []),
        ("{{ row['clear'].link }}{{ row.clears }}{{ keys }}", []),
    ],
)
def test_the_fault_is_told_from_a_call(text: str, found: list[str]) -> None:
    """A method that is called is meant, and so is a key in brackets."""
    assert list(methods_as_values(text)) == found
