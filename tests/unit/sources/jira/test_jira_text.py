"""ADF and wiki markup as text, and warnings as ADF and wiki markup."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capa_sync.model.patterns import ISO, PROSE
from capa_sync.model.write import Paragraph, Span, WarningText
from capa_sync.sources.jira.adf import adf_text
from capa_sync.sources.jira.markup import escape_wiki, same_text, to_adf, to_wiki
from capa_sync.sources.jira.values import clean, text_value
from capa_sync.sources.jira.wiki import wiki_text


def doc(*content: dict[str, Any]) -> dict[str, Any]:
    """Return an ADF document."""
    return {"type": "doc", "version": 1, "content": list(content)}


def para(*content: Any) -> dict[str, Any]:
    """Return a paragraph; texts may be given as plain strings."""
    nodes = [{"type": "text", "text": child} if isinstance(child, str) else child for child in content]
    return {"type": "paragraph", "content": nodes}


def items(kind: str, *texts: str) -> dict[str, Any]:
    """Return a list."""
    return {"type": kind, "content": [{"type": "listItem", "content": [para(text)]} for text in texts]}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (doc(), ""),
        (doc({"type": "paragraph"}), ""),
        (doc(para(), para("  ")), ""),
        (doc(para("One"), para("Two")), "One\nTwo"),
        (doc(para("a", {"type": "hardBreak"}, "b")), "a\nb"),
        (
            doc({"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "Why"}]}, para("x")),
            "Why\nx",
        ),
        (doc(items("bulletList", "one", "two"), para("after")), "- one\n- two\nafter"),
        (doc(items("bulletList", "")), ""),
        (doc(items("bulletList", "", "two", " "), para("after")), "- two\nafter"),
        (doc(para("by ", {"type": "mention", "attrs": {"id": "1", "text": "@Ann"}})), "by @Ann"),
        (doc(para({"type": "mention", "attrs": {"id": "acc-1"}})), "@acc-1"),
        (doc(para({"type": "emoji", "attrs": {"shortName": ":x:", "text": "❌"}})), "❌"),
        (doc(para({"type": "date", "attrs": {"timestamp": "1772323200000"}})), "2026-03-01"),
        (doc(para({"type": "status", "attrs": {"text": "DONE", "color": "green"}})), "DONE"),
        (doc(para({"type": "inlineCard", "attrs": {"url": "https://x.example/1"}})), "https://x.example/1"),
        (doc({"type": "panel", "content": [para("in a panel")]}), "in a panel"),
        (doc({"type": "codeBlock", "content": [{"type": "text", "text": "a\n  b"}]}), "a\n  b"),
        (doc(para({"type": "future", "content": [{"type": "text", "text": "kept"}]})), "kept"),
        (doc(para({"type": "text"}, {"type": "mention", "attrs": None})), "@"),
    ],
)
def test_adf_reads_as_a_person_reads_it(document: dict[str, Any], text: str) -> None:
    """Blocks are lines, mentions and emoji have their own text, unknown nodes keep their content."""
    assert adf_text(document) == (text, False)


def test_tables_keep_their_rows_and_cells() -> None:
    """A row is a line; tabs separate the cells."""
    row = {
        "type": "tableRow",
        "content": [{"type": "tableCell", "content": [para(word)]} for word in ("Why 1", "late")],
    }
    assert adf_text(doc({"type": "table", "content": [row, row]})) == ("Why 1\tlate\nWhy 1\tlate", False)


def test_a_document_of_pictures_is_media_without_text() -> None:
    """An image alone fills a field and is not substantive."""
    media = {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "1"}}]}
    assert adf_text(doc(media, {"type": "paragraph"})) == ("", True)


def test_a_hostile_depth_exhausts_no_stack() -> None:
    """Ten thousand nested nodes do not exhaust the stack."""
    node: dict[str, Any] = para("deep")
    for _ in range(10_000):
        node = {"type": "blockquote", "content": [node]}
    assert adf_text(doc(node, para("after")))[0] == "after"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain", "plain"),
        ("h2. Root cause\r\nNobody *owned* it", "Root cause\nNobody owned it"),
        ("* one\n** two\n# three\n- four", "- one\n- two\n- three\n- four"),
        (
            "see [the report|https://x.example/r] and [https://y.example]",
            "see the report and https://y.example",
        ),
        ("[~accountid:5f8d] and [~jsmith] agreed", "@5f8d and @jsmith agreed"),
        ("{color:red}late{color} {{code}} {quote}said{quote}", "late code \nsaid"),
        ("||Why||Because||\n|1|late|", "Why\tBecause\n1\tlate"),
        ("2 * 3 * 4 and a-b-c and snake_case_name", "2 * 3 * 4 and a-b-c and snake_case_name"),
        (r"escaped \*star\* and \[bracket\]", "escaped *star* and [bracket]"),
        ("a {b} c", "a {b} c"),
        ("----\nafter", "after"),
        ("{*}bold{*} word", "bold word"),
    ],
)
def test_wiki_markup_loses_only_markup(markup: str, text: str) -> None:
    """Headings, lists, links, mentions and macros are removed; a person's own characters stay."""
    assert wiki_text(markup) == (text, False)


@given(st.text(alphabet="aZqh01. ,;:'\"()/?=%$<>\n\t{[!*@&|\\-_+^~#", max_size=12))
@example("The owner (see h.1) said: why? ")
@example("h1. A head")
@example("bq. A quote")
@example("Two words. And more, 5 % of (them).")
def test_words_alone_are_what_every_step_would_leave(text: str) -> None:
    """A text that matches is not looked at further, so nothing further may change it."""
    if PROSE.fullmatch(text):
        assert clean(text) == text
        assert wiki_text(text) == (text, False)
        assert not ISO.fullmatch(text)
    assert text_value(text) == text_value(f" {text}"), "the blank keeps it from being read as words alone"


@pytest.mark.parametrize(
    ("text", "is_prose"),
    [
        ("Two words. And more, 5 % of (them).", True),
        ("Root cause", True),
        ("h1. A head", False),
        ("bq. A quote", False),
        ("a *bold* word", False),
        ("ends with a blank ", False),
        ("2026-01-01", False),
        ("two\nlines", False),
        ("", False),
    ],
)
def test_words_alone_have_no_sign_of_markup(text: str, is_prose: bool) -> None:
    """Most texts match, and none that another step reads."""
    assert bool(PROSE.fullmatch(text)) is is_prose


@pytest.mark.parametrize("markup", ["!shot.png|thumbnail!", "[^log.txt]", "!https://x.example/a!"])
def test_wiki_pictures_and_attachments_are_media(markup: str) -> None:
    """They fill a field and are no text."""
    assert wiki_text(markup) == ("", True)


def warning(*paragraphs: Paragraph) -> WarningText:
    """Return a warning text."""
    return WarningText(paragraphs)


def test_points_become_one_numbered_list() -> None:
    """This holds in ADF and in wiki markup."""
    text = warning(
        Paragraph((Span("Head", bold=True),)),
        Paragraph((Span("one"),), numbered=True),
        Paragraph((Span("two"),), numbered=True),
        Paragraph((Span("end"),)),
    )
    assert [node["type"] for node in to_adf(text)["content"]] == ["paragraph", "orderedList", "paragraph"]
    assert to_wiki(text) == "{*}Head{*}\n\n# one\n# two\n\nend"


def test_adf_has_no_empty_text_node_and_no_control_character() -> None:
    """Jira refuses empty text nodes; control characters would break the page."""
    text = warning(Paragraph((Span("a\n\nb\x00c", bold=True), Span(""), Span(" d "))))
    nodes = to_adf(text)["content"][0]["content"]
    assert [node.get("text", "|") for node in nodes] == ["a", "|", "|", "bc", " d "]


@pytest.mark.parametrize("href", ["javascript:alert(1)", "https://x.example/a b", "file:///etc", "https://x|y"])
def test_only_plain_web_addresses_become_links(href: str) -> None:
    """Anything else is shown as text."""
    text = warning(Paragraph((Span("x", href=href),)))
    assert "marks" not in to_adf(text)["content"][0]["content"][0]
    assert to_wiki(text) == "x"


@pytest.mark.parametrize(
    "hostile",
    [
        "[~admin]",
        "[~accountid:1]",
        "!http://e/x.png!",
        "{html}x{html}",
        "{code}",
        "||a||",
        "h1. big",
        "bq. quote",
        "a\\\\b",
        "# list",
        "??c??",
    ],
)
def test_escaped_wiki_markup_is_no_markup(hostile: str) -> None:
    """Nothing that a person writes into a field can mention, embed, link or format when we repeat it."""
    escaped = escape_wiki(hostile)
    assert wiki_text(escaped)[1] is False
    for sign in "[]{}!|~":
        assert sign not in escaped.replace(f"\\{sign}", "")
    assert not escaped.startswith(("h1.", "bq.", "#"))
    assert "\\\\" not in escaped


def test_a_comment_is_recognised_although_jira_decorates_it() -> None:
    """Attributes that Jira adds do not matter; other words do."""
    text = warning(Paragraph((Span("Root cause", bold=True), Span(" is missing"))))
    stored = {**to_adf(text), "content": [{**node, "attrs": {"localId": "1"}} for node in to_adf(text)["content"]]}
    assert same_text(to_adf(text), stored)
    assert same_text("a\nb", "a\r\nb")
    assert not same_text(to_adf(text), doc(para("Root cause is there")))
    assert not same_text("a", doc(para("a")))


@given(st.lists(st.text(alphabet="ab \n\té@-", max_size=6), max_size=4))
def test_one_plain_paragraph_is_read_as_the_same_among_others(words: list[str]) -> None:
    """The fast path that most documents take gives the same as the general path."""
    alone, among = doc(para(*words)), doc(para(*words), para())
    assert adf_text(alone) == adf_text(among)
